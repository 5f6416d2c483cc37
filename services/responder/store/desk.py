"""The SQL of taking in the desk topic: whole batches, no round trip per event."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.responder.intake import Arrival, Counted, Home, Taken
from services.responder.store import Connection
from services.responder.workflow import Case
from toog.contracts.verdicts import Lane


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def lock_progress(
    connection: Connection, topic: str, partitions: Iterable[int]
) -> dict[int, int]:
    """The next offset of each partition; until the commit nobody else takes these partitions in."""
    rows = await connection.fetch(
        """
        INSERT INTO responder.desk_progress (topic, partition)
        SELECT $1, p FROM unnest($2::integer[]) AS p ORDER BY p
        ON CONFLICT (topic, partition) DO UPDATE SET next_offset = desk_progress.next_offset
        RETURNING partition, next_offset
        """,
        topic,
        sorted(set(partitions)),
    )
    return {row["partition"]: row["next_offset"] for row in rows}


async def advance(connection: Connection, topic: str, figures: dict[int, Counted]) -> None:
    """The partitions stand behind these records now."""
    rows = [(p, c.last + 1, c.stored, c.duplicates, c.applied) for p, c in figures.items()]
    await connection.execute(
        """
        UPDATE responder.desk_progress AS d SET
            next_offset = greatest(d.next_offset, u.next_offset),
            stored = d.stored + u.stored,
            duplicates = d.duplicates + u.duplicates,
            applied = d.applied + u.applied
        FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
            AS u (partition, next_offset, stored, duplicates, applied)
        WHERE d.topic = $1 AND d.partition = u.partition
        """,
        topic,
        *_columns(rows),
    )


async def remember_refused(
    connection: Connection, topic: str, places: Sequence[tuple[int, int]]
) -> None:
    """These records (partition, offset) were refused: the guard must not take them for done."""
    if places:
        await connection.execute(
            """
            INSERT INTO responder.desk_refused (topic, partition, record_offset)
            SELECT $1, * FROM unnest($2::integer[], $3::bigint[]) ON CONFLICT DO NOTHING
            """,
            topic,
            *_columns(places),
        )


async def refused_among(
    connection: Connection, topic: str, places: Sequence[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Those of these records that were refused before."""
    rows = await connection.fetch(
        """
        SELECT partition, record_offset FROM responder.desk_refused
        JOIN unnest($2::integer[], $3::bigint[]) AS u (partition, record_offset)
            USING (partition, record_offset)
        WHERE topic = $1
        """,
        topic,
        *_columns(places),
    )
    return {(row["partition"], row["record_offset"]) for row in rows}


async def no_longer_refused(connection: Connection, topic: str, partition: int, at: int) -> None:
    """This record was taken in after all."""
    await connection.execute(
        """
        DELETE FROM responder.desk_refused
        WHERE topic = $1 AND partition = $2 AND record_offset = $3
        """,
        topic,
        partition,
        at,
    )


async def bury(connection: Connection, ids: Sequence[str]) -> None:
    """Keeps a tombstone for each: a message that comes later under this id is not stored."""
    if ids:
        await connection.execute(
            """
            INSERT INTO responder.deleted (id) SELECT unnest($1::text[])
            ON CONFLICT (id) DO NOTHING
            """,
            ids,
        )


async def known(
    connection: Connection, ids: Iterable[str]
) -> tuple[dict[str, Home], frozenset[str]]:
    """Which of these ids are messages or replies that we have, and which were deleted."""
    rows = await connection.fetch(
        """
        SELECT id, case_id, lane FROM responder.messages WHERE id = ANY($1::text[])
        UNION ALL
        SELECT event_id, case_id, NULL FROM responder.replies WHERE event_id = ANY($1::text[])
        UNION ALL
        SELECT id, NULL, NULL FROM responder.deleted WHERE id = ANY($1::text[])
        """,
        list(ids),
    )
    homes = {r["id"]: Home(r["case_id"], r["lane"]) for r in rows if r["case_id"] is not None}
    return homes, frozenset(r["id"] for r in rows if r["case_id"] is None)


