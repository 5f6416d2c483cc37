"""The responder's metrics: the desk's figures from SQL, and what sender and relay do."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from typing import Final, get_args

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.responder.store import Pool, figures, reviewed
from services.responder.workflow import ReplyState
from toog.contracts.verdicts import LANES
from toog.kit.postgres import AWAY

log = structlog.get_logger(__name__)

EVERY_S: Final = 2.0
REVIEWED_EVERY: Final = 15
"""Rounds between two readings of what was reviewed: it grows for ever, and nobody is in a hurry."""


class DeskFigures(Collector):
    """What the database says of the desk, read every two seconds, not at each scrape.

    Every instance tells the same figures: a dashboard takes their maximum, never their sum.
    """

    def __init__(self, pool: Pool, registry: CollectorRegistry) -> None:
        self._pool = pool
        self._now: figures.Figures | None = None
        self._reviewed: reviewed.Reviewed | None = None
        registry.register(self)

    async def run(self) -> None:
        """Reads until cancelled; while the database is away there are no figures, not old ones."""
        for round_ in itertools.count():
            try:
                self._now = await figures.read(self._pool)
                if round_ % REVIEWED_EVERY == 0 or self._reviewed is None:
                    self._reviewed = await reviewed.figures(self._pool)
            except AWAY as error:
                self._now = self._reviewed = None
                log.info("no figures: the database is away", error=type(error).__name__)
            await asyncio.sleep(EVERY_S * random.uniform(0.9, 1.1))  # noqa: S311 - jitter

    def collect(self) -> Iterator[Metric]:
        """What `/metrics` shows of it."""
        now, seen = self._now, self._reviewed
        if seen is not None:
            yield from _reviewed(seen)
        if now is None:
            return
        waiting = GaugeMetricFamily("toog_waiting_cases", "cases that wait", labels=["lane"])
        oldest = GaugeMetricFamily(
            "toog_oldest_waiting_seconds", "how long the oldest citizen waits", labels=["lane"]
        )
        for lane in LANES:
            waiting.add_metric([lane], now.waiting.get(lane, 0))
            oldest.add_metric([lane], now.oldest_s.get(lane, 0.0))
        replies = GaugeMetricFamily("toog_replies", "approved replies", labels=["state"])
        for state in get_args(ReplyState):
            replies.add_metric([state], now.replies.get(state, 0))
        yield waiting
        yield oldest
        yield replies
        for name, about, value in (
            ("toog_replies_balance", "approved replies in no state; always 0", now.balance),
            ("toog_outbox_unsent", "activities that Kafka was not told yet", now.unsent),
        ):
            yield GaugeMetricFamily(name, about, value=value)
        for name, about, count in (
            ("toog_desk_stored", "desk records stored as messages", now.stored),
            ("toog_desk_duplicates", "desk records that we had already", now.duplicates),
            (
                "toog_desk_applied",
                "desk records that changed, or had nothing to change",
                now.applied,
            ),
        ):
            yield CounterMetricFamily(name, about, value=count)


def _reviewed(seen: reviewed.Reviewed) -> Iterator[Metric]:
    shown = CounterMetricFamily(
        "toog_responder_reviewed", "dropped events that a review showed", labels=["reason"]
    )
    revived = CounterMetricFamily(
        "toog_responder_revived", "of those, brought to the desk", labels=["reason"]
    )
    ratio = GaugeMetricFamily(
        "toog_responder_false_drop_ratio",
        "of what reviews showed in 7 days, the share brought to the desk",
        labels=["reason"],
    )
    for reason, count in seen.shown.items():
        shown.add_metric([reason], count)
        revived.add_metric([reason], seen.revived[reason])
    for reason, share in seen.ratio.items():
        ratio.add_metric([reason], share)
    yield from (shown, revived, ratio)
    yield CounterMetricFamily(
        "toog_responder_revived_unseen",
        "brought to the desk without a review having shown it; in no ratio",
        value=seen.unseen,
    )


class WorkMetrics:
    """What the sender and the relay of this process did."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sends = Counter(
            "toog_reply_sends",
            "calls to a platform that should have sent a reply",
            ["platform", "result"],
            registry=registry,
        )
        self.paused = Gauge(
            "toog_sender_paused",
            "1 while an account sends nothing (limit reached, or its token refused)",
            ["platform", "account"],
            registry=registry,
        )
        self.retries = Counter(
            "toog_responder_retries",
            "rounds of the sender or the relay that failed and are done again",
            ["loop", "error"],
            registry=registry,
        )
        self.relayed = Counter(
            "toog_outbox_relayed", "activities that Kafka confirmed", registry=registry
        )


class ReviewMetrics:
    """What this process was asked of the log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.acts = Counter(
            "toog_responder_reviews",
            "reviews and revivals, by how they ended",
            ["act", "result"],
            registry=registry,
        )
