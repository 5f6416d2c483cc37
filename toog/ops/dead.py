"""`toog dead`: what could not be read is looked at, replayed, or left on purpose.

Replay appends the same bytes, key, headers and time to the topic that the record came from, at a
new offset; what a platform sent goes through today's parser into the intake instead. Both balances
stay 0. The old offset keeps its dead letter: that is what became of it. The new one is a record
like any other and gets its own verdict or fate; and a desk record names, in `ce_record`, an intake
record that has its verdict already and counts once. Effects are idempotent by the event's id, so
that replaying twice does no harm. The time stays that of the receipt: a record older than its topic
keeps is read by a reader that runs, and soon taken by retention.
"""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, NamedTuple

from services.ingest.seen import Seen, fill
from services.responder.store import Pool, transaction
from services.responder.store.audit import Acted, LogAct
from toog.contracts import dead
from toog.kit.errors import StartError, UnavailableError
from toog.kit.migrate import check_schema
from toog.kit.postgres import open_pool
from toog.kit.settings import KafkaSettings
from toog.kit.stream.produce import Outgoing, Producer, producer
from toog.kit.stream.read import Look, look
from toog.kit.telemetry import traceparent
from toog.ops import audited, letters, replaying
from toog.ops.audited import Operator
from toog.ops.letters import Found, Letter
from toog.ops.replaying import Kept, StaysError
from toog.ops.settings import Settings
from toog.platforms.accounts import Accounts

KEPT_SENTENCE: Final = "no dead letter of this name is kept (they are for 7 days)"
GROUP_BYTES: Final = 8 * 1024 * 1024
GROUP: Final = 100
"""So many records are written after one audit row."""


class Pick(NamedTuple):
    """Which letters: those of these records, else all of a stage, an error, or both.

    By stage and error only those are meant that nobody has replayed or dropped.
    """

    records: Sequence[str] = ()
    stage: str | None = None
    error: str | None = None


class Done(NamedTuple):
    """What became of a letter; `well`: as was asked."""

    record: str
    sentence: str
    well: bool


class Shown(NamedTuple):
    """A letter in full."""

    letter: Letter
    body: dead.Dead
    acted: Acted | None


async def listed(settings: KafkaSettings) -> Found:
    """All letters that are kept. Shows no text, so that it needs no audit row."""
    async with look(settings) as log:
        return await letters.kept(log)


async def states(settings: Settings, found: Sequence[Letter]) -> Mapping[str, Acted]:
    """What operators last did with these. Raises StartError where no database answers."""
    async with _pool(settings) as pool:
        return await letters.decided(pool, found)


async def shown(settings: Settings, who: Operator, record: str) -> list[Shown]:
    """The newest letter of each stage on this record, after the audit row; empty: none is kept."""
    async with _pool(settings) as pool, look(settings) as log:
        found = [one for one in (await letters.kept(log)).letters if one.record == record]
        if not found:
            return []
        await _audit(pool, who, "dead_show", [record])
        acts = await letters.decided(pool, found)
        bodies = [(one, await _body(log, one)) for one in found]
        return [Shown(one, kept.letter, acts.get(record)) for one, kept in bodies if kept]


async def dropped(settings: Settings, who: Operator, records: Sequence[str]) -> list[Done]:
    """Notes that these letters are left on purpose; nothing is erased, retention does that."""
    async with _pool(settings) as pool, look(settings) as log:
        there = {letter.record for letter in (await letters.kept(log)).letters}
        left = [record for record in dict.fromkeys(records) if record in there]
        if left:
            await _audit(pool, who, "dead_drop", left)
        return [
            Done(record, "left as it is", well=True)
            if record in there
            else Done(record, KEPT_SENTENCE, well=False)
            for record in dict.fromkeys(records)
        ]


async def replayed(
    settings: Settings, who: Operator, pick: Pick, accounts: Accounts | None
) -> list[Done]:
    """Writes these records again; says of each what became of it.

    Steps per record: 1 its letters in full; 2 can it be read today?; then per group: 3 the audit
    row; 4 write. What still cannot be read stays. Raises StartError, also with the
    names of what may not have been written, and UnavailableError.
    """
    async with _pool(settings) as pool, look(settings) as log, producer(settings) as out:
        found = await letters.kept(log)
        picked = await _picked(pool, found.letters, pick)
        missing = set(pick.records) - picked.keys()
        done = [Done(record, KEPT_SENTENCE, well=False) for record in sorted(missing)]
        replay = _Replay(settings, who, pool, log, out, accounts)
        for record, those in picked.items():
            done += await replay.one(record, those)
        return [*done, *await replay.flush()]


