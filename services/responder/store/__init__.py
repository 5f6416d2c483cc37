"""The SQL of the responder, written out beside the function that runs it.

Every function takes a connection inside a transaction: what belongs together is committed together.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

ACQUIRE_WITHIN_S = 5.0


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction on a connection of the pool. Raises what `postgres.AWAY` names if there is none."""
    async with pool.acquire(timeout=ACQUIRE_WITHIN_S) as connection, connection.transaction():
        yield connection
