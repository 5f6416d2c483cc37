"""The outbox to Kafka: what happened, in the order in which it happened, at least once.

One relay at a time over all processes, by an advisory lock. Rows are marked when Kafka has them;
never is anything inferred from an id.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import asyncpg
import structlog

from services.responder.store import ACQUIRE_WITHIN_S, Connection, Pool, outbox
from services.responder.telemetry import WorkMetrics
from toog.contracts import wire
from toog.contracts.activity import ACTIVITY_TYPE
from toog.contracts.topics import ACTIVITY
from toog.kit.errors import UnavailableError
from toog.kit.postgres import AWAY
from toog.kit.stream.produce import Outgoing

log = structlog.get_logger(__name__)

Send = Callable[[Iterable[Outgoing]], Awaitable[None]]

BITE: Final = 1000
EVERY_S: Final = 0.2
IDLE_S: Final = 1.0
FORGET_EVERY: Final = 500  # rounds


class Relay:
    """Tells Kafka what stands in the outbox."""

    def __init__(self, pool: Pool, send: Send, metrics: WorkMetrics) -> None:
        self._pool = pool
        self._send = send
        self._metrics = metrics
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """One more round, then `run` ends."""
        self._stopping.set()

    async def run(self) -> None:
        """Relays until told to stop. Waits for database, Kafka and its turn, as long as it takes."""
        failures = 0
        while not self._stopping.is_set():
            try:
                async with self._pool.acquire(timeout=ACQUIRE_WITHIN_S) as connection:
                    await self._take_turn(connection)
                failures = 0
            except (UnavailableError, *AWAY) as error:
                failures += 1
                self._metrics.retries.labels("relay", type(error).__name__).inc()
                log.info("the relay waits", error=type(error).__name__)
            await self._rest(min(0.1 * 2.0 ** min(failures, 6), 5.0) if failures else IDLE_S)

    async def _take_turn(self, connection: Connection) -> None:
        """Relays as long as this connection, and with it the lock, lives."""
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", outbox.RELAY_LOCK):
            return
        pause, rounds = EVERY_S, 0
        while not self._stopping.is_set():
            sent = await self.round(connection)
            rounds += 1
            if sent == BITE:
                continue
            if rounds % FORGET_EVERY == 0:
                await outbox.forget_sent(connection, BITE)
            pause = EVERY_S if sent else min(pause * 1.5, IDLE_S)
            await self._rest(pause)
        await self.round(connection)

    async def round(self, connection: Connection) -> int:
        """Sends the oldest unsent rows and marks them; how many. Raises UnavailableError."""
        rows = await outbox.unsent(connection, BITE)
        if rows:
            await self._send(_records(rows))
            await outbox.mark_sent(connection, [row["id"] for row in rows])
            self._metrics.relayed.inc(len(rows))
        return len(rows)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter
                await self._stopping.wait()


def _records(rows: Sequence[asyncpg.Record]) -> list[Outgoing]:
    return [
        Outgoing(
            topic=ACTIVITY,
            key=row["key"].encode(),
            value=row["value"],
            headers=wire.cloud_event(
                row["activity_id"],
                "/responder",
                ACTIVITY_TYPE,
                row["created_at"],
                row["traceparent"],
            ),
            timestamp_ms=int(row["created_at"].timestamp() * 1000),
        )
        for row in rows
    ]
