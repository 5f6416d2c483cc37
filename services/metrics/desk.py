"""The second line of the balance: what became of every record of the desk topic. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

LATE_S: Final = 30.0
"""So long may an activity of the desk be behind its commit: it comes through an outbox."""


def committed_or_start(committed: int | None, log_start: int, *, judged: bool) -> int:
    """No commit yet is 0, or the log start where nothing was ever judged there (CONTRACTS.md)."""
    if committed is not None:
        return committed
    return 0 if judged else log_start


class Deficit(NamedTuple):
    """A batch of the desk over [first, last] that told of `missing` records fewer than it spans."""

    first: int
    last: int
    missing: int


Spans = Sequence[tuple[int, int]]
"""Spans [begin, end) of offsets, in order and apart from each other."""


class Desk(NamedTuple):
    """One desk partition as a round finds it.

    `covered`: what its batches span; `again`: what more than one of them spans (a record that was
    refused first and taken in after all); `letters`: offsets with a dead letter of the responder;
    `settled`: the commit that has stood for so long that its activities must have come (`stood`).
    """

    partition: int
    log_start: int
    end: int
    committed: int | None
    covered: Spans = ()
    again: Spans = ()
    stored: int = 0
    duplicates: int = 0
    applied: int = 0
    deficits: Sequence[Deficit] = ()
    letters: frozenset[int] = frozenset()
    settled: int = 0

    @property
    def progressed(self) -> int:
        """The offset behind the furthest batch; 0 when none was told of."""
        return self.covered[-1][1] if self.covered else 0


class Pending(NamedTuple):
    """A commit of the desk that its activities have not reached yet, and since when."""

    committed: int
    since: float


def stood(
    pending: Pending | None, *, committed: int, progressed: int, now: float
) -> tuple[Pending | None, int]:
    """What to wait for now, and the commit that was waited for long enough (0: none)."""
    if committed <= progressed:
        return None, 0
    if pending is None or pending.committed <= progressed or pending.committed > committed:
        return Pending(committed, now), 0
    return pending, pending.committed if now - pending.since > LATE_S else 0


class DeskLine(NamedTuple):
    """What a desk partition adds to the second line."""

    dead: int
    lag: int
    balance: int


def settle_desk(desk: Desk) -> DeskLine:
    """The partition's part of the second line.

    Counted: offsets up to what was told of (and committed) that no batch spans and no dead letter
    names, records that a batch spans and does not account for, and what retention took before it
    was read. A dead letter whose record was taken in after all is none any more.
    """
    committed = committed_or_start(desk.committed, desk.log_start, judged=bool(desk.covered))
    first = min(desk.covered[0][0], desk.log_start) if desk.covered else desk.log_start
    until = max(min(desk.progressed, committed), desk.settled, first)
    spanned = sum(max(0, min(end, until) - max(begin, first)) for begin, end in desk.covered)
    alone = {letter for letter in desk.letters if not within(letter, desk.covered)}
    lost = until - first - spanned - sum(first <= letter < until for letter in alone)
    # the dead letters of a batch are written before its commit: what is not committed may still come
    unexplained = sum(_unexplained(d, desk) for d in desk.deficits if d.last < committed)
    return DeskLine(
        dead=len(alone) + sum(_refused(letter, desk) for letter in desk.letters),
        lag=desk.end - max(committed, desk.log_start),
        balance=lost + unexplained + max(0, desk.log_start - committed),
    )


def within(offset: int, spans: Spans) -> bool:
    """Whether one of the spans holds the offset."""
    return any(begin <= offset < end for begin, end in spans)


def _refused(letter: int, desk: Desk) -> bool:
    """Set aside out of the middle of a batch, and not taken in since."""
    return not within(letter, desk.again) and any(
        d.first <= letter <= d.last for d in desk.deficits
    )


def _unexplained(deficit: Deficit, desk: Desk) -> int:
    if deficit.missing < 0:
        return -deficit.missing
    inside = range(deficit.first, deficit.last + 1)
    letters = sum(one in inside and not within(one, desk.again) for one in desk.letters)
    again = sum(
        max(0, min(end, inside.stop) - max(begin, inside.start)) for begin, end in desk.again
    )
    return max(0, deficit.missing - letters - again)


@dataclass(frozen=True, slots=True)
class DeskFigures:
    """The second line: records of the desk topic = all of these together."""

    stored: int = 0
    duplicates: int = 0
    applied: int = 0
    dead: int = 0
    lag: int = 0
    balance: int = 0


def desk_figures(parts: Iterable[Desk]) -> DeskFigures:
    """Adds the desk's partitions up."""
    lines = [(part, settle_desk(part)) for part in parts]
    return DeskFigures(
        stored=sum(part.stored for part, _ in lines),
        duplicates=sum(part.duplicates for part, _ in lines),
        applied=sum(part.applied for part, _ in lines),
        dead=sum(line.dead for _, line in lines),
        lag=sum(line.lag for _, line in lines),
        balance=sum(line.balance for _, line in lines),
    )
