"""Ours: the router's own readers, judge and producer, with every rule of the shipped policy."""

import asyncio
from collections.abc import Sequence
from typing import Any

from bench.arms.task import Task, play
from support.meter import Meter, spent

from services.router.app import READ, configuration, readers
from services.router.telemetry import RouterMetrics
from toog.kit.stream.consume import broker
from toog.kit.stream.metrics import StreamMetrics
from toog.kit.stream.produce import producer
from toog.kit.telemetry import registry


class Metered(StreamMetrics):
    """The router's own metrics, which are told of every commit; the meter hears it too."""

    def __init__(self, meter: Meter, over: asyncio.Event) -> None:
        super().__init__(registry())
        self._meter, self._over = meter, over

    def batch(self, group: str, count: int, records: Sequence[Any], seconds: float) -> None:
        super().batch(group, count, records, seconds)
        if self._meter.committed(count, spent()):
            self._over.set()


async def route(task: Task, meter: Meter) -> None:
    """Wired as `services.router.app.serve` wires it; only the groups have names of their own."""
    settings, over = task.settings(), asyncio.Event()
    accounts, policy = configuration(settings)
    async with producer(settings) as out:
        kafka = broker(settings)
        consumers = readers(
            settings,
            out,
            accounts=accounts,
            policy=policy,
            stream=Metered(meter, over),
            judged=RouterMetrics(registry()),
            read=[(topic, f"{group}.{task.run}", *rest) for topic, group, *rest in READ],
        )
        for consumer in consumers:
            consumer.attach(kafka)
        watches = [asyncio.create_task(consumer.watch()) for consumer in consumers]
        await kafka.start()
        meter.begin(spent())
        try:
            await over.wait()
        finally:
            await kafka.stop()
            for watch in watches:
                watch.cancel()


if __name__ == "__main__":
    play(route)
