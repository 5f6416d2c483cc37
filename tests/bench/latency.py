"""How long an event takes through the real router, a process of its own: at a steady rate, and behind noise.

Time runs from when a record is due on the intake until it was read from the desk's topic.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Sequence
from itertools import cycle, islice
from typing import Final, Self

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from bench import night
from bench.stage import Stage, environment
from support.meter import percentile

from services.router.app import configuration
from services.router.handlers import decode
from services.router.rules import Verdicts
from services.router.settings import Settings
from toog.contracts.topics import DESK, EVENTS, ROOM, ROUTER_ROOM_GROUP
from toog.contracts.wire import header
from toog.kit.stream.client import connection, group_name, topic_name
from toog.kit.stream.produce import Outgoing, Producer, producer
from toog.local.ports import HOST, free_port
from toog.local.processes import Program, Supervisor

TICKS_A_SECOND: Final = 100
WARM_S: Final = 3.0
ARRIVES_WITHIN_S: Final = 20.0
LOOK_EVERY_S: Final = 0.05
NEXT_MENTION_S: Final = 0.2
DOORS: Final = {topic.name: topic for topic in (EVENTS, ROOM)}


class Desk:
    """Reads the desk's topic from now on: when each addressed record arrived, by its event id."""

    def __init__(self, settings: Settings) -> None:
        self.arrived: dict[tuple[str, int], float] = {}
        self._settings = settings
        self._consumer = AIOKafkaConsumer(**connection(settings), auto_offset_reset="earliest")

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        """Reads inside the block."""
        name = topic_name(self._settings, DESK)
        await self._consumer.start()
        self._consumer.assign([TopicPartition(name, n) for n in range(DESK.partitions)])
        task = asyncio.create_task(self._run(), name="desk")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._consumer.stop()

    async def until(self, expected: set[tuple[str, int]]) -> None:
        """Returns when all these have arrived. Raises TimeoutError otherwise."""
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while not expected <= self.arrived.keys():  # noqa: ASYNC110 - a log offers no event
                await asyncio.sleep(LOOK_EVERY_S / 10)

    async def _run(self) -> None:
        while True:
            batches = await self._consumer.getmany(timeout_ms=1000)
            now = time.time()
            for record in (record for records in batches.values() for record in records):
                if header(record.headers, "ce_outcome") == "addressed":
                    place = header(record.headers, "ce_id") or "", record.timestamp
                    self.arrived.setdefault(place, now)


@contextlib.asynccontextmanager
async def router(stage: Stage, settings: Settings) -> AsyncIterator[None]:
    """The service as it is started anywhere, ready, for the block."""
    supervisor, bind = Supervisor(), f"{HOST}:{free_port()}"
    told = {
        "TOOG_KAFKA": settings.kafka,
        "TOOG_KAFKA_PREFIX": settings.kafka_prefix,
        "TOOG_ACCOUNTS": str(stage.accounts),
        "TOOG_INSTANCE": "router-1",
        "TOOG_INTERNAL_BIND": bind,
    }
    program = Program(
        name="router",
        argv=[sys.executable, "-m", "services.router"],
        env=environment() | told,
        log=stage.accounts.with_name(f"{settings.kafka_prefix}router.log"),
        ready_url=f"http://{bind}/readyz",
    )
    try:
        await supervisor.start(program)
        yield
    finally:
        await supervisor.stop_all()


async def addressed_p99_ms(stage: Stage, *, rate: int, seconds: float) -> float:
    """Milliseconds that 99 of 100 addressed events take at most, while `rate` events a second come.

    An open loop: an event is due when it is due, however late the ones before it are.
    """
    settings = stage.router_settings("rate.")
    async with stage.filled("rate.", 0), router(stage, settings), producer(settings) as out:
        desk = Desk(settings)
        async with desk.read():
            due = await _at_a_rate(out, stage.corpus, rate, seconds)
            expected = _addressed(due, settings)
            await desk.until(set(expected))
    taken = [desk.arrived[place] - at for place, at in expected.items()]
    return percentile(taken, 0.99) * 1000