async def cases_of_conversations(
    connection: Connection, places: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], str]:
    """The newest case in each of these (platform, account, conversation)."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT ON (platform, account, conversation) platform, account, conversation, id
        FROM responder.cases
        JOIN unnest($1::text[], $2::text[], $3::text[]) AS u (platform, account, conversation)
            USING (platform, account, conversation)
        ORDER BY platform, account, conversation, opened_at DESC
        """,
        *_columns(places),
    )
    return {(r["platform"], r["account"], r["conversation"]): r["id"] for r in rows}


async def lock_cases(connection: Connection, ids: Iterable[str]) -> dict[str, Case]:
    """These cases, as far as they exist, locked until the commit."""
    rows = await connection.fetch(
        """
        SELECT id, platform, lane, state, version, since, first_received_at, refused, holder,
            lease_until, answered_outside_at, close_reason
        FROM responder.cases WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE
        """,
        list(ids),
    )
    return {row["id"]: Case(**row) for row in rows}


async def insert_messages(connection: Connection, arrivals: Sequence[Arrival]) -> set[str]:
    """Stores these messages; the ids of those that were not there yet."""
    if not arrivals:
        return set()
    rows = [_message(a.taken, a.case) for a in arrivals]
    new = await connection.fetch(
        """
        INSERT INTO responder.messages (id, case_id, text, author, author_handle, author_name,
            language, native, surface, visibility, lane, reason, rules, revision, occurred_at,
            received_at, traceparent, reply_context, kind, tag)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
            $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
            $12::text[], $13::text[], $14::text[], $15::timestamptz[], $16::timestamptz[],
            $17::text[], $18::jsonb[], $19::text[], $20::text[])
        ON CONFLICT (id) DO NOTHING RETURNING id
        """,
        *_columns(rows),
    )
    return {row["id"] for row in new}


async def insert_own(connection: Connection, own: Sequence[tuple[Taken, str]]) -> dict[str, str]:
    """Stores replies of ours that left elsewhere, unless one of Toog's own turns out to be it.

    Comes after the cases are locked: the sender locks them too when it learns a reply's id.
    Message id to case id of what was stored.
    """
    new = await connection.fetch(
        """
        INSERT INTO responder.messages (id, case_id, text, author, author_handle, author_name,
            language, native, surface, visibility, lane, reason, rules, revision, occurred_at,
            received_at, traceparent, reply_context, kind, tag, own)
        SELECT u.*, true FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
            $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
            $12::text[], $13::text[], $14::text[], $15::timestamptz[], $16::timestamptz[],
            $17::text[], $18::jsonb[], $19::text[], $20::text[]) AS u (id)
        WHERE NOT EXISTS (SELECT FROM responder.replies WHERE event_id = u.id)
        ON CONFLICT (id) DO NOTHING RETURNING id, case_id
        """,
        *_columns([_message(taken, case) for taken, case in own]),
    )
    return {row["id"]: row["case_id"] for row in new}


def _message(taken: Taken, case: str) -> tuple[Any, ...]:
    event, author = taken.event, taken.event.author
    return (
        taken.message,
        case,
        event.text,
        author.id if author else None,
        author.handle if author else None,
        author.name if author else None,
        taken.language,
        event.native,
        event.surface,
        event.visibility,
        taken.lane,
        taken.reason,
        taken.rules,
        event.revision,
        event.occurred_at,
        event.received_at,
        taken.traceparent,
        json.dumps(event.reply_context),
        taken.about.kind,
        taken.about.tag,
    )


async def insert_cases(connection: Connection, opened: Sequence[tuple[Case, Arrival]]) -> None:
    """Opens these cases, each with the message that opened it."""
    rows = [
        (
            case.id,
            case.platform,
            arrival.taken.event.account,
            arrival.taken.event.conversation or arrival.id,
            arrival.taken.event.author.id if arrival.taken.event.author else arrival.id,
            arrival.taken.event.author.handle if arrival.taken.event.author else None,
            case.state,
            case.lane,
            case.version,
            case.since,
            case.first_received_at,
        )
        for case, arrival in opened
    ]
    await connection.execute(
        """
        INSERT INTO responder.cases (id, platform, account, conversation, citizen, citizen_handle,
            state, lane, version, since, first_received_at)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
            $6::text[], $7::text[], $8::text[], $9::integer[], $10::timestamptz[],
            $11::timestamptz[])
        """,
        *_columns(rows),
    )


