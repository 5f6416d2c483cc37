"""The smallest service on the kit: every record has one effect in PostgreSQL, exactly once.

Run as a process of its own, so that it can be killed for real. `WORKER_SLOW_S` is the length of
the gap between effect and commit, into which a SIGKILL falls.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterable, Sequence

import asyncpg
import msgspec
from aiokafka.structs import ConsumerRecord

from toog.contracts.topics import EVENTS
from toog.kit.postgres import open_pool
from toog.kit.program import run
from toog.kit.settings import KafkaSettings, PostgresSettings
from toog.kit.stream.client import wait_for_kafka
from toog.kit.stream.consume import Consumer, Rejected, broker
from toog.kit.stream.metrics import StreamMetrics
from toog.kit.stream.produce import producer
from toog.kit.telemetry import registry
from toog.kit.web import Health, internal_app, listener, until_told_to_stop

GROUP = "toog.worker"


class Settings(KafkaSettings, PostgresSettings):
    """Both dependencies."""


async def effect(pool: asyncpg.Pool, records: Sequence[ConsumerRecord]) -> list[Rejected]:
    """The effect of a batch, in one transaction, acting only on what was not seen before."""
    rejected, rows = [], []
    for record in records:
        try:
            body = msgspec.json.decode(record.value, type=dict[str, str])
            rows.append((body["id"], body["text"]))
        except ValueError as error:
            rejected.append(Rejected(record, error))
    async with pool.acquire() as connection, connection.transaction():
        fresh = await connection.fetch(
            "INSERT INTO seen SELECT * FROM unnest($1::text[], $2::text[]) "
            "ON CONFLICT DO NOTHING RETURNING id",
            [row[0] for row in rows],
            [row[1] for row in rows],
        )
        await connection.execute(
            "INSERT INTO effect SELECT unnest($1::text[])", [row["id"] for row in fresh]
        )
        await connection.execute("INSERT INTO batch (size) VALUES ($1)", len(records))
    return rejected


async def serve(settings: Settings) -> None:
    """The wiring of a service, as short as it gets."""
    slow = float(os.environ.get("WORKER_SLOW_S", "0"))
    health, metrics = Health(), registry()
    await wait_for_kafka(settings)
    pool = await open_pool(settings, size=2)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(pool.close)
        out = await stack.enter_async_context(producer(settings))

        async def handle(records: Sequence[ConsumerRecord]) -> Iterable[Rejected]:
            rejected = await effect(pool, records)
            await asyncio.sleep(slow)
            return rejected

        consumer = Consumer(
            settings=settings,
            topics=[EVENTS],
            group=GROUP,
            stage="router",
            handle=handle,
            producer=out,
            metrics=StreamMetrics(metrics),
            max_records=200,
        )
        kafka = broker(settings)
        consumer.attach(kafka)
        health.ready["consumer"] = consumer.ready
        await stack.enter_async_context(
            listener(internal_app(health, metrics), settings.internal_bind)
        )
        await kafka.start()
        stack.push_async_callback(kafka.stop)
        watch = asyncio.create_task(consumer.watch())
        try:
            await until_told_to_stop(watch)
        finally:
            health.stopping = True
            watch.cancel()


if __name__ == "__main__":
    run("worker", Settings, serve)
