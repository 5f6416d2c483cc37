"""Several routers under fault, as processes, on a real broker. `make chaos` prints the figures.

Each test ends with `whole`: every intake record has the verdict that the rules give it (or its
dead letter) and the balance is 0; a sink that takes an id once has each effect once; first
occurrences stand in the order of the source, on the desk per citizen and intake topic.
"""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from support.crowd import UNREADABLE, unreadable
from support.router import Flow
from support.watch import letters

from toog.contracts.ids import partition_of
from toog.contracts.topics import EVENTS, record_of
from toog.kit.stream.valve import IN_A_ROW
from toog.local.kafka import Kafka, Libs

pytestmark = pytest.mark.chaos

RATE = 1_000
BURST = 2_000
Tell = Callable[..., None]


@pytest.fixture
def own_kafka(libs: Libs, tmp_path: Path) -> Iterator[Kafka]:
    """A broker that may be stopped without disturbing anybody."""
    broker = Kafka(tmp_path / "kafka", libs)
    broker.start()
    yield broker
    broker.remove()


@pytest.fixture
async def flow(kafka: Kafka, prefix: str, tmp_path: Path) -> AsyncIterator[Flow]:
    async with Flow(kafka.bootstrap, prefix, tmp_path) as made:
        yield made


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    def say(name: str, **values: object) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {name}: {', '.join(f'{k} {v}' for k, v in values.items())}\n")

    return say


async def test_routers_killed_in_the_middle_of_batches(flow: Flow, tell: Tell) -> None:
    routers = await flow.routers("router-1", "router-2")
    load = asyncio.create_task(flow.load(RATE, 30))
    slowest = 0.0
    for router in routers * 3:
        await flow.kill_in_the_middle(router)
        router.start()
        slowest = max(slowest, await flow.caught_up())
        await router.ready()
    await load

    figures = await flow.whole()
    tell("6 × SIGKILL, two routers", **figures, slowest_catch_up_s=f"{slowest:.1f}")
    assert flow.watch.again > 0, "no kill fell between verdict and commit"


async def test_routers_stopped_under_load(flow: Flow, tell: Tell) -> None:
    routers = await flow.routers("router-1", "router-2")
    load = asyncio.create_task(flow.load(RATE, 20))
    slowest = 0.0
    for router in (*routers, *routers):
        await asyncio.sleep(2)
        assert await router.leave() == 0
        router.start()
        await router.ready()
        slowest = max(slowest, await flow.caught_up())
    await load

    figures = await flow.whole()
    tell("4 × SIGTERM, two routers", **figures, slowest_catch_up_s=f"{slowest:.1f}")


async def test_a_router_added_and_one_removed_under_load(flow: Flow, tell: Tell) -> None:
    first, _ = await flow.routers("router-1", "router-2")
    load = asyncio.create_task(flow.load(RATE, 25))
    await asyncio.sleep(3)
    await flow.routers("router-3")
    added = await flow.caught_up()
    await asyncio.sleep(3)
    assert await first.leave() == 0
    await asyncio.sleep(2)
    removed = await flow.caught_up()
    await load

    figures = await flow.whole()
    tell(
        "one added, one removed",
        **figures,
        caught_up_after_adding_s=f"{added:.1f}",
        after_removing_s=f"{removed:.1f}",
    )


async def test_the_broker_restarted_under_load(
    own_kafka: Kafka, prefix: str, tmp_path: Path, tell: Tell
) -> None:
    async with Flow(own_kafka.bootstrap, prefix, tmp_path) as flow:
        routers = await flow.routers("router-1", "router-2")
        load = asyncio.create_task(flow.load(RATE, 20))
        slowest = 0.0
        for fault in (own_kafka.stop, own_kafka.kill):
            await asyncio.sleep(3)
            await flow.send(flow.crowd.records(BURST))
            await asyncio.to_thread(fault)
            await asyncio.to_thread(own_kafka.start)
            slowest = max(slowest, await flow.caught_up())
        await load

        figures = await flow.whole()
        tell("broker stopped, then killed", **figures, slowest_catch_up_s=f"{slowest:.1f}")
        assert all(router.runs for router in routers)


