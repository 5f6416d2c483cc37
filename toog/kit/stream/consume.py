"""Reading: FastStream batch subscribers with raw records, and the one order of doing things.

For every batch: handle, set poison aside, commit. Whatever else goes wrong, the batch is read
again from its first offset: without that seek the next commit would skip it for good.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from toog.contracts.dead import Stage
from toog.contracts.topics import Topic
from toog.kit.errors import is_poison
from toog.kit.settings import KafkaSettings
from toog.kit.stream import dead
from toog.kit.stream.client import group_name, security, topic_name
from toog.kit.stream.metrics import StreamMetrics
from toog.kit.stream.produce import Producer
from toog.kit.stream.valve import Valve

log = structlog.get_logger(__name__)

Record = ConsumerRecord  # `ConsumerRecord[bytes, bytes]`: key and value as they are on the wire

SESSION_TIMEOUT_MS: Final = 10_000
COMMIT_TIMEOUT_S: Final = 15.0
LONGEST_WAIT_S: Final = 5.0
WAIT_MS: Final = 1_000
"""So long a reader waits for records that do not come; those that come end it at once."""
WATCH_EVERY_S: Final = 2.0
HEARD_WITHIN_S: Final = 5.0
UNHEARD_S: Final = 10.0
SILENT_S: Final = 60.0


class Rejected(NamedTuple):
    """A record that can never succeed, and why."""

    record: "ConsumerRecord[bytes, bytes]"
    error: Exception


Handle = Callable[[Sequence["ConsumerRecord[bytes, bytes]"]], Awaitable[Iterable[Rejected]]]
"""Makes the effect of a batch durable and names the records it could not read.

