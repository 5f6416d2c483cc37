"""How busy the played Graph says we are, and from when on it takes no more calls."""

import json
import time
from typing import Final

from toog.platforms.facebook.sandbox.asked import GraphError

WINDOW_S: Final = 3600.0
SILENT_CALLS: Final = 10
"""Graph's usage headers appear only after enough calls."""


class Limit:
    """So many calls in an hour (docs/graph-api/overview/rate-limiting); shares are in percent."""

    def __init__(self, page: str, calls: int) -> None:
        self._page, self._most = page, calls
        self._used, self._ends = 0, 0.0

    def take(self) -> None:
        """Counts a call. Raises GraphError 80001 when there were too many."""
        now = time.time()
        if now >= self._ends:
            self._used, self._ends = 0, now + WINDOW_S
        self._used += 1
        if self._used > self._most:
            raise GraphError(
                80001,
                "(#80001) There have been too many calls to this Page account. Wait a bit and try"
                " again.",
            )

    @property
    def headers(self) -> dict[str, str]:
        """The usage headers, once there were enough calls to speak of."""
        if self._used <= min(SILENT_CALLS, self._most):
            return {}
        share = min(100 * self._used // self._most, 100)
        minutes = int((self._ends - time.time()) / 60) + 1 if self._used > self._most else 0
        shares = {"call_count": share, "total_cputime": share // 2, "total_time": share // 2}
        case = {"type": "pages", **shares, "estimated_time_to_regain_access": minutes}
        return {
            "x-app-usage": json.dumps(shares),
            "x-business-use-case-usage": json.dumps({self._page: [case]}),
        }
