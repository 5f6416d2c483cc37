"""The valve: a series of bad records on one partition stops it, before a bad deploy loses a night.

Pure: it is told what became of each record, and answers where the partition must stop.
"""

from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

IN_A_ROW: Final = 20
WINDOW: Final = 1_000
IN_WINDOW: Final = 50  # 5 % of the window


class Valve:
    """Watches one partition. Closed, it names the offset from which nothing may be committed.

    Each offset counts once, however often a batch is read again. `toog resume` puts a new one in
    its place, with a clean memory, that takes what was `seen` as known: what closed the old one
    and is still bad is set aside, and does not close it again.
    """

    def __init__(self, seen: int = -1) -> None:
        self.seen = seen
        self.closed_at: int | None = None
        self._run = 0
        self._run_start: int | None = None
        self._taken = 0
        self._bad: deque[int] = deque()  # which of all that were taken in

    def saw_all(self, offsets: Sequence[int], bad: Collection[int]) -> bool:
        """Takes in these records, in order of offsets; True when the valve closes with one."""
        if bad:
            return any(self.saw(offset, bad=offset in bad) for offset in offsets)
        self._good([offset for offset in offsets if offset > self.seen])
        return False

    def _good(self, offsets: Sequence[int]) -> None:
        if self.closed_at is None and offsets:
            self.seen = offsets[-1]
            self._taken += len(offsets)
            self._run, self._run_start = 0, None

    def saw(self, offset: int, *, bad: bool) -> bool:
        """Takes in one record, in order of offsets; True when the valve closes with it."""
        if self.closed_at is not None or offset <= self.seen:
            return False
        if not bad:
            self._good([offset])
            return False
        self.seen = offset
        self._taken += 1
        self._bad.append(self._taken)
        while self._bad[0] <= self._taken - WINDOW:
            self._bad.popleft()
        self._run += 1
        if self._run_start is None:
            self._run_start = offset
        if self._run >= IN_A_ROW or len(self._bad) >= IN_WINDOW:
            self.closed_at = self._run_start
            return True
        return False
