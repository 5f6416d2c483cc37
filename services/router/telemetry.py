"""What the router measures, once per batch."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter

from toog.contracts.verdicts import Verdict


class RouterMetrics:
    """Verdicts as they are given, redelivered records included; the balance counts them once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._verdicts = Counter(
            "toog_router_verdicts",
            "verdicts given, by outcome, reason and lane",
            ["outcome", "reason", "lane"],
            registry=registry,
        )

    def judged(self, counts: Mapping[Verdict, int]) -> None:
        """A batch was judged."""
        for verdict, count in counts.items():
            labels = (verdict.outcome, verdict.reason, verdict.lane or "")
            self._verdicts.labels(*labels).inc(count)
