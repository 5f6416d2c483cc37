"""Writing: whole batches per partition, confirmed by all replicas; never a future per event.

`send` per message costs twenty times as much as the batch builder, and hundreds of waiting
callers collapse on it (aiokafka #528).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerEpoch,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)

from toog.contracts.ids import partition_of
from toog.contracts.topics import MAX_RECORD_BYTES, Topic
from toog.kit.errors import UnavailableError
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, topic_name

log = structlog.get_logger(__name__)

BATCH_BYTES: Final = 512 * 1024
SEND_TIMEOUT_S: Final = 30.0

BROKEN: Final = (
    OutOfOrderSequenceNumber,
    UnknownProducerId,
    InvalidProducerEpoch,
    ProducerFenced,
    ProducerClosed,
    IllegalOperation,
)
"""After one of these the client is unusable and has to be made anew (aiokafka #1017)."""


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """One record to write. `timestamp_ms` is the receipt of the event, kept from hop to hop."""

    topic: Topic
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    timestamp_ms: int


class Producer:
    """An idempotent producer that waits for all in-sync replicas."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._client: Any = None  # an AIOKafkaProducer once started; the library is untyped
        self._renewing = asyncio.Lock()

    async def start(self) -> None:
        """Connects. Raises what aiokafka raises where no broker answers."""
        self._client = self._new()
        await self._client.start()

    async def stop(self) -> None:
        """Sends what is still open and disconnects; bounded, since a broker may be away."""
        if self._client is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(10):
                    await self._client.stop()

    def _new(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **connection(self._settings),
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_RECORD_BYTES,
            linger_ms=0,
        )

    async def send(self, records: Iterable[Outgoing]) -> None:
        """Writes all records, each to the partition of its key; returns when all are confirmed.

        Raises UnavailableError when they are not confirmed in time. Some may then be stored all
        the same: the caller repeats, and what reads them is idempotent.
        """
        client = self._client
        assert client is not None, "start() comes first"  # noqa: S101 - a programming error
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._send(client, records)
        except BROKEN as error:
            await self._renew(client, error)
            raise UnavailableError("Kafka") from error
        except (KafkaError, TimeoutError) as error:
            raise UnavailableError("Kafka") from error

    async def _send(self, client: AIOKafkaProducer, records: Iterable[Outgoing]) -> None:
        builders: dict[tuple[str, int], Any] = {}
        full: list[tuple[tuple[str, int], Any]] = []
        names: dict[str, str] = {}
        for record in records:
            topic = record.topic
            place = (topic.name, partition_of(record.key, topic.partitions))
            builder = builders.get(place)
            if builder is None:
                builder = builders[place] = client.create_batch()
                names[topic.name] = topic_name(self._settings, topic)
            if not _append(builder, record):
                full.append((place, builder))
                builder = builders[place] = client.create_batch()
                if not _append(builder, record):
                    raise RuntimeError("a new batch does not take its first record")
        # batches of one partition go one after the other: order per citizen is promised
        for (name, partition), builder in full:
            await (await client.send_batch(builder, names[name], partition=partition))
        confirmations = [
            await client.send_batch(builder, names[name], partition=partition)
            for (name, partition), builder in builders.items()
        ]
        await asyncio.gather(*confirmations)

    async def _renew(self, broken: AIOKafkaProducer, error: Exception) -> None:
        async with self._renewing:
            if self._client is not broken:
                return
            log.warning("the producer is made anew", error=type(error).__name__)
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(5):
                    await broken.stop()
            client = self._new()
            try:
                await client.start()
            except KafkaError as failed:  # the broken one stays, so that the next send tries again
                await client.stop()
                raise UnavailableError("Kafka") from failed
            self._client = client


def _append(builder: Any, record: Outgoing) -> bool:
    return (
        builder.append(
            key=record.key,
            value=record.value,
            timestamp=record.timestamp_ms,
            headers=record.headers,
        )
        is not None
    )


@contextlib.asynccontextmanager
async def producer(settings: KafkaSettings) -> AsyncIterator[Producer]:
    """A started producer for the block; what is open is sent when it ends."""
    made = Producer(settings)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


class Batcher:
    """Lets hundreds of waiting callers share a few large writes (a webhook each, say).

    One write is under way at a time; what arrives meanwhile makes the next one. `put` returns
    after Kafka confirmed; it raises UnavailableError when too much waits or it takes too long.
    """

    def __init__(
        self,
        send: Callable[[Iterable[Outgoing]], Coroutine[Any, Any, None]],
        *,
        limit: int,
        wait_s: float,
    ) -> None:
        self._send = send
        self._limit = limit
        self._wait_s = wait_s
        self._pending: list[Outgoing] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._some = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Records that wait for a write now."""
        return len(self._pending)

    async def put(self, records: Sequence[Outgoing]) -> None:
        """Returns when all these records are confirmed."""
        if not records:
            return
        if len(self._pending) + len(records) > max(self._limit, len(records)):
            raise UnavailableError("Kafka")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.extend(records)
        self._waiters.append(done)
        self._some.set()
        try:
            async with asyncio.timeout(self._wait_s):
                await done
        except TimeoutError:
            raise UnavailableError("Kafka") from None

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            records, self._pending = self._pending, []
            waiters, self._waiters = self._waiters, []
            try:
                await self._send(records)
            except UnavailableError as error:
                _settle(waiters, error)
            except BaseException:
                _settle(waiters, UnavailableError("Kafka"))
                raise
            else:
                _settle(waiters, None)


def _settle(waiters: Iterable[asyncio.Future[None]], error: Exception | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)
