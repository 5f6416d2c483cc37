"""The SQL of access tokens."""

import hashlib

import asyncpg


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def insert(
    pool: "asyncpg.Pool[asyncpg.Record]", token: str, agent: str, scopes: list[str]
) -> None:
    """Keeps the hash of a new token."""
    await pool.execute(
        "INSERT INTO access.token (hash, agent, scopes) VALUES ($1, $2, $3)",
        _hash(token),
        agent,
        scopes,
    )


async def find(pool: "asyncpg.Pool[asyncpg.Record]", token: str) -> asyncpg.Record | None:
    """The agent and scopes of a token that was not revoked, or None."""
    return await pool.fetchrow(
        "SELECT agent, scopes FROM access.token WHERE hash = $1 AND revoked_at IS NULL",
        _hash(token),
    )


async def revoke_of(pool: "asyncpg.Pool[asyncpg.Record]", agent: str) -> int:
    """Revokes every token of this agent; how many it had."""
    rows = await pool.fetch(
        "UPDATE access.token SET revoked_at = now() "
        "WHERE agent = $1 AND revoked_at IS NULL RETURNING 1",
        agent,
    )
    return len(rows)