May raise: a data error (see `is_poison`) makes the batch be halved until the bad record stands
alone; anything else makes the whole batch be read again after a wait. Must be idempotent.
"""

StartAt = Callable[[set[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]
"""Where to start on newly assigned partitions, for a reader that keeps its own offsets."""


def broker(settings: KafkaSettings) -> KafkaBroker:
    """The FastStream broker that carries the subscribers of one process."""
    return KafkaBroker(
        settings.kafka.split(","),
        client_id=f"toog-{settings.instance}",
        security=security(settings),
        consumer_only=True,  # we write through our own batch producer
        allow_auto_create_topics=False,
        apply_types=False,
        serializer=None,
        graceful_timeout=20.0,
        logger=None,
    )


class Consumer:
    """One subscription: topics read by one group, handled batch by batch."""

    def __init__(
        self,
        *,
        settings: KafkaSettings,
        topics: Sequence[Topic],
        group: str,
        stage: Stage,
        handle: Handle,
        producer: Producer,
        metrics: StreamMetrics,
        max_records: int = 2000,
        start_at: StartAt | None = None,
    ) -> None:
        self.name = group
        self._settings = settings
        self._topics = {topic_name(settings, topic): topic for topic in topics}
        self._stage: Stage = stage
        self._handle = handle
        self._producer = producer
        self._metrics = metrics
        self._max_records = max_records
        self._start_at = start_at
        self._valves: dict[TopicPartition, Valve] = {}
        self._subscriber: Any = None
        self._failures = 0
        self._trouble: str | None = None
        self._last_batch = time.monotonic()
        self._last_heard = time.monotonic()
        self._silent = False

    def attach(self, to: KafkaBroker) -> None:
        """Declares the subscription; it runs when the broker is started."""
        self._subscriber = to.subscriber(
            *self._topics,
            group_id=group_name(self._settings, self.name),
            group_instance_id=f"{self.name}-{self._settings.instance}",
            batch=True,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=2_000,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            listener=_Listener(self),
            parser=self._parse,
            decoder=_raw,
            title=self.name,
        )
        self._subscriber(self._on_batch)
        # the library's own sleeps after every wait that brought nothing: an idle reader then either
        # asks a hundred times a second, or hears late of what arrives
        self._subscriber.get_msg = self._next_batch

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """The client under it, while it is started."""
        return self._subscriber.consumer if self._subscriber is not None else None

    async def _parse(self, records: tuple["ConsumerRecord[bytes, bytes]", ...]) -> KafkaMessage:
        # the library's own parser decodes every header of every record, and a header that is no
        # UTF-8 would lose the batch before we see it
        return KafkaMessage(
            raw_message=records,
            body=b"",
            correlation_id="-",
            consumer=self._subscriber.consumer,
        )

    async def _next_batch(
        self, client: AIOKafkaConsumer
    ) -> tuple["ConsumerRecord[bytes, bytes]", ...]:
        """What is there, as soon as something is; empty after a while."""
        try:
            found = await client.getmany(timeout_ms=WAIT_MS, max_records=self._max_records)
        except KafkaError as error:
            # mostly a broker that restarts; the library would not ask again for five seconds
            self._metrics.failed(self.name, type(error).__name__)
            log.warning("reading failed, will be tried again", group=self.name, error=repr(error))
            await asyncio.sleep(random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            return ()
        return tuple(chain.from_iterable(found.values()))

    async def _on_batch(self, records: Sequence["ConsumerRecord[bytes, bytes]"]) -> None:
        """Steps: 1 handle; 2 dead letters; 3 valve; 4 commit. An error anywhere: seek back, wait."""
        client = self.consumer
        if client is None:
            return
        started = time.monotonic()
        try:
            rejected = await self._settle(records)
            kept = await self._set_aside(client, records, rejected)
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await client.commit(kept)
        except Exception as error:  # noqa: BLE001 - any failure means: read it again
            self._seek_back(client, records)
            await self._wait_after(error)
            return
        self._failures, self._trouble = 0, None
        self._last_batch = time.monotonic()
        self._metrics.batch(self.name, len(records), records, time.monotonic() - started)

    async def _settle(self, records: Sequence["ConsumerRecord[bytes, bytes]"]) -> list[Rejected]:
        """Handles the records, halving them where the data is at fault."""
        try:
            return list(await self._handle(records))
        except Exception as error:
            if not is_poison(error):
                raise
            if len(records) == 1:
                return [Rejected(records[0], error)]
        middle = len(records) // 2
        return [*await self._settle(records[:middle]), *await self._settle(records[middle:])]

    async def _set_aside(
        self,
        client: AIOKafkaConsumer,
        records: Sequence["ConsumerRecord[bytes, bytes]"],
        rejected: Sequence[Rejected],
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """Writes the dead letters, closes valves, and says what may be committed."""
        bad: defaultdict[TopicPartition, set[int]] = defaultdict(set)
        for record, _ in rejected:
            bad[TopicPartition(record.topic, record.partition)].add(record.offset)
        last: dict[TopicPartition, int] = {}
        for place, offsets in _offsets(records).items():
            last[place] = offsets[-1] + 1
            valve = self._valves.setdefault(place, Valve())
            if valve.saw_all(offsets, bad.get(place, ())):
                self._close(client, place, valve)
        # before the letters: a valve that is resumed meanwhile still kept back what they leave out
        held = {p: at for p in last if (at := self._valves[p].closed_at) is not None}
        letters = [
            dead.of_record(r.record, self._topics[r.record.topic].name, self._stage, r.error)
            for r in rejected
            if not self._beyond_valve(r.record)
        ]
        if letters:
            await self._producer.send(letters)
            self._metrics.dead(self.name, len(letters))
        for place, closed_at in held.items():
            last[place] = closed_at  # also back behind what was committed before
            client.seek(place, closed_at)
        return {place: OffsetAndMetadata(offset, "") for place, offset in last.items()}

    def _beyond_valve(self, record: "ConsumerRecord[bytes, bytes]") -> bool:
        valve = self._valves[TopicPartition(record.topic, record.partition)]
        return valve.closed_at is not None and record.offset >= valve.closed_at

    def _close(self, client: AIOKafkaConsumer, place: TopicPartition, valve: Valve) -> None:
        client.pause(place)
        self._metrics.valve(self.name, place.topic, place.partition, closed=True)
        log.error(
            "valve closed: a series of bad records; mend the cause, then `toog resume`",
            topic=place.topic,
            partition=place.partition,
            offset=valve.closed_at,
        )

    def _seek_back(
        self, client: AIOKafkaConsumer, records: Sequence["ConsumerRecord[bytes, bytes]"]
    ) -> None:
        for place, offsets in _offsets(records).items():
            try:
                client.seek(place, offsets[0])
            except IllegalStateError:
                continue  # given to another consumer meanwhile: that one reads it

    async def _wait_after(self, error: Exception) -> None:
        self._failures += 1
        self._trouble = type(error).__name__
        self._metrics.failed(self.name, self._trouble)
        log.warning(
            "batch failed, will be read again",
            group=self.name,
            error=self._trouble,
            failures=self._failures,
            exc_info=None if self._failures > 1 else error,
        )
        delay = min(0.1 * 2 ** min(self._failures, 10), LONGEST_WAIT_S)
        await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret

    def resume(self) -> list[str]:
        """Opens every closed valve; the partitions that go on now, as `topic:partition`."""
        client = self.consumer
        opened = {p: v.seen for p, v in self._valves.items() if v.closed_at is not None}
        for place, seen in opened.items():
            self._valves[place] = Valve(seen)
            self._metrics.valve(self.name, place.topic, place.partition, closed=False)
            if client is not None and place in client.assignment():
                client.resume(place)
        return [f"{place.topic}:{place.partition}" for place in opened]

    async def assigned(self, places: set[TopicPartition]) -> None:
        """Called in a rebalance with the partitions that are ours now."""
        client = self.consumer
        if client is None:
            return
        self._last_batch = time.monotonic()
        self._valves = {place: v for place, v in self._valves.items() if place in places}
        client.pause(*(place for place, v in self._valves.items() if v.closed_at is not None))
        if self._start_at is not None and places:
            for place, offset in (await self._start_at(places)).items():
                client.seek(place, offset)

    async def ready(self) -> str | None:
        """None when batches flow; else what is in the way."""
        closed = [place for place, valve in self._valves.items() if valve.closed_at is not None]
        if closed:
            return "valve closed on " + ", ".join(f"{p.topic}:{p.partition}" for p in closed)
        if self._trouble is not None:
            return f"retrying after {self._trouble}"
        client = self.consumer
        if client is None or not client.assignment():
            return "no partitions assigned"
        if time.monotonic() - self._last_heard > UNHEARD_S:
            return "Kafka does not answer"
        return None

    async def alive(self) -> str | None:
        """None unless records wait and none are read: only a new process helps then."""
        return "reads nothing" if self._silent else None

    async def watch(self) -> None:
        """Measures the lag until cancelled; raises when the client has gone silent.

        A consumer can stay without records for ever after its event loop was blocked (aiokafka
        #847, #1037): only a restart of the process helps, and the watchdog asks for it.
        """
        while True:
            await asyncio.sleep(WATCH_EVERY_S * random.uniform(0.9, 1.1))  # noqa: S311 - jitter
            try:
                async with asyncio.timeout(HEARD_WITHIN_S):
                    behind = await self._behind()
            except (KafkaError, TimeoutError):
                continue  # the broker is away: nothing can be said
            self._last_heard = time.monotonic()
            silent = time.monotonic() - self._last_batch
            self._silent = bool(behind) and self._trouble is None and silent > SILENT_S
            if self._silent:
                raise RuntimeError(f"{self.name} reads nothing although {behind} records wait")

    async def _behind(self) -> int:
        """Records that wait on partitions that are ours and open."""
        client = self.consumer
        places = client.assignment() if client is not None else set()
        if client is None or not places:
            return 0
        ends = await client.end_offsets(places)
        lag: dict[str, int] = {}
        behind = 0
        for place, end in ends.items():
            if place not in client.assignment():
                continue
            waiting = max(0, end - await client.position(place))
            topic = self._topics[place.topic].name
            lag[topic] = lag.get(topic, 0) + waiting
            if place not in client.paused():
                behind += waiting
        for topic, waiting in lag.items():
            self._metrics.lag(self.name, topic, waiting)
        if behind == 0:
            self._last_batch = time.monotonic()
        return behind


def _offsets(
    records: Iterable["ConsumerRecord[bytes, bytes]"],
) -> dict[TopicPartition, list[int]]:
    """The offsets of a batch by partition, in their order."""
    found: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for record in records:
        found[record.topic, record.partition].append(record.offset)
    return {TopicPartition(*where): offsets for where, offsets in found.items()}


async def _raw(message: KafkaMessage) -> object:
    return message.raw_message


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing to do: a batch in flight either commits in time or is read again elsewhere."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._consumer.assigned(assigned)
