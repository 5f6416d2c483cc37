"""The SQL of reading back: totals, own offsets, minutes, and the books that a round compares."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from services.metrics.coverage import BLOCK
from services.metrics.desk import Deficit, Spans
from services.metrics.load import Total, Totals
from services.metrics.store import ACQUIRE_WITHIN_S, Connection, Pool, columns

Place = tuple[str, int]
"""Topic (by contract) and partition."""


async def totals(connection: "Connection | Pool") -> Totals:
    """All totals."""
    rows = await connection.fetch("SELECT kind, label, n, overruled FROM metrics.total")
    return {(r["kind"], r["label"]): Total(r["n"], r["overruled"]) for r in rows}


async def positions(pool: Pool) -> dict[Place, int]:
    """The offset to read next, of every partition that was ever read."""
    rows = await pool.fetch("SELECT topic, partition, next_offset FROM metrics.position")
    return {(r["topic"], r["partition"]): r["next_offset"] for r in rows}


async def minutes(pool: Pool, since: datetime) -> list[tuple[datetime, str, str, int]]:
    """(minute, kind, label, n) from that minute on."""
    rows = await pool.fetch(
        "SELECT minute, kind, label, n FROM metrics.minute WHERE minute >= $1", since
    )
    return [(r["minute"], r["kind"], r["label"], r["n"]) for r in rows]


class Wanted(NamedTuple):
    """What a round needs of one intake partition's ledger: see `balance.Intake`."""

    topic: str
    partition: int
    log_start: int
    solid: int


class DeskRow(NamedTuple):
    """What was told of one desk partition: see `balance.Desk`."""

    covered: Spans
    again: Spans
    stored: int
    duplicates: int
    applied: int


class Books(NamedTuple):
    """What was counted, all as of one moment."""

    totals: Totals
    blocks: Mapping[Place, Mapping[int, bytes | None]]
    judged_before: Mapping[Place, int]
    desk: Mapping[int, DeskRow]
    deficits: Mapping[int, Sequence[Deficit]]
    letters: Mapping[int, frozenset[int]]


async def books(pool: Pool, wanted: Sequence[Wanted]) -> Books:
    """The books for a round, from one snapshot of the database."""
    async with (
        pool.acquire(timeout=ACQUIRE_WITHIN_S) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return Books(
            totals=await totals(connection),
            blocks=await _blocks(connection, wanted),
            judged_before=await _judged_before(connection, wanted),
            desk=await _desk(connection),
            deficits=await _deficits(connection),
            letters=await _desk_letters(connection),
        )


async def _blocks(
    connection: Connection, wanted: Sequence[Wanted]
) -> dict[Place, dict[int, bytes | None]]:
    rows = await connection.fetch(
        """
        SELECT c.topic, c.partition, c.block, CASE WHEN c.judged < 1000 THEN c.marks END AS marks
        FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[])
            AS u (topic, partition, start_block, solid_block)
        JOIN metrics.coverage AS c ON c.topic = u.topic AND c.partition = u.partition
            AND (c.block >= greatest(u.start_block, u.solid_block) OR c.block = u.start_block)
        """,
        *columns([(w.topic, w.partition, w.log_start // BLOCK, w.solid // BLOCK) for w in wanted]),
    )
    found: dict[Place, dict[int, bytes | None]] = defaultdict(dict)
    for row in rows:
        found[row["topic"], row["partition"]][row["block"]] = row["marks"]
    return found


async def _judged_before(connection: Connection, wanted: Sequence[Wanted]) -> dict[Place, int]:
    rows = await connection.fetch(
        """
        SELECT c.topic, c.partition, sum(c.judged)::bigint AS judged
        FROM unnest($1::text[], $2::int[], $3::bigint[]) AS u (topic, partition, start_block)
        JOIN metrics.coverage AS c ON c.topic = u.topic AND c.partition = u.partition
            AND c.block < u.start_block
        GROUP BY c.topic, c.partition
        """,
        *columns([(w.topic, w.partition, w.log_start // BLOCK) for w in wanted]),
    )
    return {(r["topic"], r["partition"]): r["judged"] for r in rows}


async def _desk(connection: Connection) -> dict[int, DeskRow]:
    rows = await connection.fetch(
        "SELECT partition, covered, again, stored, duplicates, applied FROM metrics.desk"
    )
    return {
        r["partition"]: DeskRow(
            _spans(r["covered"]), _spans(r["again"]), r["stored"], r["duplicates"], r["applied"]
        )
        for r in rows
    }


def _spans(ranges: Sequence["asyncpg.Range[int]"]) -> Spans:
    return [(r.lower or 0, r.upper or 0) for r in ranges]


async def _deficits(connection: Connection) -> dict[int, list[Deficit]]:
    rows = await connection.fetch(
        "SELECT partition, first_offset, last_offset, missing FROM metrics.desk_deficit"
    )
    found: dict[int, list[Deficit]] = defaultdict(list)
    for row in rows:
        found[row["partition"]].append(
            Deficit(row["first_offset"], row["last_offset"], row["missing"])
        )
    return found


async def _desk_letters(connection: Connection) -> dict[int, frozenset[int]]:
    rows = await connection.fetch(
        """
        SELECT desk_partition, array_agg(desk_offset) AS offsets FROM metrics.dead_letter
        WHERE stage = 'responder' AND desk_partition IS NOT NULL GROUP BY desk_partition
        """
    )
    return {row["desk_partition"]: frozenset(row["offsets"]) for row in rows}
