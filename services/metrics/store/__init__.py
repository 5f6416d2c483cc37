"""The SQL of metrics: `taking` makes a batch durable, `reading` gives back what was counted."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import asyncpg

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

ACQUIRE_WITHIN_S = 5.0


def columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows turned into the columns that `unnest` takes. There must be at least one row."""
    return [list(column) for column in zip(*rows, strict=True)]
