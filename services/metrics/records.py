"""What one record of a topic tells: a verdict, a dead letter, an activity. No I/O."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Final, NamedTuple, get_args

import msgspec
from aiokafka.structs import ConsumerRecord

from services.metrics import mood
from services.metrics.coverage import CONTEXT, MARKS, Judged, Standing
from services.metrics.coverage import DEAD as SET_ASIDE
from services.metrics.load import minute_of
from services.metrics.mood import Said
from toog.contracts import about, activity, dead, wire
from toog.contracts.activity import Activity
from toog.contracts.ledger import LINES, Milliseconds
from toog.contracts.topics import (
    ACTIVITY,
    DEAD,
    DESK,
    DROPPED,
    EVENTS,
    ROOM,
    Topic,
    parse_record,
)
from toog.contracts.verdicts import DroppedReason

INTAKE: Final = (EVENTS, ROOM)

_INTAKE_BY_NAME: Final = {topic.name: topic for topic in INTAKE}
_STAGES: Final = get_args(dead.Stage)
_NULL: Final = msgspec.Raw(b"null")
_LARGEST: Final = 2**62  # an offset above it is none; PostgreSQL's bigint ends at 2**63


class Letter(NamedTuple):
    """A dead letter by its coordinates; `desk` is (partition, offset) of the desk's own records."""

    stage: str
    record: str
    desk: tuple[int, int] | None = None


class Told(NamedTuple):
    """What one record told us; nothing at all where it concerns no count of ours."""

    verdicts: tuple[Judged, ...] = ()
    letter: Letter | None = None
    activity: Activity | None = None


NOTHING: Final = Told()


class _Line(msgspec.Struct, gc=False):
    """What is counted of a line; its sentiment may be anything: no number is worth a dead letter."""

    offset: int
    reason: DroppedReason
    received_ms: Milliseconds
    sentiment: msgspec.Raw = _NULL


class _Page(msgspec.Struct):
    topic: str
    partition: int
    lines: Annotated[tuple[_Line, ...], msgspec.Meta(max_length=LINES)]


_pages: Final = msgspec.json.Decoder(_Page)


def read_desk(record: "ConsumerRecord[bytes, bytes]") -> Told:
    """A record of `social.desk.v1`. Raises ValueError where its headers carry no verdict."""
    if wire.header(record.headers, "ce_origin") is not None:
        return NOTHING  # revived or rejudged: the intake record had its verdict before
    outcome, said = wire.header(record.headers, "ce_outcome"), mood.NOTHING
    if outcome == "context":
        standing = CONTEXT
    elif outcome == "addressed":
        standing = Standing("addressed", wire.header(record.headers, "ce_lane") or "")
        said = mood.of_headers(about.heard(record.headers))
    else:
        raise ValueError("a desk record is addressed or context")
    coordinates = wire.header(record.headers, "ce_record")
    return Told((_judged(record, coordinates, standing, said),))


def read_dropped(record: "ConsumerRecord[bytes, bytes]") -> Told:
    """A page of the ledger. Raises ValueError where it cannot be read; then none of it counts."""
    page = _pages.decode(record.value or b"")
    return Told(
        tuple(
            Judged(
                *_known(page.topic, page.partition, line.offset, _INTAKE_BY_NAME),
                minute_of(line.received_ms),
                Standing("dropped", line.reason),
                _sampled(bytes(line.sentiment)),
            )
            for line in page.lines
        )
    )


def read_dead(record: "ConsumerRecord[bytes, bytes]") -> Told:
    """A dead letter; the router's is also what became of an intake record.

    Raises ValueError where it cannot be read.
    """
    stage = wire.header(record.headers, "ce_stage")
    coordinates = wire.header(record.headers, "ce_record")
    if stage is None or coordinates is None:
        letter = dead.decode(record.value or b"")
        stage, coordinates = letter.stage, letter.record
    if stage not in _STAGES or "\0" in coordinates:
        raise ValueError("no dead letter of ours")
    if stage == "router":
        return Told((_judged(record, coordinates, SET_ASIDE),), Letter(stage, coordinates))
    if stage == "responder":
        _, partition, offset = _place(coordinates, {DESK.name: DESK})
        return Told(letter=Letter(stage, coordinates, (partition, offset)))
    return Told(letter=Letter(stage, coordinates))


def read_activity(record: "ConsumerRecord[bytes, bytes]") -> Told:
    """An activity. Raises ValueError where it cannot be read or its figures cannot be."""
    told = activity.decode(record.value or b"")
    if "\0" in told.id or told.at.tzinfo is None:
        raise ValueError("an activity has an id without NUL and a time with its zone")
    seconds = told.first_response_s
    if seconds is not None and not (math.isfinite(seconds) and 0 <= seconds < 1e9):
        raise ValueError("no time of a first response")
    if (progress := told.progress) is not None:
        counts = (progress.stored, progress.duplicates, progress.applied)
        in_order = 0 <= progress.first <= progress.last < _LARGEST
        if not (in_order and all(0 <= n < _LARGEST for n in counts)):
            raise ValueError("no progress of the desk")
        if not 0 <= progress.partition < DESK.partitions:
            raise ValueError("no partition of the desk")
    return Told(activity=told)


READERS: Final[Mapping[str, Callable[["ConsumerRecord[bytes, bytes]"], Told]]] = {
    DESK.name: read_desk,
    DROPPED.name: read_dropped,
    DEAD.name: read_dead,
    ACTIVITY.name: read_activity,
}


def _sampled(sentiment: bytes) -> Said:
    if sentiment == bytes(_NULL):
        return mood.NOTHING
    number = about.sentiment_of(sentiment.decode(errors="replace"))
    if number is None:
        return Said(wrong=("sentiment",))
    return Said(mood.hundredths(number))


def _judged(
    record: "ConsumerRecord[bytes, bytes]",
    coordinates: str | None,
    standing: Standing,
    said: Said = mood.NOTHING,
) -> Judged:
    if standing not in MARKS:
        raise ValueError("a verdict that the contract does not know")
    topic, partition, offset = _place(coordinates or "", _INTAKE_BY_NAME)
    return Judged(topic, partition, offset, minute_of(record.timestamp), standing, said)


def _place(coordinates: str, topics: Mapping[str, Topic]) -> tuple[str, int, int]:
    return _known(*parse_record(coordinates), topics)


def _known(
    name: str, partition: int, offset: int, topics: Mapping[str, Topic]
) -> tuple[str, int, int]:
    topic = topics.get(name)
    if topic is None or not (0 <= partition < topic.partitions and 0 <= offset < _LARGEST):
        raise ValueError("no record of a topic that is judged")
    return name, partition, offset
