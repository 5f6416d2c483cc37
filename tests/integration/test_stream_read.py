"""Looking back into a real log: by coordinates, by time, what is gone, what grows meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import ConsumerRecord, TopicPartition

from toog.contracts.ids import partition_of
from toog.contracts.topics import DROPPED, EVENTS, ROOM, Topic, record_of
from toog.kit.errors import UnavailableError
from toog.kit.settings import KafkaSettings
from toog.kit.stream import read
from toog.kit.stream.client import connection, topic_name
from toog.kit.stream.produce import Outgoing, Producer, producer
from toog.kit.stream.read import Look, Span, look
from toog.kit.stream.topics import ensure_topics
from toog.local.kafka import Kafka

KEY = b"x:1:7"
PLACE = partition_of(KEY, EVENTS.partitions)
BEGIN_MS = int(time.time() * 1000) - 3_600_000  # an hour ago: retention leaves it alone


class Log:
    """A look at topics of its own, and a hand that writes to them."""

    def __init__(self, settings: KafkaSettings, out: Producer, eye: Look) -> None:
        self.settings = settings
        self.out = out
        self.eye = eye

    async def write(self, times: Sequence[int], topic: Topic = EVENTS, key: bytes = KEY) -> None:
        """A record per time, in seconds after the begin; its value is the time."""
        await self.out.send(
            Outgoing(topic, key, str(at).encode(), [("ce_id", b"1")], BEGIN_MS + at * 1000)
            for at in times
        )

    async def span(self, first_s: int | None = None, last_s: int | None = None) -> Span:
        """The span of the one partition that is written to."""
        return (await self.spans(first_s, last_s))[PLACE]

    async def spans(self, first_s: int | None = None, last_s: int | None = None) -> list[Span]:
        return await self.eye.spans(
            [EVENTS],
            None if first_s is None else BEGIN_MS + first_s * 1000,
            None if last_s is None else BEGIN_MS + last_s * 1000,
        )

    async def expired(self, before: int) -> None:
        """Retention has taken what stands before this offset."""
        admin = AIOKafkaAdminClient(**connection(self.settings))
        await admin.start()
        try:
            at = TopicPartition(topic_name(self.settings, EVENTS), PLACE)
            await admin.delete_records({at: RecordsToDelete(before_offset=before)})
        finally:
            await admin.close()

    async def read(self, spans: Sequence[Span], **options: int) -> list[ConsumerRecord]:
        return [r async for bite in self.eye.scan(spans, **options) for _, r in bite]


@pytest.fixture
async def log(kafka: Kafka, prefix: str) -> AsyncIterator[Log]:
    settings = KafkaSettings(kafka=kafka.bootstrap, kafka_prefix=prefix, instance="reader")
    await ensure_topics(settings)
    async with producer(settings) as out, look(settings) as eye:
        yield Log(settings, out, eye)


def values(records: Sequence[ConsumerRecord]) -> list[int]:
    return [int(r.value) for r in records]


async def test_a_record_is_found_by_its_coordinates_or_known_to_be_gone(log: Log) -> None:
    await log.write(range(5))
    found = await log.eye.record(record_of(EVENTS.name, PLACE, 3))
    ahead = await log.eye.record(record_of(EVENTS.name, PLACE, 5))
    await log.expired(4)
    gone = await log.eye.record(record_of(EVENTS.name, PLACE, 3))
    left = await log.eye.record(record_of(EVENTS.name, PLACE, 4))

    assert found is not None
    assert (found.value, found.key, found.timestamp) == (b"3", KEY, BEGIN_MS + 3000)
    assert (ahead, gone) == (None, None)
    assert left is not None
    assert left.value == b"4"


@pytest.mark.parametrize(
    "wrong",
    ["social.events.v1", "social.events.v1:1", "somebody.else.v1:0:0", "social.events.v1:12:0",
     "social.events.v1:0:-1", "social.events.v1:a:0"],
)  # fmt: skip
async def test_what_are_no_coordinates_of_ours_is_refused(log: Log, wrong: str) -> None:
    with pytest.raises(ValueError, match=r"coordinates|unpack|literal"):
        await log.eye.record(wrong)


async def test_a_time_is_found_by_receipt_and_the_rest_of_the_partitions_is_empty(log: Log) -> None:
    await log.write([0, 10, 20, 20, 30, 40])
    all_of_it = await log.spans()
    middle = await log.span(20, 40)
    between = await log.span(21, 29)
    later = await log.span(41)
    before = await log.span(None, 0)

    assert [(s.first, s.end) for s in all_of_it if s.partition != PLACE] == [(0, 0)] * 11
    assert (all_of_it[PLACE].first, all_of_it[PLACE].end, all_of_it[PLACE].clipped) == (0, 6, False)
    assert (middle.first, middle.end, middle.clipped) == (2, 5, False)
    assert (between.first, between.end) == (4, 4)
    assert (later.first, later.end) == (6, 6)
    assert (before.first, before.end) == (0, 0)
    assert values(await log.read([middle])) == [20, 20, 30]


async def test_a_time_of_which_retention_took_the_begin_says_so(log: Log) -> None:
    await log.write(range(0, 100, 10))
    await log.expired(3)
    whole, clipped, after = await log.span(), await log.span(10), await log.span(50)
    gone = await log.span(0, 20)

    assert (whole.first, whole.end, whole.clipped) == (3, 10, True)
    assert (clipped.first, clipped.clipped) == (3, True)
    assert (after.first, after.clipped) == (5, False)
    assert (gone.first, gone.end, gone.clipped) == (3, 3, True)
    assert values(await log.read([clipped])) == [30, 40, 50, 60, 70, 80, 90]


async def test_what_comes_during_a_scan_is_not_part_of_it(log: Log) -> None:
    await log.write(range(10))
    spans = await log.spans()
    seen = []
    async with contextlib.aclosing(log.eye.scan(spans, bite=4)) as bites:
        async for bite in bites:
            await log.write([100] * 50)
            seen += [r for _, r in bite]

    assert values(seen) == list(range(10))
    assert [r.offset for r in seen] == list(range(10))


async def test_what_retention_takes_during_a_scan_is_left_out_and_the_scan_ends(log: Log) -> None:
    await log.write(range(10))
    spans = await log.spans()
    await log.expired(7)
    some = values(await log.read(spans))
    await log.expired(10)

    assert some == [7, 8, 9]
    assert await log.read(spans) == []


async def test_many_partitions_of_several_topics_each_keep_their_order(log: Log) -> None:
    for number in range(20):
        await log.write(range(number), key=b"x:1:%d" % number)
    await log.write([1, 2, 3], topic=DROPPED)
    spans = await log.eye.spans([EVENTS, ROOM, DROPPED])
    found: dict[tuple[str, int], list[int]] = {}
    async for bite in log.eye.scan(spans, bite=7):
        assert len(bite) <= 7
        for topic, record in bite:
            found.setdefault((topic.name, record.partition), []).append(record.offset)

    assert sum(len(offsets) for offsets in found.values()) == sum(range(20)) + 3
    assert all(offsets == list(range(len(offsets))) for offsets in found.values())


async def test_a_scan_that_is_closed_early_lets_others_ask(log: Log) -> None:
    await log.write(range(10))
    async with contextlib.aclosing(log.eye.scan(await log.spans(), bite=1)) as bites:
        async for _ in bites:
            break
    again = await log.read(await log.spans())

    assert values(again) == list(range(10))


async def test_a_question_during_a_scan_is_refused_after_its_time(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.write(range(2))
    spans = await log.spans()
    monkeypatch.setattr(read, "ANSWER_WITHIN_S", 0.2)
    async with contextlib.aclosing(log.eye.scan(spans, bite=1)) as bites:
        async for _ in bites:
            with pytest.raises(UnavailableError):
                await log.spans()
            break


async def test_no_broker_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        async with look(KafkaSettings(kafka="127.0.0.1:1", instance="reader")):
            raise AssertionError


async def test_a_broker_that_goes_away_ends_questions_and_scans(
    log: Log, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.write(range(10))
    spans = await log.spans()
    monkeypatch.setattr(read, "ANSWER_WITHIN_S", 1.0)
    monkeypatch.setattr(read, "SILENT_FOR_S", 1.0)
    await asyncio.to_thread(kafka.kill)
    with pytest.raises(UnavailableError):
        await log.spans()
    with pytest.raises(UnavailableError):
        await log.read(spans)
    await asyncio.to_thread(kafka.start)
    monkeypatch.undo()

    assert values(await log.read(spans)) == list(range(10))


async def test_a_look_that_ends_at_once_ends_as_its_block_does(kafka: Kafka, prefix: str) -> None:
    with pytest.raises(LookupError):
        async with look(KafkaSettings(kafka=kafka.bootstrap, kafka_prefix=prefix)):
            raise LookupError
