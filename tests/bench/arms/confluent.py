"""confluent-kafka, well driven: consume a batch, judge, produce, wait, commit.

The same codec, acknowledgements and idempotence as ours, the same judgement, headers and pages of
the ledger; the partition is chosen in C (`consistent` is the same CRC-32), and only deliveries that
failed come back to Python.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bench.arms.task import Task, judges, play
from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, Message, Producer, TopicPartition
from support.meter import Meter, spent

from services.router.handlers import Judge, decode
from services.router.rules import Facts
from toog.contracts.ledger import Line
from toog.contracts.topics import DESK, DROPPED, MAX_RECORD_BYTES
from toog.contracts.verdicts import Verdict
from toog.kit.stream.client import topic_name
from toog.kit.stream.produce import BATCH_BYTES


async def drive(task: Task, meter: Meter) -> None:
    """The library blocks and has threads of its own; the loop that it is called from is idle."""
    by_topic = judges(task)
    consumer = Consumer(
        {
            "bootstrap.servers": task.kafka,
            "group.id": task.prefix + task.run,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
            "max.partition.fetch.bytes": 4 * 1024 * 1024,
            "enable.partition.eof": False,
        }
    )
    failed: list[Any] = []
    producer = Producer(
        {
            "bootstrap.servers": task.kafka,
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "zstd",
            "batch.size": BATCH_BYTES,
            "message.max.bytes": MAX_RECORD_BYTES,
            "linger.ms": 5,
            "partitioner": "consistent",
            "delivery.report.only.error": True,
            "on_delivery": lambda error, _: failed.append(error),
        }
    )
    out = {topic.name: topic_name(task.settings(), topic) for topic in (DESK, DROPPED)}
    meter.begin(spent())
    consumer.subscribe(list(by_topic))
    try:
        while not meter.over:
            batch = consumer.consume(2000, 0.1)
            if not batch:
                continue
            write(producer, out, by_topic, batch)
            if producer.flush(30) or failed:
                raise RuntimeError(f"not all was delivered: {failed[:1]}")
            consumer.commit(offsets=behind(batch), asynchronous=False)
            meter.committed(len(batch), spent())
    finally:
        consumer.close()


def write(
    producer: Producer, out: dict[str, str], by_topic: dict[str, Judge], batch: Sequence[Message]
) -> None:
    """Puts what the judgements make of a batch into the producer's queue."""
    dropped: defaultdict[Judge, defaultdict[int, list[Line]]] = defaultdict(
        lambda: defaultdict(list)
    )
    kept: defaultdict[Judge, list[tuple[Message, Facts, Verdict]]] = defaultdict(list)
    for message in batch:
        judge, value, (kind, received_ms) = (
            by_topic[message.topic()],
            message.value(),
            message.timestamp(),
        )
        assert kind == TIMESTAMP_CREATE_TIME
        facts = decode(value)
        verdict = judge.verdict(facts)
        partition, offset = message.partition(), message.offset()
        if verdict.outcome == "dropped":
            line = judge.line(facts, verdict, offset, received_ms)
            dropped[judge][partition].append(line)
        else:
            kept[judge].append((message, facts, verdict))
    for judge, those in kept.items():
        said = judge.said([facts for _, facts, verdict in those if verdict.outcome == "addressed"])
        for message, _, verdict in those:
            about = next(said) if verdict.outcome == "addressed" else None
            added = judge.headers(verdict, about, message.partition(), message.offset())
            _, received_ms = message.timestamp()
            producer.produce(
                out[DESK.name],
                key=message.key(),
                value=message.value(),
                headers=[*message.headers(), *added],
                timestamp=received_ms,
            )
    for judge, lines in dropped.items():
        for page in judge.pages(lines):
            producer.produce(
                out[DROPPED.name],
                key=page.key,
                value=page.value,
                headers=page.headers,
                timestamp=page.timestamp_ms,
            )


def behind(batch: Sequence[Message]) -> list[TopicPartition]:
    """The offsets after the last ones of the batch, by partition."""
    last = {(one.topic(), one.partition()): one.offset() + 1 for one in batch}
    return [TopicPartition(*place, offset) for place, offset in last.items()]


if __name__ == "__main__":
    play(drive)
