"""The broker that we start: its data and address outlive a stop and a kill."""

from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from toog.local import ports
from toog.local.errors import LocalError
from toog.local.kafka import Kafka, Libs

TOPIC = "kept"


async def create_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def produce(bootstrap: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(TOPIC, value, partition=0)


async def read_all(bootstrap: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    partition = TopicPartition(TOPIC, 0)
    await consumer.start()
    try:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        while len(values) < end:
            values.append((await consumer.getone()).value)
        return values
    finally:
        await consumer.stop()


async def test_what_was_acknowledged_is_there_after_a_stop_and_after_a_kill(
    tmp_path: Path, libs: Libs
) -> None:
    async with Kafka(tmp_path, libs) as broker:
        bootstrap, first = broker.bootstrap, broker.pid
        await create_topic(bootstrap)
        await produce(bootstrap, b"before")
        broker.stop()
        broker.start()
        await produce(bootstrap, b"after the stop")
        broker.kill()
        broker.start()

        values = await read_all(bootstrap)

        assert values == [b"before", b"after the stop"]
        assert broker.bootstrap == bootstrap
        assert broker.pid != first

    assert broker.pid is None
    assert ports.is_free(int(bootstrap.rpartition(":")[2]))


def test_a_taken_port_that_was_asked_for_is_said_and_not_replaced(
    kafka: Kafka, tmp_path: Path, libs: Libs
) -> None:
    taken = int(kafka.bootstrap.rpartition(":")[2])
    second = Kafka(tmp_path, libs, taken)

    with pytest.raises(LocalError, match="Kafka did not start"):
        second.start()

    assert second.pid is None


def test_a_port_that_somebody_took_first_is_replaced(
    kafka: Kafka, tmp_path: Path, libs: Libs, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = iter([int(kafka.bootstrap.rpartition(":")[2])])
    real = ports.free_port
    monkeypatch.setattr(ports, "free_port", lambda: next(offered, None) or real())
    second = Kafka(tmp_path, libs)

    second.start()
    second.stop()

    assert second.bootstrap != kafka.bootstrap
