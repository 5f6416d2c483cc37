"""The SQL that the demo reads its figures with; it changes nothing."""

from collections.abc import Sequence

import asyncpg

from toog.local.figures import Desk


async def desk(pool: "asyncpg.Pool[asyncpg.Record]") -> Desk:
    """What stands in the responder's tables now."""
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        stored_at = await connection.fetch(
            "SELECT id, extract(epoch FROM stored_at)::float8 AS at FROM responder.messages "
            "WHERE NOT own"
        )
        cases = await connection.fetchval("SELECT count(*) FROM responder.cases")
        states = await connection.fetch(
            "SELECT state, count(*) AS n FROM responder.replies GROUP BY state"
        )
        sent = await connection.fetch(
            "SELECT platform, native_id FROM responder.replies WHERE state = 'sent'"
        )
        outbox = await connection.fetchval(
            "SELECT count(*) FROM responder.outbox WHERE sent_at IS NULL"
        )
    return Desk(
        stored=len(stored_at),
        cases=cases,
        answered=await answered(pool),
        replies={row["state"]: row["n"] for row in states},
        sent=[(row["platform"], row["native_id"]) for row in sent],
        stored_at={row["id"]: row["at"] for row in stored_at},
        outbox=outbox,
    )


async def waiting(pool: "asyncpg.Pool[asyncpg.Record]") -> tuple[int, float]:
    """Cases that wait, and for how long the oldest has waited (seconds)."""
    row = await pool.fetchrow(
        "SELECT count(*) AS n, extract(epoch FROM now() - min(since))::float8 AS oldest "
        "FROM responder.cases WHERE state = 'waiting'"
    )
    return (row["n"], row["oldest"] or 0.0) if row else (0, 0.0)


async def answered(pool: "asyncpg.Pool[asyncpg.Record]") -> int:
    """Cases that have had an answer."""
    count: int = await pool.fetchval("SELECT count(first_response_at) FROM responder.cases")
    return count


async def addressed(pool: "asyncpg.Pool[asyncpg.Record]", lanes: Sequence[str]) -> dict[str, int]:
    """Messages that the desk got, by lane, in the order of service."""
    rows = await pool.fetch(
        "SELECT lane, count(*) AS n FROM responder.messages WHERE NOT own GROUP BY lane"
    )
    found = {row["lane"]: row["n"] for row in rows}
    return {lane: found.get(lane, 0) for lane in lanes}


async def pending(pool: "asyncpg.Pool[asyncpg.Record]") -> int:
    """What the responder still has to do by itself: outbox rows and replies on their way."""
    count: int = await pool.fetchval(
        "SELECT (SELECT count(*) FROM responder.outbox WHERE sent_at IS NULL) "
        "+ (SELECT count(*) FROM responder.replies WHERE state IN ('queued', 'sending'))"
    )
    return count
