"""The delivery rules on a real broker and a real database: nothing lost, no effect twice."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiokafka.structs import ConsumerRecord
from prometheus_client import CollectorRegistry
from support.faults import Stream, ended, ready, record
from support.worker import GROUP, effect

from toog.contracts.ids import partition_of
from toog.contracts.topics import EVENTS
from toog.kit.postgres import open_pool
from toog.kit.stream.consume import Consumer, broker
from toog.kit.stream.metrics import StreamMetrics
from toog.kit.stream.valve import IN_A_ROW
from toog.local.kafka import Kafka
from toog.local.postgres import Postgres


@pytest.fixture
async def stream(kafka: Kafka, prefix: str, database: str, tmp_path: Path) -> AsyncIterator[Stream]:
    async with Stream(kafka.bootstrap, prefix, database, tmp_path) as made:
        yield made


class Inside:
    """A consumer inside the test, so that its handler can be made to fail."""

    def __init__(self, stream: Stream, handle: object) -> None:
        self.consumer = Consumer(
            settings=stream.settings,
            topics=[EVENTS],
            group=GROUP,
            stage="router",
            handle=handle,
            producer=stream.producer,
            metrics=StreamMetrics(CollectorRegistry()),
            max_records=100,
        )
        self.broker = broker(stream.settings)
        self.consumer.attach(self.broker)

    async def __aenter__(self) -> Consumer:
        await self.broker.start()
        return self.consumer

    async def __aexit__(self, *_: object) -> None:
        await self.broker.stop()


async def until_said(consumer: Consumer, word: str) -> None:
    async with asyncio.timeout(15):
        while word not in (await consumer.ready() or ""):  # noqa: ASYNC110 - a probe is polled
            await asyncio.sleep(0.02)


async def test_a_consumer_killed_between_effect_and_commit_loses_nothing_and_repeats_nothing(
    stream: Stream,
) -> None:
    await stream.send(2000)
    worker, _ = stream.worker(slow=30)  # so that the kill falls between, however late it comes
    await stream.until(1, within=15)
    await ended(worker, signal.SIGKILL, within=5)
    stream.worker()
    await stream.until(2000, within=20)

    assert await stream.effects() == (2000, 2000)
    assert await stream.batches() > 2000, "the kill fell outside the gap: nothing was repeated"
    await stream.all_committed()


async def test_an_exception_in_a_handler_makes_the_batch_be_read_again(stream: Stream) -> None:
    pool = await open_pool(stream.settings, size=2)
    failures = iter([RuntimeError("a bug"), ConnectionError("away"), KeyError("a bug")])

    async def handle(records: Sequence[ConsumerRecord]) -> object:
        if error := next(failures, None):
            raise error
        return await effect(pool, records)

    await stream.send(1000)
    async with Inside(stream, handle):
        await stream.until(1000, within=20)
        await stream.all_committed()
    await pool.close()

    assert await stream.effects() == (1000, 1000)


async def test_poison_stands_alone_in_the_dead_letters_and_its_neighbours_arrive(
    stream: Stream,
) -> None:
    unreadable = record("bad", value=b'{"id": ')
    only_postgres_refuses = record("nul", text="a\x00b")
    good = [record(f"g{n}") for n in range(500)]
    await stream.producer.send(
        [*good[:200], unreadable, *good[200:300], only_postgres_refuses, *good[300:]]
    )
    stream.worker()
    await stream.until(500, within=20)
    letters = await stream.letters(2)
    await stream.all_committed()

    assert await stream.effects() == (500, 500)
    assert {letter.bytes for letter in letters} == {unreadable.value, only_postgres_refuses.value}
    for letter in letters:
        _, partition, _ = letter.record.rsplit(":", 2)
        assert int(partition) == partition_of(letter.key, EVENTS.partitions)
        assert letter.record.startswith("social.events.v1:")
        assert letter.stage == "router"


async def test_a_series_of_poison_closes_the_valve_uncommitted_until_it_is_resumed(
    stream: Stream,
) -> None:
    pool = await open_pool(stream.settings, size=2)
    mended = False

    async def handle(records: Sequence[ConsumerRecord]) -> object:
        if not mended and any(r.key == b"same" for r in records):
            raise ValueError("a bad deploy: nothing can be read")
        return await effect(pool, records)

    partition = partition_of("same", EVENTS.partitions)
    elsewhere = next(f"k{n}" for n in range(99) if partition_of(f"k{n}", 12) != partition)
    series = [record(f"s{n}") for n in range(IN_A_ROW + 5)]
    await stream.producer.send(
        [type(r)(r.topic, b"same", r.value, r.headers, r.timestamp_ms) for r in series]
    )
    async with Inside(stream, handle) as consumer:
        await until_said(consumer, "valve")
        await stream.producer.send([record(elsewhere)])
        await stream.until(1, within=10)  # other partitions go on
        assert (await stream.committed())[partition] == 0

        mended = True
        assert len(consumer.resume()) == 1
        await stream.until(IN_A_ROW + 6, within=10)
        await stream.all_committed()
        assert await consumer.ready() is None
    await pool.close()

    assert await stream.effects() == (IN_A_ROW + 6, IN_A_ROW + 6)


async def test_a_header_that_is_no_text_loses_no_batch(stream: Stream) -> None:
    odd = record("odd")
    odd = type(odd)(odd.topic, odd.key, odd.value, [("x", b"\xff\xfe")], odd.timestamp_ms)
    await stream.producer.send([odd, *(record(f"n{n}") for n in range(50))])
    stream.worker()
    await stream.until(51, within=15)

    assert await stream.effects() == (51, 51)


async def test_a_record_larger_than_a_batch_arrives_whole_among_small_ones(stream: Stream) -> None:
    large = record("large", text=random.randbytes(3 * 1024 * 1024).hex())
    await stream.producer.send([record("before"), large, record("after"), large])
    stream.worker()
    await stream.until(3, within=15)
    await stream.all_committed()

    assert await stream.effects() == (3, 3)
    assert await stream.batches() == 4


async def test_a_broker_that_restarts_under_load_costs_nothing(
    stream: Stream, kafka: Kafka
) -> None:
    _, address = stream.worker()
    await ready(address)
    load = asyncio.create_task(stream.load(500, 6))
    await asyncio.sleep(1.5)
    await asyncio.to_thread(kafka.stop)
    await asyncio.to_thread(kafka.start)
    await load
    await stream.until(stream.sent, within=15)
    await stream.all_committed()

    assert await stream.effects() == (stream.sent, stream.sent)


async def test_a_database_away_for_ten_seconds_stops_nobody_for_good(
    stream: Stream, postgres: Postgres
) -> None:
    worker, address = stream.worker()
    await ready(address)
    load = asyncio.create_task(stream.load(200, 11))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(postgres.stop)
    await asyncio.sleep(10)
    await asyncio.to_thread(postgres.start)
    await load
    await stream.until(stream.sent, within=15)

    assert await stream.effects() == (stream.sent, stream.sent)
    assert worker.poll() is None, "the worker ended instead of waiting"


async def test_sigterm_under_load_finishes_what_it_holds_and_leaves(stream: Stream) -> None:
    worker, address = stream.worker(slow=0.2)
    await ready(address)
    load = asyncio.create_task(stream.load(400, 4))
    await asyncio.sleep(1.5)
    assert await ended(worker, signal.SIGTERM, within=10) == 0
    before = await stream.batches()
    assert (await stream.effects())[0] == before, "a batch was repeated before the stop"
    stream.worker()
    await load
    await stream.until(stream.sent, within=20)

    assert await stream.effects() == (stream.sent, stream.sent)
    assert await stream.batches() == stream.sent, "the graceful stop left a batch uncommitted"
