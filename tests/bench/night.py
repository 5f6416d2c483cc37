"""A night's events as they really stand on the intake topics: played by the sandbox, read by ingest.

The crowd plays a short loud night on all five platforms; ingest hears it through its doors, parses
and writes it. What then stands on both intake topics, bytes, keys and headers, is the corpus.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Final

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import ConsumerRecord, TopicPartition

from toog.contracts.ids import partition_of
from toog.contracts.topics import EVENTS, ROOM, TOPICS, Topic
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, topic_name
from toog.kit.stream.produce import BATCH_BYTES
from toog.kit.stream.topics import until_led
from toog.local.system import System

RATE: Final = 250.0
SECONDS: Final = 20.0
SETTLE_S: Final = 3.0
NOISE: Final = 0.95
"""The part of the corpus that comes through the room's topic."""

Heard = ConsumerRecord
"""An intake record as it was read: key, value, headers."""


async def recorded(system: System) -> list[Heard]:
    """The corpus: room and own door in the order of a real night, 95 in 100 from the room."""
    async with httpx.AsyncClient(base_url=system.public["sandbox"], trust_env=False) as sandbox:
        night = {"rate": RATE, "seconds": SECONDS}
        (await sandbox.post("/_night/start", json=night)).raise_for_status()
        async with asyncio.timeout(SECONDS * 2):
            while not (await sandbox.get("/_night/status")).json()["done"]:  # noqa: ASYNC110 - it offers no event
                await asyncio.sleep(0.2)
    await asyncio.sleep(SETTLE_S)  # pages are asked for now and then: what they bring belongs to it
    settings = KafkaSettings(kafka=system.kafka.bootstrap)
    return blend(await _read(settings, ROOM), await _read(settings, EVENTS))


def blend(room: Sequence[Heard], own: Sequence[Heard]) -> list[Heard]:
    """All of the room and evenly between it as many from our own doors as make 5 in 100."""
    step = round(NOISE / (1 - NOISE))
    doors = cycle(own)
    mixed: list[Heard] = []
    for number, heard in enumerate(room, 1):
        mixed.append(heard)
        if number % step == 0:
            mixed.append(next(doors))
    return mixed


async def _read(settings: KafkaSettings, topic: Topic) -> list[Heard]:
    """Everything on the topic, in order of time."""
    consumer = AIOKafkaConsumer(**connection(settings), auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [
            TopicPartition(topic_name(settings, topic), partition)
            for partition in range(topic.partitions)
        ]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[Heard] = []
        async with asyncio.timeout(30):
            while len(found) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    found += batch
        return sorted(found, key=lambda record: record.timestamp)
    finally:
        await consumer.stop()


async def make_topics(settings: KafkaSettings, intake_partitions: int = EVENTS.partitions) -> None:
    """All topics under the settings' prefix; the intake with so many partitions."""
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(
                    name=topic_name(settings, topic),
                    num_partitions=intake_partitions
                    if topic in {EVENTS, ROOM}
                    else topic.partitions,
                    replication_factor=1,
                    topic_configs=topic.config,
                )
                for topic in TOPICS
            ]
        )
        await until_led(admin, [topic_name(settings, topic) for topic in TOPICS])
    finally:
        await admin.close()


async def drop_topics(settings: KafkaSettings) -> None:
    """Gives the room on the disk back."""
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        await admin.delete_topics([topic_name(settings, topic) for topic in TOPICS])
    finally:
        await admin.close()


async def fill(
    settings: KafkaSettings,
    night: Sequence[Heard],
    count: int,
    intake_partitions: int = EVENTS.partitions,
) -> None:
    """Writes `count` events of the night, again and again, to the topics they were read from."""
    client = AIOKafkaProducer(
        **connection(settings),
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=BATCH_BYTES,
        max_request_size=2 * BATCH_BYTES,
    )
    await client.start()
    try:
        for chunk in _chunks(islice(cycle(night), count), 20_000):
            await _write(client, settings, chunk, intake_partitions)
    finally:
        await client.stop()


async def _write(
    client: AIOKafkaProducer, settings: KafkaSettings, chunk: Sequence[Heard], partitions: int
) -> None:
    """Whole batches per partition, each confirmed before the next one of its partition."""
    builders = {}
    confirmed = []

    async def send(place: tuple[str, int]) -> None:
        name, partition = place
        sent = await client.send_batch(builders.pop(place), name, partition=partition)
        confirmed.append(sent)

    for heard in chunk:
        place = (settings.kafka_prefix + heard.topic, partition_of(heard.key, partitions))
        builder = builders.get(place) or builders.setdefault(place, client.create_batch())
        if builder.append(**as_sent(heard)) is None:
            await send(place)
            builders[place] = builder = client.create_batch()
            builder.append(**as_sent(heard))
    for place in list(builders):
        await send(place)
    await asyncio.gather(*confirmed)


def as_sent(heard: Heard, timestamp_ms: int | None = None) -> dict[str, object]:
    """The record as a batch builder takes it."""
    return {
        "key": heard.key,
        "value": heard.value,
        "timestamp": heard.timestamp if timestamp_ms is None else timestamp_ms,
        "headers": list(heard.headers),
    }


def _chunks(records: Iterator[Heard], size: int) -> Iterator[list[Heard]]:
    while chunk := list(islice(records, size)):
        yield chunk
