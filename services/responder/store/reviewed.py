"""The SQL of reviews: which dropped records were shown, and which of them were revived."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.responder.store import Connection, Pool


async def shown(connection: Connection, rows: Sequence[tuple[str, str, str, str | None]]) -> None:
    """These (record, reason, rules, case) were shown with their text; the first time counts.

    What stands in a case already asks for no judgement: it counts only where it was revived.
    """
    if rows:
        await connection.execute(
            """
            INSERT INTO responder.reviewed AS r (record, reason, rules, shown_at)
            SELECT record, reason, rules, clock_timestamp()
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
                AS u (record, reason, rules, case_id)
            WHERE case_id IS NULL
                OR EXISTS (SELECT FROM responder.reviewed AS q WHERE q.record = u.record)
            ORDER BY record
            ON CONFLICT (record) DO UPDATE SET reason = excluded.reason, rules = excluded.rules,
                shown_at = excluded.shown_at
            WHERE r.shown_at IS NULL
            """,
            *(list(column) for column in zip(*rows, strict=True)),
        )


async def revived(connection: Connection, record: str) -> None:
    """Somebody wants this record at the desk; the first time counts."""
    await connection.execute(
        """
        INSERT INTO responder.reviewed AS r (record, revived_at) VALUES ($1, clock_timestamp())
        ON CONFLICT (record) DO UPDATE SET revived_at = excluded.revived_at
        WHERE r.revived_at IS NULL
        """,
        record,
    )


async def rules_of(connection: Connection, record: str) -> str | None:
    """The version of the rules that dropped this record, where a review showed it."""
    rules: str | None = await connection.fetchval(
        "SELECT rules FROM responder.reviewed WHERE record = $1", record
    )
    return rules


@dataclass(frozen=True, slots=True)
class Reviewed:
    """By reason: ever shown, of those revived, and the share revived of what 7 days showed.

    `unseen`: revived without ever having been shown in a review; it says nothing of a rate.
    """

    shown: dict[str, int]
    revived: dict[str, int]
    ratio: dict[str, float]
    unseen: int


async def figures(pool: Pool) -> Reviewed:
    """The figures of this moment."""
    async with pool.acquire(timeout=2) as connection:
        rows = await connection.fetch(
            """
            SELECT reason, count(shown_at) AS shown, count(revived_at) AS revived,
                (count(revived_at) FILTER (WHERE shown_at > now() - interval '7 days'))::float8
                    / nullif(count(*) FILTER (WHERE shown_at > now() - interval '7 days'), 0)
                    AS ratio
            FROM responder.reviewed GROUP BY reason
            """
        )
    seen = [row for row in rows if row["reason"] is not None]
    return Reviewed(
        shown={row["reason"]: row["shown"] for row in seen},
        revived={row["reason"]: row["revived"] for row in seen},
        ratio={row["reason"]: row["ratio"] for row in seen if row["ratio"] is not None},
        unseen=sum(row["revived"] for row in rows if row["reason"] is None),
    )
