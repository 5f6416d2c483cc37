"""How the played X refuses: who may ask what, how often, and in which words."""

import time
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse

WINDOW_S: Final = 15 * 60

_TITLES: Final = {
    400: "Invalid Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found Error",
    409: "ConnectionException",
}


def problem(status: int, detail: str, type_: str = "about:blank", **more: object) -> JSONResponse:
    """X's usual error body (docs.x.com/fundamentals/response-codes-and-errors)."""
    body = {"title": _TITLES[status], "detail": detail, "type": type_, "status": status, **more}
    return JSONResponse(body, status)


def missing(kind: str, parameter: str, value: str) -> dict[str, str]:
    """The partial error that stands beside the data that was found."""
    return {
        "value": value,
        "detail": f"Could not find {kind} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": value,
        "type": "https://api.x.com/2/problems/resource-not-found",
    }


class Limit:
    """A window of 15 minutes in which so many requests are taken."""

    def __init__(self, limit: int) -> None:
        self._limit, self._used = limit, 0
        self._ends = 0.0

    def take(self) -> bool:
        """Uses one up; whether there was one left."""
        now = time.time()
        if now >= self._ends:
            self._used, self._ends = 0, now + WINDOW_S
        if self._used >= self._limit:
            return False
        self._used += 1
        return True

    @property
    def headers(self) -> dict[str, str]:
        """What stands in every answer."""
        return {
            "x-rate-limit-limit": str(self._limit),
            "x-rate-limit-remaining": str(self._limit - self._used),
            "x-rate-limit-reset": str(int(self._ends) + 1),
        }

    def refusal(self) -> JSONResponse:
        """The answer to one request too many."""
        errors = [{"code": 88, "message": "Rate limit exceeded"}]
        return JSONResponse({"errors": errors}, 429, headers=self.headers)


class Door:
    """Checks tokens: `bearer` speaks for the app, `user_token` for our account."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._app = secrets.get("bearer")
        self._user = secrets.get("user_token")

    def closed(self, request: Request, *, app: bool, user: bool) -> JSONResponse | None:
        """The refusal where the token is missing, wrong, or of the other kind; else None."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.casefold() != "bearer" or not given or given not in {self._app, self._user}:
            return problem(401, "Unauthorized")
        if (app and given == self._app) or (user and given == self._user):
            return None
        return problem(
            403,
            "Authenticating with this kind of token is forbidden for this endpoint.",
            "https://api.x.com/2/problems/unsupported-authentication",
        )
