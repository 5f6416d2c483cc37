"""The wiring of metrics, read top to bottom."""

import asyncio
import contextlib
import time

from starlette.routing import Mount

from services.metrics.api import make_api
from services.metrics.audit import Audit
from services.metrics.handlers import READ, Intake
from services.metrics.offsets import Offsets
from services.metrics.settings import Settings
from services.metrics.store import Pool, reading
from services.metrics.telemetry import Figures, Rounds
from toog.contracts.topics import METRICS_GROUP
from toog.kit.migrate import check_schema
from toog.kit.postgres import open_pool
from toog.kit.program import run
from toog.kit.stream.client import wait_for_kafka
from toog.kit.stream.consume import Consumer, broker
from toog.kit.stream.metrics import StreamMetrics
from toog.kit.stream.operate import resume_route
from toog.kit.stream.produce import producer
from toog.kit.telemetry import registry
from toog.kit.web import Health, internal_app, listener, until_told_to_stop


def main() -> None:
    """Runs metrics until it is told to stop."""
    run("metrics", Settings, serve)


async def serve(settings: Settings) -> None:
    """Reads what the router and the desk tell, counts it, and holds it against Kafka's offsets."""
    health, metrics = Health(), registry()
    async with contextlib.AsyncExitStack() as stack:
        pool = await open_pool(settings, size=4)
        stack.push_async_callback(_closed, pool)
        await check_schema(pool, "access", "metrics")
        await wait_for_kafka(settings)
        out = await stack.enter_async_context(producer(settings))
        offsets = Offsets(settings)
        stack.push_async_callback(offsets.close)
        rounds = Rounds(metrics, time.monotonic())
        figures = Figures(await reading.totals(pool), rounds)
        metrics.register(figures)
        intake = Intake(settings=settings, pool=pool, offsets=offsets, figures=figures)
        consumer = Consumer(
            settings=settings,
            topics=READ,
            group=METRICS_GROUP,
            stage="metrics",
            handle=intake,
            producer=out,
            metrics=StreamMetrics(metrics),
            start_at=intake.start_at,
        )
        kafka = broker(settings)
        consumer.attach(kafka)

        async def database() -> str | None:
            await pool.fetchval("SELECT 1")
            return None

        health.alive["consumer"] = consumer.alive
        health.ready |= {"consumer": consumer.ready, "database": database}
        routes = [
            resume_route([consumer]),
            Mount("/api/v1", make_api(pool, rounds)),
        ]
        internal = internal_app(health, metrics, routes)
        await stack.enter_async_context(listener(internal, settings.internal_bind))
        await kafka.start()
        stack.push_async_callback(kafka.stop)
        audit = Audit(pool=pool, offsets=offsets, rounds=rounds)
        watched = [
            asyncio.create_task(consumer.watch(), name="watch consumer"),
            asyncio.create_task(audit.run(), name="balance"),
        ]
        try:
            await until_told_to_stop(*watched)
        finally:
            health.stopping = True
            for task in watched:
                task.cancel()
            await asyncio.gather(*watched, return_exceptions=True)


async def _closed(pool: Pool) -> None:
    """Closes the pool; bounded, since the database may be away."""
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except TimeoutError:
        pool.terminate()
