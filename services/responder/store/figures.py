"""The SQL of the responder's gauges: what waits, what is on its way, what was taken in."""

from dataclasses import dataclass

from services.responder.store import Pool


@dataclass(frozen=True, slots=True)
class Figures:
    """How the desk stands. `balance`: approved replies that are in no state at all; always 0."""

    waiting: dict[str, int]
    oldest_s: dict[str, float]
    replies: dict[str, int]
    balance: int
    unsent: int
    stored: int
    duplicates: int
    applied: int


async def read(pool: Pool) -> Figures:
    """The figures of this moment, from one snapshot."""
    async with (
        pool.acquire(timeout=2) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        lanes = await connection.fetch(
            """
            SELECT lane, count(*) AS waiting,
                greatest(0, extract(epoch FROM clock_timestamp() - min(since)))::float8 AS oldest_s
            FROM responder.cases WHERE state = 'waiting' GROUP BY lane
            """
        )
        states = await connection.fetch(
            "SELECT state, count(*) AS replies FROM responder.replies GROUP BY state"
        )
        rest = await connection.fetchrow(
            """
            SELECT (SELECT count(*) FROM responder.audit WHERE act = 'reply') AS approved,
                (SELECT count(*) FROM responder.outbox WHERE sent_at IS NULL) AS unsent,
                coalesce(sum(stored), 0)::bigint AS stored,
                coalesce(sum(duplicates), 0)::bigint AS duplicates,
                coalesce(sum(applied), 0)::bigint AS applied
            FROM responder.desk_progress
            """
        )
    assert rest is not None  # noqa: S101 - an aggregate without GROUP BY gives one row
    replies = {row["state"]: row["replies"] for row in states}
    return Figures(
        waiting={row["lane"]: row["waiting"] for row in lanes},
        oldest_s={row["lane"]: row["oldest_s"] for row in lanes},
        replies=replies,
        balance=rest["approved"] - sum(replies.values()),
        unsent=rest["unsent"],
        stored=rest["stored"],
        duplicates=rest["duplicates"],
        applied=rest["applied"],
    )