async def _picked(pool: Pool, found: Sequence[Letter], pick: Pick) -> dict[str, list[Letter]]:
    """The letters that are meant, by record."""
    by_record: dict[str, list[Letter]] = defaultdict(list)
    if pick.records:
        for letter in found:
            if letter.record in pick.records:
                by_record[letter.record].append(letter)
        return by_record
    meant = letters.chosen(found, stage=pick.stage, error=pick.error)
    acts = await letters.decided(pool, meant)
    records = {letter.record for letter in meant if letter.record not in acts}
    for letter in found:
        if letter.record in records:
            by_record[letter.record].append(letter)
    return by_record


class _Replay:
    """Gathers what is to be written, and writes it in groups, each after its audit row."""

    def __init__(  # noqa: PLR0917 - the means of one call, made in one place
        self,
        settings: Settings,
        who: Operator,
        pool: Pool,
        log: Look,
        out: Producer,
        accounts: Accounts | None,
    ) -> None:
        self._settings = settings
        self._who = who
        self._pool = pool
        self._log = log
        self._out = out
        self._accounts = accounts
        self._waiting: list[tuple[Done, list[Outgoing]]] = []
        self._bytes = 0

    async def one(self, record: str, those: Sequence[Letter]) -> list[Done]:
        """Takes a record in; what is done with by now."""
        try:
            made, done = await self._made(record, those)
        except StaysError as stays:
            return [Done(record, f"stays: {stays}", well=False)]
        self._waiting.append((done, made))
        self._bytes += sum(len(one.value) for one in made)
        full = len(self._waiting) >= GROUP or self._bytes >= GROUP_BYTES
        return await self.flush() if full else []

    async def flush(self) -> list[Done]:
        """Writes what waits."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        records = [done.record for done, _ in waiting]
        if records:
            await _audit(self._pool, self._who, "dead_replay", records)
        try:
            await self._out.send(one for _, made in waiting for one in made)
        except UnavailableError as error:
            raise StartError(
                "Kafka went away in the middle, although the audit says replayed: "
                f"replay again, by name, {' '.join(records)}"
            ) from error
        return [done for done, _ in waiting]

    async def _made(self, record: str, those: Sequence[Letter]) -> tuple[list[Outgoing], Done]:
        bodies = [await _body(self._log, letter) for letter in those]
        kept = [body for body in bodies if body is not None]
        if not kept:
            raise StaysError("retention has taken its letter just now")
        if those[0].stage == "ingest":
            return await self._from_platform(record, kept[-1])
        topic = replaying.topic_of(record)
        try:
            original = await self._log.record(record)
        except ValueError:
            raise StaysError("it names no record of a topic of ours") from None
        out = replaying.again(kept, original)
        return [out], Done(record, f"written to {topic.name} again", well=True)

    async def _from_platform(self, record: str, kept: Kept) -> tuple[list[Outgoing], Done]:
        if self._accounts is None:
            raise StaysError("say which accounts are ours: --accounts FILE or TOOG_ACCOUNTS")
        what = replaying.sent(kept)
        found = replaying.parsed(what, self._accounts)
        if any(one.if_seen for one in found.heard):
            seen = Seen({what.source.partition(":")[0]})
            await fill(seen, self._settings)
            found = seen.entering(found)
        made = replaying.entering(found, what, traceparent(None))
        count = len(found.heard)
        events = "1 event" if count == 1 else f"{count} events"
        read = f"{events} read and written to the intake" if count else "read: nothing enters"
        if found.unreadable:
            left = f"{len(found.unreadable)} pieces of it stay unreadable"
            return made, Done(record, f"{read}, {left}", well=False)
        return made, Done(record, read, well=True)


async def _body(log: Look, letter: Letter) -> Kept | None:
    record = await log.record(letter.place)
    if record is None:
        return None
    return Kept(dead.decode(record.value or b""), record.timestamp)


async def _audit(pool: Pool, who: Operator, act: LogAct, records: Sequence[str]) -> None:
    async with transaction(pool) as connection:
        await audited.write(connection, who, act, records)


@contextlib.asynccontextmanager
async def _pool(settings: Settings) -> AsyncIterator[Pool]:
    pool = await open_pool(settings, size=1)
    try:
        await check_schema(pool, "responder")
        yield pool
    finally:
        await pool.close()
