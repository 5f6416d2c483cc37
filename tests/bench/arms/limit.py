"""The limit: bare aiokafka, batch by batch, forwards every byte and judges nothing."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from bench.arms.task import Task, intake, play
from support.meter import Meter, spent

from toog.contracts.topics import DESK, MAX_RECORD_BYTES
from toog.kit.stream.client import connection, topic_name
from toog.kit.stream.produce import BATCH_BYTES


async def forward(task: Task, meter: Meter) -> None:
    """The shortest loop that loses nothing: read, write, wait for the confirmation, commit."""
    settings = task.settings()
    consumer = AIOKafkaConsumer(
        *intake(task),
        **connection(settings),
        group_id=task.prefix + task.run,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    producer = AIOKafkaProducer(
        **connection(settings),
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES,
    )
    out = topic_name(settings, DESK)
    async with consumer, producer:
        meter.begin(spent())
        while not meter.over:
            batch = await consumer.getmany(timeout_ms=100, max_records=2000)
            if not batch:
                continue
            confirmations = []
            for place, records in batch.items():
                partition = place.partition % DESK.partitions
                builder = producer.create_batch()
                for record in records:
                    while not builder.append(
                        key=record.key,
                        value=record.value,
                        timestamp=record.timestamp,
                        headers=list(record.headers),
                    ):
                        sent = await producer.send_batch(builder, out, partition=partition)
                        confirmations.append(sent)
                        builder = producer.create_batch()
                sent = await producer.send_batch(builder, out, partition=partition)
                confirmations.append(sent)
            await asyncio.gather(*confirmations)
            await consumer.commit({p: records[-1].offset + 1 for p, records in batch.items()})
            meter.committed(sum(map(len, batch.values())), spent())


if __name__ == "__main__":
    play(forward)
