"""The SQL of working on cases: queue, claims, contents. Leases go by the database's clock."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from services.responder.store import Connection
from services.responder.workflow import Case, State
from toog.contracts.verdicts import MessageKind


class Locked(NamedTuple):
    """A case that nobody else changes until the commit, its account, and the database's time."""

    case: Case
    account: str
    now: datetime


class Position(NamedTuple):
    """A place in the order of service: lane, then longest waiting, then id."""

    lane_rank: int
    since: datetime
    id: str


async def lock(connection: Connection, case_id: str) -> Locked | None:
    """The case, locked, or None where there is none."""
    row = await connection.fetchrow(
        """
        SELECT id, platform, lane, state, version, since, first_received_at, refused, holder,
            lease_until, answered_outside_at, close_reason, account, clock_timestamp() AS now
        FROM responder.cases WHERE id = $1 FOR UPDATE
        """,
        case_id,
    )
    if row is None:
        return None
    values = dict(row)
    account, now = values.pop("account"), values.pop("now")
    return Locked(Case(**values), account, now)


async def claim_next(connection: Connection, agent: str, lease_s: float) -> str | None:
    """Gives the agent what is to be served next; its id, or None where nothing waits.

    What the platform refused to answer is not handed out: a person picks it from the list.
    """
    case_id: str | None = await connection.fetchval(
        """
        UPDATE responder.cases AS c SET holder = $1,
            lease_until = clock_timestamp() + $2 * interval '1 second'
        FROM (
            SELECT id FROM responder.cases
            WHERE state = 'waiting' AND NOT refused
                AND (lease_until IS NULL OR lease_until <= clock_timestamp())
            ORDER BY lane_rank, since, id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) AS chosen
        WHERE c.id = chosen.id RETURNING c.id
        """,
        agent,
        lease_s,
    )
    return case_id


async def hold(connection: Connection, case_id: str, agent: str, lease_s: float) -> None:
    """The agent has the case for another lease."""
    await connection.execute(
        """
        UPDATE responder.cases SET holder = $2,
            lease_until = clock_timestamp() + $3 * interval '1 second'
        WHERE id = $1
        """,
        case_id,
        agent,
        lease_s,
    )


async def renew(connection: Connection, case_id: str, agent: str, lease_s: float) -> None:
    """Lengthens the lease where this agent has the case, else does nothing."""
    await connection.execute(
        """
        UPDATE responder.cases SET lease_until = clock_timestamp() + $3 * interval '1 second'
        WHERE id = $1 AND holder = $2 AND lease_until > clock_timestamp()
        """,
        case_id,
        agent,
        lease_s,
    )


async def release(connection: Connection, case_id: str) -> None:
    """Nobody has the case."""
    await connection.execute(
        "UPDATE responder.cases SET holder = NULL, lease_until = NULL WHERE id = $1", case_id
    )


async def close(connection: Connection, case_id: str, reason: str) -> None:
    """The case is done, until the citizen writes again."""
    await connection.execute(
        """
        UPDATE responder.cases SET state = 'closed', close_reason = $2, since = clock_timestamp(),
            refused = false, holder = NULL, lease_until = NULL
        WHERE id = $1
        """,
        case_id,
        reason,
    )


async def answered(connection: Connection, case_id: str, lease_s: float) -> None:
    """A reply is on its way; who gave it has the case a while longer.

    The version rises: a second reply, or a double click, must have seen the first.
    """
    await connection.execute(
        """
        UPDATE responder.cases SET state = 'answered', version = version + 1,
            since = clock_timestamp(), refused = false,
            lease_until = clock_timestamp() + $2 * interval '1 second'
        WHERE id = $1
        """,
        case_id,
        lease_s,
    )


async def get(connection: Connection, case_id: str) -> asyncpg.Record | None:
    """All of a case for the API, with the database's time as `now`, or None.

    Its kind and tag are those of the citizen's newest message that is still there.
    """
    return await connection.fetchrow(
        """
        SELECT c.id, platform, account, citizen_handle, state, lane, version, since, refused,
            opened_at, holder, lease_until, answered_outside_at, close_reason, kind, tag,
            clock_timestamp() AS now
        FROM responder.cases AS c LEFT JOIN LATERAL (
            SELECT kind, tag FROM responder.messages
            WHERE case_id = c.id AND NOT own AND deleted_at IS NULL
            ORDER BY occurred_at DESC, id DESC LIMIT 1
        ) AS newest ON true
        WHERE c.id = $1
        """,
        case_id,
    )


async def messages(connection: Connection, case_id: str) -> list[asyncpg.Record]:
    """What was said in the case, oldest first."""
    return await connection.fetch(
        """
        SELECT id, own, text, author_handle, author_name, language, surface, visibility, lane,
            reason, kind, tag, native, occurred_at, received_at, stored_at, edited_at, deleted_at
        FROM responder.messages WHERE case_id = $1 ORDER BY occurred_at, id
        """,
        case_id,
    )


async def page(
    connection: Connection,
    states: Sequence[State],
    *,
    leased: bool | None,
    lane_rank: int | None,
    platform: str | None,
    kind: MessageKind | None,
    after: Position,
    limit: int,
) -> list[asyncpg.Record]:
    """Cases in these states in the order of service, behind `after`; `leased` None: held or not.

    Each state is read along its index, in order, and no further than the limit. `kind`: that of
    the newest message, as `get` has it.
    """
    return await connection.fetch(
        """
        SELECT c.* FROM unnest($1::text[]) AS s (state) CROSS JOIN LATERAL (
            SELECT q.id, platform, account, citizen_handle, state, lane, lane_rank, version, since,
                refused, opened_at, holder, lease_until, kind, tag, clock_timestamp() AS now
            FROM responder.cases AS q LEFT JOIN LATERAL (
                SELECT kind, tag FROM responder.messages
                WHERE case_id = q.id AND NOT own AND deleted_at IS NULL
                ORDER BY occurred_at DESC, id DESC LIMIT 1
            ) AS newest ON true
            WHERE state = s.state
                AND ($2::boolean IS NULL OR coalesce(lease_until > clock_timestamp(), false) = $2)
                AND lane_rank BETWEEN coalesce($3::smallint, 0) AND coalesce($3::smallint, 99)
                AND ($4::text IS NULL OR platform = $4)
                AND ($9::text IS NULL OR kind = $9)
                AND (lane_rank, since, q.id) > ($5, $6, $7)
            ORDER BY lane_rank, since, q.id LIMIT $8
        ) AS c
        ORDER BY c.lane_rank, c.since, c.id LIMIT $8
        """,
        states,
        leased,
        lane_rank,
        platform,
        *after,
        limit,
        kind,
    )
