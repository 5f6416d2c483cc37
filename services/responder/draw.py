"""The draw of a review: an even sample of dropped events, the same for the same lines. Pure.

The digest of an event's id is as good as random, so the lowest digests of a reason are an even
sample of it, whatever order the lines come in; asking for more only adds to it.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from toog.contracts.verdicts import DROPPED_REASONS, Dropped, DroppedReason, decode_dropped
from toog.kit.stream.read import Span

QUOTES: Final = 10
"""Quotes of ours are drawn at so many times the rate: nobody else would find them."""
SLICES: Final = 16

_REASONS: Final[dict[str, DroppedReason]] = {reason: reason for reason in DROPPED_REASONS}


class _Brief(msgspec.Struct, gc=False):
    """What the draw needs of a line; the rest is decoded only of what is drawn."""

    event: str
    record: str
    reason: str
    origin: str | None = None


_brief: Final = msgspec.json.Decoder(_Brief)


class Drawn(NamedTuple):
    """A line of the ledger that was drawn, with the receipt of its event in ms since 1970."""

    line: Dropped
    reason: DroppedReason
    received_ms: int


def share(reason: DroppedReason, per_reason: int) -> int:
    """How many events of this reason are drawn."""
    return per_reason * QUOTES if reason == "quote_of_ours" else per_reason


class Sample:
    """Draws while lines go by; holds at most twice what it will give.

    `only`: draw this reason alone. `seen` counts the lines by reason, drawn or not.
    """

    def __init__(self, per_reason: int, only: DroppedReason | None = None) -> None:
        reasons = (only,) if only is not None else DROPPED_REASONS
        self.seen: Counter[DroppedReason] = Counter()
        self._shares = {reason: share(reason, per_reason) for reason in reasons}
        self._kept: dict[str, dict[str, Drawn]] = {reason: {} for reason in reasons}
        self._worst: dict[str, str] = {}

    def offer(self, value: bytes, received_ms: int) -> None:
        """One line of the ledger. Raises ValueError where it cannot be read."""
        brief = _brief.decode(value)
        reason = _REASONS.get(brief.reason)
        if brief.origin is not None or reason is None:
            return  # told a second time of a record that has its line
        self.seen[reason] += 1
        kept = self._kept.get(reason)
        if kept is None or brief.event > self._worst.get(reason, "~"):
            return
        before = kept.get(brief.event)
        if before is None or brief.record < before.line.record:  # the same, whichever came first
            kept[brief.event] = Drawn(decode_dropped(value), reason, received_ms)
        if len(kept) > 2 * self._shares[reason]:
            self._cut(reason)

    def _cut(self, reason: DroppedReason) -> None:
        lowest = self._lowest(reason)
        self._kept[reason] = {event: self._kept[reason][event] for event in lowest}
        self._worst[reason] = lowest[-1]

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


def slices(spans: Sequence[Span], limit: int) -> list[list[Span]]:
    """What is read of these spans so that it is at most `limit` records, in the order of reading.

    All of it where that is few enough; else evenly spaced pieces, the same share of every span,
    in an order that is spread over the whole time however early somebody stops.
    """
    total = sum(span.end - span.first for span in spans)
    if total <= limit:
        return [list(spans)]
    return [[_piece(span, number, limit, total) for span in spans] for number in _spread(SLICES)]


def _piece(span: Span, number: int, limit: int, total: int) -> Span:
    length = span.end - span.first
    begin, end = length * number // SLICES, length * (number + 1) // SLICES
    size = end * limit // total - begin * limit // total
    return span._replace(first=span.first + begin, end=span.first + begin + size)


def _spread(count: int) -> Iterator[int]:
    """The numbers up to `count`, a power of two, each far from those before it: 0, 8, 4, 12."""
    bits = count.bit_length() - 1
    for number in range(count):
        yield int(f"{number:0{bits}b}"[::-1], 2)
