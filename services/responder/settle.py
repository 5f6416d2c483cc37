"""What became of a reply, written and told: also when the database is away for a while."""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import asyncpg
import structlog

from services.responder.store import Connection, Pool, outbox, replies, transaction
from services.responder.telemetry import WorkMetrics
from toog.contracts.activity import ActivityKind
from toog.kit.errors import DATA_ERRORS
from toog.kit.postgres import AWAY
from toog.platforms.base import Refused, SendResult, Sent, Unsure

log = structlog.get_logger(__name__)

LONGEST_WAIT_S: Final = 60.0
STOPPED_WAIT_S: Final = 60.0
"""An account whose token is refused tries again after that."""
WRITE_AFTER_STOP_S: Final = 10.0


async def write(
    pool: Pool,
    row: asyncpg.Record,
    result: SendResult,
    *,
    metrics: WorkMetrics,
    stopping: Callable[[], bool],
) -> None:
    """Writes the result, however long the database is away; a stop waits ten seconds for it.

    What stays unwritten is found as `sending` by the next sender, and becomes unknown.
    """
    failures, give_up = 0, float("inf")
    while time.monotonic() < give_up:
        try:
            async with transaction(pool) as connection:
                await _settle(connection, row, result)
        except DATA_ERRORS as error:
            if isinstance(result, Unsure):
                raise
            log.error("a reply's result cannot be kept", reply=row["id"], exc_info=error)  # noqa: TRY400 - with the class, never the values
            result = Unsure("unwritable")
        except (*AWAY, asyncpg.PostgresError) as error:
            failures += 1
            metrics.retries.labels("result", type(error).__name__).inc()
            if stopping():
                give_up = min(give_up, time.monotonic() + WRITE_AFTER_STOP_S)
            wait = min(0.1 * 2.0 ** min(failures, 6), 3.0)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
        else:
            return
    log.warning("a result could not be written: the reply becomes unknown", reply=row["id"])


async def bury_the_dead(connection: Connection) -> None:
    """What an earlier sender was sending when it died is unknown now; never sent again."""
    async with connection.transaction():
        for row in await replies.give_up_sending(connection):
            log.warning("a sender died while it sent a reply: unknown", reply=row["id"])
            await _tell(connection, "reply_unknown", row)


async def _settle(connection: Connection, row: asyncpg.Record, result: SendResult) -> None:
    attempt = row["attempts"]
    await replies.lock_case_of(connection, row["id"])
    match result:
        case Sent(native_id, event_id):
            at = await replies.sent(connection, row["id"], attempt, native_id, event_id)
            if at is not None:
                first = await replies.first_response(connection, row["case_id"], at)
                await _tell(connection, "reply_sent", row, first)
        case Refused(reason, permanent=True):
            if await replies.refused(connection, row["id"], attempt, reason):
                await _tell(connection, "reply_refused", row)
        case Refused(reason):
            held, wait_s = _later(result, attempt)
            await replies.back(
                connection, row["id"], attempt, held=held, reason=reason, wait_s=wait_s
            )
        case Unsure(reason):
            if await replies.unknown(connection, row["id"], attempt, reason):
                await _tell(connection, "reply_unknown", row)


def _later(result: Refused, attempts: int) -> tuple[bool, float]:
    """Whether the platform asked us to hold it, and how many seconds it waits."""
    if result.wait_s is not None:
        return True, result.wait_s
    if result.stop:
        return True, STOPPED_WAIT_S
    wait = min(0.5 * 2.0 ** min(attempts, 10), LONGEST_WAIT_S)
    return False, wait * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret


async def _tell(
    connection: Connection,
    kind: ActivityKind,
    row: asyncpg.Record,
    first_response_s: float | None = None,
) -> None:
    await outbox.tell(
        connection,
        kind,
        at=datetime.now(UTC),
        case=row["case_id"],
        reply=row["id"],
        platform=row["platform"],
        lane=row["lane"],
        first_response_s=first_response_s,
        traceparent=row["traceparent"],
    )
