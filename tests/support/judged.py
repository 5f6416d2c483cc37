"""A short night through the real judges: intake records in, verdicts out, nothing played by hand."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from services.metrics.offsets import Offsets
from services.router.app import READ, readers
from services.router.policy import read_policy
from services.router.settings import Settings
from services.router.telemetry import RouterMetrics
from support.desk import ACCOUNTS, said
from support.pages import forgetting
from toog.contracts import events
from toog.contracts.events import Event, Mention
from toog.contracts.ids import partition_of
from toog.contracts.topics import EVENTS, ROOM, Topic, record_of
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, group_name, topic_name
from toog.kit.stream.consume import broker
from toog.kit.stream.metrics import StreamMetrics
from toog.kit.stream.produce import Outgoing, Producer
from toog.kit.stream.topics import ensure_topics
from toog.kit.telemetry import registry
from toog.platforms.accounts import Account, Accounts

US = Mention("stadpoldem", ACCOUNTS["x"])
OURS = Accounts(
    Account(platform, id_, "stadpoldem", "https://api.example")
    for platform, id_ in ACCOUNTS.items()
)
POLICY = read_policy('followed_hashtags = ["politie247"]')


class Forgetful(Producer):
    """A producer that loses what is said of these coordinates: the fault that a balance must see."""

    forgets: Collection[str] = ()

    async def send(self, records: Iterable[Outgoing]) -> None:
        """Writes the others."""
        await super().send(
            msgspec.structs.replace(one, value=left)
            for one in records
            if (left := forgetting(one.topic, one.value, one.headers, self.forgets)) is not None
        )


class Night:
    """Topics under a prefix of their own, and the router on them at will."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.settings = Settings(
            kafka=bootstrap, kafka_prefix=prefix, instance="router-1", accounts=Path("none")
        )
        self.kafka = KafkaSettings(kafka=bootstrap, kafka_prefix=prefix, instance="operator")
        self.out = Forgetful(self.settings)

    @property
    def environment(self) -> dict[str, str]:
        """How a verb reaches it."""
        return {"TOOG_KAFKA": self.settings.kafka, "TOOG_KAFKA_PREFIX": self.settings.kafka_prefix}

    @contextlib.asynccontextmanager
    async def begun(self) -> AsyncIterator["Night"]:
        """Everything there for the block."""
        await ensure_topics(self.settings)
        await self.out.start()
        try:
            yield self
        finally:
            await self.out.stop()

    async def hear(
        self, *heard: Event | bytes, room: bool = False, at_ms: int | None = None, by: str = "7"
    ) -> list[str]:
        """Writes intake records of one citizen; their coordinates, if only this wrote there."""
        topic = ROOM if room else EVENTS
        key = f"x:1:{by}".encode()
        number = partition_of(key, topic.partitions)
        first = (await self.ends(topic))[number]
        bodies = [one if isinstance(one, bytes) else events.encode(one) for one in heard]
        at = int(time.time() * 1000) if at_ms is None else at_ms
        await self.out.send(Outgoing(topic, key, body, [("ce_id", b"1")], at) for body in bodies)
        return [record_of(topic.name, number, first + n) for n in range(len(bodies))]

    async def ends(self, topic: Topic) -> list[int]:
        """The log ends of its partitions."""
        offsets = Offsets(self.kafka)
        try:
            found = await offsets.log_ends([topic])
        finally:
            await offsets.close()
        return [found[topic.name, number] for number in range(topic.partitions)]

    async def judged(self) -> None:
        """Runs the real consumers and judges of both topics until all is committed."""
        kafka = broker(self.settings)
        metrics = registry()
        for consumer in readers(
            self.settings,
            self.out,
            accounts=OURS,
            policy=POLICY,
            stream=StreamMetrics(metrics),
            judged=RouterMetrics(metrics),
        ):
            consumer.attach(kafka)
        await kafka.start()
        try:
            await self._until_committed()
        finally:
            await kafka.stop()

    async def _until_committed(self) -> None:
        offsets = Offsets(self.kafka)
        try:
            ends = await offsets.log_ends([topic for topic, *_ in READ])
            async with asyncio.timeout(25):
                while True:
                    done = {}
                    for topic, group, *_ in READ:
                        done |= await offsets.committed(group, [topic])
                    if all(done.get(place, 0) >= end for place, end in ends.items()):
                        return
                    await asyncio.sleep(0.05)
        finally:
            await offsets.close()

    async def commit(self, record: str, offset: int) -> None:
        """Moves the router's commit on the partition of these coordinates: back, it reads again."""
        name, number, _ = record.rsplit(":", 2)
        topic, group, *_ = next(read for read in READ if read[0].name == name)
        consumer = AIOKafkaConsumer(
            topic_name(self.kafka, topic),
            **connection(self.kafka),
            group_id=group_name(self.kafka, group),
            group_instance_id=f"{group}-{self.settings.instance}",  # the group still knows it
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            at = TopicPartition(topic_name(self.kafka, topic), int(number))
            await consumer.commit({at: OffsetAndMetadata(offset, "")})
        finally:
            await consumer.stop()

    async def expired(self, record: str) -> None:
        """Retention has taken what stands before these coordinates."""
        name, number, offset = record.rsplit(":", 2)
        admin = AIOKafkaAdminClient(**connection(self.kafka))
        await admin.start()
        try:
            at = TopicPartition(self.kafka.kafka_prefix + name, int(number))
            await admin.delete_records({at: RecordsToDelete(before_offset=int(offset))})
        finally:
            await admin.close()


def evening(tag: str = "") -> Sequence[Event]:
    """One message of each sort that the counter hears: addressed, context and dropped."""
    return [
        said(f"{tag}1", text="@stadpoldem is de Meir afgesloten?", mentions=(US,)),
        said(f"{tag}2", text="Mijn fiets is weg", surface="dm"),
        said(f"{tag}3", kind="deleted", text="", id=f"x:a:post:{tag}3:deleted"),
        said(f"{tag}4", text="wat een avond"),
        said(f"{tag}5", kind="signal", signal="reaction", surface=None),
    ]


def noise(count: int, tag: str = "") -> Sequence[Event]:
    """What the room shouts."""
    return [
        said(f"{tag}r{n}", text="#politie247 straf", hashtags=("politie247",)) for n in range(count)
    ]
