"""What every reader of a stream measures, once per batch and never per event."""

import time
from collections.abc import Sequence

from aiokafka.structs import ConsumerRecord
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class StreamMetrics:
    """The catalogue of stream metrics on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._records = Counter(
            "toog_consumer_records", "records handled and committed", ["group"], registry=registry
        )
        self._batches = Histogram(
            "toog_consumer_batch_seconds",
            "handling a batch until its commit",
            ["group"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self._age = Gauge(
            "toog_consumer_age_seconds",
            "age of the oldest record of the last batch at its commit",
            ["group"],
            registry=registry,
        )
        self._failures = Counter(
            "toog_consumer_failures",
            "reads and batches that failed and were tried again",
            ["group", "error"],
            registry=registry,
        )
        self._dead = Counter(
            "toog_consumer_dead", "records set aside as dead letters", ["group"], registry=registry
        )
        self._lag = Gauge(
            "toog_consumer_lag",
            "records that wait to be read",
            ["group", "topic"],
            registry=registry,
        )
        self._valve = Gauge(
            "toog_valve_closed",
            "1 while a partition is stopped after a series of bad records",
            ["group", "topic", "partition"],
            registry=registry,
        )

    def batch(
        self,
        group: str,
        count: int,
        records: Sequence["ConsumerRecord[bytes, bytes]"],
        seconds: float,
    ) -> None:
        """A batch was handled and committed."""
        self._records.labels(group).inc(count)
        self._batches.labels(group).observe(seconds)
        oldest = min(record.timestamp for record in records) / 1000
        self._age.labels(group).set(max(0.0, time.time() - oldest))

    def failed(self, group: str, error: str) -> None:
        """A read or a batch failed; `error` is a class name."""
        self._failures.labels(group, error).inc()

    def dead(self, group: str, count: int) -> None:
        """Records were set aside."""
        self._dead.labels(group).inc(count)

    def lag(self, group: str, topic: str, waiting: int) -> None:
        """Records of this topic wait."""
        self._lag.labels(group, topic).set(waiting)

    def valve(self, group: str, topic: str, partition: int, *, closed: bool) -> None:
        """A valve closed or opened."""
        self._valve.labels(group, topic, str(partition)).set(int(closed))
