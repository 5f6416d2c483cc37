"""Intake and verdicts as they are written, read live without a group, and held against the promise."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from support.crowd import expected
from support.pages import lines_of
from toog.contracts import dead
from toog.contracts.ids import digest
from toog.contracts.topics import DEAD, DESK, DROPPED, EVENTS, ROOM, Topic, parse_record, record_of
from toog.contracts.wire import header
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, topic_name

INTAKE: Final = (EVENTS, ROOM)
TOLD: Final = (DESK, DROPPED, DEAD)

Record = ConsumerRecord
Place = tuple[str, int]


class Said(NamedTuple):
    """A verdict: the topic it stands on, its reason and lane, as the headers say."""

    topic: str
    outcome: str | None
    reason: str | None
    lane: str | None


class Logs:
    """Everything that was written so far; `waiting` is the intake that nothing was said of yet.

    `waiting` holds receipts, `verdicts` when each was seen: seconds since 1970. `furthest` is the
    offset behind the last one, per intake partition, that anything was said of.
    """

    def __init__(self) -> None:
        self.logs: dict[Place, list[Record]] = defaultdict(list)
        self.intake: dict[str, Record] = {}
        self.verdicts: dict[str, list[tuple[Said, float]]] = defaultdict(list)
        self.waiting: dict[str, float] = {}
        self.furthest: dict[Place, int] = defaultdict(int)

    def take(self, topic: Topic, record: Record, now: float) -> None:
        """The next record of its partition."""
        self.logs[topic.name, record.partition].append(record)
        if topic in INTAKE:
            coordinates = record_of(topic.name, record.partition, record.offset)
            self.intake[coordinates] = record
            if coordinates not in self.verdicts:
                self.waiting[coordinates] = record.timestamp / 1000
            return
        for place, one in sayings(topic, record):
            self.verdicts[place].append((one, now))
            self.waiting.pop(place, None)
            source, partition, offset = parse_record(place)
            self.furthest[source, partition] = max(self.furthest[source, partition], offset + 1)

    @property
    def again(self) -> int:
        """Verdicts that came after the first one of their record."""
        return sum(len(all_of_it) - 1 for all_of_it in self.verdicts.values())

    def waits(self) -> dict[str, float]:
        """Seconds from receipt to the first verdict, by coordinates."""
        return {
            coordinates: all_of_it[0][1] - self.intake[coordinates].timestamp / 1000
            for coordinates, all_of_it in self.verdicts.items()
            if coordinates in self.intake
        }

    def of(self, *topics: Topic) -> Iterator[Record]:
        """All records of these topics, each partition in its order."""
        for topic in topics:
            for partition in range(topic.partitions):
                yield from self.logs[topic.name, partition]


class Watch(Logs):
    """Reads the topics from their start, while they are written."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__()
        self._topics = {topic_name(settings, t): t for t in (*INTAKE, *TOLD)}
        self._client = AIOKafkaConsumer(**connection(settings), auto_offset_reset="earliest")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to read."""
        await self._client.start()
        self._client.assign(
            [TopicPartition(n, p) for n, t in self._topics.items() for p in range(t.partitions)]
        )
        self._task = asyncio.create_task(self._read(), name="watch")

    async def stop(self) -> None:
        """Reads no more; raises what reading raised."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._client.stop()
        if self._task is not None and not self._task.cancelled():
            self._task.result()

    async def _read(self) -> None:
        while True:
            for place, records in (await self._client.getmany(timeout_ms=50)).items():
                now = time.time()
                for record in records:
                    self.take(self._topics[place.topic], record, now)

    async def at_end(self) -> bool:
        """Whether all that stands on the topics has been read."""
        ends = await self._client.end_offsets(self._client.assignment())
        return all(len(self.logs[self._topics[p.topic].name, p.partition]) == ends[p] for p in ends)


def sayings(topic: Topic, record: Record) -> Iterator[tuple[str, Said]]:
    """What the record says of which intake records."""
    if topic is DROPPED:
        for place, line in lines_of(record.value):
            yield place, Said(topic.name, "dropped", line.reason, None)
    elif (place := header(record.headers, "ce_record")) is not None:
        told = [header(record.headers, f"ce_{name}") for name in ("outcome", "reason", "lane")]
        yield place, Said(topic.name, *told)


