"""Sessions: an app password is exchanged for a token that runs out, an expired one is renewed.

https://docs.bsky.app/docs/api/com-atproto-server-create-session. Logins are scarce (30 in five
minutes, 300 a day): what runs out is refreshed first.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import msgspec

from toog.platforms.accounts import Account
from toog.platforms.base import Answer, NotConfiguredError, Refused, Request

TOKEN: Final = "access_jwt"  # noqa: S105 - the name of a secret, not one
"""What `secrets` of a call hold besides, once there is a session."""

LONGEST_LIMIT_S: Final = 900.0

_OVER: Final = frozenset({"ExpiredToken", "InvalidToken"})


class _Session(msgspec.Struct):
    access: str = msgspec.field(name="accessJwt")
    refresh: str | None = msgspec.field(name="refreshJwt", default=None)


class _Error(msgspec.Struct):
    error: str | None = None
    message: str | None = None


def request(account: Account, secrets: Mapping[str, str]) -> Request:
    """The request that opens a session. Raises NotConfiguredError without credentials."""
    identifier, password = secrets.get("identifier"), secrets.get("app_password")
    if not identifier or not password:
        raise NotConfiguredError(
            f"no identifier and app_password are configured for {account.name}"
        )
    url = f"{account.base_url}/xrpc/com.atproto.server.createSession"
    return Request("POST", url, json={"identifier": identifier, "password": password})


def read(answer: Answer) -> Mapping[str, str] | Refused:
    """What the calls of this session need, or why there is none."""
    session = _session(answer)
    if session is not None:
        return {TOKEN: session.access}
    status, reason = answer.status, f"session_{answer.status}"
    if status == 429:
        return Refused(reason, permanent=False, wait_s=wait_s(answer))
    if 400 <= status < 500:
        return Refused(reason, permanent=False, stop=True)
    return Refused(reason, permanent=False, wait_s=5.0)


def over(answer: Answer) -> bool:
    """Whether the token has run out. Servers say so with 400: `ExpiredToken`, `InvalidToken`."""
    return answer.status in {400, 401} and error_of(answer).error in _OVER


def error_of(answer: Answer) -> _Error:
    """The error body `{"error", "message"}`, empty where it is none."""
    try:
        return msgspec.json.decode(answer.body, type=_Error)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _Error()


def wait_s(answer: Answer, now: datetime | None = None) -> float:
    """Seconds until the limit is over: `Retry-After`, else `RateLimit-Reset` (epoch seconds).

    Without `now` the server's own `Date` is the clock. A minute where nothing can be read.
    """
    try:
        return min(max(float(answer.headers["retry-after"]), 1.0), LONGEST_LIMIT_S)
    except (KeyError, ValueError):
        pass
    try:
        clock = now or parsedate_to_datetime(answer.headers["date"])
        reset = datetime.fromtimestamp(int(answer.headers["ratelimit-reset"]), UTC)
        return min(max((reset - clock).total_seconds(), 1.0), LONGEST_LIMIT_S)
    except (KeyError, ValueError, TypeError, OverflowError, OSError):
        return 60.0


class Keeper:
    """The session of one source: which request gets or renews it, and the headers of its calls."""

    def __init__(self, account: Account, secrets: Mapping[str, str]) -> None:
        self._create = request(account, secrets)
        self._refresh_url = f"{account.base_url}/xrpc/com.atproto.server.refreshSession"
        self._access: str | None = None
        self._refresh: str | None = None
        self._asked: Literal["create", "refresh", "call"] = "call"

    def next(self) -> Request | None:
        """The request that is missing before a call can be made, or None: ready."""
        if self._access is not None:
            self._asked = "call"
            return None
        if self._refresh is not None:
            self._asked = "refresh"
            return Request("POST", self._refresh_url, headers=_bearer(self._refresh))
        self._asked = "create"
        return self._create

    def take(self, answer: Answer) -> None:
        """Keeps the session that this answer brings, if any."""
        session = _session(answer)
        if session is not None:
            self._access, self._refresh = session.access, session.refresh
        self._asked = "call"

    def refused(self, answer: Answer) -> bool:
        """Whether a new request may mend this: what the answer says is over is forgotten."""
        if self._asked == "refresh" and 400 <= answer.status < 500 and answer.status != 429:
            self._refresh, self._asked = None, "call"
            return True
        if self._asked == "call" and over(answer):
            self._access = None
            return True
        return False

    @property
    def headers(self) -> Mapping[str, str]:
        """What every call carries."""
        return _bearer(self._access) if self._access else {}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _session(answer: Answer) -> _Session | None:
    if answer.status != 200:
        return None
    try:
        return msgspec.json.decode(answer.body, type=_Session)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
