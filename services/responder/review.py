"""Looking into what was dropped: a sample with its texts, read from Kafka and never stored."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from services.responder import intake
from services.responder.draw import Drawn, Sample, slices
from services.responder.store import Pool, audit, desk, reviewed, transaction
from services.responder.telemetry import ReviewMetrics
from toog.contracts import events
from toog.contracts.events import Event
from toog.contracts.topics import DROPPED
from toog.contracts.verdicts import DroppedReason
from toog.kit.errors import UnavailableError
from toog.kit.postgres import AWAY
from toog.kit.revive import (
    Revived,
    Send,
    Standing,
    UnfitError,
    coordinates,
    message_of,
    revive,
    unfit,
)
from toog.kit.settings import KafkaSettings
from toog.kit.stream.read import Look, Span, look

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MS: Final = timedelta(milliseconds=1)
LINES: Final = 100_000
"""So many lines of the ledger are looked at; of a longer time, evenly spaced pieces."""
BITE: Final = 500
"""Lines between two breaths: some five milliseconds, then agents have their turn."""
LEDGER_S: Final = 8.0
TEXTS_S: Final = 8.0
WITHIN_S: Final = 30.0
"""A review or a revival that takes longer is given up: Kafka is not well."""
REVIEWS_AT_ONCE: Final = 2
REVIVALS_AT_ONCE: Final = 4
BUSY_S: Final = 5.0
TEXT_LENGTH: Final = 2_000
OUT_OF_ORDER_MS: Final = 300_000
"""The ledger is almost in the order of receipts: this much behind the end is looked at too."""


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
    """A review: `lines` of the `held` lines were looked at; `seen` counts them by reason.

    `clipped`: the time begins before what the topic holds, or not everything could be looked at.
    """

    lines: int
    held: int
    clipped: bool
    seen: dict[DroppedReason, int]
    events: Sequence[Shown]


class Review:
    """Shows samples of what was dropped, and brings dropped events to the desk."""

    def __init__(
        self, pool: Pool, settings: KafkaSettings, *, send: Send, metrics: ReviewMetrics
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._send = send
        self._metrics = metrics
        self._reviews = asyncio.Semaphore(REVIEWS_AT_ONCE)
        self._revivals = asyncio.Semaphore(REVIVALS_AT_ONCE)

    async def show(self, agent: str, wish: Wish) -> Showing:
        """The sample, after its audit row. Raises UnavailableError when busy or Kafka is away."""
        async with self._turn("review", self._reviews), look(self._settings) as looking:
            showing = await _gathered(looking, wish)
            shown = await self._accounted(agent, wish, showing.events)
        return showing._replace(events=shown)

    async def _accounted(self, agent: str, wish: Wish, found: Sequence[Shown]) -> Sequence[Shown]:
        """Takes out what was deleted meanwhile, and writes down who is shown what."""
        messages = {one.text.message for one in found if one.text is not None}
        async with transaction(self._pool) as connection:
            homes, deleted = await desk.known(connection, messages)
            shown = [_standing(one, homes, deleted) for one in found]
            records = [one.drawn.line.record for one in shown]
            await audit.write_log_act(connection, agent, "review", str(wish), records)
            await reviewed.shown(
                connection,
                [
                    (one.drawn.line.record, one.drawn.reason, one.drawn.line.rules, one.case)
                    for one in shown
                    if one.text is not None and one.text.unfit is None
                ],
            )
        return shown

    async def revive(self, agent: str, record: str, why: str) -> tuple[Revived, str]:
        """Brings the record to the desk; the case that it joins, or stands in already.

        Raises what `toog.kit.revive.revive` raises, and UnavailableError when busy.
        """
        act = _Act(self._pool, agent, coordinates(record), why)
        async with self._turn("revive", self._revivals), look(self._settings) as looking:
            done = await revive(
                act.record,
                by=agent,
                look=looking,
                send=self._send,
                standing=act.standing,
                audited=act.audited,
                rules=await act.rules(),
            )
        return done, act.case

    @contextlib.asynccontextmanager
    async def _turn(self, act: str, turns: asyncio.Semaphore) -> AsyncIterator[None]:
        if turns.locked():
            self._metrics.acts.labels(act, "busy").inc()
            raise UnavailableError(f"another {act}", BUSY_S)
        result = "refused"
        try:
            async with turns, asyncio.timeout(WITHIN_S) as bound:
                yield
            result = "done"
        except TimeoutError as error:
            result = "away"
            if bound.expired():
                raise UnavailableError("Kafka") from error
            raise
        except (UnavailableError, *AWAY):
            result = "away"
            raise
        finally:
            self._metrics.acts.labels(act, result).inc()


class _Act:
    """One revival: what the desk knows of the message, and the row that says who wanted it."""

    def __init__(self, pool: Pool, agent: str, record: str, why: str) -> None:
        self._pool = pool
        self._agent = agent
        self._why = why
        self.record = record
        self.case = ""

    async def rules(self) -> str | None:
        async with transaction(self._pool) as connection:
            return await reviewed.rules_of(connection, self.record)

    async def standing(self, event: Event) -> Standing:
        message, parent = message_of(event), event.in_reply_to
        asked = [message] if parent is None else [message, parent.id]
        async with transaction(self._pool) as connection:
            homes, deleted = await desk.known(connection, asked)
        known = homes.get(message)
        self.case = known.case if known is not None else intake.case_of(event, homes)
        if message in deleted:
            return "deleted"
        return "known" if known is not None else "unknown"

    async def audited(self, _: Event) -> None:
        async with transaction(self._pool) as connection:
            await audit.write_log_act(connection, self._agent, "revive", self._why, [self.record])
            await reviewed.revived(connection, self.record)


async def _gathered(looking: Look, wish: Wish) -> Showing:
    begin, end = wish.ms
    spans = await looking.spans([DROPPED], begin, end + OUT_OF_ORDER_MS)
    held = sum(span.end - span.first for span in spans)
    sample = Sample(wish.per_reason, wish.reason)
    lines = await _drawn(looking, spans, range(begin, end), sample)
    drawn, found = sample.drawn(), []
    until = time.monotonic() + TEXTS_S
    for one in drawn:
        if time.monotonic() > until:
            break
        found.append(Shown(one, await _text(looking, one.line.record)))
    clipped = lines < held or len(found) < len(drawn) or any(span.clipped for span in spans)
    return Showing(lines, held, clipped, dict(sample.seen), found)


async def _drawn(looking: Look, spans: Sequence[Span], time_ms: range, sample: Sample) -> int:
    """Lets the ledger's lines of that time pass by the sample; how many did."""
    lines, until = 0, time.monotonic() + LEDGER_S
    for piece in slices(spans, LINES):
        async with contextlib.aclosing(looking.scan(piece, bite=BITE)) as bites:
            async for bite in bites:
                for _, record in bite:
                    if record.timestamp in time_ms:
                        with contextlib.suppress(ValueError):  # metrics sets it aside, once
                            sample.offer(record.value or b"", record.timestamp)
                lines += len(bite)
                if time.monotonic() > until:
                    return lines
                await asyncio.sleep(0)
    return lines


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


def _standing(one: Shown, homes: dict[str, intake.Home], deleted: frozenset[str]) -> Shown:
    if one.text is None:
        return one
    if one.text.message in deleted:
        return one._replace(text=None, deleted=True)
    home = homes.get(one.text.message)
    return one._replace(case=home.case) if home is not None else one
