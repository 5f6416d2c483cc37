"""What we ask Instagram ourselves: pages of comments and messages, and the text behind a mention.

Webhooks are Instagram's way in; the pages fetch what they failed to bring (Meta gives up after 36
hours and has no replay). Pure.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

from toog.contracts.events import Event
from toog.platforms.accounts import Account, AccountsError
from toog.platforms.base import Answer, Failure, Page, Request, Source
from toog.platforms.instagram import graph, payloads
from toog.platforms.instagram.messages import PLATFORM
from toog.platforms.instagram.payloads import text_id, time_of
from toog.platforms.lenient import read

WEBHOOK: Final = "webhook"
COMMENTS: Final = "comments"
CONVERSATIONS: Final = "conversations"

POLL_S: Final = 300.0
BUSY_POLL_S: Final = 1_800.0
BUSY_PERCENT: Final = 80.0
"""From here on Meta wants fewer calls; at 100 it refuses them."""
PAGES: Final = 20
"""Requests in one round: what is further back than that is not looked for."""
OVERLAP: Final = timedelta(minutes=2)
"""A page may lag: so much of what was seen before is looked at again, and not told twice."""
REMEMBERED: Final = 5_000

_COMMENT: Final = "id,text,timestamp,username,from{id,username},parent_id,media{id}"
_COMMENTS: Final = f"{_COMMENT},replies.limit(50){{{_COMMENT}}}"
_MESSAGES: Final = "id,created_time,from,to,message,story,is_unsupported"
_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    COMMENTS: ("media", f"id,timestamp,comments.limit(50){{{_COMMENTS}}}"),
    CONVERSATIONS: ("conversations", f"id,updated_time,messages.limit(20){{{_MESSAGES}}}"),
}
_MENTIONED: Final = {
    "comment": "mentioned_comment.comment_id({id}){{id,text,username,timestamp,media{{id}}}}",
    "media": "mentioned_media.media_id({id}){{id,caption,username,timestamp,media_type}}",
}


class _Cursors(msgspec.Struct):
    after: str | None = None


class _Paging(msgspec.Struct):
    cursors: _Cursors | None = None
    next: str | None = None


class _Edge(msgspec.Struct):
    data: msgspec.Raw = payloads.ABSENT
    paging: _Paging | None = None

    @property
    def after(self) -> str | None:
        """Where the next page begins. Its ready-made address holds our token: it is not used."""
        more = self.paging and self.paging.next
        return self.paging.cursors.after if more and self.paging and self.paging.cursors else None


class _Holder(msgspec.Struct):
    """A post of ours with its comments, or a conversation with its messages."""

    id: payloads.Id | None = None
    updated_time: payloads.Id | None = None
    comments: _Edge | None = None
    messages: _Edge | None = None


class _Held(msgspec.Struct):
    id: payloads.Id | None = None
    timestamp: payloads.Id | None = None
    created_time: payloads.Id | None = None
    replies: payloads.Listed | None = None


class Reconciliation:
    """Pages of one account, round by round: the cursor is the time up to which a round was complete.

    A round asks for the newest posts (or conversations) and, where one of them has more that is new
    than fits, for the rest of it. Breaking off begins the round anew; nothing is lost by that.
    """

    framing: Literal["lines", "sse", "websocket"] = "lines"

    def __init__(self, kind: str, account: Account, headers: Mapping[str, str]) -> None:
        self.key = f"{account.name}:{kind}"
        self._edge, self._fields = _FIELDS[kind]
        self._inner = "comments" if kind == COMMENTS else "messages"
        self._account, self._headers = account, headers
        self._told: dict[str, None] = {}
        self._busy = False
        self._begin()

    def _begin(self) -> None:
        self._open: deque[tuple[str, str]] = deque()
        self._asked, self._newest = 0, ""
        self._holder: str | None = None

    @property
    def silence_s(self) -> float:
        """Between two rounds; longer while the allowance is nearly used up."""
        return BUSY_POLL_S if self._busy else POLL_S

    def prepare(self, last: Answer | None) -> Request | None:
        """Nothing to ask first; a round that broke off is forgotten."""
        if last is None:
            self._begin()
            self._told.clear()
        return None

    def stream(self, cursor: str | None, now: datetime) -> Request | None:
        """There is none: Instagram pushes by webhook only."""
        del cursor, now
        return None

    def page(self, cursor: str | None) -> Request | None:
        """The next page of this round: the newest first, then what did not fit."""
        del cursor
        path, after = self._open.popleft() if self._open else (self._account.id, "")
        self._asked += 1
        self._holder = path if path != self._account.id else None
        if self._holder is None:
            edge, fields = self._edge, self._fields
        else:
            edge, fields = self._inner, _COMMENTS if self._inner == "comments" else _MESSAGES
        params = [("fields", fields), ("limit", "25" if self._holder is None else "50")]
        if self._edge == CONVERSATIONS and self._holder is None:
            params.append(("platform", "instagram"))
        if after:
            params.append(("after", after))
        url = graph.url(self._account, path, edge)
        return Request("GET", url, params=params, headers=self._headers)

    def read_page(self, answer: Answer, cursor: str | None) -> Page:
        """What is new on it, oldest first, each with the post or conversation that it stands in."""
        self._busy = graph.usage_percent(answer) >= BUSY_PERCENT
        since = time_of(cursor)
        edge = read(_Edge, answer.body) or _Edge()
        found = list(self._found(edge, since))
        if cursor is not None and edge.after is not None and self._worth_going_on(found):
            self._open.append((self._holder or self._account.id, edge.after))
        more = bool(self._open) and self._asked < PAGES
        items = tuple(item for _, item in sorted(found, key=lambda one: one[0]))
        if more:
            return Page(items, cursor, more=True)
        done = max(cursor or "", self._newest) or None
        self._begin()
        return Page(items, done, more=False)

    def _worth_going_on(self, found: list[tuple[str, bytes]]) -> bool:
        """New comments also come under old posts; conversations stand by their last message."""
        return bool(found) or (self._inner == "comments" and self._holder is None)

    def _found(self, edge: _Edge, since: datetime | None) -> Iterable[tuple[str, bytes]]:
        for raw in payloads.items(edge.data) or []:
            if self._holder is not None:
                yield from self._new(self._holder, [raw], since)
                continue
            holder = read(_Holder, raw) or _Holder()
            inner = holder.comments if self._inner == "comments" else holder.messages
            id_ = text_id(holder.id)
            if inner is None or id_ is None:
                continue
            new = list(self._new(id_, payloads.items(inner.data) or [], since))
            if new and since is not None and inner.after is not None:
                self._open.append((id_, inner.after))
            yield from new

    def _new(
        self, holder: str, raws: list[msgspec.Raw], since: datetime | None
    ) -> Iterable[tuple[str, bytes]]:
        """A comment counts as new with its newest reply: replies stand inside it."""
        for raw in raws:
            held = read(_Held, raw) or _Held()
            replies = payloads.items(held.replies.data) or [] if held.replies else []
            answers = [read(_Held, one) or _Held() for one in replies]
            times = [
                at for one in (held, *answers) if (at := time_of(one.timestamp, one.created_time))
            ]
            at = max(times, default=None)
            name = ",".join(text_id(one.id) or "" for one in (held, *answers))
            if at is not None and since is not None and at < since - OVERLAP:
                continue
            if name in self._told:
                continue
            self._told[name] = None
            while len(self._told) > REMEMBERED:
                del self._told[next(iter(self._told))]
            stamp = at.astimezone(UTC).isoformat() if at else ""
            self._newest = max(self._newest, stamp)
            id_ = msgspec.json.encode(holder)
            whole = b'{"id":%s,"%s":{"data":[%s]}}' % (id_, self._inner.encode(), bytes(raw))
            yield stamp, whole

    def read_item(
        self, item: bytes, cursor: str | None, now: datetime
    ) -> tuple[bytes | None, str | None]:
        """No stream, no items; only the first opening sets a cursor where a page had none."""
        del item
        return None, cursor or now.astimezone(UTC).isoformat()

    def failure(self, answer: Answer) -> Failure:
        """By the error's code: wait, mend the token or permissions, or try again."""
        trouble = graph.trouble(answer)
        if trouble == "rate_limited" or answer.status == 429:
            return "rate_limited"
        return "http" if trouble in {None, "transient"} else "refused"

    def backoff_s(
        self, failure: Failure, attempt: int, answer: Answer | None, now: datetime
    ) -> float:
        """Limited: as long as Meta says, at least doubling from 60 s; else 5 s doubling to 320 s."""
        del now
        doubled = 2.0 ** min(attempt - 1, 16)
        if failure == "rate_limited":
            asked = graph.wait_s(answer) if answer is not None else graph.WAIT_S
            return min(max(asked, graph.WAIT_S * doubled), graph.MOST_WAIT_S)
        if failure == "refused":
            return min(graph.WAIT_S * doubled, 900.0)
        return min((0.25 if failure == "network" else 5.0) * doubled, 320.0)


