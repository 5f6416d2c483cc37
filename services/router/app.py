"""The wiring of the router, read top to bottom."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final

from services.router.about import get_ready
from services.router.handlers import Judge
from services.router.policy import Policy, PolicyError, read_policy, shipped_policy
from services.router.rules import Door
from services.router.settings import Settings
from services.router.telemetry import RouterMetrics
from toog.contracts.topics import EVENTS, ROOM, ROUTER_EVENTS_GROUP, ROUTER_ROOM_GROUP, Topic
from toog.kit.errors import StartError
from toog.kit.program import run
from toog.kit.settings import read_file
from toog.kit.stream.client import wait_for_kafka
from toog.kit.stream.consume import Consumer, broker
from toog.kit.stream.metrics import StreamMetrics
from toog.kit.stream.operate import resume_route
from toog.kit.stream.produce import Producer, producer
from toog.kit.telemetry import registry
from toog.kit.web import Health, internal_app, listener, until_told_to_stop
from toog.platforms.accounts import Accounts, AccountsError, read_accounts

Read = tuple[Topic, str, Door, int]
"""A topic, the group that reads it, the door it stands for, and the most records of a batch."""

READ: Final[tuple[Read, ...]] = (
    (EVENTS, ROUTER_EVENTS_GROUP, "own", 2000),
    (ROOM, ROUTER_ROOM_GROUP, "room", 2000),
)


def main() -> None:
    """Runs the router until it is told to stop."""
    run("router", Settings, serve)


async def serve(settings: Settings) -> None:
    """Reads both intake topics, each by a group of its own, and judges."""
    accounts, policy = configuration(settings)
    health, metrics = Health(), registry()
    stream_metrics, router_metrics = StreamMetrics(metrics), RouterMetrics(metrics)
    await wait_for_kafka(settings)
    async with contextlib.AsyncExitStack() as stack:
        out = await stack.enter_async_context(producer(settings))
        kafka = broker(settings)
        consumers = readers(
            settings,
            out,
            accounts=accounts,
            policy=policy,
            stream=stream_metrics,
            judged=router_metrics,
        )
        for consumer in consumers:
            consumer.attach(kafka)
            health.ready[consumer.name] = consumer.ready
            health.alive[consumer.name] = consumer.alive
        internal = internal_app(health, metrics, [resume_route(consumers)])
        await stack.enter_async_context(listener(internal, settings.internal_bind))
        await kafka.start()
        stack.push_async_callback(kafka.stop)
        watches = [asyncio.create_task(c.watch(), name=f"watch {c.name}") for c in consumers]
        try:
            await until_told_to_stop(*watches)
        finally:
            health.stopping = True
            for watch in watches:
                watch.cancel()


def readers(
    settings: Settings,
    out: Producer,
    *,
    accounts: Accounts,
    policy: Policy,
    stream: StreamMetrics,
    judged: RouterMetrics,
    read: Iterable[Read] = READ,
) -> list[Consumer]:
    """The consumers, each with a judge of its own, not yet attached to a broker."""
    get_ready(policy)
    return [
        Consumer(
            settings=settings,
            topics=[topic],
            group=group,
            stage="router",
            handle=Judge(
                topic, door, policy=policy, accounts=accounts, send=out.send, metrics=judged
            ),
            producer=out,
            metrics=stream,
            max_records=bite,
        )
        for topic, group, door, bite in read
    ]


def configuration(settings: Settings) -> tuple[Accounts, Policy]:
    """Our accounts and the policy. Raises StartError with the sentence of what is wrong."""
    try:
        accounts = read_accounts(read_file(settings.accounts, "TOOG_ACCOUNTS"))
        text = read_file(settings.policy, "TOOG_POLICY") if settings.policy else shipped_policy()
        return accounts, read_policy(text)
    except (AccountsError, PolicyError) as error:
        raise StartError(str(error)) from error
