"""What metrics shows: the totals as PostgreSQL has them, and the last balance with its age."""

import time
from collections.abc import Iterable, Iterator
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from services.metrics import load, mood
from services.metrics.balance import Balance
from services.metrics.load import NOTHING, Totals
from toog.contracts.activity import ActivityKind
from toog.contracts.dead import Stage
from toog.contracts.verdicts import DROPPED_REASONS, LANES, MESSAGE_KINDS

JUDGED: Final = frozenset({"addressed", "context", "dropped", "dead"})


class Rounds:
    """The last balance that could be drawn up, and how the rounds went."""

    def __init__(self, registry: CollectorRegistry, now: float) -> None:
        self.last: Balance | None = None
        self._at = now
        self._counted = Counter(
            "toog_balance_rounds",
            "rounds of the balance; result is done or the error that cost the round",
            ["result"],
            registry=registry,
        )

    def done(self, drawn: Balance, now: float) -> None:
        """A round was drawn up at this monotonic time."""
        self.last, self._at = drawn, now
        self._counted.labels("done").inc()

    def skipped(self, error: str) -> None:
        """A round could not be drawn up; `error` is a class name."""
        self._counted.labels(error).inc()

    def age_s(self, now: float) -> float:
        """Seconds since the last balance, or since the start where there is none yet."""
        return max(0.0, now - self._at)


class Figures(Collector):
    """The catalogue of what was counted; read from memory, so that a scrape never waits."""

    def __init__(self, totals: Totals, rounds: Rounds) -> None:
        self.totals = totals
        self._rounds = rounds

    def collect(self) -> Iterable[Metric]:
        """All families, every closed label always there."""
        yield from self._intake()
        yield from self._mood()
        yield from self._desk()
        yield from self._balance()

    def _ever(self, kind: str, label: str = "") -> int:
        return self.totals.get((kind, label), NOTHING).ever

    def _counter(self, name: str, text: str, kind: str) -> Metric:
        return CounterMetricFamily(name, text, value=self._ever(kind))

    def _labelled(
        self, name: str, text: str, kind: str, label: str, values: Iterable[str]
    ) -> Metric:
        family = CounterMetricFamily(name, text, labels=[label])
        for value in values:
            family.add_metric([value], self._ever(kind, value))
        return family

    def _intake(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            "toog_received",
            "intake records judged or set aside by the router, each offset once",
            value=sum(total.n for (kind, _), total in self.totals.items() if kind in JUDGED),
        )
        yield self._labelled("toog_addressed", "addressed, by lane", "addressed", "lane", LANES)
        yield self._counter("toog_context", "context", "context")
        yield self._labelled(
            "toog_dropped", "dropped, by reason", "dropped", "reason", DROPPED_REASONS
        )
        yield self._labelled(
            "toog_dead", "dead letters", load.DEAD_LETTER, "stage", get_args(Stage)
        )
        yield self._counter(
            "toog_verdict_conflicts", "intake offsets with differing verdicts", load.CONFLICT
        )

    def _mood(self) -> Iterator[Metric]:
        # gauges: a sum of sentiment falls too, and a sampled line may be overruled
        for name, text, kind, unit in (
            ("toog_sentiment_sum", "sum of sentiment, -1 to 1 each", mood.SENTIMENT, 0.01),
            ("toog_sentiment_messages", "messages in that sum", mood.SENTIMENT_MESSAGES, 1),
        ):
            family = GaugeMetricFamily(name, text, labels=["where"])
            for where in mood.WHERES:
                family.add_metric([where], round(self._ever(kind, where) * unit, 2))
            yield family
        yield self._labelled(
            "toog_kinds", "addressed messages, by kind", mood.KIND, "kind", MESSAGE_KINDS
        )
        yield self._labelled(
            "toog_languages", "addressed, by language", mood.LANGUAGE, "language", mood.LANGUAGES
        )
        yield self._labelled(
            "toog_about_left_out",
            "values beside a verdict that could not be read and were left out",
            mood.LEFT_OUT,
            "field",
            mood.FIELDS,
        )

    def _desk(self) -> Iterator[Metric]:
        yield self._labelled(
            "toog_activity",
            "what happened to cases and replies",
            load.ACTIVITY,
            "kind",
            get_args(ActivityKind),
        )
        buckets, below = [], 0
        for bound in load.FIRST_RESPONSE_S:
            below += self._ever(load.FIRST_RESPONSE, str(bound))
            buckets.append((f"{bound}.0", below))
        buckets.append(("+Inf", below + self._ever(load.FIRST_RESPONSE, "inf")))
        family = HistogramMetricFamily(
            "toog_first_response_seconds", "from the receipt of the first message to the answer"
        )
        family.add_metric([], buckets, self._ever(load.FIRST_RESPONSE_MS) / 1000)
        yield family

    def _balance(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "toog_balance_age_seconds",
            "since the last balance that could be drawn up",
            value=self._rounds.age_s(time.monotonic()),
        )
        last = self._rounds.last
        if last is None:
            return  # no figure rather than a zero that nobody counted
        for name, text, value in (
            ("toog_in_flight", "intake records not judged yet", last.in_flight),
            ("toog_balance", "intake records without a verdict; only zero is good", last.balance),
            ("toog_desk_balance", "desk records unaccounted for", last.desk.balance),
            ("toog_desk_lag", "desk records not taken in yet", last.desk.lag),
        ):
            yield GaugeMetricFamily(name, text, value=value)
