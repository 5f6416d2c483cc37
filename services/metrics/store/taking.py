"""The SQL of taking a batch in: its effect and the reader's own offsets, in one transaction.

Everything here may be repeated: a verdict counts when its offset is marked, a dead letter and an
activity when their row is new. So nothing depends on what Kafka believes was committed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from services.metrics import load
from services.metrics.coverage import BLOCK, BlockKey, Judged, Tally, block_of, judge
from services.metrics.load import TotalKey, Totals
from services.metrics.records import Letter, Told
from services.metrics.store import ACQUIRE_WITHIN_S, Connection, Pool, columns
from services.metrics.store.reading import totals
from toog.contracts.activity import Activity, Progress

Positions = Mapping[tuple[str, int], int]
"""Topic (by contract) and partition → the offset to read next."""


async def take_in(pool: Pool, told: Sequence[Told], positions: Positions) -> Totals:
    """Steps: 1 coverage; 2 dead letters; 3 activities; 4 counts; 5 own offsets. Returns all totals.

    Rows are locked in this order and by key, so that two instances never wait for each other.
    """
    verdicts = [verdict for one in told for verdict in one.verdicts]
    letters = [one.letter for one in told if one.letter is not None]
    activities = [one.activity for one in told if one.activity is not None]
    async with pool.acquire(timeout=ACQUIRE_WITHIN_S) as connection, connection.transaction():
        tally = await _cover(connection, verdicts) if verdicts else Tally()
        more: Counter[TotalKey] = Counter({(load.CONFLICT, ""): tally.conflicts})
        minutes: Counter[tuple[int, str, str]] = Counter(
            {(minute, *standing): n for (minute, standing), n in tally.minutes.items()}
        )
        minutes.update(tally.mood)
        if letters:
            more.update(await _letters(connection, letters))
        for (_, kind, label), n in tally.mood.items():
            more[kind, label] += n
        if activities:
            await _activities(connection, activities, more, minutes)
        await _add_totals(connection, tally, more)
        await _add_minutes(connection, minutes)
        await _advance(connection, positions)
        return await totals(connection)


async def _cover(connection: Connection, verdicts: Sequence[Judged]) -> Tally:
    keys = sorted({block_of(verdict) for verdict in verdicts})
    blocks = await _lock_blocks(connection, keys)
    tally = judge(blocks, verdicts)
    rows = [(*key, BLOCK - marks.count(0), bytes(marks)) for key, marks in blocks.items()]
    await connection.execute(
        """
        UPDATE metrics.coverage AS c SET judged = u.judged, marks = u.marks
        FROM unnest($1::text[], $2::int[], $3::bigint[], $4::int[], $5::bytea[])
            AS u (topic, partition, block, judged, marks)
        WHERE (c.topic, c.partition, c.block) = (u.topic, u.partition, u.block)
            AND c.marks <> u.marks
        """,
        *columns(rows),
    )
    return tally


async def _lock_blocks(
    connection: Connection, keys: Sequence[BlockKey]
) -> dict[BlockKey, bytearray]:
    await connection.execute(
        """
        INSERT INTO metrics.coverage (topic, partition, block, marks)
        SELECT topic, partition, block, decode(repeat('00', 1000), 'hex')
        FROM unnest($1::text[], $2::int[], $3::bigint[]) AS u (topic, partition, block)
        ON CONFLICT DO NOTHING
        """,
        *columns(keys),
    )
    rows = await connection.fetch(
        """
        SELECT c.topic, c.partition, c.block, c.marks
        FROM metrics.coverage AS c
        JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS u (topic, partition, block)
            USING (topic, partition, block)
        ORDER BY topic, partition, block
        FOR UPDATE OF c
        """,
        *columns(keys),
    )
    return {(r["topic"], r["partition"], r["block"]): bytearray(r["marks"]) for r in rows}


async def _letters(connection: Connection, letters: Sequence[Letter]) -> Counter[TotalKey]:
    distinct = {(letter.stage, letter.record): letter.desk or (None, None) for letter in letters}
    new = await connection.fetch(
        """
        INSERT INTO metrics.dead_letter (stage, record, desk_partition, desk_offset)
        SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[])
        ON CONFLICT DO NOTHING RETURNING stage
        """,
        *columns([(*key, *desk) for key, desk in sorted(distinct.items(), key=lambda i: i[0])]),
    )
    return Counter((load.DEAD_LETTER, row["stage"]) for row in new)


async def _activities(
    connection: Connection,
    activities: Sequence[Activity],
    more: Counter[TotalKey],
    minutes: Counter[tuple[int, str, str]],
) -> None:
    """Counts the activities that were not counted before."""
    by_id = {one.id: one for one in activities}
    rows = await connection.fetch(
        """
        INSERT INTO metrics.seen_activity (id, at) SELECT * FROM unnest($1::text[], $2::timestamptz[])
        ON CONFLICT DO NOTHING RETURNING id
        """,
        *columns([(id_, one.at) for id_, one in sorted(by_id.items())]),
    )
    for one in (by_id[row["id"]] for row in rows):
        more[load.ACTIVITY, one.kind] += 1
        if one.kind == "reply_sent":
            minutes[load.minute_of(int(one.at.timestamp() * 1000)), load.REPLY_SENT, ""] += 1
        if one.first_response_s is not None:
            more[load.FIRST_RESPONSE, load.bucket_of(one.first_response_s)] += 1
            more[load.FIRST_RESPONSE_MS, ""] += round(one.first_response_s * 1000)
        if one.progress is not None:
            await _progress(connection, one.id, one.progress)


async def _progress(connection: Connection, activity: str, told: Progress) -> None:
    """One batch of the desk: one row at a time, so that what is spanned twice is seen."""
    await connection.execute(
        """
        INSERT INTO metrics.desk AS d (partition, covered, stored, duplicates, applied)
        VALUES ($1, int8multirange(int8range($2, $3)), $4, $5, $6)
        ON CONFLICT (partition) DO UPDATE SET
            again = d.again + d.covered * excluded.covered,
            covered = d.covered + excluded.covered,
            stored = d.stored + excluded.stored,
            duplicates = d.duplicates + excluded.duplicates,
            applied = d.applied + excluded.applied
        """,
        told.partition,
        told.first,
        told.last + 1,
        told.stored,
        told.duplicates,
        told.applied,
    )
    missing = told.last + 1 - told.first - told.stored - told.duplicates - told.applied
    if missing:
        await connection.execute(
            """
            INSERT INTO metrics.desk_deficit (activity, partition, first_offset, last_offset, missing)
            VALUES ($1, $2, $3, $4, $5)
            """,
            activity,
            told.partition,
            told.first,
            told.last,
            missing,
        )


async def _add_totals(connection: Connection, tally: Tally, more: Mapping[TotalKey, int]) -> None:
    rows: list[tuple[str, str, int, int]] = [
        (*standing, tally.standing[standing], tally.overruled[standing])
        for standing in tally.standing.keys() | tally.overruled.keys()
    ]
    rows += [(*key, n, 0) for key, n in more.items() if n]
    if rows:
        await connection.execute(
            """
            INSERT INTO metrics.total AS t (kind, label, n, overruled)
            SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
            ON CONFLICT (kind, label) DO UPDATE SET
                n = t.n + excluded.n, overruled = t.overruled + excluded.overruled
            """,
            *columns(sorted(rows)),
        )


async def _add_minutes(connection: Connection, minutes: Mapping[tuple[int, str, str], int]) -> None:
    rows = [(load.time_of(minute), *key, n) for (minute, *key), n in sorted(minutes.items()) if n]
    if rows:
        await connection.execute(
            """
            INSERT INTO metrics.minute AS m (minute, kind, label, n)
            SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::bigint[])
            ON CONFLICT (minute, kind, label) DO UPDATE SET n = m.n + excluded.n
            """,
            *columns(rows),
        )


async def _advance(connection: Connection, positions: Positions) -> None:
    await connection.execute(
        """
        INSERT INTO metrics.position AS p (topic, partition, next_offset)
        SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])
        ON CONFLICT (topic, partition) DO UPDATE SET
            next_offset = greatest(p.next_offset, excluded.next_offset)
        """,
        *columns([(*place, offset) for place, offset in sorted(positions.items())]),
    )
