"""What entered before is known again after a restart, so that its deletion may enter."""

import asyncio
from datetime import UTC, datetime

import pytest

from services.ingest import doors, seen
from services.ingest.seen import Seen, fill, filling
from toog.contracts.events import Event
from toog.contracts.topics import EVENTS
from toog.kit.settings import KafkaSettings
from toog.kit.stream.produce import Outgoing, Producer
from toog.kit.stream.topics import ensure_topics
from toog.local.kafka import Kafka
from toog.platforms.base import Heard, Parsed

NOW = datetime(2026, 5, 4, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def heard(number: int, platform: str = "bluesky", *, deleted: bool = False) -> Heard:
    of = f"{platform}:1:post:{number}"
    event = Event(
        id=f"{of}:deleted" if deleted else of,
        of=of if deleted else None,
        kind="deleted" if deleted else "created",
        platform=platform,
        account="1",
        occurred_at=NOW,
        received_at=NOW,
        source="bluesky:1:jetstream",
    )
    return Heard(event, f"{platform}:1:{number}", room=number % 2 == 0, if_seen=deleted)


async def written(settings: KafkaSettings, records: list[Outgoing]) -> None:
    await ensure_topics(settings)
    producer = Producer(settings)
    await producer.start()
    try:
        await producer.send(records)
    finally:
        await producer.stop()


async def test_the_memory_is_filled_from_both_intake_topics(kafka: Kafka, prefix: str) -> None:
    settings = KafkaSettings(kafka=kafka.bootstrap, kafka_prefix=prefix, instance="test")
    told = Parsed((*(heard(n) for n in range(200)), heard(1, "x"), heard(7, deleted=True)))
    odd = Outgoing(EVENTS, b"k", b"no json", [], 1)
    records = doors.records(told, source="s", trace=TRACE, now=NOW)
    await written(settings, [*records, odd])
    memory = Seen({"bluesky"})

    await fill(memory, settings)

    assert memory.count == 200
    deletions = Parsed(
        (heard(150, deleted=True), heard(151, deleted=True), heard(999, deleted=True))
    )
    assert [one.event.of for one in memory.entering(deletions).heard] == [
        "bluesky:1:post:150",
        "bluesky:1:post:151",
    ]


async def test_empty_topics_fill_nothing(kafka: Kafka, prefix: str) -> None:
    settings = KafkaSettings(kafka=kafka.bootstrap, kafka_prefix=prefix, instance="test")
    await ensure_topics(settings)
    memory = Seen({"bluesky"})

    async with asyncio.timeout(10):
        await fill(memory, settings)

    assert memory.count == 0


async def test_a_kafka_that_does_not_answer_ends_the_filling_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seen, "FILL_WITHIN_S", 1.0)
    memory = Seen({"bluesky"})

    async with asyncio.timeout(15):
        await fill(memory, KafkaSettings(kafka="127.0.0.1:9", instance="test"))

    assert memory.filled.is_set()


async def test_who_watches_no_network_reads_nothing() -> None:
    memory = Seen(())

    async with filling(memory, KafkaSettings(kafka="127.0.0.1:9", instance="test")):
        await asyncio.wait_for(memory.filled.wait(), 1)
