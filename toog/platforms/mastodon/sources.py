"""How our Mastodon accounts listen: the user stream, and the notifications that it missed."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from toog.platforms.accounts import Account, AccountsError
from toog.platforms.base import Answer, Failure, NotConfiguredError, Page, Request, Source
from toog.platforms.clean import clean
from toog.platforms.mastodon.incoming import CONTROL
from toog.platforms.mastodon.payloads import Notification
from toog.platforms.mastodon.sse import server_sent

USER_STREAM: Final = "user_stream"

PAGE_SIZE: Final = 80
"""The most that the server gives at once."""

_LONGEST_S: Final = 60.0
_LONGEST_LIMIT_S: Final = 900.0
_MIN_ID: Final = re.compile(r"[?&]min_id=([^&>]+)[^>]*>\s*;\s*rel=\"?prev\"?")


class _Urls(msgspec.Struct):
    streaming: str | None = None


class _Configuration(msgspec.Struct):
    urls: _Urls | None = None


class _Instance(msgspec.Struct):
    configuration: _Configuration | None = None


class UserStream:
    """`/api/v1/streaming/user`, resumed by paging the mentions since the last one seen.

    The stream itself has no replay, so edits and deletions of the time away are not told again
    (https://docs.joinmastodon.org/methods/streaming/).
    """

    framing: Literal["lines", "sse"] = "sse"
    silence_s: float = 45.0  # the server beats every 15 s

    def __init__(self, account: Account, token: str) -> None:
        self.key = f"{account.name}:{USER_STREAM}"
        self._base = account.base_url
        self._streaming = account.base_url
        self._headers = {"Authorization": f"Bearer {token}"}

    def prepare(self, last: Answer | None) -> Request | None:
        """Asks once where the streaming server stands; without an answer it is the API's own."""
        if last is None:
            return Request("GET", f"{self._base}/api/v2/instance", headers=self._headers)
        if last.status == 200:
            self._streaming = _streaming_base(last.body, self._base)
        return None

    def stream(self, cursor: str | None, now: datetime) -> Request | None:  # noqa: ARG002 (the stream cannot resume)
        """The request that opens the stream: from now on, whatever the cursor."""
        headers = {**self._headers, "Accept": "text/event-stream"}
        return Request("GET", f"{self._streaming}/api/v1/streaming/user", headers=headers)

    def page(self, cursor: str | None) -> Request | None:
        """The mentions just after the cursor, or the newest page for a desk that has none."""
        params = [("types[]", "mention"), ("limit", str(PAGE_SIZE)), ("include_filtered", "true")]
        if cursor is not None:
            params.append(("min_id", cursor))
        return Request(
            "GET", f"{self._base}/api/v1/notifications", params=params, headers=self._headers
        )

    def read_page(self, answer: Answer, cursor: str | None) -> Page:
        """The page oldest first; the cursor is the server's own `prev`, else its newest id.

        Without a cursor one page is all. A body that is no list is handed on whole: the parser says
        what it is.
        """
        try:
            items = msgspec.json.decode(answer.body, type=list[msgspec.Raw])
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            newest = _prev(answer)
            return Page((answer.body,), newest or cursor, more=_further(newest, cursor))
        if not items:
            return Page((), cursor, more=False)
        newest = _prev(answer) or _mention_id(bytes(items[0]))
        bodies = tuple(bytes(item) for item in reversed(items))
        return Page(bodies, newest or cursor, more=_further(newest, cursor))

    def read_item(
        self, item: bytes, cursor: str | None, now: datetime
    ) -> tuple[bytes | None, str | None]:
        """The event as it is; a mention moves the cursor to its notification."""
        del now
        events = [event for event in server_sent(item) if event.name not in CONTROL]
        for event in events:
            if event.name == "notification":
                cursor = _mention_id(event.data) or cursor
        return (item if events else None), cursor

    def failure(self, answer: Answer) -> Failure:
        """A wrong token or address is refused; whatever else is no success may pass."""
        if answer.status == 429:
            return "rate_limited"
        return "refused" if answer.status in {400, 401, 403, 404, 410, 422} else "http"

    def backoff_s(
        self, failure: Failure, attempt: int, answer: Answer | None, now: datetime
    ) -> float:
        """1 s doubling to 60 s; limited: until the reset, at most 15 minutes; refused: 60 s."""
        if failure == "rate_limited":
            wait = seconds_to_reset(answer, now) if answer else None
            return min(max(wait or _LONGEST_S, 1.0), _LONGEST_LIMIT_S)
        if failure == "refused":
            return _LONGEST_S
        return min(2.0 ** min(attempt - 1, 10), _LONGEST_S)


def sources(account: Account, secrets: Mapping[str, str]) -> tuple[Source, ...]:
    """The ways in that this account asks for; `secrets` is its own table, with a `token`.

    Raises NotConfiguredError without a token, AccountsError for a source that Mastodon has not.
    """
    found: list[Source] = []
    for source in account.source:
        if source.kind != USER_STREAM:
            raise AccountsError(
                f"accounts.toml: {account.name} asks for source {source.kind!r};"
                f" Mastodon has {USER_STREAM!r} only"
            )
        if not secrets.get("token"):
            raise NotConfiguredError(f"no token is configured for {account.name}")
        found.append(UserStream(account, secrets["token"]))
    return tuple(found)


def seconds_to_reset(answer: Answer, now: datetime) -> float | None:
    """Seconds until `X-RateLimit-Reset` (ISO 8601), or None where it says nothing readable.

    https://docs.joinmastodon.org/api/rate-limits/
    """
    try:
        reset = datetime.fromisoformat(answer.headers.get("x-ratelimit-reset", ""))
    except ValueError:
        return None
    if reset.tzinfo is None:
        reset = reset.replace(tzinfo=UTC)
    return (reset - now).total_seconds()


def _streaming_base(body: bytes, base: str) -> str:
    try:
        instance = msgspec.json.decode(body, type=_Instance)
    except (msgspec.DecodeError, RecursionError):
        return base
    urls = instance.configuration.urls if instance.configuration else None
    address = (urls.streaming if urls else None) or ""
    # The address is meant for WebSockets; the token never leaves over a weaker line than the API's.
    address = re.sub(r"^ws(s?)://", r"http\1://", address).rstrip("/")
    allowed = ("https://",) if base.startswith("https://") else ("https://", "http://")
    return address if address.startswith(allowed) else base


def _prev(answer: Answer) -> str | None:
    match = _MIN_ID.search(answer.headers.get("link", ""))
    return match[1] if match else None


def _further(newest: str | None, cursor: str | None) -> bool:
    return cursor is not None and newest is not None and newest != cursor


def _mention_id(item: bytes) -> str | None:
    try:
        notification = msgspec.json.decode(clean(item)[0], type=Notification)
    except (msgspec.DecodeError, RecursionError):
        return None
    return notification.id if notification.type == "mention" else None
