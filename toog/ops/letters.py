"""Dead letters as an operator sees them: each once, what became of it, and never its text."""

import contextlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from services.responder.store import Pool, transaction
from services.responder.store.audit import Acted, LogAct, last_acts
from toog.contracts.dead import Stage
from toog.contracts.topics import DEAD, record_of
from toog.kit.stream.read import Look

DECIDED: Final[tuple[LogAct, ...]] = ("dead_replay", "dead_drop")
ASKED_AT_ONCE: Final = 1_000


class Letter(NamedTuple):
    """One unreadable record: by whom it could not be read, when first and last, and how often.

    `record` names it: `topic:partition:offset`, or source and hash of what a platform sent.
    `place` are the coordinates of its newest letter on `social.dead.v1`.
    """

    stage: Stage
    record: str
    error: str
    source: str | None
    first_seen: datetime
    last_seen: datetime
    times: int
    place: str


class Line(msgspec.Struct, frozen=True, gc=False):
    """A dead letter without its body: that is not even decoded."""

    stage: Stage
    record: str
    error: str
    seen_at: datetime
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def source(self) -> str | None:
        """Where it came from, as far as it is told; never who wrote it."""
        if self.stage == "ingest":
            return self.record.rpartition(":")[0]
        told = dict(self.headers).get("ce_source")
        return told.removeprefix("/ingest/") if told is not None else None


_line = msgspec.json.Decoder(Line)


class Found(NamedTuple):
    """The letters, oldest first, and how many records of the topic are no letters at all."""

    letters: list[Letter]
    unreadable: int


async def kept(log: Look) -> Found:
    """Every letter that the topic still holds (7 days). Raises UnavailableError."""
    lines: list[tuple[str, Line]] = []
    unreadable = 0
    async with contextlib.aclosing(log.scan(await log.spans([DEAD]))) as bites:
        async for bite in bites:
            for topic, record in bite:
                try:
                    line = _line.decode(record.value or b"")
                except msgspec.DecodeError:
                    unreadable += 1
                    continue
                lines.append((record_of(topic.name, record.partition, record.offset), line))
    return Found(gathered(lines), unreadable)


def gathered(lines: Iterable[tuple[str, Line]]) -> list[Letter]:
    """Each stage and record once, oldest first; a letter repeats itself when a batch is read again."""
    found: dict[tuple[str, str], Letter] = {}
    for place, line in lines:
        seen = line.seen_at if line.seen_at.tzinfo is not None else line.seen_at.replace(tzinfo=UTC)
        letter = Letter(
            line.stage, line.record, line.error, line.source, seen, seen, times=1, place=place
        )
        before = found.get((line.stage, line.record))
        if before is not None:
            newer, older = (letter, before) if seen >= before.last_seen else (before, letter)
            letter = newer._replace(
                first_seen=min(before.first_seen, older.first_seen, seen), times=before.times + 1
            )
        found[line.stage, line.record] = letter
    return sorted(found.values(), key=lambda letter: (letter.first_seen, letter.record))


async def decided(pool: Pool, letters: Iterable[Letter]) -> Mapping[str, Acted]:
    """What operators last did with them: replayed or dropped, by whom, when. By record."""
    records = sorted({letter.record for letter in letters})
    acts: dict[str, Acted] = {}
    for first in range(0, len(records), ASKED_AT_ONCE):
        async with transaction(pool) as connection:
            some = records[first : first + ASKED_AT_ONCE]
            acts |= await last_acts(connection, DECIDED, some)
    return acts


def chosen(
    letters: Iterable[Letter],
    *,
    stage: str | None = None,
    error: str | None = None,
    first: datetime | None = None,
    last: datetime | None = None,
) -> list[Letter]:
    """Those of this stage and error that were last seen in [first, last)."""
    return [
        letter
        for letter in letters
        if stage in {None, letter.stage}
        and error in {None, letter.error}
        and (first is None or letter.last_seen >= first)
        and (last is None or letter.last_seen < last)
    ]