async def update_cases(connection: Connection, cases: Sequence[Case]) -> None:
    """These locked cases stand like this now."""
    rows = [
        (
            c.id,
            c.state,
            c.lane,
            c.version,
            c.since,
            c.refused,
            c.holder,
            c.lease_until,
            c.answered_outside_at,
            c.close_reason,
        )
        for c in cases
    ]
    await connection.execute(
        """
        UPDATE responder.cases AS c SET state = u.state, lane = u.lane, version = u.version,
            since = u.since, refused = u.refused, holder = u.holder, lease_until = u.lease_until,
            answered_outside_at = u.answered_outside_at, close_reason = u.close_reason
        FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[],
            $6::boolean[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[])
            AS u (id, state, lane, version, since, refused, holder, lease_until,
                answered_outside_at, close_reason)
        WHERE c.id = u.id
        """,
        *_columns(rows),
    )


async def raise_messages(connection: Connection, lanes: dict[str, Lane]) -> None:
    """These messages are of a higher lane than we thought."""
    await connection.execute(
        """
        UPDATE responder.messages AS m SET lane = u.lane
        FROM unnest($1::text[], $2::text[]) AS u (id, lane) WHERE m.id = u.id
        """,
        *_columns(list(lanes.items())),
    )


async def edit_messages(connection: Connection, edits: Sequence[Taken]) -> set[str]:
    """Applies what is newer than what we have; the cases of the messages that changed."""
    rows = [
        (
            t.message,
            t.event.text,
            t.event.revision,
            t.language,
            t.event.author.id if t.event.author else None,
            t.event.author.handle if t.event.author else None,
            t.event.author.name if t.event.author else None,
            json.dumps(t.event.reply_context),
            t.about.kind,
            t.about.tag,
        )
        for t in edits
    ]
    changed = await connection.fetch(
        """
        UPDATE responder.messages AS m SET text = u.text, revision = u.revision,
            language = coalesce(u.language, m.language), author = coalesce(u.author, m.author),
            author_handle = coalesce(u.handle, m.author_handle),
            author_name = coalesce(u.name, m.author_name), edited_at = clock_timestamp(),
            reply_context = m.reply_context || u.reply_context,
            kind = coalesce(u.kind, m.kind), tag = coalesce(u.tag, m.tag)
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
            $7::text[], $8::jsonb[], $9::text[], $10::text[]) AS u (id, text, revision, language,
            author, handle, name, reply_context, kind, tag)
        WHERE m.id = u.id AND m.revision < u.revision AND m.deleted_at IS NULL
        RETURNING m.case_id
        """,
        *_columns(rows),
    )
    return {row["case_id"] for row in changed}


async def delete_messages(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Takes the text out of these messages and marks them; the cases that they stood in.

    A reply of ours under such an id is marked as deleted too; its text is ours and stays.
    """
    changed = await connection.fetch(
        """
        UPDATE responder.messages SET text = '', author_name = NULL, author_handle = NULL,
            language = NULL, kind = NULL, tag = NULL,
            deleted_at = clock_timestamp()
        WHERE id = ANY($1::text[]) AND deleted_at IS NULL RETURNING case_id
        """,
        ids,
    )
    await connection.execute(
        """
        UPDATE responder.replies SET deleted_at = clock_timestamp()
        WHERE event_id = ANY($1::text[]) AND deleted_at IS NULL
        """,
        ids,
    )
    return {row["case_id"] for row in changed}


class Newest(NamedTuple):
    """When the newest message of a citizen that is still there was written, and reached us."""

    occurred_at: datetime
    received_at: datetime


async def newest_messages(connection: Connection, cases: Iterable[str]) -> dict[str, Newest]:
    """For each of these cases that has one."""
    rows = await connection.fetch(
        """
        SELECT case_id, max(occurred_at) AS occurred_at, max(received_at) AS received_at
        FROM responder.messages
        WHERE case_id = ANY($1::text[]) AND NOT own AND deleted_at IS NULL GROUP BY case_id
        """,
        list(cases),
    )
    return {row["case_id"]: Newest(row["occurred_at"], row["received_at"]) for row in rows}
