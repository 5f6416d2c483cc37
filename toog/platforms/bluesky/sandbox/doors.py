"""Who may call the played server, and how often: sessions, rate limits, and errors in XRPC's words."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from toog.platforms.bluesky.sandbox.naming import Clock, Json, jwt

WINDOW_S: Final = 300
ACCESS_S: Final = 7200
REFRESH_S: Final = 90 * 86_400
LOGINS: Final = 30
"""In a window, for one account."""


class XrpcError(Exception):
    """The call is refused: status, error name and sentence."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error, self.message = status, error, message


@dataclass(slots=True)
class Limit:
    """So many calls in a window of so many seconds, counted from the epoch."""

    most: int
    window_s: int = WINDOW_S
    _window: int = 0
    _used: int = 0

    def use(self, points: int = 1) -> None:
        """Counts a call. Raises XrpcError 429 where the window is used up."""
        window = int(time.time()) // self.window_s
        if window != self._window:
            self._window, self._used = window, 0
        if self._used + points > self.most:
            raise XrpcError(429, "RateLimitExceeded", "Rate Limit Exceeded")
        self._used += points

    def headers(self) -> dict[str, str]:
        """https://docs.bsky.app/docs/advanced-guides/rate-limits."""
        return {
            "RateLimit-Limit": str(self.most),
            "RateLimit-Remaining": str(max(self.most - self._used, 0)),
            "RateLimit-Reset": str((self._window + 1) * self.window_s),
            "RateLimit-Policy": f"{self.most};w={self.window_s}",
        }

    @property
    def left_s(self) -> int:
        """Seconds to the next window."""
        return max((self._window + 1) * self.window_s - int(time.time()), 1)


class Sessions:
    """The tokens that the server gave: each until it runs out, a refresh token once."""

    def __init__(self, did: str, secrets: Mapping[str, str], clock: Clock) -> None:
        self._did = did
        self._names = {secrets["identifier"].casefold(), did}
        self._password = secrets["app_password"]
        self._key = hashlib.sha256(self._password.encode()).digest()
        self._clock = clock
        self._tokens: dict[str, tuple[str, float]] = {}
        self.access_s: float = ACCESS_S
        self.logins = Limit(LOGINS)

    def create(self, identifier: str, password: str) -> Json:
        """A new session. Raises XrpcError for a wrong name or password, and for too many."""
        self.logins.use()
        if identifier.casefold().removeprefix("@") not in self._names or password != self._password:
            raise XrpcError(401, "AuthenticationRequired", "Invalid identifier or password")
        return self._give()

    def refresh(self, token: str) -> Json:
        """A new session for a refresh token, which is used up by it."""
        self.check(token, "refresh")
        del self._tokens[token]
        return self._give()

    def expire(self, scope: str = "access") -> None:
        """All tokens of this scope have run out."""
        for token, (its, _) in self._tokens.items():
            if its == scope:
                self._tokens[token] = (its, 0.0)

    def check(self, token: str, scope: str = "access") -> None:
        """Raises XrpcError where this token opens nothing: 401 without one, 400 for a bad one."""
        if not token:
            raise XrpcError(401, "AuthMissing", "Authentication Required")
        its, until = self._tokens.get(token, ("", 0.0))
        if its != scope:
            raise XrpcError(400, "InvalidToken", "Token could not be verified")
        if until < time.time():
            raise XrpcError(400, "ExpiredToken", "Token has expired")

    def _give(self) -> Json:
        return {
            "accessJwt": self._token("access", self.access_s),
            "refreshJwt": self._token("refresh", REFRESH_S),
        }

    def _token(self, scope: str, lives_s: float) -> str:
        issued = self._clock.micros()
        expires = issued + int(lives_s * 1_000_000)
        name = "com.atproto.appPassPrivileged" if scope == "access" else "com.atproto.refresh"
        token = jwt(name, self._did, issued, expires, self._key)
        self._tokens[token] = (scope, time.time() + lives_s)
        return token


def bearer(request: Request) -> str:
    """The token of this call, or nothing."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.casefold() == "bearer" else ""


def answer(data: object, limit: Limit, status: int = 200) -> Response:
    """The answer with its limits; a 429 also says how long to wait."""
    headers = limit.headers()
    if status == 429:
        headers["Retry-After"] = str(limit.left_s)
    return Response(msgspec.json.encode(data), status, headers, "application/json")


async def json_of(request: Request) -> Mapping[str, object]:
    """The body of a procedure. Raises XrpcError where it is no JSON object."""
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=dict[str, object])
    except msgspec.DecodeError as error:
        raise XrpcError(400, "InvalidRequest", str(error)) from None


def text_of(values: Mapping[str, object], name: str) -> str:
    """A string that has to be there. Raises XrpcError."""
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise XrpcError(400, "InvalidRequest", f'Error: Input must have the property "{name}"')
    return value
