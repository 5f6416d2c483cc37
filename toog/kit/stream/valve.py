"""The valve: a series of bad records on one partition stops it, before a bad deploy loses a night.

Pure: it is told what became of each record, and answers where the partition must stop.
"""

from collections import deque
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
        self._recent: deque[int | None] = deque(maxlen=WINDOW)
        self._bad = 0

    def saw(self, offset: int, *, bad: bool) -> bool:
        """Takes in one record, in order of offsets; True when the valve closes with it."""
        if self.closed_at is not None or offset <= self.seen:
            return False
        self.seen = offset
        if len(self._recent) == WINDOW and self._recent[0] is not None:
            self._bad -= 1
        self._recent.append(offset if bad else None)
        if not bad:
            self._run, self._run_start = 0, None
            return False
        self._bad += 1
        self._run += 1
        if self._run_start is None:
            self._run_start = offset
        if self._run >= IN_A_ROW or self._bad >= IN_WINDOW:
            self.closed_at = self._run_start
            return True
        return False
