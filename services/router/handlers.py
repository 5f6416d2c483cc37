"""Kafka in, Kafka out: intake records become desk records or lines of the ledger."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from aiokafka.structs import ConsumerRecord

from services.router.about import about, mood
from services.router.policy import Policy
from services.router.rules import Door, Facts, judge
from services.router.telemetry import RouterMetrics
from toog.contracts import wire
from toog.contracts.ids import digest
from toog.contracts.topics import DESK, DROPPED, Topic, record_of
from toog.contracts.verdicts import DROPPED_TYPE, Dropped, Verdict, encode_dropped
from toog.kit.stream.consume import Rejected
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Accounts

Send = Callable[[Iterable[Outgoing]], Awaitable[None]]

_facts = msgspec.json.Decoder(Facts)


class Judge:
    """Judges the records of one intake topic. Idempotent: the same record, the same verdict."""

    def __init__(
        self,
        topic: Topic,
        door: Door,
        *,
        policy: Policy,
        accounts: Accounts,
        send: Send,
        metrics: RouterMetrics,
    ) -> None:
        self._topic = topic
        self._door: Door = door
        self._policy = policy
        self._accounts = accounts
        self._send = send
        self._metrics = metrics

    async def __call__(
        self, records: Sequence["ConsumerRecord[bytes, bytes]"]
    ) -> Iterable[Rejected]:
        """Sends every verdict of the batch, confirmed; what cannot be decoded is rejected."""
        out: list[Outgoing] = []
        rejected: list[Rejected] = []
        counts: Counter[Verdict] = Counter()
        for record in records:
            try:
                facts = _facts.decode(record.value or b"")
            except ValueError as error:
                rejected.append(Rejected(record, error))
                continue
            verdict = judge(facts, self._door, self._policy, self._accounts)
            counts[verdict] += 1
            out.append(self.written(record, facts, verdict))
        await self._send(out)
        self._metrics.judged(counts)
        return rejected

    def written(
        self, record: "ConsumerRecord[bytes, bytes]", facts: Facts, verdict: Verdict
    ) -> Outgoing:
        """The record that tells the verdict: to the desk unchanged, or a line of the ledger."""
        coordinates = record_of(self._topic.name, record.partition, record.offset)
        if verdict.outcome != "dropped":
            headers = wire.verdict_headers(verdict, self._policy.rules, coordinates)
            if verdict.outcome == "addressed":
                headers += wire.about_headers(about(facts, self._policy))
            return Outgoing(
                topic=DESK,
                key=record.key or facts.id.encode(),
                value=record.value,
                headers=[*record.headers, *headers],
                timestamp_ms=record.timestamp,
            )
        hashed = digest(facts.id)
        line = Dropped(
            event=hashed,
            record=coordinates,
            reason=verdict.reason,
            rules=self._policy.rules,
            platform=facts.platform,
            surface=facts.surface,
            occurred_at=facts.occurred_at,
            hashtags=facts.hashtags,
            sentiment=mood(facts, verdict),
        )
        received = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        return Outgoing(
            topic=DROPPED,
            key=f"{self._topic.name}:{record.partition}".encode(),
            value=encode_dropped(line),
            headers=[
                *wire.cloud_event(hashed, "/router", DROPPED_TYPE, received),
                ("ce_reason", verdict.reason.encode()),
                ("ce_record", coordinates.encode()),
            ],
            timestamp_ms=record.timestamp,
        )
