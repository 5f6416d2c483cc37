"""FastStream as its documentation writes it: a handler per message, a model, publishers, its defaults.

Acknowledgement, logger and producer are the library's defaults. Kinder than the defaults: the model
is msgspec's, the loop uvloop's, and what is forwarded is not encoded a second time.
"""

from bench.arms.task import Task, judges, play
from fast_depends.msgspec import MsgSpecSerializer
from faststream import FastStream
from faststream.kafka import KafkaBroker, KafkaMessage
from support.meter import Meter, spent

from services.router.rules import Facts
from toog.contracts.topics import DESK, DROPPED
from toog.kit.stream.client import topic_name


async def handle_each(task: Task, meter: Meter) -> None:
    """The example of https://faststream.ag2.ai, with our judgement in it."""
    settings, by_topic = task.settings(), judges(task)
    broker = KafkaBroker(task.kafka, serializer=MsgSpecSerializer())
    app = FastStream(broker)
    publishers = {
        topic.name: broker.publisher(topic_name(settings, topic)) for topic in (DESK, DROPPED)
    }

    @broker.subscriber(*by_topic, group_id=task.prefix + task.run, auto_offset_reset="earliest")
    async def route(facts: Facts, message: KafkaMessage) -> None:
        record = message.raw_message
        judge = by_topic[record.topic]
        verdict = judge.verdict(facts)
        if verdict.outcome == "dropped":
            line = judge.line(facts, verdict, record.offset, record.timestamp)
            (told,) = judge.pages({record.partition: [line]})
        else:
            (told,) = judge.to_desk([(record, facts, verdict)])
        await publishers[told.topic.name].publish(
            told.value,
            key=told.key,
            timestamp_ms=told.timestamp_ms,
            headers={name: value.decode() for name, value in told.headers},
        )
        if meter.committed(1, spent()):
            app.exit()

    meter.begin(spent())
    await app.run()


if __name__ == "__main__":
    play(handle_each)
