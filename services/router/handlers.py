"""Kafka in, Kafka out: intake records become desk records, or lines on pages of the ledger."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from aiokafka.structs import ConsumerRecord

from services.router.about import abouts, mood
from services.router.policy import Policy
from services.router.rules import Door, Facts, Verdicts
from services.router.sentiment import sampled
from services.router.telemetry import RouterMetrics
from toog.contracts import ledger, wire
from toog.contracts.ids import digest
from toog.contracts.ledger import LINES, PAGE_BYTES, Line, Page
from toog.contracts.topics import DESK, DROPPED, Topic, record_of
from toog.contracts.verdicts import About, Verdict
from toog.kit.stream.consume import Rejected
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Accounts

PIECE: Final = 500
"""After so many records others get their turn: a mention never waits long behind the room."""

Send = Callable[[Iterable[Outgoing]], Awaitable[None]]

Heard = tuple["ConsumerRecord[bytes, bytes]", Facts]
Kept = tuple["ConsumerRecord[bytes, bytes]", Facts, Verdict]

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
        self._topic = topic.name

    async def __call__(
        self, records: Sequence["ConsumerRecord[bytes, bytes]"]
    ) -> Iterable[Rejected]:
        """Sends every verdict of the batch, confirmed; what cannot be decoded is rejected.

        A piece is decoded, then judged, then asked its kinds and languages, then written: the same
        lists and code at work for many records in a row stay in the processor's cache.
        """
        out: list[Outgoing] = []
        rejected: list[Rejected] = []
        verdicts: Counter[Verdict] = Counter()
        for begin in range(0, len(records), PIECE):
            heard, unread = _heard(records[begin : begin + PIECE])
            judged = [self.verdict(facts) for _, facts in heard]
            out += self._written(heard, judged)
            rejected += unread
            verdicts.update(judged)
            await asyncio.sleep(0)
        await self._send(out)
        self._metrics.judged(verdicts)
        return rejected

    def _written(self, heard: Sequence[Heard], judged: Sequence[Verdict]) -> Iterator[Outgoing]:
        dropped: defaultdict[int, list[Line]] = defaultdict(list)
        kept: list[Kept] = []
        for (record, facts), verdict in zip(heard, judged, strict=True):
            if verdict.outcome == "dropped":
                line = self.line(facts, verdict, record.offset, record.timestamp)
                dropped[record.partition].append(line)
            else:
                kept.append((record, facts, verdict))
        yield from self.to_desk(kept)
        yield from self.pages(dropped)

    def verdict(self, facts: Facts) -> Verdict:
        """Whether the desk gets it, and why."""
        return self._verdicts.of(facts)

    def to_desk(self, kept: Sequence[Kept]) -> Iterator[Outgoing]:
        """The records for the desk: the event's bytes unchanged, the verdict behind its headers."""
        said = self.said([facts for _, facts, verdict in kept if verdict.outcome == "addressed"])
        for record, facts, verdict in kept:
            about = next(said) if verdict.outcome == "addressed" else None
            added = self.headers(verdict, about, record.partition, record.offset)
            yield Outgoing(
                topic=DESK,
                key=record.key or facts.id.encode(),
                value=record.value,
                headers=[*record.headers, *added],
                timestamp_ms=record.timestamp,
            )

    def said(self, addressed: Sequence[Facts]) -> Iterator[About]:
        """What is said of addressed messages beside the verdict."""
        return abouts(addressed, self._policy)

    def headers(
        self, verdict: Verdict, about: About | None, partition: int, offset: int
    ) -> list[tuple[str, bytes]]:
        """What is put behind the headers of an event that the desk gets."""
        coordinates = record_of(self._topic, partition, offset)
        headers = wire.verdict_headers(verdict, self._policy.rules, coordinates)
        if about is not None:
            headers += wire.about_headers(about)
        return headers

    def line(self, facts: Facts, verdict: Verdict, offset: int, received_ms: int) -> Line:
        """The line of the ledger on a dropped event that stands at this offset."""
        event_id = facts.id.encode()
        return Line(
            offset,
            digest(event_id),
            verdict.reason,  # type: ignore[arg-type]  # what is dropped has a reason to be dropped
            facts.platform,
            facts.occurred_at,
            received_ms,
            facts.surface,
            facts.hashtags,
            mood(facts, verdict) if sampled(event_id) else None,
        )

    def pages(self, dropped: Mapping[int, Sequence[Line]]) -> Iterator[Outgoing]:
        """The pages of the ledger that these lines, by partition of the intake, fill."""
        for partition, lines in dropped.items():
            for begin in range(0, len(lines), LINES):
                yield from self._bound(partition, lines[begin : begin + LINES])

    def _bound(self, partition: int, lines: Sequence[Line]) -> Iterator[Outgoing]:
        """One page, or more where it would be too large: hashtags have no bound of their own."""
        page = Page(self._topic, partition, self._policy.rules, lines)
        value = ledger.encode(page)
        if len(value) > PAGE_BYTES and len(lines) > 1:
            yield from self._bound(partition, lines[: len(lines) // 2])
            yield from self._bound(partition, lines[len(lines) // 2 :])
        else:
            yield _record(page, value)


def _record(page: Page, value: bytes) -> Outgoing:
    """Under the latest receipt on it: who looks since a time finds the page of its first line."""
    place = f"{page.topic}:{page.partition}"
    last_ms = max([line.received_ms for line in page.lines])
    return Outgoing(
        topic=DROPPED,
        key=place.encode(),
        value=value,
        headers=wire.cloud_event(
            f"{place}:{page.lines[0].offset}-{page.lines[-1].offset}",
            "/router",
            ledger.PAGE_TYPE,
            datetime.fromtimestamp(last_ms / 1000, UTC),
        ),
        timestamp_ms=last_ms,
    )


def _heard(
    records: Iterable["ConsumerRecord[bytes, bytes]"],
) -> tuple[list[Heard], list[Rejected]]:
    heard: list[Heard] = []
    rejected: list[Rejected] = []
    for record in records:
        try:
            heard.append((record, decode(record.value or b"")))
        except ValueError as error:
            rejected.append(Rejected(record, error))
    return heard, rejected
