"""The one way from ingest to Kafka: webhooks share large writes, streams write their own groups."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from aiokafka import AIOKafkaClient
from aiokafka.errors import KafkaError

from services.ingest.settings import Settings
from toog.kit.errors import UnavailableError
from toog.kit.stream.client import connection, wait_for_kafka
from toog.kit.stream.produce import Batcher, Outgoing, Producer

PUT_WITHIN_S: Final = 4.0
"""X waits 10 s for an answer; a process that stops waits 5 s for open requests."""
FRESH_S: Final = 2.0
PROBE_WITHIN_S: Final = 1.5
FLUSH_WITHIN_S: Final = 1.0
STOP_WITHIN_S: Final = 2.0


class Writer:
    """Writes records and knows whether Kafka takes them. `run` it before anything is put."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = Producer(settings)
        self._batcher = Batcher(self.send, limit=settings.ingest_pending, wait_s=PUT_WITHIN_S)
        self._confirmed = -FRESH_S
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Records of webhooks that wait for a write."""
        return self._batcher.waiting

    async def send(self, records: Iterable[Outgoing]) -> None:
        """Returns when all are confirmed. Raises UnavailableError, then some may be stored."""
        await self._producer.send(records)
        self._confirmed = time.monotonic()

    async def put(self, records: Sequence[Outgoing]) -> None:
        """The same for hundreds of callers at once; raises UnavailableError when too much waits."""
        try:
            await self._batcher.put(records)
        except UnavailableError:
            self._confirmed = -FRESH_S
            raise

    async def alive(self) -> str | None:
        """None unless the writing loop ended; to wait for Kafka at the start is to live, too."""
        return "not writing" if self._task is not None and self._task.done() else None

    async def ready(self) -> str | None:
        """None when Kafka confirmed something just now, or answers."""
        if time.monotonic() - self._confirmed < FRESH_S:
            return None
        client = AIOKafkaClient(**connection(self._settings))
        try:
            async with asyncio.timeout(PROBE_WITHIN_S):
                await client.bootstrap()
        except (KafkaError, OSError, TimeoutError):
            return "does not answer"
        else:
            return None
        finally:
            await client.close()

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[asyncio.Task[None]]:
        """Waits for Kafka and writes inside the block; flushes, with a bound, when leaving.

        Gives the task that writes: when it ends, nothing enters any more. Raises StartError where
        no broker answers in time.
        """
        await wait_for_kafka(self._settings)
        await self._producer.start()
        self._task = asyncio.create_task(self._batcher.run(), name="writer")
        try:
            yield self._task
        finally:
            await self._flush()
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, UnavailableError, KafkaError):
                await self._task
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_WITHIN_S):
                    await self._producer.stop()

    async def _flush(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_WITHIN_S):
                while self.waiting and await self.alive() is None:  # noqa: ASYNC110 - it offers no event
                    await asyncio.sleep(0.01)
