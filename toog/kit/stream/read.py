"""Looking back: one record by its coordinates, or everything of a time, without a consumer group."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from toog.contracts.topics import TOPICS, Topic, parse_record
from toog.kit.errors import UnavailableError
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, topic_name

ANSWER_WITHIN_S: Final = 10.0
SILENT_FOR_S: Final = 30.0
"""A scan that gets nothing for so long although records should come gives up."""
BITE: Final = 500
"""Records that are held at a time; one may be a page of the ledger with a hundred lines."""

_BY_NAME: Final = {topic.name: topic for topic in TOPICS}


class Span(NamedTuple):
    """What a scan reads of a partition: offsets [first, end).

    `clipped`: the time asked for begins before what the topic still holds.
    """

    topic: Topic
    partition: int
    first: int
    end: int
    clipped: bool


class Look:
    """Reads records without belonging to a group and without moving any offset.

    Every question raises UnavailableError while no broker answers.
    """

    def __init__(self, settings: KafkaSettings, client: AIOKafkaConsumer) -> None:
        self._settings = settings
        self._client = client
        self._one_at_a_time = asyncio.Lock()

    async def record(self, coordinates: str) -> "ConsumerRecord[bytes, bytes] | None":
        """The record at `topic:partition:offset` (the contract's topic name), or None when gone.

        Raises ValueError where these are no coordinates of a topic of ours.
        """
        name, number, offset = parse_record(coordinates)
        topic = _BY_NAME.get(name)
        if topic is None or not 0 <= number < topic.partitions or offset < 0:
            raise ValueError("these are no coordinates of a topic of ours")
        place = TopicPartition(topic_name(self._settings, topic), number)
        async with self._asking():
            start = (await self._client.beginning_offsets([place]))[place]
            end = (await self._client.end_offsets([place]))[place]
            if not start <= offset < end:
                return None
            self._client.assign([place])
            self._client.seek(place, offset)
            found: ConsumerRecord[bytes, bytes] = await self._client.getone(place)
            return found if found.offset == offset else None

    async def spans(
        self, topics: Iterable[Topic], from_ms: int | None = None, to_ms: int | None = None
    ) -> list[Span]:
        """Where the records of [from, to) stand, per partition, as far as the topics hold them.

        Times are receipts in milliseconds since 1970, as the records carry them. Order inside a
        partition is almost, not exactly, that of time: `from` begins at the first record at or
        after it, `to` ends before the first one at or after that.
        """
        places = {
            TopicPartition(topic_name(self._settings, topic), number): topic
            for topic in topics
            for number in range(topic.partitions)
        }
        async with self._asking():
            starts = await self._client.beginning_offsets(list(places))
            ends = await self._client.end_offsets(list(places))
            firsts = await self._at(places, from_ms) if from_ms is not None else starts
            lasts = await self._at(places, to_ms) if to_ms is not None else ends
        found = []
        for place, topic in places.items():
            first = min(firsts.get(place, ends[place]), ends[place])
            last = min(lasts.get(place, ends[place]), ends[place])
            clipped = starts[place] > 0 and first <= starts[place]
            found.append(Span(topic, place.partition, first, max(first, last), clipped))
        return found

    async def _at(self, places: Iterable[TopicPartition], at_ms: int) -> dict[TopicPartition, int]:
        found: Mapping[TopicPartition, object] = await self._client.offsets_for_times(
            dict.fromkeys(places, max(at_ms, 0))
        )
        return {place: at.offset for place, at in found.items() if at is not None}  # type: ignore[attr-defined]  # aiokafka is untyped

    async def scan(
        self, spans: Sequence[Span], *, bite: int = BITE
    ) -> AsyncGenerator[list[tuple[Topic, "ConsumerRecord[bytes, bytes]"]], None]:
        """Every record of these spans, in bites of at most `bite`; inside a partition in order.

        One scan at a time, and no other question before it is read to its end or closed
        (`contextlib.aclosing`). What retention takes meanwhile is left out. Raises
        UnavailableError when nothing comes for `SILENT_FOR_S`.
        """
        topics = {topic_name(self._settings, span.topic): span.topic for span in spans}
        left = {
            TopicPartition(topic_name(self._settings, span.topic), span.partition): span
            for span in spans
            if span.first < span.end
        }
        if not left:
            return
        async with self._one_at_a_time:
            self._client.assign(list(left))
            for place, span in left.items():
                self._client.seek(place, span.first)
            heard = time.monotonic()
            while left:
                try:
                    found = await self._bite(left, topics, bite)
                except KafkaError as error:
                    raise UnavailableError("Kafka") from error
                if found:
                    yield found
                    heard = time.monotonic()
                elif time.monotonic() - heard > SILENT_FOR_S:
                    raise UnavailableError("Kafka")

    async def _bite(
        self, left: dict[TopicPartition, Span], topics: Mapping[str, Topic], most: int
    ) -> list[tuple[Topic, "ConsumerRecord[bytes, bytes]"]]:
        """The next records; takes out of `left` what was read to its end."""
        found = []
        batches = await self._client.getmany(*left, timeout_ms=500, max_records=most)
        for place, records in batches.items():
            end = left[place].end
            found += [(topics[place.topic], r) for r in records if r.offset < end]
        for place in list(left):
            # the position passes what retention or a marker took from under us
            if await self._client.position(place) >= left[place].end:
                del left[place]
                self._client.pause(place)
        return found

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S), self._one_at_a_time:
                yield
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            raise UnavailableError("Kafka") from error


@contextlib.asynccontextmanager
async def look(settings: KafkaSettings) -> AsyncIterator[Look]:
    """A look for the block. Raises UnavailableError where no broker answers."""
    client = AIOKafkaConsumer(
        **connection(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=1024 * 1024,
    )
    try:
        await client.start()
        await asyncio.sleep(0)  # stop() awaits tasks that it cancels: they must have begun
    except (KafkaError, OSError) as error:
        await client.stop()
        raise UnavailableError("Kafka") from error
    try:
        yield Look(settings, client)
    finally:
        await client.stop()