def promised(coordinates: str, record: Record) -> Said:
    """What must be said of this intake record."""
    verdict = expected(coordinates.partition(":")[0], record.value)
    if verdict is None:
        return Said(DEAD.name, None, None, None)
    topic = DROPPED if verdict.outcome == "dropped" else DESK
    return Said(topic.name, verdict.outcome, verdict.reason, verdict.lane)


def everything_judged_once(logs: Logs) -> None:
    """Every intake record has the verdict that the rules give it, however often; nothing else has."""
    wrong = [
        (coordinates, promised(coordinates, record), logs.verdicts.get(coordinates))
        for coordinates, record in logs.intake.items()
        if {s for s, _ in logs.verdicts.get(coordinates, [])} != {promised(coordinates, record)}
    ]
    assert not wrong, f"{len(wrong)} records judged otherwise than promised: {wrong[:3]}"
    assert set(logs.verdicts) == set(logs.intake)


def no_effect_twice(logs: Logs) -> int:
    """What a sink that takes an id once makes of desk and ledger is what was sent; how many effects.

    All copies of an id must carry the same verdict: else the second could have an effect of its
    own. The desk gets the bytes of the intake.
    """
    desk: dict[str, Said] = {}
    lines: dict[str, tuple[str, str | None]] = {}
    for coordinates, record in logs.intake.items():
        one, id_ = promised(coordinates, record), header(record.headers, "ce_id") or ""
        if one.topic == DESK.name:
            desk[id_] = one
        elif one.topic == DROPPED.name:
            lines[coordinates] = (digest(id_), one.reason)
    for record in logs.of(DESK):
        source = logs.intake[header(record.headers, "ce_record") or ""]
        assert (record.key, record.value) == (source.key, source.value)
        assert record.timestamp == source.timestamp
    at_desk = [
        (header(record.headers, "ce_id"), one)
        for record in logs.of(DESK)
        for _, one in sayings(DESK, record)
    ]
    told = (line for record in logs.of(DROPPED) for line in lines_of(record.value))
    assert desk == _sink(at_desk)
    assert lines == _sink((place, (line.event, line.reason)) for place, line in told)
    return len(desk) + len(lines)


def _sink(told: Iterable[tuple[str | None, object]]) -> dict[str, object]:
    effects: dict[str, object] = {}
    for identity, effect in told:
        assert effects.setdefault(identity or "", effect) == effect, f"{identity} had two effects"
    return effects


def order_holds(logs: Logs) -> int:
    """First occurrences stand in the order of the source; gives the citizens with more than one.

    On the desk per citizen and intake topic, in the ledger and among dead letters per source
    partition. A copy that follows later, and what came by the other intake topic, has no order.
    """
    citizens: Counter[object] = Counter()
    for topic in TOLD:
        last: dict[object, int] = {}
        seen: set[str] = set()
        for record, coordinates in _told_of(logs, topic):
            if coordinates in seen:
                continue
            seen.add(coordinates)
            source, _, offset = coordinates.rpartition(":")
            whose = (source, record.key) if topic is DESK else source
            assert last.get(whose, -1) < int(offset), f"{topic.name}: {coordinates} was overtaken"
            last[whose] = int(offset)
            citizens[whose] += topic is DESK
    return sum(count > 1 for count in citizens.values())


def _told_of(logs: Logs, topic: Topic) -> Iterator[tuple[Record, str]]:
    for record in logs.of(topic):
        for coordinates, _ in sayings(topic, record):
            yield record, coordinates


def letters(logs: Logs) -> dict[str, dead.Dead]:
    """The dead letters by the coordinates that they are of; copies must tell the same bytes."""
    found: dict[str, dead.Dead] = {}
    for record in logs.of(DEAD):
        one = dead.decode(record.value or b"")
        first = found.setdefault(one.record, one)
        assert (first.stage, first.error, first.body) == (one.stage, one.error, one.body)
    return found
