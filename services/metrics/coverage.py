"""The ledger of coverage: one byte per intake offset says which verdict stands on it.

Pure, and blind to order and repetition: however often and in whichever order the verdicts on an
offset come, the highest stands, and the offset counts once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from toog.contracts.verdicts import DROPPED_REASONS

BLOCK: Final = 1_000
"""Offsets per row of the ledger."""
CONFLICT: Final = 0x80
"""Set in an offset's byte for good once two different verdicts were seen on it."""

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


class Judged(NamedTuple):
    """A verdict (or a dead letter of the router) on one intake record.

    `topic` is the contract's name; `minute` is the receipt, in minutes since 1970.
    """

    topic: str
    partition: int
    offset: int
    minute: int
    standing: Standing


BlockKey = tuple[str, int, int]
"""Topic, partition, number of the block."""


class Tally:
    """What a series of verdicts changes: differences, to be added to what was counted before.

    `overruled` counts what was shown as standing and then gave way to a higher verdict.
    """

    def __init__(self) -> None:
        self.standing: Counter[Standing] = Counter()
        self.overruled: Counter[Standing] = Counter()
        self.minutes: Counter[tuple[int, Standing]] = Counter()
        self.conflicts = 0


def block_of(verdict: Judged) -> BlockKey:
    """The block that holds the verdict's offset."""
    return verdict.topic, verdict.partition, verdict.offset // BLOCK


def merge(seen: int, mark: int) -> int:
    """The offset's byte after one more verdict."""
    standing = seen & ~CONFLICT
    if standing in (0, mark):
        return seen | mark
    return max(standing, mark) | CONFLICT


def judge(blocks: Mapping[BlockKey, bytearray], verdicts: Iterable[Judged]) -> Tally:
    """Marks the verdicts in their blocks, in place; what that changes in the counts."""
    tally = Tally()
    for verdict in verdicts:
        block = blocks[block_of(verdict)]
        place = verdict.offset % BLOCK
        before = block[place]
        after = block[place] = merge(before, MARKS[verdict.standing])
        if after == before:
            continue
        tally.conflicts += (after & CONFLICT) != (before & CONFLICT)
        _move(tally, verdict.minute, before & ~CONFLICT, after & ~CONFLICT)
    return tally


def _move(tally: Tally, minute: int, before: int, after: int) -> None:
    if before == after:
        return
    if before:
        tally.standing[STANDINGS[before]] -= 1
        tally.minutes[minute, STANDINGS[before]] -= 1
        tally.overruled[STANDINGS[before]] += 1
    tally.standing[STANDINGS[after]] += 1
    tally.minutes[minute, STANDINGS[after]] += 1