async def test_the_broker_away_for_thirty_seconds(
    own_kafka: Kafka, prefix: str, tmp_path: Path, tell: Tell
) -> None:
    async with Flow(own_kafka.bootstrap, prefix, tmp_path) as flow:
        routers = await flow.routers("router-1", "router-2")
        load = asyncio.create_task(flow.load(RATE, 45))
        await asyncio.sleep(5)
        await flow.send(flow.crowd.records(3 * BURST))  # so that batches are under way
        await asyncio.to_thread(own_kafka.kill)
        await asyncio.sleep(30)
        await asyncio.to_thread(own_kafka.start)
        caught_up = await flow.caught_up()
        await load

        figures = await flow.whole()
        failed = sum([await router.failures() for router in routers])
        tell("broker away 30 s", **figures, failed_batches=failed, caught_up_s=f"{caught_up:.1f}")
        assert all(router.runs for router in routers)
        assert failed > 0, "no batch was under way when the broker went"


async def test_one_percent_that_cannot_be_read(flow: Flow, tell: Tell) -> None:
    bad = 100
    routers = await flow.routers("router-1", "router-2")
    for first in range(0, bad, 5):
        records = [*flow.crowd.records(495), *(unreadable(first + n) for n in range(5))]
        random.shuffle(records)
        await asyncio.gather(flow.send(records), asyncio.sleep(0.5))

    figures = await flow.whole()
    set_aside = letters(flow.watch)
    tell("1 % unreadable", **figures, dead_letters=len(set_aside))
    assert len(set_aside) == bad
    assert {one.bytes for one in set_aside.values()} == set(UNREADABLE)
    assert {one.stage for one in set_aside.values()} == {"router"}
    for router in routers:
        assert await router.ask("readyz") == (200, {"ready": True})


async def test_one_citizen_with_half_of_all_events(flow: Flow, tell: Tell) -> None:
    await flow.routers("router-1", "router-2")
    load = asyncio.create_task(flow.load(RATE, 15, citizen="loudest"))
    await asyncio.sleep(5)
    for _ in range(5):
        await flow.send(flow.crowd.records(BURST, citizen="loudest"))
    caught_up = await flow.caught_up()
    await load

    figures = await flow.whole()
    loudest = [c for c in flow.watch.intake if is_by(flow, c, "loudest")]
    crowded = {coordinates.rpartition(":")[0] for coordinates in loudest}
    waits = flow.watch.waits()
    elsewhere = sorted(w for c, w in waits.items() if c.rpartition(":")[0] not in crowded)
    p99, longest = elsewhere[len(elsewhere) * 99 // 100], max(waits[c] for c in loudest)
    tell(
        "one citizen with half of all events",
        **figures,
        caught_up_s=f"{caught_up:.1f}",
        others_p99_s=f"{p99:.2f}",
        loudest_longest_s=f"{longest:.2f}",
    )
    assert len(loudest) > len(waits) / 2
    assert p99 < max(longest, 5), "the others starved behind one citizen"


def is_by(flow: Flow, coordinates: str, citizen: str) -> bool:
    return (flow.watch.intake[coordinates].key or b"").endswith(f":{citizen}".encode())


async def test_a_valve_closed_by_a_bad_series_and_resumed(flow: Flow, tell: Tell) -> None:
    routers = await flow.routers("router-1", "router-2")
    await flow.send(flow.crowd.records(BURST))
    key = b"x:1:broken"
    closed = partition_of(key, EVENTS.partitions)
    behind = f"{EVENTS.name}:{closed}:"
    await flow.send([unreadable(n, key) for n in range(IN_A_ROW)])
    async with asyncio.timeout(20):
        while not (stuck := [r for r in routers if (await r.ask("readyz"))[0] == 503]):  # noqa: ASYNC110 - a probe is polled
            await asyncio.sleep(0.1)
    (router,) = stuck
    assert (await router.ask("livez"))[0] == 200
    _, said = await router.ask("readyz")
    assert said["toog.router.events"] == f"valve closed on {flow.at(closed)}"

    await flow.load(RATE, 5)
    async with asyncio.timeout(20):  # everything else flows
        while any(not c.startswith(behind) for c in flow.watch.waiting):  # noqa: ASYNC110 - the watch is polled
            await asyncio.sleep(0.05)
    held_back = len(flow.watch.waiting)
    assert held_back > 0, "nobody wrote behind the bad series"

    assert await router.ask("resume", "POST") == (200, {"opened": [flow.at(closed)]})
    caught_up = await flow.caught_up()
    figures = await flow.whole()
    set_aside = letters(flow.watch)
    tell("valve closed and resumed", **figures, held_back=held_back, caught_up_s=f"{caught_up:.1f}")
    first = min(int(c.rpartition(":")[2]) for c in set_aside)
    assert set(set_aside) == {record_of(EVENTS.name, closed, first + n) for n in range(IN_A_ROW)}
    assert (await router.ask("readyz"))[0] == 200
