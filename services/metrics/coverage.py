"""The ledger of coverage: one byte per intake offset says which verdict stands on it.

Pure, and blind to order and repetition: however often and in whichever order the verdicts on an
offset come, the highest stands, and the offset counts once. So does what it adds to the mood.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from services.metrics import mood
from services.metrics.mood import Said
from toog.contracts.verdicts import DROPPED_REASONS

BLOCK: Final = 1_000
"""Offsets per row of the ledger."""
CONFLICT: Final = 0x80
"""Set in an offset's byte for good once two different verdicts were seen on it."""
SAMPLED: Final = 0x20
"""Set in the byte of a dropped offset whose sentiment is in the sums of the room."""

Kind = Literal["dead", "dropped", "context", "addressed"]


class Standing(NamedTuple):
    """What stands on an offset; `label` is the lane or the reason, empty for the other two."""

    kind: Kind
    label: str = ""


DEAD: Final = Standing("dead")
CONTEXT: Final = Standing("context")

# These numbers are in the database and never move: a new reason stands last. The higher wins.
MARKS: Final[Mapping[Standing, int]] = {
    DEAD: 1,
    **{Standing("dropped", reason): 16 + n for n, reason in enumerate(DROPPED_REASONS)},
    CONTEXT: 64,
    Standing("addressed", "thread"): 96,
    Standing("addressed", "comment"): 97,
    Standing("addressed", "mention"): 98,
    Standing("addressed", "dm"): 99,
    Standing("addressed", "emergency"): 100,
}
STANDINGS: Final[Mapping[int, Standing]] = {mark: standing for standing, mark in MARKS.items()}
_ABOVE_DROPPED: Final = MARKS[CONTEXT]
_ADDRESSED: Final = MARKS[Standing("addressed", "thread")]


class Judged(NamedTuple):
    """A verdict (or a dead letter of the router) on one intake record.

    `topic` is the contract's name; `minute` is the receipt, in minutes since 1970.
    """

    topic: str
    partition: int
    offset: int
    minute: int
    standing: Standing
    said: Said = mood.NOTHING


BlockKey = tuple[str, int, int]
"""Topic, partition, number of the block."""


class Tally:
    """What a series of verdicts changes: differences, to be added to what was counted before.

    `overruled` counts what was shown as standing and then gave way to a higher verdict. `mood` is
    by minute, kind and label of `services.metrics.mood`.
    """

    def __init__(self) -> None:
        self.standing: Counter[Standing] = Counter()
        self.overruled: Counter[Standing] = Counter()
        self.minutes: Counter[tuple[int, Standing]] = Counter()
        self.mood: Counter[tuple[int, str, str]] = Counter()
        self.conflicts = 0


def block_of(verdict: Judged) -> BlockKey:
    """The block that holds the verdict's offset."""
    return verdict.topic, verdict.partition, verdict.offset // BLOCK


def bare(byte: int) -> int:
    """The mark in the offset's byte, 0 where no verdict came yet."""
    mark = byte & ~CONFLICT
    return mark & ~SAMPLED if mark < _ABOVE_DROPPED else mark


def sampled(byte: int) -> bool:
    """Whether the offset is dropped and its sentiment in the sums of the room."""
    return byte & ~CONFLICT != bare(byte)


def byte_of(verdict: Judged) -> int:
    """The verdict as it would stand alone on its offset."""
    in_sample = verdict.standing.kind == "dropped" and verdict.said.sentiment is not None
    return MARKS[verdict.standing] | (SAMPLED if in_sample else 0)


def merge(seen: int, told: int) -> int:
    """The offset's byte after one more verdict, whose own byte is `told`."""
    standing, mark = bare(seen), bare(told)
    if standing in (0, mark):
        return seen | told
    highest = max(standing, mark)
    in_sample = highest < _ABOVE_DROPPED and (sampled(seen) or sampled(told))
    return highest | CONFLICT | (SAMPLED if in_sample else 0)


def judge(blocks: Mapping[BlockKey, bytearray], verdicts: Iterable[Judged]) -> Tally:
    """Marks the verdicts in their blocks, in place; what that changes in the counts."""
    tally = Tally()
    for verdict in verdicts:
        block = blocks[block_of(verdict)]
        place = verdict.offset % BLOCK
        before = block[place]
        after = block[place] = merge(before, byte_of(verdict))
        if after == before:
            continue
        tally.conflicts += (after & CONFLICT) != (before & CONFLICT)
        _move(tally, verdict.minute, bare(before), bare(after))
        _feel(tally, verdict, before, after)
    return tally


def _feel(tally: Tally, verdict: Judged, before: int, after: int) -> None:
    """The mood after a change of the byte.

    Sentiment is the message's, whatever the verdict: a higher one that tells it takes from the
    room what a lower one added. Of one that does not tell it (context) nobody knows how much: it
    stays.
    """
    if bare(after) >= _ADDRESSED > bare(before):
        _add(tally, verdict, mood.COUNTER, 1)
    if sampled(after) and not sampled(before):
        _add(tally, verdict, mood.ROOM, 1)
    elif sampled(before) and not sampled(after) and verdict.said.sentiment is not None:
        _add(tally, verdict, mood.ROOM, -1)
    if bare(after) != bare(before):
        for name in verdict.said.wrong:
            tally.mood[verdict.minute, mood.LEFT_OUT, name] += 1


def _add(tally: Tally, verdict: Judged, where: mood.Where, times: int) -> None:
    for kind, label, n in mood.adds(verdict.said, where):
        tally.mood[verdict.minute, kind, label] += times * n


def _move(tally: Tally, minute: int, before: int, after: int) -> None:
    if before == after:
        return
    if before:
        tally.standing[STANDINGS[before]] -= 1
        tally.minutes[minute, STANDINGS[before]] -= 1
        tally.overruled[STANDINGS[before]] += 1
    tally.standing[STANDINGS[after]] += 1
    tally.minutes[minute, STANDINGS[after]] += 1