async def _at_a_rate(
    out: Producer, corpus: Sequence[night.Heard], rate: int, seconds: float
) -> list[tuple[night.Heard, float]]:
    """Sends them when they are due; the events with when each was due, without the first ones."""
    events, sending = cycle(corpus), set[asyncio.Task[None]]()
    due: list[tuple[night.Heard, float]] = []
    begin, clock = time.time(), time.monotonic()
    for tick in range(round((WARM_S + seconds) * TICKS_A_SECOND)):
        after = tick / TICKS_A_SECOND
        await asyncio.sleep(max(0.0, clock + after - time.monotonic()))
        group = list(islice(events, rate // TICKS_A_SECOND))
        task = asyncio.create_task(out.send([outgoing(heard, begin + after) for heard in group]))
        sending.add(task)
        task.add_done_callback(sending.discard)
        if after >= WARM_S:
            due += [(heard, begin + after) for heard in group]
    await asyncio.gather(*sending)
    return due


def outgoing(heard: night.Heard, due: float) -> Outgoing:
    """The event as it was heard, received when it is due."""
    return Outgoing(
        DOORS[heard.topic], heard.key, heard.value, list(heard.headers), int(due * 1000)
    )


def _addressed(
    due: Sequence[tuple[night.Heard, float]], settings: Settings
) -> dict[tuple[str, int], float]:
    """When those were due that must come to the desk as addressed, by id and time of receipt."""
    accounts, policy = configuration(settings)
    own = Verdicts("own", policy, accounts)
    return {
        (header(heard.headers, "ce_id") or "", int(at * 1000)): at
        for heard, at in due
        if heard.topic == EVENTS.name and own.of(decode(heard.value)).outcome == "addressed"
    }


async def mention_behind_noise_ms(stage: Stage, *, fill: int, waiting: int) -> float:
    """The longest that a mention took while at least `waiting` events of the room waited.

    Raises RuntimeError where the noise was gone before a first mention could be sent.
    """
    settings = stage.router_settings("noise.")
    mention = next(
        heard
        for heard in stage.corpus
        if heard.topic == EVENTS.name and b'"mentions"' in heard.value
        and _addressed([(heard, 0.0)], settings)
    )  # fmt: skip
    taken: list[float] = []
    desk = Desk(settings)
    async with (
        stage.filled("noise.", fill, corpus=stage.room),
        producer(settings) as out,
        desk.read(),
        Backlog(settings, fill) as backlog,
        router(stage, settings),
    ):
        async with asyncio.timeout(60):
            while (left := await backlog.left()) >= waiting:
                if left < fill:  # it is at work
                    taken.append(await _one(out, desk, mention))
                await asyncio.sleep(NEXT_MENTION_S if taken else LOOK_EVERY_S)
    if not taken:
        raise RuntimeError("the noise was gone before a mention came: fill more of it")
    return max(taken) * 1000


async def _one(out: Producer, desk: Desk, mention: night.Heard) -> float:
    now = time.time()
    await out.send([outgoing(mention, now)])
    place = header(mention.headers, "ce_id") or "", int(now * 1000)
    await desk.until({place})
    return desk.arrived[place] - now


class Backlog:
    """How much of the room the router has not committed yet."""

    def __init__(self, settings: Settings, filled: int) -> None:
        self._admin = AIOKafkaAdminClient(**connection(settings))
        self._group = group_name(settings, ROUTER_ROOM_GROUP)
        self._filled = filled

    async def __aenter__(self) -> Self:
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def left(self) -> int:
        """Events of the room that wait."""
        committed = await self._admin.list_consumer_group_offsets(self._group)
        return self._filled - sum(max(0, one.offset) for one in committed.values())
