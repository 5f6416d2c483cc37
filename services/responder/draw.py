"""The draw of a review: an even sample of dropped events, the same for the same lines. Pure.

The digest of an event's id is as good as random, so the lowest digests of a reason are an even
sample of it, whatever order the lines come in; asking for more only adds to it.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from toog.contracts.ledger import LINES
from toog.contracts.topics import record_of
from toog.contracts.verdicts import DROPPED_REASONS, DroppedReason
from toog.kit.stream.read import Span

QUOTES: Final = 10
"""Quotes of ours are drawn at so many times the rate: nobody else would find them."""
SLICES: Final = 16

_REASONS: Final[dict[str, DroppedReason]] = {reason: reason for reason in DROPPED_REASONS}


class Line(msgspec.Struct, frozen=True, gc=False):
    """What a review needs of a line of the ledger; a newer router may give reasons unknown here."""

    offset: int
    event: str
    reason: str
    platform: str
    occurred_at: datetime
    received_ms: int
    surface: str | None = None


class _Page(msgspec.Struct, frozen=True):
    topic: str
    partition: int
    rules: str
    lines: list[Line]


_decode: Final = msgspec.json.Decoder(_Page).decode


class Drawn(NamedTuple):
    """A line of the ledger that was drawn, with the coordinates of its intake record."""

    record: str
    reason: DroppedReason
    rules: str
    line: Line


def share(reason: DroppedReason, per_reason: int) -> int:
    """How many events of this reason are drawn."""
    return per_reason * QUOTES if reason == "quote_of_ours" else per_reason


class Sample:
    """Draws while pages go by; holds at most twice what it will give.

    `only`: draw this reason alone. Of the lines that `passed`, `lines` were received in the time;
    `seen` counts these by reason, drawn or not.
    """

    def __init__(self, time_ms: range, per_reason: int, only: DroppedReason | None = None) -> None:
        reasons = (only,) if only is not None else DROPPED_REASONS
        self.passed = self.lines = 0
        self.seen: Counter[DroppedReason] = Counter()
        self._time_ms = time_ms
        self._shares = {reason: share(reason, per_reason) for reason in reasons}
        self._kept: dict[DroppedReason, dict[str, Drawn]] = {reason: {} for reason in reasons}
        self._highest = dict.fromkeys(reasons, "~")

    def offer(self, value: bytes) -> None:
        """One page of the ledger. Raises ValueError where it cannot be read."""
        page = _decode(value)
        self.passed += len(page.lines)
        for line in page.lines:
            if line.received_ms not in self._time_ms:
                continue  # a page may reach over either end of the time
            self.lines += 1
            if (reason := _REASONS.get(line.reason)) is not None:
                self.seen[reason] += 1
                highest = self._highest.get(reason)
                if highest is not None and line.event <= highest:
                    self._keep(page, line, reason)

    def _keep(self, page: _Page, line: Line, reason: DroppedReason) -> None:
        kept, record = self._kept[reason], record_of(page.topic, page.partition, line.offset)
        before = kept.get(line.event)
        if before is None or record < before.record:  # the same, whichever came first
            kept[line.event] = Drawn(record, reason, page.rules, line)
        if len(kept) > 2 * self._shares[reason]:
            lowest = self._lowest(reason)
            self._kept[reason] = {event: kept[event] for event in lowest}
            self._highest[reason] = lowest[-1]

    def _lowest(self, reason: DroppedReason) -> list[str]:
        return heapq.nsmallest(self._shares[reason], self._kept[reason])

    def drawn(self) -> list[Drawn]:
        """The sample: the first of every reason, then the second of each, and so on."""
        ranked = [
            (rank, self._kept[reason][event])
            for reason in self._shares
            for rank, event in enumerate(self._lowest(reason))
        ]
        return [drawn for _, drawn in sorted(ranked, key=lambda one: one[0])]


def pages(spans: Sequence[Span]) -> int:
    """How many pages stand there."""
    return sum(span.end - span.first for span in spans)


def pieces(spans: Sequence[Span], most: int, sample: Sample) -> Iterator[list[Span]]:
    """What is read of these spans, in this order, so that some `most` lines pass by the sample.

    All of it where that is few enough; else evenly spaced pieces, the same share of every span,
    in an order that is spread over the whole time however early somebody stops. Pages can hold a
    single line, and only reading tells: first go as many as are never too many, then, if these
    were not full, as many more as have room at their rate.
    """
    total, first = pages(spans), most // LINES
    if total <= first:
        yield list(spans)
        return
    yield from _slices(spans, 0, first, total)
    room = min(first * most // max(sample.passed, 1), total)
    if room < min(first + first // SLICES, total):
        return  # so few more are not worth as many requests again
    for piece in _slices(spans, first, room, total):
        if sample.passed >= most:
            return
        yield piece


def _slices(spans: Sequence[Span], begin: int, end: int, total: int) -> Iterator[list[Span]]:
    """Of every slice of every span its share of the pages that bring `begin` of all to `end`."""
    if begin < end:
        for number in _spread(SLICES):
            yield [
                span._replace(
                    first=_reach(span, number, begin, total), end=_reach(span, number, end, total)
                )
                for span in spans
            ]


def _reach(span: Span, number: int, most: int, total: int) -> int:
    """The offset that this slice of the span is read up to once `most` pages of all were."""
    length = span.end - span.first
    begin, end = length * number // SLICES, length * (number + 1) // SLICES
    return span.first + begin + end * most // total - begin * most // total


def _spread(count: int) -> Iterator[int]:
    """The numbers up to `count`, a power of two, each far from those before it: 0, 8, 4, 12."""
    bits = count.bit_length() - 1
    for number in range(count):
        yield int(f"{number:0{bits}b}"[::-1], 2)
