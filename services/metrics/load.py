"""Load per minute, and the totals behind the counters, from plain values."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from services.metrics import mood
from services.metrics.mood import Where
from toog.contracts.verdicts import DROPPED_REASONS, LANES, MESSAGE_KINDS

FIRST_RESPONSE_S: Final = (15, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""Upper bounds of the first-response histogram, in seconds; what is above counts as `inf`."""

TotalKey = tuple[str, str]
"""Kind and label: a `coverage.Standing`, or one of the kinds below."""

CONFLICT: Final = "conflict"  # label empty
DEAD_LETTER: Final = "dead_letter"  # label: stage
ACTIVITY: Final = "activity"  # label: kind of activity
FIRST_RESPONSE: Final = "first_response"  # label: upper bound in seconds, or inf
FIRST_RESPONSE_MS: Final = "first_response_ms"  # label empty; the sum, in milliseconds
REPLY_SENT: Final = "reply_sent"  # per minute; label empty


class Total(NamedTuple):
    """What stands now, and what stood before a higher verdict overruled it."""

    n: int
    overruled: int = 0

    @property
    def ever(self) -> int:
        """All that was ever counted: it never falls, as a counter must not."""
        return self.n + self.overruled


Totals = Mapping[TotalKey, Total]
NOTHING: Final = Total(0)


def minute_of(timestamp_ms: int) -> int:
    """Minutes since 1970 of a record's timestamp."""
    return timestamp_ms // 60_000


def time_of(minute: int) -> datetime:
    """The beginning of that minute, UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)


def bucket_of(seconds: float) -> str:
    """The label of the first-response bucket that this falls into."""
    return next((str(bound) for bound in FIRST_RESPONSE_S if seconds <= bound), "inf")


@dataclass(slots=True)
class Mood:
    """The sentiment (−1…1 each) of `n` messages: their sum, and the mean; None where none told it."""

    n: int = 0
    sum: float = 0.0
    mean: float | None = None

    def add(self, kind: str, n: int) -> None:
        """Adds one counted row: so many messages, or so many hundredths."""
        if kind == mood.SENTIMENT_MESSAGES:
            self.n += n
        else:
            self.sum = round(self.sum + n / 100, 2)
        self.mean = round(self.sum / self.n, 3) if self.n else None


@dataclass(slots=True)
class Moods:
    """What was said to us, and what was said around us (the sample of the dropped)."""

    counter: Mood = field(default_factory=Mood)
    room: Mood = field(default_factory=Mood)

    def of(self, where: Where) -> Mood:
        """The one of the two."""
        return self.counter if where == "counter" else self.room


@dataclass(slots=True)
class Minute:
    """One minute of load, by the receipt of the records; `received` is the sum of the others.

    Counted as judged: a record that waits for its verdict enters its minute with the verdict.
    `replies_sent` counts by the time of sending; `kinds` are those of the addressed.
    """

    minute: datetime
    received: int = 0
    addressed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    context: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DROPPED_REASONS, 0))
    dead: int = 0
    replies_sent: int = 0
    mood: Moods = field(default_factory=Moods)
    kinds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MESSAGE_KINDS, 0))

    def add(self, kind: str, label: str, n: int) -> None:
        """Adds one counted row of this minute."""
        if kind == REPLY_SENT:
            self.replies_sent += n
        elif kind in mood.ROWS:
            self._say(kind, label, n)
        else:
            self._receive(kind, label, n)

    def _say(self, kind: str, label: str, n: int) -> None:
        if kind == mood.KIND:
            self.kinds[label] = self.kinds.get(label, 0) + n
        elif kind in {mood.SENTIMENT, mood.SENTIMENT_MESSAGES}:
            self.mood.of("counter" if label == mood.COUNTER else "room").add(kind, n)

    def _receive(self, kind: str, label: str, n: int) -> None:
        self.received += n
        if kind == "addressed":
            self.addressed[label] = self.addressed.get(label, 0) + n
        elif kind == "dropped":
            self.dropped[label] = self.dropped.get(label, 0) + n
        elif kind == "context":
            self.context += n
        else:
            self.dead += n


def first_minute(now: datetime, hours: int) -> datetime:
    """The first minute of the last so many hours, the running minute included."""
    return now.replace(second=0, microsecond=0) - timedelta(minutes=60 * hours - 1)


def series(
    rows: Iterable[tuple[datetime, str, str, int]], *, now: datetime, hours: int
) -> list[Minute]:
    """The last hours minute by minute, newest last, minutes without records as zeros.

    `rows` are (minute, kind, label, n); what lies outside the hours is left out.
    """
    first = first_minute(now, hours)
    minutes = [Minute(first + timedelta(minutes=n)) for n in range(60 * hours)]
    for at, kind, label, n in rows:
        place = math.floor((at - first) / timedelta(minutes=1))
        if 0 <= place < len(minutes):
            minutes[place].add(kind, label, n)
    return minutes
