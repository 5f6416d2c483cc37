"""`toog find`: where is this post? Every step that it went, out of Kafka and the database."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka.structs import ConsumerRecord

from toog.contracts import dead, events, verdicts
from toog.contracts.events import Event
from toog.contracts.topics import DEAD, DESK, DROPPED, EVENTS, ROOM, Topic, parse_record, record_of
from toog.contracts.wire import header
from toog.kit.settings import KafkaSettings
from toog.kit.stream.read import Look, Span, look
from toog.ops.asked import Asked, Search
from toog.ops.balance import committed_offsets
from toog.ops.trail import Heard, Saying, Step, steps

INTAKE: Final = (EVENTS, ROOM)
TOLD_IN: Final = (DESK, DROPPED, DEAD)

Progress = Callable[[int, int], None]
"""Told how many records were read, of how many."""


class Traced(NamedTuple):
    """What Kafka knows of it, and a sentence for each limit of that."""

    heard: list[Heard]
    sayings: list[Saying]
    committed: Mapping[tuple[str, int], int]
    said: list[str]

    @property
    def steps(self) -> list[Step]:
        """Its way through the topics, in order."""
        return steps(self.heard, self.sayings, self.committed)

    @property
    def ids(self) -> frozenset[str]:
        """The ids of its events and of the message that they concern."""
        told = [event for _, event in self._events]
        return frozenset(id_ for event in told for id_ in (event.id, event.of) if id_ is not None)

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Coordinates and text of the records that carry a citizen's words."""
        return [(record, event.text) for record, event in self._events if event.text]

    @property
    def _events(self) -> list[tuple[str, Event]]:
        known: list[Heard | Saying] = [*self.heard, *self.sayings]
        return [(one.record, one.event) for one in known if one.event is not None]


async def traced(
    settings: KafkaSettings, what: Asked, progress: Progress = lambda _read, _of: None
) -> Traced:
    """Steps: 1 committed offsets; 2 the intake; 3 verdicts and dead letters since its receipt.

    What the intake no longer holds is looked for in all that tells of it. Raises UnavailableError.
    """
    search = Search(what)
    async with look(settings) as log:
        committed = await committed_offsets(settings)
        if what.record is None:
            heard = await _in_intake(log, search, progress)
            wanted = frozenset(one.record for one in heard)
        else:
            heard, wanted = await _at(log, what.record)
        since = min((one.received_ms for one in heard), default=None)
        told = await _told(log, search, wanted, since, progress)
        said = [] if heard else [await _absent(log, what, told=bool(told))]
    return Traced(heard, told, committed, said)


async def _in_intake(log: Look, search: Search, progress: Progress) -> list[Heard]:
    found: list[Heard] = []

    def read(topic: Topic, record: "ConsumerRecord[bytes, bytes]") -> None:
        event = search.event(record.value)
        if event is not None:
            found.append(Heard(_place(topic, record), record.timestamp, event))

    await _scan(log, await log.spans(INTAKE), read, progress)
    return found


async def _at(log: Look, coordinates: str) -> tuple[list[Heard], frozenset[str]]:
    """The intake record at these coordinates, or that a verdict or dead letter there is about."""
    with contextlib.suppress(ValueError):  # about a platform's body that never became a record
        for _ in range(len(TOLD_IN)):
            name, *_ = parse_record(coordinates)
            record = await log.record(coordinates)
            if record is None:
                break
            if name in {topic.name for topic in INTAKE}:
                heard = Heard(coordinates, record.timestamp, _event(record))
                return [heard], frozenset({coordinates})
            coordinates = _about(name, record)
    return [], frozenset({coordinates})


