"""The topics job: creates what is missing, compares what is there, never changes a partition count."""

import asyncio
import random
import time
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from toog.contracts.topics import TOPICS, Topic
from toog.kit.errors import StartError
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, topic_name

KNOWN_WITHIN_S: Final = 15.0


async def ensure_topics(settings: KafkaSettings) -> list[str]:
    """What was done and what differs, a sentence each; empty when all is as the registry says.

    Raises StartError where a topic has another partition count: a citizen's messages would change
    places. Safe to run again, also by two at once.
    """
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        there = set(await admin.list_topics())
        missing = [t for t in TOPICS if topic_name(settings, t) not in there]
        said = await _create(admin, settings, missing)
        for topic in TOPICS:
            if topic not in missing:
                said += await _compare(admin, settings, topic)
        return said
    finally:
        await admin.close()


async def _create(
    admin: AIOKafkaAdminClient, settings: KafkaSettings, missing: list[Topic]
) -> list[str]:
    if not missing:
        return []
    answer = await admin.create_topics(
        [
            NewTopic(
                name=topic_name(settings, topic),
                num_partitions=topic.partitions,
                replication_factor=settings.kafka_replication,
                topic_configs=topic.config,
            )
            for topic in missing
        ]
    )
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise StartError(f"topic {name} cannot be created: {error.__name__}")
    await until_led(admin, [topic_name(settings, topic) for topic in missing])
    return [f"created {topic_name(settings, topic)}" for topic in missing]


async def until_led(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Waits until the brokers know of the new topics and lead every partition of them.

    The controller confirms a creation before the brokers have heard of it: who came at once would
    be told that the topic does not exist.
    """
    deadline = time.monotonic() + KNOWN_WITHIN_S
    while True:
        described = await admin.describe_topics(names)
        partitions = [part for topic in described for part in topic["partitions"]]
        known = len(described) == len(names) and not any(t["error_code"] for t in described)
        if known and partitions and all(part["leader"] >= 0 for part in partitions):
            return
        if time.monotonic() > deadline:
            raise StartError(
                f"the brokers do not lead the new topics after {KNOWN_WITHIN_S:.0f} s: "
                "look whether all brokers run, then start again"
            )
        await asyncio.sleep(0.05 * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret


async def _compare(admin: AIOKafkaAdminClient, settings: KafkaSettings, topic: Topic) -> list[str]:
    name = topic_name(settings, topic)
    (described,) = await admin.describe_topics([name])
    count = len(described["partitions"])
    if count != topic.partitions:
        raise StartError(
            f"topic {name} has {count} partitions, {topic.partitions} are needed: "
            "a count never changes; make the topic anew under another prefix and move over"
        )
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    found = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    return [
        f"{name}: {key} is {found.get(key)}, the registry says {value}"
        for key, value in topic.config.items()
        if found.get(key) != value
    ]
