"""`toog rejudge`: a policy on what has happened; what is newly addressed can be sent to the desk."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from aiokafka.structs import ConsumerRecord

from services.responder.store import Pool, desk, transaction
from toog.contracts.topics import DEAD, DESK, DROPPED, EVENTS, ROOM, Topic, record_of
from toog.kit.migrate import check_schema
from toog.kit.postgres import open_pool
from toog.kit.settings import KafkaSettings
from toog.kit.stream.produce import producer
from toog.kit.stream.read import Look, Span, look
from toog.ops import audited
from toog.ops.audited import Operator
from toog.ops.bringing import Bringing
from toog.ops.changes import Change, Examples
from toog.ops.given import Given
from toog.ops.rejudging import Bring, Rejudging, Wish
from toog.ops.settings import Settings

INTAKE: Final = (EVENTS, ROOM)
TOLD_IN: Final = (DESK, DROPPED, DEAD)
ASKED_AT_ONCE: Final = 5_000

Progress = Callable[[int, int], None]
"""Told how many records were read, of how many."""
Bite = Sequence[tuple[Topic, "ConsumerRecord[bytes, bytes]"]]


class Report(NamedTuple):
    """What would change, and what becomes of what is newly addressed.

    `changes` holds all pairs, also those without a change. `bring`: records for the desk (`edits`
    of them are later edits of the same messages); left out of it are messages that were `brought`
    before, `deleted` by their author, or `known` to the desk. `sent`: written just now; `gone`:
    taken by retention meanwhile, or nothing that the desk can read. `said`: a sentence for each limit of what could be looked at.
    """

    rules: str
    changes: Counter[Change]
    examples: Examples
    bring: list[Bring]
    edits: int
    brought: int
    deleted: int
    known: int
    said: list[str]
    sent: int = 0
    gone: int = 0


async def rejudge(
    settings: Settings,
    who: Operator,
    wish: Wish,
    *,
    apply: bool = False,
    progress: Progress = lambda _read, _of: None,
) -> Report:
    """Judges anew what was received in the wish's time; with `apply` sends what is newly addressed.

    Steps: 1 which records; 2 what was said of them; 3 judge; 4 deletions and edits since then;
    5 what the desk has; 6 the audit row of what will be shown; 7 another, then send.

    Sending is safe to repeat: what went to the desk again before is left out, and the desk knows
    every message by its id. What the other policy would drop stays where it is: it is only told.
    Raises StartError and UnavailableError; after the latter some may have been sent: run it again.
    """
    pool = await open_pool(settings, size=1)
    try:
        await check_schema(pool, "responder")
        async with look(settings) as log:
            report = await _found(log, pool, wish, progress)
            async with transaction(pool) as connection:
                shown = [example.record for example in report.examples.all]
                await audited.write(connection, who, "rejudge", sorted(shown))
            if not (apply and report.bring):
                return report
            await _noted(pool, Operator(who.name, f"--apply {report.rules}: {who.why}"), report)
            bringing = Bringing(wish.policy, who.name, report.bring)
            return await _sent(settings, log, bringing, report, progress)
    finally:
        await pool.close()


async def _found(log: Look, pool: Pool, wish: Wish, progress: Progress) -> Report:
    spans = await log.spans(INTAKE, wish.from_ms, wish.to_ms)
    given = Given((s.topic.name, s.partition, s.first, s.end) for s in spans)
    await _read(log, await log.spans(TOLD_IN, wish.from_ms), given.take, progress)
    judging = Rejudging(wish, given)
    await _read(log, spans, judging.take, progress)
    if judging.newly:
        await _read(log, await _since(log, spans), judging.follow, progress)
    return await _reported(pool, wish, judging, given, _limits(spans, given))


async def _read(
    log: Look, spans: Sequence[Span], take: Callable[[Bite], None], progress: Progress
) -> None:
    read, of = 0, sum(span.end - span.first for span in spans)
    async with contextlib.aclosing(log.scan(spans)) as bites:
        async for bite in bites:
            take(bite)
            read += len(bite)
            progress(read, of)


async def _since(log: Look, spans: Sequence[Span]) -> list[Span]:
    """What stands behind these spans by now."""
    ends = {(span.topic.name, span.partition): span.end for span in spans}
    return [
        span._replace(first=max(span.first, ends[span.topic.name, span.partition]))
        for span in await log.spans(INTAKE)
    ]


async def _reported(
    pool: Pool, wish: Wish, judging: Rejudging, given: Given, said: list[str]
) -> Report:
    """Takes out what needs not, or may not, go to the desk."""
    messages = {one.message for one in judging.newly}
    messages |= {example.message for example in judging.examples.all}
    at_desk, deleted = await _standing(pool, messages)
    deleted |= judging.deleted
    judging.examples.without(deleted)
    newly = [one for one in judging.newly if one.message not in deleted]
    fresh = [one for one in newly if not given.brought(one.place, one.offset)]
    bring = [one for one in fresh if one.edit or one.message not in at_desk]
    brought = {one.message for one in newly} - {one.message for one in fresh}
    followed = {one.message for one in bring} | brought
    places = {(one.place, one.offset) for one in newly}
    edits = [
        one
        for one in judging.edits
        if one.message in followed
        and (one.place, one.offset) not in places
        and not given.brought(one.place, one.offset)
    ]
    return Report(
        rules=wish.policy.rules,
        changes=judging.changes,
        examples=judging.examples,
        bring=[*bring, *edits],
        edits=len(edits),
        brought=len(newly) - len(fresh),
        deleted=len(judging.newly) - len(newly),
        known=len(fresh) - len(bring),
        said=said,
    )


async def _standing(pool: Pool, messages: Iterable[str]) -> tuple[set[str], set[str]]:
    """Which of these messages the desk has, and which it knows to be deleted."""
    ids = sorted(messages)
    at_desk: set[str] = set()
    gone: set[str] = set()
    for first in range(0, len(ids), ASKED_AT_ONCE):
        async with transaction(pool) as connection:
            homes, deleted = await desk.known(connection, ids[first : first + ASKED_AT_ONCE])
        at_desk |= homes.keys()
        gone |= deleted
    return at_desk, gone


def _limits(spans: Sequence[Span], given: Given) -> list[str]:
    said = []
    clipped = sum(span.clipped for span in spans)
    if clipped:
        said.append(
            f"judged is only what the topics still hold: retention took the beginning of that time "
            f"on {clipped} of {len(spans)} partitions"
        )
    if given.unreadable:
        said.append(f"{given.unreadable} records of the verdict topics cannot be read")
    return said


async def _noted(pool: Pool, who: Operator, report: Report) -> None:
    """The audit of what will be sent: rows of a size that the database likes, all or none."""
    records = [record_of(*one.place, one.offset) for one in report.bring]
    async with transaction(pool) as connection:
        for first in range(0, len(records), ASKED_AT_ONCE):
            some = records[first : first + ASKED_AT_ONCE]
            await audited.write(connection, who, "rejudge", some)


async def _sent(
    settings: KafkaSettings, log: Look, bringing: Bringing, report: Report, progress: Progress
) -> Report:
    spans = bringing.spans
    sent, read, of = 0, 0, sum(span.end - span.first for span in spans)
    async with producer(settings) as out, contextlib.aclosing(log.scan(spans)) as bites:
        async for bite in bites:
            records = bringing.records(bite)
            await out.send(records)
            sent += len(records)
            read += len(bite)
            progress(read, of)
    return report._replace(sent=sent, gone=len(report.bring) - sent)