async def _told(
    log: Look, search: Search, wanted: frozenset[str], since: int | None, progress: Progress
) -> list[Saying]:
    found: list[Saying] = []
    letters: list[Saying] = []  # of later stages: they are about what we find here

    def read(topic: Topic, record: "ConsumerRecord[bytes, bytes]") -> None:
        with contextlib.suppress(ValueError):  # who reads it for a living sets it aside
            saying, is_it = _READ[topic.name](_place(topic, record), record, search)
            if is_it:
                found.append(saying)
            elif saying.about in wanted:
                event = _event(record) if topic is DESK else None
                found.append(saying._replace(event=event))
            elif topic is DEAD:
                letters.append(saying)

    await _scan(log, await log.spans(TOLD_IN, since), read, progress)
    for _ in range(len(TOLD_IN)):
        about = {saying.record for saying in found}
        found += [one for one in letters if one.about in about and one.record not in about]
    return found


async def _scan(
    log: Look,
    spans: Sequence[Span],
    read: Callable[[Topic, "ConsumerRecord[bytes, bytes]"], None],
    progress: Progress,
) -> None:
    done, of = 0, sum(span.end - span.first for span in spans)
    async with contextlib.aclosing(log.scan(spans)) as bites:
        async for bite in bites:
            for topic, record in bite:
                read(topic, record)
            done += len(bite)
            progress(done, of)


async def _absent(log: Look, what: Asked, *, told: bool) -> str:
    spans = await log.spans(INTAKE)
    if what.record is not None:
        name, partition, offset = parse_record(what.record)
        ends = {(s.topic.name, s.partition): s.end for s in spans}
        if offset >= ends.get((name, partition), 0) and name in {t.name for t in INTAKE}:
            return "nothing stands at these coordinates yet"
        return "retention took the record of the intake (its text is kept for 72 hours)"
    if told:
        return "its record is no longer in the intake, or never entered it as an event"
    if any(span.clipped for span in spans):
        return (
            "nothing that Kafka still holds tells of it: it never came, or so long ago that "
            "retention took it (text is kept for 72 hours, at the desk for 7 days)"
        )
    if what.marks:
        return (
            "nothing in the intake carries this link, and such a link names no id that the platform "
            "tells us: ask for the link of the comment, or give its id"
        )
    return (
        "the intake still holds all that was ever received, and nothing there has this id: "
        "it never came, or came under another"
    )


def _place(topic: Topic, record: "ConsumerRecord[bytes, bytes]") -> str:
    return record_of(topic.name, record.partition, record.offset)


def _event(record: "ConsumerRecord[bytes, bytes]") -> Event | None:
    try:
        return events.decode(record.value or b"")
    except (ValueError, RecursionError):
        return None


def _about(topic: str, record: "ConsumerRecord[bytes, bytes]") -> str:
    """What a record of desk, ledger or dead letters is about."""
    if topic == DROPPED.name:
        return verdicts.decode_dropped(record.value or b"").record
    return header(record.headers, "ce_record") or ""


def _at_desk(
    place: str, record: "ConsumerRecord[bytes, bytes]", search: Search
) -> tuple[Saying, bool]:
    event = search.event(record.value)
    told = {name: header(record.headers, f"ce_{name}") for name in _TOLD}
    saying = Saying(
        place,
        record.timestamp,
        told["record"] or place,
        told["outcome"] or "",
        told["reason"] or "",
        told["lane"],
        told["rules"],
        told["origin"],
        told["by"],
        event,
    )
    return saying, event is not None


def _dropped(
    place: str, record: "ConsumerRecord[bytes, bytes]", search: Search
) -> tuple[Saying, bool]:
    line = verdicts.decode_dropped(record.value or b"")
    saying = Saying(
        place,
        record.timestamp,
        line.record,
        "dropped",
        line.reason,
        rules=line.rules,
        origin=line.origin,
    )
    return saying, line.event in search.hashes


def _dead(
    place: str, record: "ConsumerRecord[bytes, bytes]", search: Search
) -> tuple[Saying, bool]:
    letter = dead.decode(record.value or b"")
    error = f"{letter.stage}, {letter.error}"
    saying = Saying(place, record.timestamp, letter.record, "dead", error)
    return saying, search.inside(letter.bytes)


_TOLD: Final = ("record", "outcome", "reason", "lane", "rules", "origin", "by")
_READ: Final = {DESK.name: _at_desk, DROPPED.name: _dropped, DEAD.name: _dead}
