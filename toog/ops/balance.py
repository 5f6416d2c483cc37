"""`toog balance`: the balance that must be zero, from Kafka alone."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from aiokafka.errors import KafkaError

from services.metrics.offsets import Offsets, Place
from toog.contracts.topics import (
    DEAD,
    DESK,
    DROPPED,
    EVENTS,
    ROOM,
    ROUTER_EVENTS_GROUP,
    ROUTER_ROOM_GROUP,
    record_of,
)
from toog.kit.errors import UnavailableError
from toog.kit.settings import KafkaSettings
from toog.kit.stream.read import ANSWER_WITHIN_S, Look, Span, look
from toog.ops.ledger import Drawn, Ledger, Part

INTAKE: Final = (EVENTS, ROOM)
TOLD_IN: Final = (DESK, DROPPED, DEAD)

Progress = Callable[[int, int], None]
"""Told how many verdict records were read, of how many."""


class Sheet(NamedTuple):
    """The balance of a time, and a sentence for each limit of what could be counted."""

    drawn: Drawn
    said: list[str]


async def balance(
    settings: KafkaSettings,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    progress: Progress = lambda _read, _of: None,
) -> Sheet:
    """The balance over what was received in [from, to), in milliseconds since 1970.

    Steps: 1 committed offsets; 2 what of the intake is counted; 3 ends of the verdict topics;
    4 the verdicts since then; 5 where one is missing, all older ones too; 6 draw up.

    A record belongs to the time by its place: from the first one of its partition that was
    received at `from` or later, up to the first at `to` or later. Raises UnavailableError.
    """
    async with look(settings) as log:
        committed = await committed_offsets(settings)
        spans = await log.spans(INTAKE, from_ms, to_ms)
        ledger = Ledger(part_of(span, committed) for span in spans)
        oldest = await _oldest(log, spans)
        since = oldest if from_ms is None else from_ms
        told = await log.spans(TOLD_IN, since) if since is not None else []
        await _read(log, told, ledger, progress)
        if ledger.in_doubt:
            await _read(log, await _before(log, told), ledger, progress)
    return Sheet(ledger.drawn(), _limits(spans, told, ledger, oldest))


async def committed_offsets(settings: KafkaSettings) -> dict[Place, int]:
    """Where both groups of the router stand. Raises UnavailableError.

    Asks again for a while: a broker whose groups were never asked for makes their topic first, and
    one that has just come back must load them.
    """
    offsets = Offsets(settings)
    deadline = time.monotonic() + ANSWER_WITHIN_S
    try:
        while True:
            try:
                return {
                    **await offsets.committed(ROUTER_EVENTS_GROUP, [EVENTS]),
                    **await offsets.committed(ROUTER_ROOM_GROUP, [ROOM]),
                }
            except (KafkaError, OSError) as error:  # TimeoutError is an OSError
                if time.monotonic() > deadline:
                    raise UnavailableError("Kafka") from error
                await asyncio.sleep(random.uniform(0.1, 0.3))  # noqa: S311 - jitter, no secret
    finally:
        await offsets.close()


def part_of(span: Span, committed: dict[Place, int]) -> Part:
    """What is counted of the partition that this span is of."""
    place = (span.topic.name, span.partition)
    return Part(*place, span.first, span.end, committed.get(place), span.clipped)


async def _oldest(log: Look, spans: Sequence[Span]) -> int | None:
    """When the first of these records was received, or None where there is none."""
    found = []
    for span in spans:
        if span.first < span.end:
            record = await log.record(record_of(span.topic.name, span.partition, span.first))
            # retention may have taken it just now: then it is old enough to begin there
            found.append(record.timestamp if record is not None else 0)
    return min(found, default=None)


async def _read(log: Look, spans: Sequence[Span], ledger: Ledger, progress: Progress) -> None:
    read, of = 0, sum(span.end - span.first for span in spans)
    async with contextlib.aclosing(log.scan(spans)) as bites:
        async for bite in bites:
            ledger.take(bite)
            read += len(bite)
            progress(read, of)


async def _before(log: Look, told: Sequence[Span]) -> list[Span]:
    """All that the verdict topics hold from before these spans."""
    ends = {(span.topic.name, span.partition): span.first for span in told}
    return [
        span._replace(end=ends.get((span.topic.name, span.partition), span.end))
        for span in await log.spans(TOLD_IN)
    ]


def _limits(
    spans: Sequence[Span],
    told: Sequence[Span],
    ledger: Ledger,
    oldest: int | None,
) -> list[str]:
    said = []
    clipped = sum(span.clipped for span in spans)
    if clipped:
        begin = (
            "nothing of that time is left" if oldest is None else f"the rest begins {_at(oldest)}"
        )
        said.append(
            f"counted is only what the topics still hold: retention took the beginning of {clipped} "
            f"of {len(spans)} partitions, {begin}"
        )
    if ledger.in_doubt and any(span.clipped for span in told):
        said.append(
            "the verdict topics no longer hold all of that time: "
            "what is missing may only have lost its verdict to retention"
        )
    if ledger.unreadable:
        said.append(f"{ledger.unreadable} records of the verdict topics cannot be read")
    return said


def _at(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S}"
