"""Revive: a record of the intake goes to the desk after all, because a person said so."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Literal, NamedTuple

from aiokafka.structs import ConsumerRecord

from toog import __version__
from toog.contracts import events, wire
from toog.contracts.events import Event
from toog.contracts.topics import DESK, EVENTS, ROOM, parse_record, record_of
from toog.contracts.verdicts import Origin, Verdict
from toog.kit.stream.produce import Outgoing
from toog.kit.stream.read import Look

REVIVED: Final = Verdict("addressed", "revived", "thread")
INTAKE: Final = {topic.name: topic for topic in (EVENTS, ROOM)}

Send = Callable[[Iterable[Outgoing]], Awaitable[None]]
Standing = Literal["unknown", "known", "deleted"]
"""What the desk knows of a message."""


class ReviveError(Exception):
    """The record is not revived; the text is a sentence that says why."""


class NoRecordError(ReviveError):
    """Nothing was ever written at these coordinates."""


class UnfitError(ReviveError):
    """These are no coordinates of the intake, or what stands there is no message of a citizen."""


class GoneError(ReviveError):
    """Retention has taken the record."""


class DeletedError(ReviveError):
    """The citizen has deleted the message."""


class Revived(NamedTuple):
    """What was revived. `already`: the desk had the message before."""

    record: str
    event: Event
    already: bool


def message_of(event: Event) -> str:
    """The id of the message that the event is, or edits."""
    return event.of or event.id


def coordinates(record: str) -> str:
    """The coordinates as we write them. Raises UnfitError where they name no intake record."""
    try:
        name, partition, offset = parse_record(record)
    except ValueError:
        name, partition, offset = "", 0, 0
    topic = INTAKE.get(name)
    if topic is None or not 0 <= partition < topic.partitions or offset < 0:
        raise UnfitError(
            f"name a record of the intake, such as {EVENTS.name}:3:1207, as the review shows it"
        )
    return record_of(name, partition, offset)


def unfit(event: Event) -> str | None:
    """Why this event cannot be revived, as a sentence, or None."""
    if event.own:
        return "this is a message of our own: there is nobody to answer"
    if event.kind == "signal":
        return "this is a signal, no message: there is nothing to answer"
    if event.kind == "deleted":
        return "this is a deletion: it takes a message away and is none"
    if event.kind == "edited" and event.of is None:
        return "this edit does not say of which message it is"
    return None


async def revive(
    record: str,
    *,
    by: str,
    look: Look,
    send: Send,
    standing: Callable[[Event], Awaitable[Standing]],
    audited: Callable[[Event], Awaitable[None]],
    rules: str | None = None,
) -> Revived:
    """Brings the intake record at these coordinates to the desk, and returns once Kafka has it.

    `by` says who wants it; `standing` asks what the desk knows of the message; `audited` writes
    the audit row, after all checks and before anything is written; `rules` is the version that
    dropped it, where it is known. Repeating it does no harm: the desk knows the message by its id,
    and a message that it has already is not written again, but for an edit.

    Raises UnfitError, NoRecordError, GoneError or DeletedError with a sentence, and
    UnavailableError while Kafka is away: it may then be written all the same, so repeat it.
    """
    place = coordinates(record)
    found = await _read(look, place)
    event = _message(found)
    known = await standing(event)
    if known == "deleted":
        raise DeletedError("the citizen has deleted this message: it is not brought back")
    await audited(event)
    if known == "unknown" or event.kind == "edited":
        await send([once_more(found, place, event, REVIVED, rules or __version__, "revive", by)])
    return Revived(place, event, known == "known")


def once_more(  # noqa: PLR0917 - a record and what its headers will say, in their order
    record: "ConsumerRecord[bytes, bytes]",
    place: str,
    event: Event,
    verdict: Verdict,
    rules: str,
    origin: Origin,
    by: str,
) -> Outgoing:
    """An intake record as it goes to the desk after its first verdict: bytes and time unchanged."""
    return Outgoing(
        topic=DESK,
        key=record.key or event.id.encode(),
        value=record.value or b"",
        headers=[
            *record.headers,
            *wire.verdict_headers(verdict, rules, place),
            *wire.origin_headers(origin, by),
        ],
        timestamp_ms=record.timestamp,
    )


async def _read(look: Look, place: str) -> "ConsumerRecord[bytes, bytes]":
    found = await look.record(place)
    if found is not None:
        return found
    name, partition, offset = parse_record(place)
    spans = await look.spans([INTAKE[name]])
    if any(span.partition == partition and offset >= span.end for span in spans):
        raise NoRecordError("nothing stands at these coordinates: take them from the review")
    raise GoneError("Kafka does not hold this text any more: it is kept for 72 hours")


def _message(record: "ConsumerRecord[bytes, bytes]") -> Event:
    try:
        event = events.decode(record.value or b"")
    except (ValueError, RecursionError):
        raise UnfitError(
            "this record cannot be read: its bytes are among the dead letters"
        ) from None
    if (why := unfit(event)) is not None:
        raise UnfitError(why)
    return event
