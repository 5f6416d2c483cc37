"""How our Bluesky accounts listen: notifications and chat log by paging, Jetstream by stream."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

from toog.contracts.ids import digest
from toog.platforms.accounts import Account, AccountsError, SourceConfig
from toog.platforms.base import Answer, Failure, Page, Request, Source
from toog.platforms.bluesky import post
from toog.platforms.bluesky.payloads import POST, Line, Record, part, when
from toog.platforms.bluesky.session import Keeper, wait_s
from toog.platforms.clean import clean

PAGE_SIZE: Final = 100
"""The most that the server gives at once."""

OVERLAP: Final = timedelta(minutes=2)
"""Notifications are ordered by the post's own time where that is earlier than its arrival: a
client whose clock is slow lands below what was read already. So far down is looked again."""

CHAT_PROXY: Final = "did:web:api.bsky.chat#bsky_chat"
"""The chat is a service of its own, reached through the account's server."""

REWIND_US: Final = 5_000_000
"""Jetstream's order is not strict, and its cursor inclusive: resuming begins a little earlier."""

MOST_PAGES: Final = 200
_AT_ONCE: Final = 20 * PAGE_SIZE
_REMEMBERED: Final = 20_000
_LONGEST_S: Final = 60.0
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Notifications(msgspec.Struct):
    notifications: list[msgspec.Raw]
    cursor: str | None = None


class _Notification(msgspec.Struct):
    uri: str | None = None
    cid: str | None = None
    reason: str | None = None
    indexed_at: str | None = msgspec.field(name="indexedAt", default=None)


class _Log(msgspec.Struct):
    logs: list[msgspec.Raw]
    cursor: str | None = None


def _failure(answer: Answer) -> Failure:
    if answer.status == 429:
        return "rate_limited"
    return "refused" if 400 <= answer.status < 500 else "http"


def _backoff_s(failure: Failure, attempt: int, answer: Answer | None, now: datetime) -> float:
    if failure == "rate_limited":
        return wait_s(answer, now) if answer else _LONGEST_S
    if failure == "refused":
        return _LONGEST_S
    return min(2.0 ** min(attempt - 1, 10), _LONGEST_S)


class _Polled:
    """What the two ways in that only page have in common: a session, and no stream."""

    framing: Literal["lines", "sse", "websocket"] = "lines"

    def __init__(self, account: Account, secrets: Mapping[str, str], kind: str) -> None:
        self.key = f"{account.name}:{kind}"
        self._base = account.base_url
        self._session = Keeper(account, secrets)

    def prepare(self, last: Answer | None) -> Request | None:
        """Gets a session, or renews the one that ran out."""
        if last is not None:
            self._session.take(last)
            return None
        return self._session.next()

    def stream(self, cursor: str | None, now: datetime) -> Request | None:  # noqa: ARG002 (a protocol's arguments)
        """There is none."""
        return None

    def read_item(
        self, item: bytes, cursor: str | None, now: datetime
    ) -> tuple[bytes | None, str | None]:
        """Nothing comes by stream; the cursor stays."""
        del item, now
        return None, cursor

    def failure(self, answer: Answer) -> Failure:
        """A token that ran out (400 here) is renewed at once; other refusals stay refusals."""
        return "http" if self._session.refused(answer) else _failure(answer)

    def backoff_s(
        self, failure: Failure, attempt: int, answer: Answer | None, now: datetime
    ) -> float:
        """A limit is waited out; trouble doubles from a second to a minute."""
        return _backoff_s(failure, attempt, answer, now)


