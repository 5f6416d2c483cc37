"""What a process spends between two commits, and what the figures of several rounds come to."""

import os
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from toog.local.spawn import peak_memory_kb


class Spent(NamedTuple):
    """Seconds of processor time (user and system, all threads) and of the wall clock, until now."""

    cpu_s: float
    wall_s: float


def spent() -> Spent:
    """What this process has spent until now."""
    return Spent(time.process_time(), time.perf_counter())


class Measured(msgspec.Struct, frozen=True):
    """What it cost to bring `events` events from commit to commit; `peak_mb` is the whole process."""

    events: int
    cpu_s: float
    wall_s: float
    peak_mb: float

    @property
    def cpu_us(self) -> float:
        """Microseconds of processor time per event."""
        return self.cpu_s / self.events * 1e6

    @property
    def per_cpu_s(self) -> float:
        """Events per second of processor time."""
        return self.events / self.cpu_s

    @property
    def per_s(self) -> float:
        """Events per second of the clock on the wall."""
        return self.events / self.wall_s


class Meter:
    """Told of every commit; done with the one by which `warm + count` events are committed.

    Measures from the commit that ends the `warm` events; without any, from `begin` on.
    """

    def __init__(self, warm: int, count: int) -> None:
        self._warm, self._all = warm, warm + count
        self._done = 0
        self._first: tuple[int, Spent] | None = None
        self._last: tuple[int, Spent] | None = None

    def begin(self, now: Spent) -> None:
        """The clients are started. Raises AssertionError where something was read before."""
        assert self._done == 0
        if self._warm == 0:
            self._first = 0, now

    @property
    def over(self) -> bool:
        """Whether everything is done."""
        return self._done >= self._all

    def committed(self, events: int, now: Spent) -> bool:
        """So many more events are committed; True when everything is done. What then comes is left out."""
        if self.over:
            return True
        self._done += events
        if self._first is None and self._done >= self._warm:
            self._first = self._done, now
        self._last = self._done, now
        return self.over

    def measured(self) -> Measured:
        """What it came to. Raises RuntimeError where nothing was committed after the warm part."""
        if self._first is None or self._last is None or self._last[0] <= self._first[0]:
            raise RuntimeError("nothing was committed between the first and the last commit")
        (before, at), (after, then) = self._first, self._last
        return Measured(
            events=after - before,
            cpu_s=then.cpu_s - at.cpu_s,
            wall_s=then.wall_s - at.wall_s,
            peak_mb=peak_memory_kb(os.getpid()) / 1024,
        )


def together(plays: Sequence[Measured]) -> Measured:
    """Several plays as one: what they came to in all, and the largest memory. Not for none."""
    return Measured(
        events=sum(one.events for one in plays),
        cpu_s=sum(one.cpu_s for one in plays),
        wall_s=sum(one.wall_s for one in plays),
        peak_mb=max(one.peak_mb for one in plays),
    )


def best(rounds: Iterable[Measured]) -> Measured:
    """The round with the least processor time per event: what disturbs only ever makes it slower."""
    return min(rounds, key=lambda one: one.cpu_us)


def percentile(values: Iterable[float], part: float) -> float:
    """The smallest value that at least this part (0 to 1) of all does not exceed. Not for none."""
    ordered = sorted(values)
    return ordered[max(0, -int(-part * len(ordered) // 1) - 1)]