def sources(account: Account, secrets: Mapping[str, str]) -> tuple[Source, ...]:
    """The pages that this account asks for; its webhook is no source of ours to open.

    Raises NotConfiguredError without `token`, AccountsError for a kind that Instagram has not.
    """
    found: list[Source] = []
    for source in account.source:
        if source.kind == WEBHOOK:
            continue
        if source.kind not in _FIELDS:
            raise AccountsError(
                f"accounts.toml: {account.name} asks for source {source.kind!r};"
                f" Instagram has {WEBHOOK!r}, {COMMENTS!r} and {CONVERSATIONS!r}"
            )
        found.append(Reconciliation(source.kind, account, graph.bearer(account, secrets)))
    return tuple(found)


def look_up(event: Event, account: Account, secrets: Mapping[str, str]) -> Request | None:
    """The request for the text behind a mention that came with ids only; else None.

    Its answer is a body for `incoming.parse`, which reads an edit `…:edit:enriched` from it. Raises
    NotConfiguredError without `token`.
    """
    if event.platform != PLATFORM or event.kind != "created" or not event.incomplete:
        return None
    kind = "media" if event.surface == "post" else "comment"
    native = event.native or ""
    if not (native.isascii() and native.isdecimal()):  # it goes into an expression of Meta's
        return None
    params = [("fields", _MENTIONED[kind].format(id=native))]
    headers = graph.bearer(account, secrets)
    return Request("GET", graph.url(account, account.id), params=params, headers=headers)
