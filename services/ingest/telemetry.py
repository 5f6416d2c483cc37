"""What ingest measures, once per body or group and never per event."""

from collections import Counter as Tally
from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from toog.platforms.base import Parsed

Rejection = Literal[
    "forged", "not_configured", "too_large", "too_slow", "client_gone", "unavailable"
]

LookUpResult = Literal["found", "refused", "given_up", "failed", "not_possible"]


class IngestMetrics:
    """The catalogue of ingest's metrics on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "toog_ingest_events",
            "events made durable, copies included; door: own or room",
            ["platform", "kind", "door"],
            registry=registry,
        )
        self._unreadable = Counter(
            "toog_ingest_unreadable",
            "bodies that could not be read and became dead letters (an alert)",
            ["platform"],
            registry=registry,
        )
        self._rejected = Counter(
            "toog_ingest_rejected",
            "webhooks that were not taken",
            ["reason"],
            registry=registry,
        )
        self.webhook_seconds = Histogram(
            "toog_ingest_webhook_seconds",
            "a webhook from its headers to its answer",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=registry,
        )
        self._pending = Gauge(
            "toog_ingest_pending", "records of webhooks that wait for Kafka", registry=registry
        )
        self._connected = Gauge(
            "toog_source_connected",
            "1 while the source is open",
            ["source"],
            registry=registry,
        )
        self._reconnects = Counter(
            "toog_source_reconnects",
            "times that the source ended or could not be opened",
            ["source", "why"],
            registry=registry,
        )
        self._items = Counter(
            "toog_source_items", "items of the source made durable", ["source"], registry=registry
        )
        self._waits = Counter(
            "toog_source_kafka_waits",
            "times that a source had to wait because Kafka did not confirm",
            ["source"],
            registry=registry,
        )
        self._look_ups = Counter(
            "toog_ingest_look_ups",
            "incomplete events that were asked for at their platform, by how it ended",
            ["platform", "result"],
            registry=registry,
        )
        self._unseen = Counter(
            "toog_source_unseen",
            "what a whole network told of messages that never entered, and was left out",
            ["source"],
            registry=registry,
        )

    def took(self, platform: str, parsed: Parsed) -> None:
        """What one body or group held is durable now."""
        tally = Tally((heard.event.kind, heard.room) for heard in parsed.heard)
        for (kind, room), count in tally.items():
            self._events.labels(platform, kind, "room" if room else "own").inc(count)
        if parsed.unreadable:
            self._unreadable.labels(platform).inc(len(parsed.unreadable))

    def rejected(self, reason: Rejection) -> None:
        """A webhook was not taken."""
        self._rejected.labels(reason).inc()

    def watch_pending(self, waiting: Callable[[], int]) -> None:
        """Asks this for what is pending whenever the metrics are read."""
        self._pending.set_function(waiting)

    def connected(self, source: str, *, is_open: bool) -> None:
        """The source opened or closed."""
        self._connected.labels(source).set(int(is_open))

    def reconnect(self, source: str, why: str) -> None:
        """The source ended or could not be opened."""
        self._reconnects.labels(source, why).inc()

    def items(self, source: str, count: int) -> None:
        """Items of the source are durable now."""
        self._items.labels(source).inc(count)

    def waited(self, source: str) -> None:
        """Kafka did not confirm what the source brought; it will be written again."""
        self._waits.labels(source).inc()

    def looked_up(self, platform: str, result: LookUpResult) -> None:
        """A look-up ended."""
        self._look_ups.labels(platform, result).inc()

    def unseen(self, source: str, count: int) -> None:
        """So much of a whole network was left out."""
        self._unseen.labels(source).inc(count)
