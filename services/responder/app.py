"""The wiring of the responder, read top to bottom."""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from services.responder.acts import Desk
from services.responder.api import public_app
from services.responder.handlers import Intake
from services.responder.relay import Relay
from services.responder.review import Review
from services.responder.sender import Sender, client
from services.responder.settings import Settings
from services.responder.telemetry import DeskFigures, ReviewMetrics, WorkMetrics
from toog.contracts.topics import DESK, RESPONDER_GROUP
from toog.kit import access
from toog.kit.errors import StartError
from toog.kit.migrate import check_schema
from toog.kit.postgres import open_pool
from toog.kit.program import run
from toog.kit.settings import read_file
from toog.kit.stream.client import topic_name, wait_for_kafka
from toog.kit.stream.consume import Consumer, broker
from toog.kit.stream.metrics import StreamMetrics
from toog.kit.stream.operate import resume_route
from toog.kit.stream.produce import producer
from toog.kit.telemetry import registry
from toog.kit.web import Health, internal_app, listener, until_told_to_stop
from toog.platforms.accounts import Accounts, AccountsError, Secrets, read_accounts, read_secrets
from toog.platforms.table import PLATFORMS

CONNECTIONS = 16
"""Of the pool: one each for sender, relay, intake and figures; the rest for agents."""


def main() -> None:
    """Runs the responder until it is told to stop."""
    run("responder", Settings, serve)


async def serve(settings: Settings) -> None:
    """Takes in what is addressed to us, lets agents answer, sends, and tells what happened."""
    accounts, secrets = configuration(settings)
    health, metrics = Health(), registry()
    work = WorkMetrics(metrics)
    await wait_for_kafka(settings)
    async with contextlib.AsyncExitStack() as stack:
        pool = await open_pool(settings, size=CONNECTIONS)
        stack.push_async_callback(pool.close)
        await check_schema(pool, "access", "responder")
        out = await stack.enter_async_context(producer(settings))
        http = await stack.enter_async_context(client())

        relay = Relay(pool, out.send, work)
        sender = Sender(
            pool,
            http=http,
            outgoing={name: platform.outgoing for name, platform in PLATFORMS.items()},
            accounts=accounts,
            secrets=secrets,
            metrics=work,
        )
        desk = Desk(
            pool,
            lease_s=settings.lease_s,
            reply_length=lambda platform: PLATFORMS[platform].reply_length,
            measure=lambda platform, text: PLATFORMS[platform].length(text),
            wake=sender.wake,
        )
        consumer = Consumer(
            settings=settings,
            topics=[DESK],
            group=RESPONDER_GROUP,
            stage="responder",
            handle=Intake(pool, topic_name(settings, DESK)),
            producer=out,
            metrics=StreamMetrics(metrics),
        )
        kafka = broker(settings)
        consumer.attach(kafka)
        figures = DeskFigures(pool, metrics)

        async def database() -> str | None:
            await pool.fetchval("SELECT 1", timeout=2)
            return None

        health.alive["kafka consumer"] = consumer.alive
        health.ready = {"kafka consumer": consumer.ready, "database": database}
        internal = internal_app(health, metrics, [resume_route([consumer])])
        await stack.enter_async_context(listener(internal, settings.internal_bind))
        relaying = asyncio.create_task(relay.run(), name="relay")
        stack.push_async_callback(_ended, relaying, relay.stop)
        sending = asyncio.create_task(sender.run(), name="sender")
        stack.push_async_callback(_ended, sending, sender.stop)
        reading = asyncio.create_task(figures.run(), name="figures")
        stack.push_async_callback(_cancelled, reading)
        review = Review(pool, settings, send=out.send, metrics=ReviewMetrics(metrics))
        public = public_app(desk, review, partial(access.caller, pool))
        await stack.enter_async_context(listener(public, settings.public_bind))
        await kafka.start()
        stack.push_async_callback(kafka.stop)
        watch = asyncio.create_task(consumer.watch(), name="watch")
        stack.push_async_callback(_cancelled, watch)
        try:
            await until_told_to_stop(watch, relaying, sending, reading)
        finally:
            health.stopping = True


def configuration(settings: Settings) -> tuple[Accounts, Secrets]:
    """Our accounts and their credentials. Raises StartError with the sentence of what is wrong."""
    try:
        accounts = read_accounts(read_file(settings.accounts, "TOOG_ACCOUNTS"))
        return accounts, read_secrets(settings.secrets.get_secret_value())
    except AccountsError as error:
        raise StartError(str(error)) from error


async def _ended(task: "asyncio.Task[None]", stop: Callable[[], None]) -> None:
    """Lets a loop end by itself: what it has under way is finished."""
    stop()
    with contextlib.suppress(Exception):  # an error has ended the program already
        await task


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