class Notifications(_Polled):
    """`app.bsky.notification.listNotifications`: newest first, back in time to the watermark.

    The cursor that is kept is the newest `indexedAt`; it moves only once a descent has come down
    to the old one, so that a descent that breaks off loses nothing.
    """

    silence_s: float = 5.0  # from poll to poll

    def __init__(self, account: Account, secrets: Mapping[str, str]) -> None:
        super().__init__(account, secrets, "notifications")
        self._seen: dict[str, None] = {}
        self._rest()

    def _rest(self) -> None:
        self._below: str | None = None
        self._pages = 0
        self._newest = _LONG_AGO
        self._gathered: list[tuple[str, bytes]] = []

    def prepare(self, last: Answer | None) -> Request | None:
        """A new visit: what an earlier one gathered may not have been stored, so it is forgotten."""
        if last is None:
            self._seen.clear()
            self._rest()
        return super().prepare(last)

    def page(self, cursor: str | None) -> Request | None:
        """The next page of the descent; the watermark says where it ends, not where it begins."""
        del cursor
        params = [("limit", str(PAGE_SIZE))]
        params += [("reasons", reason) for reason in ("mention", "reply", "quote")]
        if self._below is not None:
            params.append(("cursor", self._below))
        url = f"{self._base}/xrpc/app.bsky.notification.listNotifications"
        return Request("GET", url, params=params, headers=self._session.headers)

    def read_page(self, answer: Answer, cursor: str | None) -> Page:
        """What is new, oldest first, once the watermark is reached; a fresh desk takes one page.

        A body that is no page is handed on whole: the parser says what it is.
        """
        said = part(clean(answer.body)[0], _Notifications)
        if said is None:
            self._rest()
            return Page((answer.body,), cursor, more=False)
        reached = self._gather(said.notifications, when(cursor, _LONG_AGO) if cursor else None)
        self._pages += 1
        ended = not said.notifications or said.cursor in {None, self._below}
        self._below = said.cursor
        if not (reached or ended or cursor is None or self._pages >= MOST_PAGES):
            items = self._hand_on() if len(self._gathered) >= _AT_ONCE else ()
            return Page(items, cursor, more=True)
        mark = max(self._newest, when(cursor, _LONG_AGO))
        items = self._hand_on()
        self._rest()
        return Page(items, mark.isoformat() if mark > _LONG_AGO else cursor, more=False)

    def _gather(self, items: list[msgspec.Raw], mark: datetime | None) -> bool:
        """Keeps what is new; whether the watermark lies above the last of it."""
        reached = False
        for item in items:
            data = bytes(item)
            known = part(data, _Notification) or _Notification()
            at = when(known.indexed_at, self._newest)
            self._newest = max(self._newest, at)
            if mark is not None and at < mark - OVERLAP:
                reached = True
                continue
            name = f"{known.reason} {known.uri} {known.cid}" if known.uri else digest(data)
            if name not in self._seen:
                self._gathered.append((name, data))
        return reached

    def _hand_on(self) -> tuple[bytes, ...]:
        for name, _ in self._gathered:
            self._seen[name] = None
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        items = tuple(data for _, data in reversed(self._gathered))
        self._gathered = []
        return items


class Chat(_Polled):
    """`chat.bsky.convo.getLog`, oldest first, on from the cursor that the server gave."""

    silence_s: float = 3.0

    def __init__(self, account: Account, secrets: Mapping[str, str]) -> None:
        super().__init__(account, secrets, "chat")

    def page(self, cursor: str | None) -> Request | None:
        """The log after the cursor, through the account's server to the chat service."""
        return Request(
            "GET",
            f"{self._base}/xrpc/chat.bsky.convo.getLog",
            params=[("cursor", cursor)] if cursor is not None else [],
            headers={**self._session.headers, "atproto-proxy": CHAT_PROXY},
        )

    def read_page(self, answer: Answer, cursor: str | None) -> Page:
        """The entries as they stand; more as long as the cursor moves."""
        said = part(clean(answer.body)[0], _Log)
        if said is None:
            return Page((answer.body,), cursor, more=False)
        further = bool(said.logs) and said.cursor is not None and said.cursor != cursor
        return Page(tuple(bytes(entry) for entry in said.logs), said.cursor or cursor, more=further)


