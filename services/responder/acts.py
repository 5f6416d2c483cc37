"""What an agent can do: each act is one transaction with its audit row and what Kafka is told."""

import uuid
from collections.abc import Callable
from typing import get_args

import asyncpg

from services.responder import workflow
from services.responder.store import Connection, Pool, audit, cases, outbox, replies, transaction
from services.responder.store.cases import Locked, Position
from services.responder.store.replies import Approved
from services.responder.workflow import ConflictError, Said, ShownState, State
from toog.contracts.activity import ActivityKind
from toog.contracts.ids import digest
from toog.contracts.verdicts import LANES, Lane, MessageKind


class NotFoundError(Exception):
    """There is no such case or reply: 404."""


class TextError(ValueError):
    """The reply's text cannot be sent as it is: 422; the text of the error says why."""


class CaseRows:
    """A case with its messages and replies, as the database gave them."""

    def __init__(
        self,
        case: asyncpg.Record,
        messages: list[asyncpg.Record],
        given: list[asyncpg.Record],
    ) -> None:
        self.case = case
        self.messages = messages
        self.replies = given


class Desk:
    """The acts of agents on cases.

    `reply_length` gives the longest reply of a platform, `measure` the length of a text as that
    platform counts it; `wake` tells the sender that there is something to send.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        lease_s: float,
        reply_length: Callable[[str], int],
        measure: Callable[[str, str], int] = lambda _, text: len(text),
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._pool = pool
        self._lease_s = lease_s
        self.reply_length = reply_length
        self._measure = measure
        self._wake = wake

    async def page(
        self,
        agent: str,
        *,
        state: ShownState | None,
        lane: Lane | None,
        platform: str | None,
        kind: MessageKind | None,
        after: Position,
        limit: int,
    ) -> list[asyncpg.Record]:
        """Up to `limit` cases in the order of service, behind `after`."""
        rank = LANES.index(lane) + 1 if lane is not None else None
        async with transaction(self._pool) as connection:
            states, leased = _stored(state)
            rows = await cases.page(
                connection,
                states,
                leased=leased,
                lane_rank=rank,
                platform=platform,
                kind=kind,
                after=after,
                limit=limit,
            )
            await audit.write(connection, agent, "list", cases=[row["id"] for row in rows])
        return rows

    async def next(self, agent: str) -> CaseRows | None:
        """Claims what is to be served next; None where nothing waits."""
        async with transaction(self._pool) as connection:
            case_id = await cases.claim_next(connection, agent, self._lease_s)
            if case_id is None:
                return None
            rows = await _rows(connection, case_id)
            await self._claimed(connection, agent, rows.case)
            return rows

    async def read(self, agent: str, case_id: str) -> CaseRows:
        """The case; who holds it has it for another lease."""
        async with transaction(self._pool) as connection:
            await cases.renew(connection, case_id, agent, self._lease_s)
            rows = await _rows(connection, case_id)
            await audit.write(connection, agent, "read", case=case_id)
            return rows

    async def claim(self, agent: str, case_id: str) -> CaseRows:
        """Gives the case to the agent. Raises ConflictError where somebody else has it."""
        async with transaction(self._pool) as connection:
            found = await _lock(connection, case_id)
            workflow.may_claim(found.case, agent, found.now)
            await cases.hold(connection, case_id, agent, self._lease_s)
            rows = await _rows(connection, case_id)
            await self._claimed(connection, agent, rows.case)
            return rows

    async def release(self, agent: str, case_id: str) -> CaseRows:
        """Gives the case back. Raises ConflictError unless the agent has it."""
        async with transaction(self._pool) as connection:
            found = await _lock(connection, case_id)
            workflow.must_hold(found.case, agent, found.now)
            await cases.release(connection, case_id)
            await audit.write(connection, agent, "release", case=case_id)
            await _tell(connection, "case_released", found)
            return await _rows(connection, case_id)

    async def close(self, agent: str, case_id: str, reason: str, version: int) -> CaseRows:
        """Closes the case. Raises ConflictError unless the agent has it, at this version."""
        async with transaction(self._pool) as connection:
            found = await _lock(connection, case_id)
            workflow.may_settle(found.case, agent, version, found.now)
            await cases.close(connection, case_id, reason)
            await audit.write(connection, agent, "close", case=case_id)
            await _tell(connection, "case_closed", found)
            return await _rows(connection, case_id)

    async def reply(
        self, agent: str, case_id: str, text: str, version: int, key: str | None
    ) -> tuple[asyncpg.Record, bool]:
        """The reply, queued to be sent, and whether it is new (not a repeat under the same key).

        Raises ConflictError unless the agent has the case at this version, or where the key was
        used for something else; TextError where the text cannot be sent.
        """
        body_hash = digest(f"{case_id}\x1f{version}\x1f{text}")
        async with transaction(self._pool) as connection:
            found = await _lock(connection, case_id)
            repeated = await replies.by_key(connection, agent, key) if key is not None else None
            if repeated is not None:
                _same(repeated["body_hash"], body_hash)
                return await _reply(connection, repeated["id"]), False
            workflow.may_settle(found.case, agent, version, found.now)
            platform = found.case.platform
            length, limit = self._measure(platform, text), self.reply_length(platform)
            wrong = workflow.reply_text_error(text, length, limit)
            if wrong is not None:
                raise TextError(wrong)
            reply_id = await self._approve(
                connection, found, agent=agent, text=text, key=key, body_hash=body_hash
            )
            row = await _reply(connection, reply_id)
        self._wake()
        return row, True

    async def read_reply(self, agent: str, reply_id: str) -> asyncpg.Record:
        """One reply and what became of it."""
        async with transaction(self._pool) as connection:
            row = await _reply(connection, reply_id)
            await audit.write(connection, agent, "read", case=row["case_id"], reply=reply_id)
            return row

    async def _approve(
        self,
        connection: Connection,
        found: Locked,
        *,
        agent: str,
        text: str,
        key: str | None,
        body_hash: str,
    ) -> str:
        case = found.case
        said = await cases.messages(connection, case.id)
        to = workflow.to_answer(
            [
                Said(m["id"], m["native"], m["deleted_at"] is not None, m["stored_at"])
                for m in said
                if not m["own"]
            ],
            await replies.last_of_case(connection, case.id),
        )
        reply_id = uuid.uuid4().hex
        approved = Approved(
            reply_id, case.id, to.id, case.platform, found.account, agent, text, key, body_hash
        )
        if not await replies.insert(connection, approved):
            _same("", body_hash)
        await cases.answered(connection, case.id, self._lease_s)
        await audit.write(connection, agent, "reply", case=case.id, reply=reply_id)
        await _tell(connection, "reply_approved", found, reply=reply_id)
        return reply_id

    async def _claimed(self, connection: Connection, agent: str, case: asyncpg.Record) -> None:
        await audit.write(connection, agent, "claim", case=case["id"])
        await outbox.tell(
            connection,
            "case_claimed",
            at=case["now"],
            case=case["id"],
            platform=case["platform"],
            lane=case["lane"],
        )


def _stored(state: ShownState | None) -> tuple[tuple[State, ...], bool | None]:
    """The states in the database, and whether somebody has the case (None: either)."""
    match state:
        case None:
            return get_args(State), None
        case "waiting":
            return ("waiting",), False
        case "claimed":
            return ("waiting",), True
        case _:
            return (state,), None


def _same(before: str, now: str) -> None:
    if before != now:
        raise ConflictError(
            "this Idempotency-Key was used for another reply: choose a new one for a new reply"
        )


async def _lock(connection: Connection, case_id: str) -> Locked:
    found = await cases.lock(connection, case_id)
    if found is None:
        raise NotFoundError
    return found


async def _rows(connection: Connection, case_id: str) -> CaseRows:
    case = await cases.get(connection, case_id)
    if case is None:
        raise NotFoundError
    messages = await cases.messages(connection, case_id)
    return CaseRows(case, messages, await replies.of_case(connection, case_id))


async def _reply(connection: Connection, reply_id: str) -> asyncpg.Record:
    row = await replies.get(connection, reply_id)
    if row is None:
        raise NotFoundError
    return row


async def _tell(
    connection: Connection, kind: ActivityKind, found: Locked, reply: str | None = None
) -> None:
    case = found.case
    await outbox.tell(
        connection,
        kind,
        at=found.now,
        case=case.id,
        platform=case.platform,
        lane=case.lane,
        reply=reply,
    )
