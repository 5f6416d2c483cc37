"""The outbox: what Kafka will be told, committed with what it tells."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from services.responder.store import Connection
from toog.contracts import activity
from toog.contracts.activity import Activity, ActivityKind

RELAY_LOCK = 0x700E
"""The advisory lock of the one relay."""


async def add(
    connection: Connection, activities: Sequence[Activity], traceparent: str | None = None
) -> None:
    """These go out once the transaction is committed, under this trace context."""
    if activities:
        await connection.execute(
            """
            INSERT INTO responder.outbox (activity_id, key, value, traceparent)
            SELECT *, $4 FROM unnest($1::text[], $2::text[], $3::bytea[])
            """,
            [a.id for a in activities],
            [_key(a) for a in activities],
            [activity.encode(a) for a in activities],
            traceparent,
        )


async def tell(
    connection: Connection,
    kind: ActivityKind,
    *,
    at: datetime,
    case: str,
    platform: str,
    lane: str,
    reply: str | None = None,
    first_response_s: float | None = None,
    traceparent: str | None = None,
) -> None:
    """One thing that happened to a case or a reply."""
    told = Activity(
        id=f"{kind}:{uuid.uuid4().hex}",
        kind=kind,
        at=at,
        case=case,
        reply=reply,
        platform=platform,
        lane=lane,
        first_response_s=first_response_s,
    )
    await add(connection, [told], traceparent)


def _key(of: Activity) -> str:
    if of.case is not None:
        return of.case
    return f"desk:{of.progress.partition}" if of.progress is not None else of.id


async def unsent(connection: Connection, limit: int) -> list[asyncpg.Record]:
    """The oldest rows that were not sent: id, activity_id, key, value, traceparent, created_at."""
    return await connection.fetch(
        """
        SELECT id, activity_id, key, value, traceparent, created_at FROM responder.outbox
        WHERE sent_at IS NULL ORDER BY id LIMIT $1
        """,
        limit,
    )


async def mark_sent(connection: Connection, ids: Sequence[int]) -> None:
    """Kafka has these."""
    await connection.execute(
        "UPDATE responder.outbox SET sent_at = clock_timestamp() WHERE id = ANY($1::bigint[])",
        ids,
    )


async def forget_sent(connection: Connection, limit: int) -> int:
    """Removes rows that were sent more than a day ago; how many."""
    rows = await connection.fetch(
        """
        DELETE FROM responder.outbox WHERE id IN (
            SELECT id FROM responder.outbox
            WHERE sent_at < now() - interval '1 day' ORDER BY sent_at LIMIT $1
        ) RETURNING 1
        """,
        limit,
    )
    return len(rows)
