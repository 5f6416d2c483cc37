"""Which messages have entered, for what is told of a whole network: a bounded memory of ids.

Jetstream tells every deletion of the network; only those of messages that entered before may enter
(`Heard.if_seen`). At the start the memory is filled from the intake topics.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection
from typing import Final

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from toog.contracts.events import Event
from toog.contracts.topics import EVENTS, ROOM
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, topic_name
from toog.platforms.base import Heard, Parsed

log = structlog.get_logger(__name__)

REMEMBERED: Final = 50_000
"""Ids per account; the oldest are forgotten first."""
READ_PER_PARTITION: Final = 20_000
FILL_WITHIN_S: Final = 15.0
TELL_EVERY_S: Final = 3.0


class _Entered(msgspec.Struct, frozen=True, gc=False):
    """The fields of an event on the intake topics that the memory needs."""

    id: str
    kind: str
    platform: str
    account: str


class Seen:
    """The ids of messages that entered, per account of the platforms that it is asked to watch."""

    def __init__(self, platforms: Collection[str], limit: int = REMEMBERED) -> None:
        self._platforms = frozenset(platforms)
        self._limit = limit
        self._ids: dict[tuple[str, str], dict[str, None]] = {}
        self.filled = asyncio.Event()
        """Set once the memory holds what can be had of earlier runs."""

    @property
    def watches(self) -> bool:
        """Whether any of our platforms tells of a whole network."""
        return bool(self._platforms)

    @property
    def count(self) -> int:
        """Ids remembered, of all accounts."""
        return sum(len(ids) for ids in self._ids.values())

    def entering(self, parsed: Parsed) -> Parsed:
        """Without what concerns messages that never entered; those of the same group count."""
        if not any(one.if_seen for one in parsed.heard):
            return parsed
        together: set[str] = set()
        kept: list[Heard] = []
        for one in parsed.heard:
            if not one.if_seen:
                together.add(one.event.id)
            elif not self._knows(one.event) and one.event.of not in together:
                continue
            kept.append(one)
        return Parsed(tuple(kept), parsed.unreadable)

    def _knows(self, event: Event) -> bool:
        return event.of in self._ids.get((event.platform, event.account), ())

    def note(self, parsed: Parsed) -> None:
        """All of this has entered."""
        if self._platforms:
            for one in parsed.heard:
                self.note_one(one.event)

    def note_one(self, event: Event | _Entered) -> None:
        """This event has entered; only messages of watched platforms are remembered."""
        if event.kind != "created" or event.platform not in self._platforms:
            return
        known = self._ids.setdefault((event.platform, event.account), {})
        known.pop(event.id, None)
        known[event.id] = None
        if len(known) > self._limit:
            del known[next(iter(known))]


@contextlib.asynccontextmanager
async def filling(seen: Seen, settings: KafkaSettings) -> AsyncIterator[None]:
    """Fills the memory while the doors are open already; only what needs it waits."""
    task = asyncio.create_task(fill(seen, settings), name="seen")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def fill(seen: Seen, settings: KafkaSettings) -> None:
    """Reads the newest records of the intake topics into the memory, within `FILL_WITHIN_S`.

    What is not read in time is not remembered: then a deletion on the network may be missed, which
    is told. An absent Kafka ends it with a warning.
    """
    if not seen.watches:
        seen.filled.set()
        return
    began = time.monotonic()
    consumer = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False)
    try:
        async with asyncio.timeout(FILL_WITHIN_S):
            await consumer.start()
            read = await _read(seen, consumer, settings)
        log.info("messages remembered", records=read, ids=seen.count)
    except (KafkaError, TimeoutError) as error:
        log.warning(
            "not every message of the intake is remembered: some deletions will not enter",
            ids=seen.count,
            seconds=round(time.monotonic() - began, 1),
            reason=type(error).__name__,
        )
    finally:
        seen.filled.set()
        await consumer.stop()


async def _read(seen: Seen, consumer: AIOKafkaConsumer, settings: KafkaSettings) -> int:
    places = [
        TopicPartition(topic_name(settings, topic), number)
        for topic in (EVENTS, ROOM)
        for number in range(topic.partitions)
    ]
    consumer.assign(places)
    ends = await consumer.end_offsets(places)
    starts = await consumer.beginning_offsets(places)
    for place in places:
        consumer.seek(place, max(starts[place], ends[place] - READ_PER_PARTITION))
    read, told = 0, time.monotonic()
    open_ = {place for place in places if await consumer.position(place) < ends[place]}
    while open_:
        batches = await consumer.getmany(timeout_ms=200, max_records=2000)
        for record in (record for records in batches.values() for record in records):
            _remember(seen, record)
            read += 1
        open_ = {place for place in open_ if await consumer.position(place) < ends[place]}
        if time.monotonic() - told > TELL_EVERY_S:
            told = time.monotonic()
            log.info("remembering what has entered", records=read, partitions_left=len(open_))
    return read


def _remember(seen: Seen, record: "ConsumerRecord[bytes, bytes]") -> None:
    try:
        seen.note_one(_decoder.decode(record.value or b""))
    except (msgspec.DecodeError, RecursionError):
        return  # the router makes a dead letter of it


_decoder = msgspec.json.Decoder(_Entered)
