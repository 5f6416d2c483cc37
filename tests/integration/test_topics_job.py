"""The topics job: creates, compares, names differences, and never changes a partition count."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from toog.contracts.topics import DESK, EVENTS, TOPICS
from toog.kit.errors import StartError
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, topic_name
from toog.kit.stream.topics import ensure_topics
from toog.local.kafka import Kafka


async def until(attempt: Callable[[], Awaitable[list[str]]]) -> list[str]:
    """What the job says once the broker has heard of the change; the controller is ahead of it."""
    async with asyncio.timeout(15):
        while not (said := await attempt()):  # noqa: ASYNC110 - a broker is polled
            await asyncio.sleep(0.1)
    return said


async def test_it_creates_what_is_missing_and_then_finds_nothing_to_do(
    kafka: Kafka, prefix: str
) -> None:
    settings = KafkaSettings(kafka=kafka.bootstrap, kafka_prefix=prefix)

    assert len(await ensure_topics(settings)) == len(TOPICS)
    assert await ensure_topics(settings) == []


async def test_it_names_a_setting_that_differs(kafka: Kafka, prefix: str) -> None:
    settings = KafkaSettings(kafka=kafka.bootstrap, kafka_prefix=prefix)
    await ensure_topics(settings)
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    name = topic_name(settings, EVENTS)
    changed = ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": "1000"})
    await admin.alter_configs([changed])
    await admin.close()

    said = await until(lambda: ensure_topics(settings))

    assert f"{name}: retention.ms is 1000, the registry says 259200000" in said
    assert all(line.startswith(f"{name}: ") for line in said)


async def test_another_partition_count_is_refused_with_a_sentence(
    kafka: Kafka, prefix: str
) -> None:
    settings = KafkaSettings(kafka=kafka.bootstrap, kafka_prefix=prefix)
    await ensure_topics(settings)
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    await admin.create_partitions({topic_name(settings, DESK): NewPartitions(total_count=9)})
    await admin.close()

    with pytest.raises(StartError, match="9 partitions, 6 are needed"):
        await until(lambda: ensure_topics(settings))
