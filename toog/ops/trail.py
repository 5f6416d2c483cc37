"""What is known of one post, put in order: the steps that it went. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from toog.contracts.events import Event
from toog.contracts.topics import DROPPED, ROOM, parse_record, record_of
from toog.ops.pages import Page


class Heard(NamedTuple):
    """An intake record that is it. `event` None: its bytes cannot be read."""

    record: str
    received_ms: int
    event: Event | None


class Saying(NamedTuple):
    """What a record tells of `about`: intake coordinates, or for a dead letter its own.

    `outcome`: addressed, context, dropped; `dead` on a dead letter, with stage and error. A page of
    the ledger is the `record` of many; `received_ms` is then that of the line.
    """

    record: str
    received_ms: int
    about: str
    outcome: str
    reason: str
    lane: str | None = None
    rules: str | None = None
    origin: str | None = None
    by: str | None = None
    event: Event | None = None


class Step(NamedTuple):
    """One line: when (None: Kafka does not say), what happened, where it stands, in which words."""

    at: datetime | None
    what: str
    where: str
    said: str


def steps(
    heard: Iterable[Heard], sayings: Iterable[Saying], committed: Mapping[tuple[str, int], int]
) -> list[Step]:
    """The way of each record from its receipt to the desk, the ledger or the dead letters."""
    about: dict[str, list[Saying]] = {}
    for saying in sorted(sayings, key=lambda s: (s.origin is not None, s.record)):
        about.setdefault(saying.about, []).append(saying)
    found: list[Step] = []
    for one in sorted(heard, key=lambda h: (h.received_ms, h.record)):
        found.append(_received(one))
        if all(saying.origin is not None for saying in about.get(one.record, ())):
            found.append(_unjudged(one.record, committed))
        found += _way(one.record, about)
    written = {saying.record for some in about.values() for saying in some}
    for record in sorted(about, key=lambda r: (r in written, about[r][0].received_ms)):
        if record in about:  # not yet told as the consequence of another
            found += _gone(record, about[record][0])
            found += _way(record, about)
    return found


def on_page(page: Page | None) -> tuple[list[Step], str]:
    """A step for each line of the page, which stands where the intake record does; a sentence.

    `page` None: its bytes cannot be read.
    """
    if page is None:
        return [], "this page of the ledger cannot be read"
    if not page.lines:
        return [], "this page of the ledger has no line"
    found = [
        Step(
            _time(line.received_ms),
            "dropped",
            record_of(page.topic, page.partition, line.offset),
            f"reason {line.reason}, rules {page.rules}",
        )
        for line in page.lines
    ]
    first, last = page.lines[0].offset, page.lines[-1].offset
    sentence = (
        f"this page of the ledger has {len(found)} lines, on offsets {first} to {last} of "
        f"{page.topic}, partition {page.partition}: ask for one by its coordinates, as "
        f"{found[0].where}, to see its whole way"
    )
    return found, sentence


def _way(record: str, about: dict[str, list[Saying]]) -> list[Step]:
    """What was said of the record, and then of what was said; takes it out of `about`."""
    found: list[Step] = []
    for saying in about.pop(record, ()):
        found.append(_said(saying))
        found += _way(saying.record, about)
    return found


def _gone(record: str, told: Saying) -> list[Step]:
    if told.reason.startswith("ingest"):
        return []  # what a platform sent never became a record
    if record.startswith(f"{DROPPED.name}:"):
        return []  # a page tells of others and was never received; its letter names it
    at = _time(told.received_ms)
    return [Step(at, "received", record, "the record itself was taken by retention")]


def _received(one: Heard) -> Step:
    at = _time(one.received_ms)
    if one.event is None:
        return Step(at, "received", one.record, "its bytes cannot be read as an event")
    event = one.event
    door = "the room" if one.record.startswith(f"{ROOM.name}:") else "our own door"
    sort = event.signal or event.surface or "message"
    words = f"{event.platform} {sort}, {event.kind}, by {door} ({event.source})"
    return Step(at, "received", one.record, f"{words}, as {event.id}")


def _unjudged(record: str, committed: Mapping[tuple[str, int], int]) -> Step:
    name, partition, offset = parse_record(record)
    until = committed.get((name, partition), 0)
    if offset >= until:
        words = f"not judged yet: the router has committed up to offset {until}"
        return Step(None, "in flight", record, words)
    words = "read, but without a verdict: `toog balance` counts it as missing"
    return Step(None, "missing", record, words)


def _said(saying: Saying) -> Step:
    if saying.outcome == "dead":
        return Step(None, "set aside", saying.record, f"could not be read: {saying.reason}")
    words = f"reason {saying.reason}"
    if saying.lane is not None:
        words += f", lane {saying.lane}"
    words += f", rules {saying.rules or 'unknown'}"
    if saying.origin is None:
        return Step(None, saying.outcome, saying.record, words)
    what = {"revive": "revived", "rejudge": "rejudged"}.get(saying.origin, saying.origin)
    return Step(None, what, saying.record, f"{words}, through {saying.by or 'unknown'}")


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
