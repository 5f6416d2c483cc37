"""The SQL of replies: approved here, sent by the one sender, each at most once."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from services.responder.store import Connection

SENDER_LOCK = 0x700D
"""The advisory lock of the one sender."""


class Approved(NamedTuple):
    """A reply as it enters the queue."""

    id: str
    case_id: str
    to_message: str
    platform: str
    account: str
    agent: str
    text: str
    idempotency_key: str | None
    body_hash: str


async def insert(connection: Connection, reply: Approved) -> bool:
    """Queues the reply; False where the agent used this key already.

    It takes the trace context of the message that it answers.
    """
    row = await connection.fetchrow(
        """
        INSERT INTO responder.replies (id, case_id, to_message, platform, account, agent, text,
            idempotency_key, body_hash, traceparent)
        SELECT $1, $2, id, $4, $5, $6, $7, $8, $9, traceparent
        FROM responder.messages WHERE id = $3
        ON CONFLICT (agent, idempotency_key) DO NOTHING RETURNING 1
        """,
        *reply,
    )
    return row is not None


async def by_key(connection: Connection, agent: str, key: str) -> asyncpg.Record | None:
    """Id and body hash of what this agent approved under this key, or None."""
    return await connection.fetchrow(
        """
        SELECT id, body_hash FROM responder.replies WHERE agent = $1 AND idempotency_key = $2
        """,
        agent,
        key,
    )


async def get(connection: Connection, reply_id: str) -> asyncpg.Record | None:
    """One reply for the API, or None."""
    return await connection.fetchrow(
        """
        SELECT id, case_id, to_message, agent, text, state, reason, approved_at, not_before,
            sent_at, deleted_at, native_id, event_id
        FROM responder.replies WHERE id = $1
        """,
        reply_id,
    )


async def last_of_case(connection: Connection, case_id: str) -> datetime | None:
    """When the last reply was approved that was not refused, or None."""
    at: datetime | None = await connection.fetchval(
        "SELECT max(approved_at) FROM responder.replies WHERE case_id = $1 AND state <> 'refused'",
        case_id,
    )
    return at


async def of_case(connection: Connection, case_id: str) -> list[asyncpg.Record]:
    """The replies of a case for the API, oldest first."""
    return await connection.fetch(
        """
        SELECT id, case_id, to_message, agent, text, state, reason, approved_at, not_before,
            sent_at, deleted_at, native_id, event_id
        FROM responder.replies WHERE case_id = $1 ORDER BY approved_at, id
        """,
        case_id,
    )


async def give_up_sending(connection: Connection) -> list[asyncpg.Record]:
    """Whatever was being sent when its sender died may or may not have gone out: unknown."""
    return await connection.fetch(
        """
        UPDATE responder.replies AS r SET state = 'unknown', reason = 'sender_died'
        FROM responder.cases AS c
        WHERE r.state = 'sending' AND c.id = r.case_id
        RETURNING r.id, r.case_id, r.platform, r.traceparent, c.lane
        """
    )


async def take(
    connection: Connection, platform: str, paused: Sequence[str], limit: int
) -> list[asyncpg.Record]:
    """The next replies to send, marked as being sent; not for the paused accounts.

    With what the platform has to know about the message that is answered.
    """
    return await connection.fetch(
        """
        UPDATE responder.replies AS r SET state = 'sending', sending_at = clock_timestamp(),
            attempts = r.attempts + 1
        FROM (
            SELECT id FROM responder.replies
            WHERE state IN ('queued', 'held') AND platform = $1 AND account <> ALL($2::text[])
                AND not_before <= clock_timestamp()
            ORDER BY approved_at LIMIT $3 FOR UPDATE SKIP LOCKED
        ) AS chosen, responder.messages AS m, responder.cases AS c
        WHERE r.id = chosen.id AND m.id = r.to_message AND c.id = r.case_id
            AND r.state IN ('queued', 'held')
        RETURNING r.id, r.case_id, r.platform, r.account, r.text, r.attempts, r.traceparent,
            r.approved_at, m.reply_context,
            c.lane, m.id AS message, m.native, m.surface, m.author, m.author_handle, m.visibility,
            m.language
        """,
        platform,
        paused,
        limit,
    )


async def lock_case_of(connection: Connection, reply_id: str) -> None:
    """Nobody else changes the reply's case until the commit."""
    await connection.execute(
        """
        SELECT FROM responder.cases
        WHERE id = (SELECT case_id FROM responder.replies WHERE id = $1) FOR UPDATE
        """,
        reply_id,
    )