class Jetstream:
    """All posts of the network; handed on is what names, answers or quotes us, or is ours.

    What has one of the source's hashtags comes too, to the room.
    Deletions carry no record and edits may have lost our name: they are handed on too, marked by
    the parser to enter only where the post did. Word of other accounts is left out. The cursor is
    `time_us`, kept by the server for 36 hours; an older one is moved up without a word, and what
    fell between is found by paging the notifications.
    """

    framing: Literal["lines", "sse", "websocket"] = "websocket"
    silence_s: float = 60.0

    def __init__(self, account: Account, source: SourceConfig) -> None:
        self.key = f"{account.name}:jetstream"
        self._did = account.id
        self._hashtags = frozenset(tag.removeprefix("#").casefold() for tag in source.hashtags)
        base = source.url or f"{account.base_url}/subscribe"
        self._url = base.replace("http", "ws", 1) if base.startswith("http") else base

    def prepare(self, last: Answer | None) -> Request | None:
        """Nothing: it is open to everybody."""
        del last
        return None

    def stream(self, cursor: str | None, now: datetime) -> Request | None:
        """The socket, from a little before the cursor on; without one from now on."""
        del now
        params = [("wantedCollections", POST)]
        if cursor is not None and cursor.isdecimal():
            params.append(("cursor", str(max(int(cursor) - REWIND_US, 0))))
        return Request("GET", self._url, params=params)

    def page(self, cursor: str | None) -> Request | None:
        """Nothing can be paged: the cursor brings what was missed on the stream itself."""
        del cursor
        return None

    def read_page(self, answer: Answer, cursor: str | None) -> Page:
        """Never asked."""
        del answer
        return Page((), cursor, more=False)

    def read_item(
        self, item: bytes, cursor: str | None, now: datetime
    ) -> tuple[bytes | None, str | None]:
        """The line where it is our business, and its time as the cursor.

        A line that cannot be read is handed on: the parser says what it is.
        """
        del now
        if not item:
            return None, cursor
        line = part(item, Line) or part(clean(item)[0], Line)
        if line is None:
            return item, cursor
        before = int(cursor) if cursor is not None and cursor.isdecimal() else 0
        return (item if self._ours(line) else None), str(max(line.time_us, before))

    def _ours(self, line: Line) -> bool:
        commit = line.commit
        if commit is None or commit.collection != POST:
            return line.kind not in {"identity", "account", "commit"}
        if line.did == self._did or commit.operation in {"delete", "update"}:
            return True
        record = part(commit.record, Record)
        if record is None and self._did.encode() in bytes(commit.record):
            return True
        return record is not None and (post.concerns(record, self._did) or self._followed(record))

    def _followed(self, record: Record) -> bool:
        if not self._hashtags:
            return False
        return any(tag.casefold() in self._hashtags for tag in post.hashtags_of(record))

    def failure(self, answer: Answer) -> Failure:
        """A wrong address is refused; whatever else is no success may pass."""
        return _failure(answer)

    def backoff_s(
        self, failure: Failure, attempt: int, answer: Answer | None, now: datetime
    ) -> float:
        """A limit is waited out; trouble doubles from a second to a minute."""
        return _backoff_s(failure, attempt, answer, now)


def sources(account: Account, secrets: Mapping[str, str]) -> tuple[Source, ...]:
    """The ways in that this account asks for; `secrets` holds `identifier` and `app_password`.

    Raises NotConfiguredError without them, AccountsError for a source that Bluesky has not.
    """
    return tuple(_source(account, source, secrets) for source in account.source)


def _source(account: Account, source: SourceConfig, secrets: Mapping[str, str]) -> Source:
    match source.kind:
        case "notifications":
            return Notifications(account, secrets)
        case "jetstream":
            return Jetstream(account, source)
        case "chat":
            return Chat(account, secrets)
        case _:
            raise AccountsError(
                f"accounts.toml: {account.name} asks for source {source.kind!r};"
                " Bluesky has 'notifications', 'jetstream' and 'chat'"
            )
