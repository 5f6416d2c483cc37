"""A log in memory and the real judges on it: for what must hold of any night, not of delivery."""

from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from aiokafka.structs import ConsumerRecord

from services.router.handlers import Judge
from services.router.policy import Policy
from services.router.telemetry import RouterMetrics
from support.desk import ACCOUNTS
from support.pages import forgetting
from toog.contracts import events
from toog.contracts.ids import partition_of
from toog.contracts.topics import EVENTS, ROOM, TOPICS, Topic, record_of
from toog.contracts.wire import header
from toog.kit.revive import REVIVED, once_more
from toog.kit.settings import KafkaSettings
from toog.kit.stream import dead
from toog.kit.stream.consume import Consumer
from toog.kit.stream.produce import Outgoing
from toog.kit.telemetry import registry
from toog.platforms.accounts import Account, Accounts

Place = tuple[str, int]
T = TypeVar("T")

DOORS = {EVENTS.name: "own", ROOM.name: "room"}
OURS = Accounts(Account(p, id_, "stadpoldem", "https://api.example") for p, id_ in ACCOUNTS.items())
JUDGED = RouterMetrics(registry())
_BY_NAME = {topic.name: topic for topic in TOPICS}


def now(work: "Coroutine[Any, Any, T]") -> T:
    """What the work gives; it has nothing to wait for, but may let others go first."""
    for _ in range(1_000):
        try:
            waits_for = work.send(None)
        except StopIteration as done:
            return done.value
        assert waits_for is None, "it waits for something"
    raise AssertionError("it comes to no end")


class Memory:
    """Partitions as lists, and how far the router has committed on each."""

    def __init__(self) -> None:
        self.logs: dict[Place, list[ConsumerRecord]] = {}
        self.committed: dict[Place, int] = {}

    def write(self, records: Iterable[Outgoing]) -> None:
        """Each to the partition of its key."""
        for one in records:
            place = (one.topic.name, partition_of(one.key, one.topic.partitions))
            log = self.logs.setdefault(place, [])
            log.append(
                ConsumerRecord(
                    topic=one.topic.name, partition=place[1], offset=len(log),
                    timestamp=one.timestamp_ms, timestamp_type=0, key=one.key, value=one.value,
                    checksum=None, serialized_key_size=0, serialized_value_size=len(one.value),
                    headers=tuple(one.headers),
                )
            )  # fmt: skip

    @property
    def intake(self) -> list[Place]:
        """The intake partitions that hold anything."""
        return [place for place in self.logs if place[0] in DOORS]

    @property
    def told(self) -> list[tuple[Topic, ConsumerRecord]]:
        """All that stands on the other topics."""
        return [
            (_BY_NAME[name], record)
            for (name, _), log in self.logs.items()
            if name not in DOORS
            for record in log
        ]

    def batch(self, place: Place, size: int, policy: Policy, *, lost: int | None) -> None:
        """A router reads a batch. `lost`: it stops after so many writes, before its commit."""
        name, _ = place
        first = self.committed.get(place, 0)
        records = self.logs[place][first : first + size]
        written: list[Outgoing] = []

        async def send(some: Iterable[Outgoing]) -> None:
            written.extend(some)

        judge = Judge(
            _BY_NAME[name], DOORS[name], policy=policy, accounts=OURS, send=send, metrics=JUDGED
        )  # fmt: skip
        consumer = Consumer(
            settings=KafkaSettings(instance="memory"), topics=[_BY_NAME[name]], group="g",
            stage="router", handle=judge, producer=None, metrics=None,
        )  # fmt: skip
        rejected = now(consumer._settle(records)) if records else []
        written += [dead.of_record(r.record, name, "router", r.error) for r in rejected]
        self.write(written if lost is None else written[:lost])
        if lost is None:
            self.committed[place] = first + len(records)

    def again(self, place: Place, offset: int) -> None:
        """The commit was lost, or its partition went to a router that knows less."""
        self.committed[place] = min(offset, self.committed.get(place, 0))

    def once_more(self, place: Place, offset: int, origin: str) -> None:
        """Revives or rejudges the record, if it is one."""
        log = self.logs[place]
        record = log[offset % len(log)]
        try:
            event = events.decode(record.value)
        except (ValueError, RecursionError):
            return
        coordinates = record_of(*place, record.offset)
        self.write([once_more(record, coordinates, event, REVIVED, "9", origin, "operator")])

    def forget(self, coordinates: str) -> None:
        """Takes every verdict on these coordinates out, and every dead letter."""
        for (name, number), log in self.logs.items():
            if name not in DOORS:
                self.logs[name, number] = list(_forgetting(_BY_NAME[name], log, coordinates))


def _forgetting(
    topic: Topic, log: Iterable[ConsumerRecord], coordinates: str
) -> Iterator[ConsumerRecord]:
    for record in log:
        if header(record.headers, "ce_origin") is not None:
            yield record
        else:
            left = forgetting(topic, record.value, record.headers, {coordinates})
            if left is not None:
                yield replace(record, value=left)
