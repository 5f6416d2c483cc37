"""How the played Instagram refuses, and how much of the allowance it says is used up.

developers.facebook.com/docs/graph-api/guides/error-handling and overview/rate-limiting.
"""

import json
import math
import time
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse

WINDOW_S: Final = 3600.0
HEADERS_FROM: Final = 5
"""The usage headers come only after some calls."""


class GraphError(Exception):
    """A refusal; the status is 400 for nearly everything."""

    def __init__(
        self, message: str, code: int, subcode: int | None = None, *, status: int = 400
    ) -> None:
        super().__init__(message)
        self.code, self.subcode, self.status = code, subcode, status

    def answer(self) -> JSONResponse:
        """Meta's error body."""
        error: dict[str, object] = {
            "message": f"(#{self.code}) {self}",
            "type": "OAuthException",
            "code": self.code,
            "fbtrace_id": "AmFGcW3hwDB7qFblQdebZ0",
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.code in {1, 2}:
            error["is_transient"] = True
        return JSONResponse({"error": error}, self.status)


def missing(id_: str) -> GraphError:
    """What is not there, or not ours to see: Meta makes no difference."""
    return GraphError(
        f"Object with ID '{id_}' does not exist, cannot be loaded due to missing permissions, or"
        " does not support this operation",
        100,
        33,
    )


class Allowance:
    """So many calls in an hour; the headers say how much of it is used, in percent."""

    def __init__(self, account: str, limit: int) -> None:
        self._account, self._limit = account, limit
        self._used, self._ends = 0, 0.0

    def take(self) -> None:
        """Uses one call up. Raises GraphError 80002 where none is left."""
        now = time.time()
        if now >= self._ends:
            self._used, self._ends = 0, now + WINDOW_S
        self._used += 1
        if self._used > self._limit:
            raise GraphError("There have been too many calls to this Instagram account.", 80002)

    @property
    def headers(self) -> dict[str, str]:
        """What stands in each answer, once there were some calls."""
        if self._used < HEADERS_FROM:
            return {}
        share = min(math.ceil(100 * self._used / self._limit), 100)
        blocked = self._used > self._limit
        minutes = math.ceil((self._ends - time.time()) / 60) if blocked else 0
        usage = {"call_count": share, "total_cputime": share // 2, "total_time": share // 2}
        own = {"type": "instagram", **usage, "estimated_time_to_regain_access": minutes}
        return {
            "x-app-usage": json.dumps(usage),
            "x-business-use-case-usage": json.dumps({self._account: [own]}),
        }


class Door:
    """Checks the token, in the header or as the parameter `access_token`."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._token = secrets.get("token")

    def check(self, request: Request, asked: Mapping[str, str]) -> None:
        """Raises GraphError where the token is missing (104) or wrong (190)."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.casefold() not in {"bearer", "oauth"}:
            given = asked.get("access_token", "")
        if not given:
            raise GraphError("An access token is required to request this resource.", 104)
        if given != self._token:
            raise GraphError("Invalid OAuth access token.", 190, status=401)
