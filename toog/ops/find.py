"""`toog find`: where is this post? Every step that it went, out of Kafka and the database."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka.structs import ConsumerRecord

from toog.contracts.events import Event
from toog.contracts.topics import DEAD, DESK, DROPPED, EVENTS, ROOM, Topic, parse_record
from toog.contracts.wire import header
from toog.kit.errors import DATA_ERRORS
from toog.kit.settings import KafkaSettings
from toog.kit.stream.read import Look, Span, look
from toog.ops import pages
from toog.ops.asked import Asked, Search
from toog.ops.balance import committed_offsets
from toog.ops.pages import Page
from toog.ops.sayings import Sayings, event_of, place_of
from toog.ops.trail import Heard, Saying, Step, on_page, steps

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
    lines: Sequence[Step] = ()

    @property
    def steps(self) -> list[Step]:
        """Its way through the topics, in order; of a page of the ledger, what stands on it."""
        return [*self.lines, *steps(self.heard, self.sayings, self.committed)]

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


class At(NamedTuple):
    """What stands at coordinates: which record is meant, and its event where the intake holds it.

    `said`: they are of a page of the ledger that tells of no one event; `lines` are what it tells.
    """

    wanted: frozenset[str]
    heard: list[Heard]
    lines: Sequence[Step] = ()
    said: str | None = None


async def traced(
    settings: KafkaSettings, what: Asked, progress: Progress = lambda _read, _of: None
) -> Traced:
    """Steps: 1 committed offsets; 2 the intake; 3 verdicts and dead letters since its receipt.

    What the intake no longer holds is looked for in all that tells of it. Of a page of the ledger
    with more than one line the lines are told, and letters about it. Raises UnavailableError.
    """
    search = Search(what)
    async with look(settings) as log:
        committed = await committed_offsets(settings)
        if what.record is None:
            heard = await _in_intake(log, search, progress)
            at = At(frozenset(one.record for one in heard), heard)
        else:
            at = await _at(log, what.record)
        sayings = Sayings(search, at.wanted)
        if at.said is not None:
            await _scan(log, await log.spans([DEAD]), sayings.take, progress)
            return Traced([], sayings.all, committed, [at.said], at.lines)
        since = min((one.received_ms for one in at.heard), default=None)
        await _scan(log, await log.spans(TOLD_IN, since), sayings.take, progress)
        told = sayings.all
        said = [] if at.heard else [await _absent(log, what, told=bool(told))]
    return Traced(at.heard, told, committed, said)


async def _in_intake(log: Look, search: Search, progress: Progress) -> list[Heard]:
    found: list[Heard] = []

    def read(topic: Topic, record: "ConsumerRecord[bytes, bytes]") -> None:
        event = search.event(record.value)
        if event is not None:
            found.append(Heard(place_of(topic, record), record.timestamp, event))

    await _scan(log, await log.spans(INTAKE), read, progress)
    return found


async def _at(log: Look, coordinates: str) -> At:
    """Follows verdicts and dead letters to the intake record that they are about."""
    with contextlib.suppress(ValueError):  # about a platform's body that never became a record
        for _ in range(len(TOLD_IN)):
            name, *_ = parse_record(coordinates)
            record = await log.record(coordinates)
            if record is None:
                break
            wanted = frozenset({coordinates})
            if name in {topic.name for topic in INTAKE}:
                return At(wanted, [Heard(coordinates, record.timestamp, event_of(record))])
            if name != DROPPED.name:
                coordinates = header(record.headers, "ce_record") or ""
                continue
            lines, said = on_page(_page(record))
            if len(lines) != 1:
                return At(wanted, [], lines, said)
            coordinates = lines[0].where
    return At(frozenset({coordinates}), [])


def _page(record: "ConsumerRecord[bytes, bytes]") -> Page | None:
    try:
        return pages.read(record.value)
    except DATA_ERRORS:
        return None


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
