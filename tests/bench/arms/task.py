"""What an arm of the benchmark is told, and how its process reports: one file of JSON."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import uvloop
from support.meter import Meter

from services.router.about import get_ready
from services.router.app import READ, configuration
from services.router.handlers import Judge
from services.router.settings import Settings
from services.router.telemetry import RouterMetrics
from toog.kit.stream.client import topic_name
from toog.kit.telemetry import registry


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Read both intake topics under `prefix` as group `run`, `warm` events and then `count` more."""

    kafka: str
    prefix: str
    run: str
    accounts: str
    warm: int
    count: int
    result: str

    def settings(self) -> Settings:
        """The router's settings with the shipped policy."""
        return Settings(
            kafka=self.kafka,
            kafka_prefix=self.prefix,
            instance=self.run,
            accounts=Path(self.accounts),
        )


def intake(task: Task) -> list[str]:
    """The names of both intake topics at the broker."""
    settings = task.settings()
    return [topic_name(settings, topic) for topic, *_ in READ]


def judges(task: Task) -> dict[str, Judge]:
    """The router's judgement by the name of the topic at the broker; nobody sends for it."""
    settings, metrics = task.settings(), RouterMetrics(registry())
    accounts, policy = configuration(settings)
    get_ready(policy)
    return {
        topic_name(settings, topic): Judge(
            topic, door, policy=policy, accounts=accounts, send=_nothing, metrics=metrics
        )
        for topic, _, door, _ in READ
    }


async def _nothing(_: object) -> None:
    raise NotImplementedError("an arm writes by its own means")


def told() -> Task:
    """The task of this process, from its command line."""
    return msgspec.json.decode(sys.argv[1], type=Task)


def report(task: Task, meter: Meter) -> None:
    """Writes down what was measured; the file appears whole."""
    part = Path(f"{task.result}.part")
    part.write_bytes(msgspec.json.encode(meter.measured()))
    part.rename(task.result)


def play(arm: Callable[[Task, Meter], Awaitable[None]]) -> None:
    """Runs an arm on the loop and with the garbage collection that the router runs with."""
    task = told()
    meter = Meter(task.warm, task.count)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)

    async def run() -> None:
        await arm(task, meter)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    report(task, meter)
