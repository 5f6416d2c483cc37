"""The door of the played server: who may call, how often, and how an answer looks."""

import functools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from toog.platforms.mastodon.sandbox.paging import N
from toog.platforms.mastodon.sandbox.world import Json, Refusal

_WINDOW_S: Final = 300
_INVALID_TOKEN: Final = Refusal(401, "The access token is invalid")
_NOT_FOUND: Final = Refusal(404, "Record not found")

Endpoint = Callable[[Request], Awaitable[Response]]


class Gate:
    """Knows the token, counts the calls against `limit()` in five minutes, and answers."""

    def __init__(self, token: str, limit: Callable[[], int]) -> None:
        self._token, self._limit = token, limit
        self._window = 0
        self._used = 0

    def with_token(self, endpoint: Endpoint, *, counts: bool = True) -> Endpoint:
        """The endpoint for those alone who bring the token and are within the limit."""

        @functools.wraps(endpoint)
        async def guarded(request: Request) -> Response:
            refusal = self.refused(request, counts=counts)
            return self.error(refusal) if refusal else await endpoint(request)

        return guarded

    def refused(self, request: HTTPConnection, *, counts: bool = True) -> Refusal | None:
        """Why this request is not taken, or None; a taken one `counts`."""
        if request.headers.get("authorization") != f"Bearer {self._token}":
            return _INVALID_TOKEN
        window = int(time.time()) // _WINDOW_S
        if window != self._window:
            self._window, self._used = window, 0
        if counts and self._used >= self._limit():
            return Refusal(429, "Too many requests")
        self._used += counts
        return None

    def answer(
        self, data: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """JSON, and what is left of the limit (https://docs.joinmastodon.org/api/rate-limits/)."""
        reset = datetime.fromtimestamp((self._window + 1) * _WINDOW_S, UTC)
        limits = {
            "X-RateLimit-Limit": str(self._limit()),
            "X-RateLimit-Remaining": str(max(self._limit() - self._used, 0)),
            "X-RateLimit-Reset": f"{reset:%Y-%m-%dT%H:%M:%S}.000000Z",
        }
        body = msgspec.json.encode(data)
        return Response(body, status, {**limits, **(headers or {})}, "application/json")

    def error(self, refusal: Refusal = _NOT_FOUND) -> Response:
        """Mastodon's error body; without more words nothing was found."""
        return self.answer({"error": refusal.error}, refusal.status)

    def page(self, request: Request, found: Sequence[N], shown: list[Json]) -> Response:
        """A page, newest first, with its links (https://docs.joinmastodon.org/api/guidelines/)."""
        if not found:
            return self.answer(shown)
        url = request.url.remove_query_params(["max_id", "min_id", "since_id"])
        older = url.include_query_params(max_id=found[-1].id)
        newer = url.include_query_params(min_id=found[0].id)
        link = f'<{older}>; rel="next", <{newer}>; rel="prev"'
        return self.answer(shown, headers={"Link": link})


async def form(request: Request) -> dict[str, str]:
    """The fields of the body, JSON or form."""
    body = await request.body()
    if not request.headers.get("content-type", "").startswith("application/json"):
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    try:
        fields = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError:
        return {}
    return {name: str(value) for name, value in fields.items() if value is not None}
