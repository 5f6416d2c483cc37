"""The balance that must be zero: Kafka's offsets against the ledger of coverage. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.metrics.coverage import BLOCK
from services.metrics.desk import Desk, DeskFigures, committed_or_start, desk_figures
from services.metrics.load import CONFLICT, NOTHING, Totals
from toog.contracts.topics import record_of
from toog.contracts.verdicts import DROPPED_REASONS, LANES

NAMED_HOLES: Final = 5
"""So many missing coordinates are named per partition; the rest is only counted."""
Blocks = Mapping[int, bytes | None]
"""Number of the block → its bytes, or None where every offset of it is judged."""


class Intake(NamedTuple):
    """One intake partition as a round finds it. All offsets; `end` and ranges are exclusive.

    `judged_before` counts the judged offsets in blocks wholly below the log start; `blocks` holds
    that of the log start and all from `solid` on; before `solid` everything is known to be judged.
    """

    topic: str
    partition: int
    log_start: int
    end: int
    committed: int | None
    blocks: Blocks
    judged_before: int = 0
    solid: int = 0


class IntakeLine(NamedTuple):
    """What a partition adds to the first line. `missing` are the first few of the `holes`."""

    received: int
    in_flight: int
    holes: int
    eaten: int
    missing: tuple[int, ...]
    solid: int


def unjudged(blocks: Blocks, start: int, end: int) -> tuple[int, tuple[int, ...]]:
    """How many offsets in [start, end) nothing was ever said of, and the first few of them."""
    count = 0
    first: list[int] = []
    for number in range(start // BLOCK, -(-end // BLOCK)):
        marks = blocks.get(number, bytes(BLOCK))
        if marks is None:
            continue
        begin = number * BLOCK
        low, high = max(start - begin, 0), min(end - begin, BLOCK)
        count += marks.count(0, low, high)
        place = marks.find(0, low, high)
        while place >= 0 and len(first) < NAMED_HOLES:
            first.append(begin + place)
            place = marks.find(0, place + 1, high)
    return count, tuple(first)


def settle(part: Intake) -> IntakeLine:
    """The partition's part of the first line.

    Holes are the offsets in [log start, committed) without any verdict; `eaten` is what retention
    took before it was read; results older than the log start count as received for good.
    """
    start = part.log_start
    boundary = part.blocks.get(start // BLOCK, bytes(BLOCK))
    before_in_block = start % BLOCK
    if boundary is not None:
        before_in_block -= boundary.count(0, 0, before_in_block)
    older = part.judged_before + before_in_block
    judged = older > 0 or part.solid > start or bool(part.blocks)
    committed = committed_or_start(part.committed, start, judged=judged)
    until = max(committed, start)
    holes, missing = unjudged(part.blocks, max(start, part.solid), until)
    eaten = max(0, start - committed)
    return IntakeLine(
        received=part.end - start + older + eaten,
        in_flight=part.end - until,
        holes=holes,
        eaten=eaten,
        missing=missing,
        solid=missing[0] if missing else max(until, part.solid),
    )


@dataclass(frozen=True, slots=True)
class Hole:
    """An intake partition whose balance is not zero; `missing` names the first few records."""

    topic: str
    partition: int
    log_start: int
    committed: int | None
    end: int
    holes: int
    eaten: int
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Balance:
    """Both lines. received = addressed + context + dropped + dead + in_flight + balance, at rest.

    `lanes` are the addressed by lane; `dead` are intake records that the router set aside;
    `conflicts` are offsets with differing verdicts; `age_s` is the age of the round in seconds;
    `partitions` are only those with something missing.
    """

    received: int
    addressed: int
    lanes: dict[str, int]
    context: int
    dropped: dict[str, int]
    dead: int
    in_flight: int
    balance: int
    desk: DeskFigures
    conflicts: int
    age_s: float = 0.0
    partitions: list[Hole] = field(default_factory=list)


def draw_up(
    intake: Sequence[tuple[Intake, IntakeLine]], desk: Sequence[Desk], totals: Totals
) -> Balance:
    """Adds the partitions up."""
    lanes: dict[str, int] = {lane: totals.get(("addressed", lane), NOTHING).n for lane in LANES}
    return Balance(
        received=sum(line.received for _, line in intake),
        addressed=sum(lanes.values()),
        lanes=lanes,
        context=totals.get(("context", ""), NOTHING).n,
        dropped={r: totals.get(("dropped", r), NOTHING).n for r in DROPPED_REASONS},
        dead=totals.get(("dead", ""), NOTHING).n,
        in_flight=sum(line.in_flight for _, line in intake),
        balance=sum(line.holes + line.eaten for _, line in intake),
        desk=desk_figures(desk),
        conflicts=totals.get((CONFLICT, ""), NOTHING).n,
        partitions=[_hole(part, line) for part, line in intake if line.holes or line.eaten],
    )


def _hole(part: Intake, line: IntakeLine) -> Hole:
    return Hole(
        topic=part.topic,
        partition=part.partition,
        log_start=part.log_start,
        committed=part.committed,
        end=part.end,
        holes=line.holes,
        eaten=line.eaten,
        missing=[record_of(part.topic, part.partition, offset) for offset in line.missing],
    )
