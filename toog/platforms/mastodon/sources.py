"""How our Mastodon accounts listen: the user stream, the room's hashtags, and what they missed."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal
from urllib.parse import quote, unquote, urlencode

import msgspec

from toog.contracts.events import Event
from toog.platforms.accounts import Account, AccountsError
from toog.platforms.base import Answer, Failure, NotConfiguredError, Page, Request, Source
from toog.platforms.clean import clean
from toog.platforms.lenient import read
from toog.platforms.mastodon.incoming import CONTROL, MESSAGES
from toog.platforms.mastodon.payloads import Notification, Shape
from toog.platforms.mastodon.sse import ServerSent, server_sent

USER_STREAM: Final = "user_stream"
USER_WEBSOCKET: Final = "user_websocket"
HASHTAG: Final = "hashtag"

PAGE_SIZE: Final = 80
"""The most notifications that the server gives at once."""
TIMELINE_SIZE: Final = 40
"""The most statuses that the server gives at once."""

_NO_SUCH_WAY: Final = frozenset({404, 405, 410, 426, 501})
"""The server does not stream this way: GoToSocial and Pleroma speak WebSocket only."""

_LONGEST_S: Final = 60.0
_LONGEST_LIMIT_S: Final = 900.0
_MIN_ID: Final = re.compile(r"[?&]min_id=([^&>]+)(?:&[^>]*)?>\s*;\s*rel=\"?prev\"?")


class _Urls(msgspec.Struct):
    streaming: str | None = None


class _Configuration(msgspec.Struct):
    urls: _Urls | None = None


class _Instance(msgspec.Struct):
    configuration: _Configuration | None = None


class _Identified(msgspec.Struct):
    id: str


class _Listening:
    """What all ways in share: where the streaming server stands, which way it speaks, patience.

    Some servers stream by server-sent events only, some by WebSocket only. Where the way is not
    fixed, the answer "no such thing" to the one makes the next attempt the other.
    """

    silence_s: float = 45.0
    """The server beats every 15 s; a silent WebSocket is asked half-way."""

    def __init__(
        self, account: Account, token: str, way: Literal["sse", "websocket"] | None
    ) -> None:
        self.framing: Literal["lines", "sse", "websocket"] = way or "sse"
        self._fixed = way is not None
        self._opening = False
        self._base = account.base_url
        self._streaming = account.base_url
        self._headers = {"Authorization": f"Bearer {token}"}

    def prepare(self, last: Answer | None) -> Request | None:
        """Asks once where the streaming server stands; without an answer it is the API's own."""
        self._opening = False
        if last is None:
            return Request("GET", f"{self._base}/api/v2/instance", headers=self._headers)
        if last.status == 200:
            self._streaming = _streaming_base(last.body, self._base)
        return None

    def _open(self, path: str, *params: tuple[str, str]) -> Request:
        """https://docs.joinmastodon.org/methods/streaming/, by the way that is tried now."""
        self._opening = True
        if self.framing == "websocket":
            query = urlencode([("stream", path), *params])
            address = re.sub(r"^http", "ws", self._streaming)
            url = f"{address}/api/v1/streaming?{query}"
            return Request("GET", url, headers=self._headers)
        headers = {**self._headers, "Accept": "text/event-stream"}
        url = f"{self._streaming}/api/v1/streaming/{path}"
        return Request("GET", url, params=params, headers=headers)

    def _ask(self, path: str, size: int, cursor: str | None, *more: tuple[str, str]) -> Request:
        self._opening = False
        params = [*more, ("limit", str(size))]
        if cursor is not None:
            params.append(("min_id", cursor))
        return Request("GET", f"{self._base}/api/v1/{path}", params=params, headers=self._headers)

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
        newest = _prev(answer) or _id_of(bytes(items[0]))
        bodies = tuple(self._paged(bytes(item)) for item in reversed(items))
        return Page(bodies, newest or cursor, more=_further(newest, cursor))

    def _paged(self, item: bytes) -> bytes:
        return item

    def failure(self, answer: Answer) -> Failure:
        """A wrong token or address is refused; whatever else is no success may pass."""
        if self._opening and not self._fixed and answer.status in _NO_SUCH_WAY:
            self.framing = "sse" if self.framing == "websocket" else "websocket"
            return "http"
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

    def _events(self, item: bytes) -> list[ServerSent]:
        """What this item tells, heartbeats and control left out."""
        if self.framing != "websocket":
            return [event for event in server_sent(item) if event.name not in CONTROL]
        try:
            shape = read(Shape, clean(item)[0])
        except RecursionError:
            shape = None
        if shape is None or shape.event is None:
            return [ServerSent("message", item)] if item else []
        payload = bytes(shape.payload)
        if payload.startswith(b'"'):
            payload = msgspec.json.decode(payload, type=str).encode()
        return [] if shape.event in CONTROL else [ServerSent(shape.event, payload)]


