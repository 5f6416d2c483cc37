"""Reads the intake topics from their start: what the broker really holds."""

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from toog.contracts.topics import EVENTS, ROOM
from toog.contracts.wire import header
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, topic_name
from toog.local.figures import Intake


async def read_intake(bootstrap: str) -> Intake:
    """All records of both intake topics, as they stand now."""
    settings = KafkaSettings(kafka=bootstrap)
    consumer = AIOKafkaConsumer(**connection(settings), auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [
            TopicPartition(topic_name(settings, topic), partition)
            for topic in (EVENTS, ROOM)
            for partition in range(topic.partitions)
        ]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning(*places)
        ids: set[str] = set()
        records = 0
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=500, max_records=5000)).values():
                records += len(batch)
                ids.update(id_ for r in batch if (id_ := header(r.headers, "ce_id")))
        return Intake(records, frozenset(ids))
    finally:
        await consumer.stop()
