"""How far each source has been read, kept in Kafka beside the events it stands for.

A cursor is noted after the items before it were confirmed, so it never promises too much; it is
written a few times a second at most, so it may promise too little: then items come twice, under
the same ids.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from toog.contracts import wire
from toog.contracts.topics import CURSORS, Cursor
from toog.kit.errors import StartError, UnavailableError
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, topic_name
from toog.kit.stream.produce import Outgoing

log = structlog.get_logger(__name__)

WRITE_EVERY_S: Final = 0.4
FLUSH_WITHIN_S: Final = 1.0

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Cursor)


class Cursors:
    """Notes positions and writes the latest of each source."""

    def __init__(self, send: Callable[[Iterable[Outgoing]], Awaitable[None]]) -> None:
        self._send = send
        self._unwritten: dict[str, str | None] = {}
        self._some = asyncio.Event()

    def note(self, source: str, position: str | None) -> None:
        """What came before this position is confirmed."""
        self._unwritten[source] = position
        self._some.set()

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[asyncio.Task[None]]:
        """Writes inside the block; flushes, with a bound, when leaving."""
        task = asyncio.create_task(self._write(), name="cursors")
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            with contextlib.suppress(TimeoutError, UnavailableError):
                async with asyncio.timeout(FLUSH_WITHIN_S):
                    await self.flush()

    async def _write(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            try:
                await self.flush()
            except UnavailableError:
                self._some.set()
            await asyncio.sleep(WRITE_EVERY_S * random.uniform(1.0, 1.5))  # noqa: S311 - jitter

    async def flush(self) -> None:
        """Writes what is noted. Raises UnavailableError; then it stays noted."""
        taken, self._unwritten = self._unwritten, {}
        if not taken:
            return
        try:
            await self._send(
                [_record(source, position, datetime.now(UTC)) for source, position in taken.items()]
            )
        except BaseException:
            self._unwritten = taken | self._unwritten
            raise


def _record(source: str, position: str | None, now: datetime) -> Outgoing:
    cursor = Cursor(source=source, position=position, at=now.isoformat())
    return Outgoing(
        topic=CURSORS,
        key=source.encode(),
        value=_encoder.encode(cursor),
        headers=wire.cloud_event(f"cursor:{source}", "/ingest", CURSORS.name, now),
        timestamp_ms=int(now.timestamp() * 1000),
    )


async def read_cursors(settings: KafkaSettings) -> dict[str, str | None]:
    """The last written position of each source.

    Raises StartError where the topic is missing or is not read to its end in time: to start
    without it would be to forget what was missed.
    """
    name = topic_name(settings, CURSORS)
    consumer = AIOKafkaConsumer(
        **connection(settings), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        async with asyncio.timeout(settings.dependency_wait_s):
            await consumer.start()
            if name not in await consumer.topics():
                raise StartError(f"topic {name} is missing: run `toog topics` first")
            return await _read(consumer, name)
    except (KafkaError, TimeoutError) as error:
        raise StartError(
            f"topic {name} cannot be read ({type(error).__name__}): "
            "check the brokers, then start again"
        ) from error
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, name: str) -> dict[str, str | None]:
    places = [TopicPartition(name, number) for number in range(CURSORS.partitions)]
    consumer.assign(places)
    ends = await consumer.end_offsets(places)
    found: dict[str, str | None] = {}
    for place, end in ends.items():
        while await consumer.position(place) < end:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.update(_positions(record.value for record in records))
    return found


def _positions(values: Iterable[bytes | None]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for value in values:
        try:
            cursor = _decoder.decode(value or b"")
        except msgspec.DecodeError:
            log.warning("a cursor cannot be read and is left out")
            continue
        found[cursor.source] = cursor.position
    return found