class UserStream(_Listening):
    """The user stream, resumed by paging the mentions and quotes since the last one seen.

    The stream itself has no replay, so edits and deletions of the time away are not told again
    (https://docs.joinmastodon.org/methods/streaming/).
    """

    def __init__(self, account: Account, token: str, *, websocket: bool = False) -> None:
        super().__init__(account, token, "websocket" if websocket else None)
        self.key = f"{account.name}:{USER_WEBSOCKET if websocket else USER_STREAM}"

    def stream(self, cursor: str | None, now: datetime) -> Request | None:  # noqa: ARG002 (the stream cannot resume)
        """The request that opens the stream: from now on, whatever the cursor."""
        return self._open("user")

    def page(self, cursor: str | None) -> Request | None:
        """What was said to us just after the cursor, or the newest page for a desk that has none."""
        types = [("types[]", type_) for type_ in ("mention", "quote")]
        return self._ask("notifications", PAGE_SIZE, cursor, *types, ("include_filtered", "true"))

    def read_item(
        self, item: bytes, cursor: str | None, now: datetime
    ) -> tuple[bytes | None, str | None]:
        """The event as it is; a mention or quote moves the cursor to its notification."""
        del now
        events = self._events(item)
        for event in events:
            if event.name == "notification":
                cursor = _message_id(event.data) or cursor
        return (item if events else None), cursor


class HashtagStream(_Listening):
    """The room: public statuses with a hashtag, resumed by paging the hashtag's timeline.

    What it brings is handed on as frames of the WebSocket that name the stream: by them the parser
    knows the room. Not every server's own frames do.
    """

    def __init__(self, account: Account, token: str, hashtag: str) -> None:
        super().__init__(account, token, None)
        self._tag = hashtag.removeprefix("#")
        self.key = f"{account.name}:{HASHTAG}:{self._tag.casefold()}"

    def stream(self, cursor: str | None, now: datetime) -> Request | None:  # noqa: ARG002 (the stream cannot resume)
        """The request that opens the stream: from now on, whatever the cursor."""
        return self._open(HASHTAG, ("tag", self._tag))

    def page(self, cursor: str | None) -> Request | None:
        """What was said in the room just after the cursor, or its newest page without one."""
        return self._ask(f"timelines/tag/{quote(self._tag, safe='')}", TIMELINE_SIZE, cursor)

    def read_item(
        self, item: bytes, cursor: str | None, now: datetime
    ) -> tuple[bytes | None, str | None]:
        """The events as frames; a new status moves the cursor."""
        del now
        events = self._events(item)
        for event in events:
            if event.name == "update":
                cursor = _id_of(event.data) or cursor
        frames = b",".join(self._frame(event.name, event.data) for event in events)
        return (b"[" + frames + b"]" if events else None), cursor

    def _paged(self, item: bytes) -> bytes:
        return self._frame("update", item)

    def _frame(self, name: str, data: bytes) -> bytes:
        payload = data.decode(errors="replace")
        return msgspec.json.encode(
            {"stream": [HASHTAG, self._tag], "event": name, "payload": payload}
        )


def sources(account: Account, secrets: Mapping[str, str]) -> tuple[Source, ...]:
    """The ways in that this account asks for; `secrets` is its own table, with a `token`.

    Raises NotConfiguredError without a token, AccountsError for a source that Mastodon has not.
    """
    found: list[Source] = []
    for source in account.source:
        if source.kind not in {USER_STREAM, USER_WEBSOCKET, HASHTAG}:
            raise AccountsError(
                f"accounts.toml: {account.name} asks for source {source.kind!r};"
                f" Mastodon has {USER_STREAM!r}, {USER_WEBSOCKET!r} and {HASHTAG!r}"
            )
        if source.kind == HASHTAG and not source.hashtags:
            raise AccountsError(f"accounts.toml: {account.name}: {HASHTAG!r} names no hashtags")
        token = secrets.get("token")
        if not token:
            raise NotConfiguredError(f"no token is configured for {account.name}")
        if source.kind == HASHTAG:
            found += [HashtagStream(account, token, tag) for tag in source.hashtags]
        else:
            found.append(UserStream(account, token, websocket=source.kind == USER_WEBSOCKET))
    return tuple(found)


def look_up(event: Event, account: Account, secrets: Mapping[str, str]) -> Request | None:
    """The request for a status by its id (https://docs.joinmastodon.org/methods/statuses/#get).

    Raises NotConfiguredError without a token.
    """
    token = secrets.get("token")
    if not token:
        raise NotConfiguredError(f"no token is configured for {account.name}")
    if event.native is None:
        return None
    url = f"{account.base_url}/api/v1/statuses/{quote(event.native, safe='')}"
    return Request("GET", url, headers={"Authorization": f"Bearer {token}"})


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
    return unquote(match[1]) if match else None


def _further(newest: str | None, cursor: str | None) -> bool:
    return cursor is not None and newest is not None and newest != cursor


def _id_of(item: bytes) -> str | None:
    try:
        return msgspec.json.decode(clean(item)[0], type=_Identified).id or None
    except (msgspec.DecodeError, RecursionError):
        return None


def _message_id(item: bytes) -> str | None:
    try:
        notification = msgspec.json.decode(clean(item)[0], type=Notification)
    except (msgspec.DecodeError, RecursionError):
        return None
    return notification.id if notification.type in MESSAGES else None
