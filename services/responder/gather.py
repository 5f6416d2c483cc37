"""What a review reads: the ledger's pages of a time, and the texts of what was drawn of them."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from services.responder.draw import Drawn, Sample, pages, pieces
from toog.contracts import events
from toog.contracts.topics import DROPPED
from toog.contracts.verdicts import DroppedReason
from toog.kit.errors import DATA_ERRORS
from toog.kit.revive import UnfitError, coordinates, message_of, unfit
from toog.kit.stream.read import Look, Span

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MS: Final = timedelta(milliseconds=1)
LINES: Final = 500_000
"""So many lines of the ledger are looked at; of a longer time, evenly spaced pieces."""
BITE: Final = 20
"""Pages between two breaths: full ones take three milliseconds, then agents have their turn."""
LEDGER_S: Final = 8.0
TEXTS_S: Final = 8.0
TEXT_LENGTH: Final = 2_000
OUT_OF_ORDER_MS: Final = 300_000
"""The ledger is almost in the order of receipts: this much behind the end is looked at too."""
BEHIND: Final = 24
"""A page has the time of its last line, so one behind the end may reach back over it: of every
partition so many are looked at too, as many as one batch of the router writes there."""


class Wish(NamedTuple):
    """What is to be shown: received in [begin, end), so many of this reason (None: of each)."""

    begin: datetime
    end: datetime
    per_reason: int
    reason: DroppedReason | None

    @property
    def ms(self) -> tuple[int, int]:
        """The time in ms since 1970, as records carry it."""
        return (self.begin - EPOCH) // MS, (self.end - EPOCH) // MS

    def __str__(self) -> str:
        """As the audit says it."""
        what = self.reason or "each reason"
        return f"{self.per_reason} of {what}, {self.begin.isoformat()} to {self.end.isoformat()}"


class Text(NamedTuple):
    """What the intake holds of a drawn event, as far as it is shown."""

    message: str
    text: str
    shortened: bool
    author_handle: str | None
    unfit: str | None


class Shown(NamedTuple):
    """One drawn event. `text` is None where it is gone or `deleted`; `case`: where it stands."""

    drawn: Drawn
    text: Text | None
    deleted: bool = False
    case: str | None = None


class Showing(NamedTuple):
    """A review: `lines` of the time were looked at, `seen` counts them by reason.

    `share`: of the pages that the topic holds of the time, those that were looked at. `clipped`:
    the time begins before what the topic holds, or not everything could be looked at.
    """

    lines: int
    share: float
    clipped: bool
    seen: dict[DroppedReason, int]
    events: Sequence[Shown]


async def gathered(looking: Look, wish: Wish) -> Showing:
    """The sample with its texts, as they stand in Kafka."""
    begin, end = wish.ms
    spans = await _spans(looking, begin, end)
    sample = Sample(range(begin, end), wish.per_reason, wish.reason)
    held, looked_at = pages(spans), await _passed(looking, spans, sample)
    drawn, found = sample.drawn(), []
    until = time.monotonic() + TEXTS_S
    for one in drawn:
        if time.monotonic() > until:
            break
        found.append(Shown(one, await _text(looking, one.record)))
    clipped = looked_at < held or len(found) < len(drawn) or any(span.clipped for span in spans)
    share = looked_at / held if held else 1.0
    return Showing(sample.lines, share, clipped, dict(sample.seen), found)


async def _spans(looking: Look, begin: int, end: int) -> list[Span]:
    """Where the pages stand that may have lines of that time."""
    found = await looking.spans([DROPPED], begin, end + OUT_OF_ORDER_MS)
    whole = await looking.spans([DROPPED])
    return [
        span._replace(end=min(span.end + BEHIND, all_.end))
        for span, all_ in zip(found, whole, strict=True)
    ]


async def _passed(looking: Look, spans: Sequence[Span], sample: Sample) -> int:
    """Lets these pages pass by the sample; how many did."""
    passed, until = 0, time.monotonic() + LEDGER_S
    for piece in pieces(spans, LINES, sample):
        async with contextlib.aclosing(looking.scan(piece, bite=BITE)) as bites:
            async for bite in bites:
                for _, record in bite:
                    with contextlib.suppress(*DATA_ERRORS):  # metrics sets it aside, once
                        sample.offer(record.value or b"")
                        passed += 1
                if time.monotonic() > until:
                    return passed
                await asyncio.sleep(0)
    return passed


async def _text(looking: Look, record: str) -> Text | None:
    """What is shown of the intake record; None where it is gone or cannot be read."""
    try:
        found = await looking.record(coordinates(record))
        if found is None:
            return None
        event = events.decode(found.value or b"")
    except (UnfitError, ValueError, RecursionError):
        return None
    return Text(
        message=message_of(event),
        text=event.text[:TEXT_LENGTH],
        shortened=len(event.text) > TEXT_LENGTH,
        author_handle=event.author.handle if event.author is not None else None,
        unfit=unfit(event),
    )