async def sent(
    connection: Connection, reply_id: str, attempt: int, native_id: str, event_id: str
) -> datetime | None:
    """The platform has it; when we learnt so, or None where that was written before.

    This and the three below speak of one attempt: a write that is repeated because its answer got
    lost must not touch the attempt that came after it, or the reply would leave once more.

    Its echo may have come first and been taken for a reply from elsewhere: that is undone.
    """
    at: datetime | None = await connection.fetchval(
        """
        UPDATE responder.replies SET state = 'sent', reason = NULL, native_id = $3, event_id = $4,
            sent_at = clock_timestamp()
        WHERE id = $1 AND attempts = $2 AND state IN ('sending', 'unknown') RETURNING sent_at
        """,
        reply_id,
        attempt,
        native_id,
        event_id,
    )
    echo = await connection.fetchval(
        "DELETE FROM responder.messages WHERE id = $1 AND own RETURNING case_id", event_id
    )
    if echo is not None:
        await connection.execute(
            """
            UPDATE responder.cases SET answered_outside_at = (
                SELECT max(occurred_at) FROM responder.messages WHERE case_id = $1 AND own)
            WHERE id = $1
            """,
            echo,
        )
    return at


async def first_response(connection: Connection, case_id: str, at: datetime) -> float | None:
    """Seconds from the receipt of what opened the case to its first answer; None for later ones."""
    seconds: float | None = await connection.fetchval(
        """
        UPDATE responder.cases SET first_response_at = $2
        WHERE id = $1 AND first_response_at IS NULL
        RETURNING extract(epoch FROM $2 - first_received_at)::float8
        """,
        case_id,
        at,
    )
    return seconds


async def refused(connection: Connection, reply_id: str, attempt: int, reason: str) -> bool:
    """The platform will not take it: the case waits again, for a person to look at."""
    row = await connection.fetchrow(
        """
        UPDATE responder.replies SET state = 'refused', reason = $3
        WHERE id = $1 AND attempts = $2 AND state IN ('sending', 'unknown')
        RETURNING case_id, to_message
        """,
        reply_id,
        attempt,
        reason,
    )
    if row is None:
        return False
    await connection.execute(
        """
        UPDATE responder.cases AS c SET state = 'waiting', since = m.received_at, refused = true
        FROM responder.messages AS m
        WHERE c.id = $1 AND m.id = $2 AND c.state = 'answered'
        """,
        row["case_id"],
        row["to_message"],
    )
    return True


async def unknown(connection: Connection, reply_id: str, attempt: int, reason: str) -> bool:
    """Nobody can tell whether it went out; it is never sent again."""
    row = await connection.fetchrow(
        """
        UPDATE responder.replies SET state = 'unknown', reason = $3
        WHERE id = $1 AND attempts = $2 AND state = 'sending' RETURNING 1
        """,
        reply_id,
        attempt,
        reason,
    )
    return row is not None


async def back(
    connection: Connection, reply_id: str, attempt: int, *, held: bool, reason: str, wait_s: float
) -> None:
    """It did not go out and may be tried again after so many seconds."""
    await connection.execute(
        """
        UPDATE responder.replies SET state = CASE WHEN $3 THEN 'held' ELSE 'queued' END,
            reason = $4, not_before = clock_timestamp() + $5 * interval '1 second'
        WHERE id = $1 AND attempts = $2 AND state IN ('sending', 'unknown')
        """,
        reply_id,
        attempt,
        held,
        reason,
        wait_s,
    )
