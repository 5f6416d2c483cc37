"""The valve and the batcher: bounded, fair, and honest about what was not written."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace

import pytest
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from toog.contracts.topics import EVENTS
from toog.kit.errors import UnavailableError
from toog.kit.settings import KafkaSettings
from toog.kit.stream.consume import Consumer, Rejected
from toog.kit.stream.metrics import StreamMetrics
from toog.kit.stream.produce import Batcher, Outgoing, Producer
from toog.kit.stream.valve import IN_A_ROW, IN_WINDOW, WINDOW, Valve

RECORD = Outgoing(EVENTS, b"k", b"v", [], 0)


def test_twenty_in_a_row_close_it_at_the_first_of_them() -> None:
    valve = Valve()
    valve.saw(0, bad=True)
    valve.saw(1, bad=False)
    closed = [valve.saw(2 + n, bad=True) for n in range(IN_A_ROW)]

    assert closed == [False] * (IN_A_ROW - 1) + [True]
    assert valve.closed_at == 2


def test_nineteen_in_a_row_do_not() -> None:
    valve = Valve()
    for n in range(10 * IN_A_ROW):
        valve.saw(n, bad=n % IN_A_ROW < IN_A_ROW - 1 and n < IN_A_ROW)

    assert valve.closed_at is None


def test_five_percent_of_the_last_thousand_close_it() -> None:
    valve = Valve()
    step = WINDOW // IN_WINDOW
    closed = [n for n in range(2 * WINDOW) if valve.saw(n, bad=n % step == 0)]

    assert closed == [(IN_WINDOW - 1) * step]


def test_bad_records_older_than_the_window_are_forgotten() -> None:
    valve = Valve()
    for n in range(20 * WINDOW):
        valve.saw(n, bad=n % (WINDOW // IN_WINDOW + 1) == 0)

    assert valve.closed_at is None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.booleans(), max_size=150), max_size=30), st.integers(0, 40))
def test_a_batch_at_once_is_the_same_as_its_records_one_by_one(
    batches: list[list[bool]], read_again: int
) -> None:
    one_by_one, at_once, begin = Valve(), Valve(), 0
    for batch in batches:
        begin = max(0, begin - read_again)  # some of it was seen before
        offsets = range(begin, begin + len(batch))
        bad = {offset for offset, is_bad in zip(offsets, batch, strict=True) if is_bad}
        closed = any(one_by_one.saw(offset, bad=offset in bad) for offset in offsets)

        assert at_once.saw_all(offsets, bad) == closed
        assert at_once.closed_at == one_by_one.closed_at
        begin += len(batch)


def test_a_record_that_is_read_again_and_again_counts_once() -> None:
    valve = Valve()
    closed = [valve.saw(7, bad=True) for _ in range(10 * IN_A_ROW)]

    assert not any(closed)


def test_what_closed_it_does_not_close_the_next_one_and_a_new_series_does() -> None:
    first = Valve()
    for n in range(IN_A_ROW):
        first.saw(n, bad=True)
    resumed = Valve(first.seen)
    closed = [n for n in range(2 * IN_A_ROW) if resumed.saw(n, bad=True)]

    assert first.closed_at == 0
    assert closed == [2 * IN_A_ROW - 1]
    assert resumed.closed_at == IN_A_ROW


class Client:
    """What a batch asks of aiokafka's consumer, and what it was told."""

    def __init__(self) -> None:
        self.sought: dict[TopicPartition, int] = {}
        self.committed: dict[TopicPartition, int] = {}

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition(EVENTS.name, number) for number in range(2)}

    def pause(self, *_: TopicPartition) -> None: ...

    def resume(self, *_: TopicPartition) -> None: ...

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.sought[place] = offset

    async def commit(self, kept: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        self.committed |= {place: meta.offset for place, meta in kept.items()}


def unreadable(partition: int, offset: int) -> ConsumerRecord:
    return ConsumerRecord(
        topic=EVENTS.name, partition=partition, offset=offset, timestamp=0, timestamp_type=0,
        key=b"k", value=b"?", checksum=None, serialized_key_size=1, serialized_value_size=1,
        headers=(),
    )  # fmt: skip


async def test_what_a_valve_keeps_back_stays_when_it_is_resumed_while_letters_are_written() -> None:
    client, letters = Client(), []

    class Out:
        async def send(self, records: Iterable[Outgoing]) -> None:
            letters.extend(records)
            assert consumer.resume() == [f"{EVENTS.name}:0"]

    async def handle(records: Sequence[ConsumerRecord]) -> list[Rejected]:
        return [Rejected(record, ValueError("a text")) for record in records]

    consumer = Consumer(
        settings=KafkaSettings(instance="test"), topics=[EVENTS], group="g", stage="router",
        handle=handle, producer=Out(), metrics=StreamMetrics(CollectorRegistry()),
    )  # fmt: skip
    consumer._subscriber = SimpleNamespace(consumer=client)
    series, elsewhere = (TopicPartition(EVENTS.name, number) for number in range(2))
    await consumer._on_batch([*(unreadable(0, n) for n in range(IN_A_ROW)), unreadable(1, 0)])

    assert len(letters) == 1  # of the record elsewhere; those of the series have none yet
    assert client.committed == {series: 0, elsewhere: 1}
    assert client.sought == {series: 0}


async def test_what_fails_to_be_read_is_counted_and_soon_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    known = CollectorRegistry()

    class Restarting(Client):
        async def getmany(self, **_: int) -> dict[TopicPartition, list[ConsumerRecord]]:
            if not slept:
                raise GroupCoordinatorNotAvailableError
            return {TopicPartition(EVENTS.name, n): [unreadable(n, 7)] for n in range(2)}

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def handle(_: Sequence[ConsumerRecord]) -> list[Rejected]:
        return []

    monkeypatch.setattr(asyncio, "sleep", sleep)
    consumer = Consumer(
        settings=KafkaSettings(instance="test"), topics=[EVENTS], group="g", stage="router",
        handle=handle, producer=Producer(KafkaSettings(instance="test")),
        metrics=StreamMetrics(known),
    )  # fmt: skip

    assert await consumer._next_batch(Restarting()) == ()
    assert len(slept) == 1
    assert slept[0] <= 1
    labels = {"group": "g", "error": "GroupCoordinatorNotAvailableError"}
    assert known.get_sample_value("toog_consumer_failures_total", labels) == 1
    assert [record.partition for record in await consumer._next_batch(Restarting())] == [0, 1]


async def test_callers_that_come_during_a_write_share_the_next_one() -> None:
    writes: list[int] = []

    async def send(records: Iterable[Outgoing]) -> None:
        writes.append(len(list(records)))
        await asyncio.sleep(0.01)

    batcher = Batcher(send, limit=1000, wait_s=1)
    task = asyncio.create_task(batcher.run())
    await asyncio.gather(*(batcher.put([RECORD]) for _ in range(100)))
    task.cancel()

    assert sum(writes) == 100
    assert len(writes) <= 2


async def test_a_failed_write_is_told_to_those_who_waited_for_it_and_the_next_goes_on() -> None:
    answers = iter([UnavailableError("Kafka"), None])

    async def send(records: Iterable[Outgoing]) -> None:
        if error := next(answers):
            raise error

    batcher = Batcher(send, limit=1000, wait_s=1)
    task = asyncio.create_task(batcher.run())
    with pytest.raises(UnavailableError):
        await batcher.put([RECORD])
    await batcher.put([RECORD])
    task.cancel()


async def test_too_much_waiting_is_refused_at_once() -> None:
    async def send(records: Iterable[Outgoing]) -> None:
        await asyncio.sleep(10)

    batcher = Batcher(send, limit=2, wait_s=0.05)
    first = asyncio.create_task(batcher.put([RECORD, RECORD]))
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await batcher.put([RECORD])
    with pytest.raises(UnavailableError):
        await first
