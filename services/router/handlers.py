"""Kafka in, Kafka out: intake records become desk records or lines of the ledger."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import msgspec
from aiokafka.structs import ConsumerRecord

from services.router.about import about, mood
from services.router.policy import Policy
from services.router.rules import Door, Facts, Verdicts
from services.router.telemetry import RouterMetrics
from toog.contracts import wire
from toog.contracts.ids import digest
from toog.contracts.topics import DESK, DROPPED, Topic, record_of
from toog.contracts.verdicts import DROPPED_REASONS, DROPPED_TYPE, Dropped, Verdict, encode_dropped
from toog.kit.stream.consume import Rejected
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Accounts

PIECE: Final = 500
"""After so many records others get their turn: a mention never waits long behind the room."""

Send = Callable[[Iterable[Outgoing]], Awaitable[None]]

decode: Final = msgspec.json.Decoder(Facts).decode
"""The facts of an event's bytes. Raises ValueError where it is none."""


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
        self._policy = policy
        self._verdicts = Verdicts(door, policy, accounts)
        self._send = send
        self._metrics = metrics
        self._places = _Places(topic.name)
        self._headers: dict[str, wire.LineHeaders] = {
            reason: wire.LineHeaders("/router", DROPPED_TYPE, reason) for reason in DROPPED_REASONS
        }

    async def __call__(
        self, records: Sequence["ConsumerRecord[bytes, bytes]"]
    ) -> Iterable[Rejected]:
        """Sends every verdict of the batch, confirmed; what cannot be decoded is rejected."""
        out: list[Outgoing] = []
        rejected: list[Rejected] = []
        verdicts: list[Verdict] = []
        for begin in range(0, len(records), PIECE):
            for record in records[begin : begin + PIECE]:
                try:
                    facts = decode(record.value or b"")
                except ValueError as error:
                    rejected.append(Rejected(record, error))
                    continue
                verdict = self.verdict(facts)
                verdicts.append(verdict)
                out.append(self.written(record, facts, verdict))
            await asyncio.sleep(0)
        await self._send(out)
        self._metrics.judged(Counter(verdicts))
        return rejected

    def verdict(self, facts: Facts) -> Verdict:
        """Whether the desk gets it, and why."""
        return self._verdicts.of(facts)

    def written(
        self, record: "ConsumerRecord[bytes, bytes]", facts: Facts, verdict: Verdict
    ) -> Outgoing:
        """The record that tells the verdict: to the desk unchanged, or a line of the ledger."""
        if verdict.outcome == "dropped":
            return self.line(facts, verdict, record.partition, record.offset, record.timestamp)
        headers = self.headers(facts, verdict, record.partition, record.offset)
        return Outgoing(
            topic=DESK,
            key=record.key or facts.id.encode(),
            value=record.value,
            headers=[*record.headers, *headers],
            timestamp_ms=record.timestamp,
        )

    def line(
        self, facts: Facts, verdict: Verdict, partition: int, offset: int, received_ms: int
    ) -> Outgoing:
        """The line of the ledger on a dropped event that stands at this offset."""
        place, key = self._places[partition]
        coordinates = f"{place}{offset}"
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
        headers = self._headers[verdict.reason].of(hashed, received_ms, coordinates)
        return Outgoing(DROPPED, key, encode_dropped(line), headers, received_ms)

    def headers(
        self, facts: Facts, verdict: Verdict, partition: int, offset: int
    ) -> list[tuple[str, bytes]]:
        """What is put behind the headers of an event that the desk gets."""
        coordinates = f"{self._places[partition][0]}{offset}"
        headers = wire.verdict_headers(verdict, self._policy.rules, coordinates)
        if verdict.outcome == "addressed":
            headers += wire.about_headers(about(facts, self._policy))
        return headers


class _Places(dict[int, tuple[str, bytes]]):
    """By partition of an intake topic: its coordinates up to the offset, and the ledger's key."""

    def __init__(self, topic: str) -> None:
        super().__init__()
        self._topic = topic

    def __missing__(self, partition: int) -> tuple[str, bytes]:
        place = record_of(self._topic, partition, 0).removesuffix("0")
        self[partition] = place, place.removesuffix(":").encode()
        return self[partition]
