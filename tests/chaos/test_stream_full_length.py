"""The faults of kit/stream at full length. `make chaos` runs them and prints their figures."""

import asyncio
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.faults import Stream, ended, ready, record

from toog.local.kafka import Kafka
from toog.local.postgres import Postgres

pytestmark = pytest.mark.chaos


@pytest.fixture
async def stream(kafka: Kafka, prefix: str, database: str, tmp_path: Path) -> AsyncIterator[Stream]:
    async with Stream(kafka.bootstrap, prefix, database, tmp_path) as made:
        yield made


@pytest.fixture
def figures(capsys: pytest.CaptureFixture[str]) -> object:
    def tell(name: str, **values: object) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {name}: {', '.join(f'{k} {v}' for k, v in values.items())}\n")

    return tell


async def whole(stream: Stream) -> None:
    """Nothing lost, no effect twice, everything committed."""
    assert await stream.effects() == (stream.sent, stream.sent)
    await stream.all_committed(within=30)


async def test_eight_kills_under_load(stream: Stream, figures: object) -> None:
    worker, address = stream.worker(slow=0.05)
    await ready(address)
    load = asyncio.create_task(stream.load(1000, 60))
    gaps = []
    for _ in range(8):
        await asyncio.sleep(random.uniform(3, 7))
        await ended(worker, signal.SIGKILL, within=5)
        killed, before = time.monotonic(), await stream.batches()
        worker, address = stream.worker(slow=0.05)
        while await stream.batches() == before:  # noqa: ASYNC110 - another process is watched
            await asyncio.sleep(0.02)
        gaps.append(time.monotonic() - killed)
    await load
    caught_up = await stream.until(stream.sent, within=60)
    await whole(stream)

    repeated = await stream.batches() - stream.sent
    figures(
        "8 × SIGKILL at 1,000/s",
        events=stream.sent,
        delivered_again=repeated,
        longest_gap_s=f"{max(gaps):.1f}",
        caught_up_s=f"{caught_up:.1f}",
    )
    assert repeated > 0, "no kill fell between effect and commit"


async def test_six_graceful_stops_under_load(stream: Stream, figures: object) -> None:
    worker, address = stream.worker(slow=0.05)
    await ready(address)
    load = asyncio.create_task(stream.load(1000, 40))
    stops = []
    for _ in range(6):
        await asyncio.sleep(random.uniform(3, 6))
        begun = time.monotonic()
        assert await ended(worker, signal.SIGTERM, within=15) == 0
        stops.append(time.monotonic() - begun)
        worker, address = stream.worker(slow=0.05)
        await ready(address)
    await load
    await stream.until(stream.sent, within=60)
    await whole(stream)

    figures("6 × SIGTERM at 1,000/s", events=stream.sent, longest_stop_s=f"{max(stops):.1f}")
    assert await stream.batches() == stream.sent, "a graceful stop left a batch uncommitted"


async def test_the_broker_away_for_thirty_seconds(
    stream: Stream, kafka: Kafka, figures: object
) -> None:
    _, address = stream.worker()
    await ready(address)
    load = asyncio.create_task(stream.load(500, 45))
    await asyncio.sleep(5)
    await asyncio.to_thread(kafka.stop)
    await asyncio.sleep(30)
    await asyncio.to_thread(kafka.start)
    back = time.monotonic()
    await load
    await stream.until(stream.sent, within=60)
    await whole(stream)

    figures(
        "broker away 30 s",
        events=stream.sent,
        whole_after_s=f"{time.monotonic() - back:.1f}",
    )


async def test_three_broker_kills_under_load(stream: Stream, kafka: Kafka, figures: object) -> None:
    _, address = stream.worker()
    await ready(address)
    load = asyncio.create_task(stream.load(500, 50))
    for _ in range(3):
        await asyncio.sleep(8)
        await asyncio.to_thread(kafka.kill)
        await asyncio.to_thread(kafka.start)
    await load
    caught_up = await stream.until(stream.sent, within=60)
    await whole(stream)

    figures("3 × broker SIGKILL", events=stream.sent, caught_up_s=f"{caught_up:.1f}")


async def test_the_database_away_for_sixty_seconds(
    stream: Stream, postgres: Postgres, figures: object
) -> None:
    worker, address = stream.worker()
    await ready(address)
    load = asyncio.create_task(stream.load(500, 66))
    await asyncio.sleep(3)
    await asyncio.to_thread(postgres.stop)
    await asyncio.sleep(60)
    await asyncio.to_thread(postgres.start)
    back = time.monotonic()
    await load
    await stream.until(stream.sent, within=60)
    await whole(stream)

    assert worker.poll() is None, "the worker ended instead of waiting"
    figures(
        "database away 60 s",
        events=stream.sent,
        whole_after_s=f"{time.monotonic() - back:.1f}",
    )


async def test_one_percent_poison_among_many(stream: Stream, figures: object) -> None:
    bad = 0
    for n in range(20):
        good = [record(f"p{n}-{i}") for i in range(990)]
        odd = [record(f"q{n}-{i}", value=b"{") for i in range(5)]
        nul = [record(f"r{n}-{i}", text="\x00") for i in range(5)]
        mixed = [*good, *odd, *nul]
        random.shuffle(mixed)
        await stream.producer.send(mixed)
        bad += 10
    begun = time.monotonic()
    stream.worker()
    await stream.until(20 * 990, within=120)
    letters = await stream.letters(bad, within=30)
    took = time.monotonic() - begun
    await stream.all_committed(within=30)

    assert await stream.effects() == (19_800, 19_800)
    assert len({letter.record for letter in letters}) == bad
    figures("1 % poison", events=20_000, dead=bad, took_s=f"{took:.1f}")
