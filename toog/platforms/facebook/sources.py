"""What a page asks Graph itself: comments and messages that no webhook told of. Pure.

Meta offers no replay of webhooks, so that after an outage paging is the only way to know
(developers.facebook.com/docs/graph-api/results). A round lists what changed since the last one,
then pages through each of those; where it stands is in the cursor, so that it goes on after a crash.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import msgspec

from toog.platforms.accounts import Account, AccountsError
from toog.platforms.base import Answer, Failure, NotConfiguredError, Page, Request, Source
from toog.platforms.facebook import graph
from toog.platforms.facebook.fields import Fields, fields, id_, inner, moment, raw_fields, raws
from toog.platforms.facebook.hearing import PLATFORM

COMMENTS: Final = "comments"
CONVERSATIONS: Final = "conversations"
WEBHOOK: Final = "webhook"

EVERY_S: Final = 60.0
SLOWLY_EVERY_S: Final = 600.0
OVERLAP_S: Final = 60
"""Graph may show things late and out of order: each round looks so far behind the last one."""
FIRST_S: Final = 3600
"""A desk without a cursor begins so far behind the newest thing there is."""
MOST_NODES: Final = 200
"""So many posts or conversations are read in one round; the newest come first."""

_COMMENT: Final = (
    "id,message,from{id,name},created_time,parent{id,from{id}},message_tags,attachment"
)
_MESSAGE: Final = "id,message,from,to,created_time,attachments,sticker"
_NETWORK_WAIT_S: Final = (1.0, 60.0)
_HTTP_WAIT_S: Final = (5.0, 300.0)
_RATE_WAIT_S: Final = (60.0, 900.0)
_REFUSED_S: Final = 300.0


class Place(msgspec.Struct, omit_defaults=True):
    """Where a round stands; times are seconds since the epoch.

    `since`: what is older was told. `newest`: where the next round begins. `listing`: the posts or
    conversations are still being listed; `left` are those still to be read. `after`: Graph's own
    cursor in the list that is being read.
    """

    since: int | None = None
    newest: int = 0
    listing: bool = True
    left: list[str] = []
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """A list to go through, and the list that hangs on each of its nodes."""

    nodes: str
    node_params: tuple[tuple[str, str], ...]
    items: str
    item_params: tuple[tuple[str, str], ...]
    nodes_speak: bool
    """A post is something said; a conversation only holds what is."""


_EDGES: Final = {
    COMMENTS: Edge(
        "feed",
        (("fields", "id,message,from,created_time,updated_time,status_type,message_tags"),),
        "comments",
        (("fields", _COMMENT), ("filter", "stream"), ("order", "reverse_chronological")),
        nodes_speak=True,
    ),
    CONVERSATIONS: Edge(
        "conversations",
        (("platform", "messenger"), ("fields", "id,updated_time")),
        "messages",
        (("fields", _MESSAGE),),
        nodes_speak=False,
    ),
}


class Paging:
    """Rounds through one edge of a page; there is no stream."""

    framing: Literal["lines", "sse", "websocket"] = "lines"

    def __init__(self, account: Account, kind: str, token: str) -> None:
        self.key = f"{account.name}:{kind}"
        self.silence_s = EVERY_S
        self._page_id = account.id
        self._base = f"{account.base_url}/{graph.VERSION}"
        self._headers = {"authorization": f"Bearer {token}"}
        self._edge = _EDGES[kind]
        self._asked: str | None = None
        self._gone: set[str] = set()

    def prepare(self, last: Answer | None) -> Request | None:  # noqa: ARG002 (nothing to set up)
        """Nothing has to be set up."""
        return None

    def stream(self, cursor: str | None, now: datetime) -> Request | None:  # noqa: ARG002 (there is none)
        """Graph has no stream."""
        return None

    def page(self, cursor: str | None) -> Request | None:
        """The next page of the list, or of the first node that is left."""
        place, edge = self._place(cursor), self._edge
        after = [("after", place.after)] if place.after else []
        node = self._page_id if place.listing else place.left[0]
        edge_name, params = (
            (edge.nodes, edge.node_params) if place.listing else (edge.items, edge.item_params)
        )
        self._asked = None if place.listing else node
        url, params = f"{self._base}/{node}/{edge_name}", (*params, ("limit", "100"), *after)
        return Request("GET", url, params=params, headers=self._headers)

    def read_page(self, answer: Answer, cursor: str | None) -> Page:
        """What is new on this page, oldest first.

        From 80 % of a limit on the round is broken off after this page and goes on ten minutes
        later: Graph counts calls, and lengthens a block with each.
        """
        place = self._place(cursor)
        found = raws((raw_fields(answer.body) or {}).get("data"))
        if found is None:
            return Page((answer.body,), _kept(Place(place.since)), more=False)
        told = [(fields(raw) or {}, bytes(raw)) for raw in found]
        paging = inner(fields(answer.body) or {}, "paging")
        after = id_(inner(paging, "cursors"), "after") if "next" in paging else None
        items = (self._nodes if place.listing else self._items)(place, told, after)
        busy = graph.usage(answer.headers) >= graph.SLOW_DOWN_FROM
        self.silence_s = SLOWLY_EVERY_S if busy else EVERY_S
        more = place.listing or bool(place.left)
        return Page(items, _kept(place if more else _next(place)), more=more and not busy)

    def _nodes(
        self, place: Place, nodes: list[tuple[Fields, bytes]], after: str | None
    ) -> tuple[bytes, ...]:
        """Notes which nodes changed; the list goes on while all of a page did."""
        times = [_second(node, "updated_time") for node, _ in nodes]
        place.newest = max(place.newest, *times, place.since or 0)
        since = place.since = max(place.newest - FIRST_S, 0) if place.since is None else place.since
        changed = [
            native
            for (node, _), at in zip(nodes, times, strict=True)
            if at >= since and (native := id_(node)) is not None
        ]
        place.left = [*place.left, *changed][:MOST_NODES]
        enough = len(changed) < len(nodes) or len(place.left) == MOST_NODES
        place.after = None if enough else after
        place.listing = place.after is not None
        return _new(nodes, since) if self._edge.nodes_speak else ()

    def _items(
        self, place: Place, items: list[tuple[Fields, bytes]], after: str | None
    ) -> tuple[bytes, ...]:
        """What was said since; a node is done where its page goes back further than that."""
        new = _new(items, place.since or 0)
        place.after = after if new and len(new) == len(items) else None
        if place.after is None:
            place.left = place.left[1:]
        return new

    def _place(self, cursor: str | None) -> Place:
        """Where the cursor says, without what is gone by now.

        What another version left in the topic is no place to go on from: a new round begins.
        """
        try:
            place = msgspec.json.decode(cursor or "{}", type=Place)
        except msgspec.DecodeError:
            return Place()
        left = [node for node in place.left if node not in self._gone]
        if left[:1] != place.left[:1]:
            place.after = None
        place.left = left
        return place if place.listing or left else _next(place)

    def read_item(
        self,
        item: bytes,  # noqa: ARG002 (there is no stream)
        cursor: str | None,
        now: datetime,  # noqa: ARG002 (same)
    ) -> tuple[bytes | None, str | None]:
        """There is no stream, so there are no items."""
        return None, cursor

    def failure(self, answer: Answer) -> Failure:
        """By Graph's own code; a wrong token or a missing permission is refused.

        A post or conversation that is gone, or not ours to read, is left out from now on.
        """
        if self._asked is not None and graph.problem_of(answer.body).kind == "refused":
            self._gone.add(self._asked)
            return "http"
        return graph.failure_of(answer)

    def backoff_s(
        self,
        failure: Failure,
        attempt: int,
        answer: Answer | None,
        now: datetime,  # noqa: ARG002 (Graph tells minutes, not a moment)
    ) -> float:
        """Doubling; limited: as long as Graph asks for, at most 15 minutes at a time."""
        doubled = 2.0 ** min(attempt - 1, 10)
        if failure == "rate_limited":
            asked = (graph.wait_s(answer.headers) if answer else None) or 0.0
            return min(max(asked, _RATE_WAIT_S[0] * doubled), _RATE_WAIT_S[1])
        if failure == "refused":
            return _REFUSED_S
        first, longest = _NETWORK_WAIT_S if failure == "network" else _HTTP_WAIT_S
        return min(first * doubled, longest)


def sources(account: Account, secrets: Mapping[str, str]) -> tuple[Source, ...]:
    """The ways in that this page asks for itself; its webhook is none of them.

    Raises NotConfiguredError without `page_token`, AccountsError for a source that Facebook has not.
    """
    found: list[Source] = []
    for source in account.source:
        if source.kind == WEBHOOK:
            continue
        if source.kind not in _EDGES:
            known = ", ".join(repr(kind) for kind in (WEBHOOK, *_EDGES))
            raise AccountsError(
                f"accounts.toml: {account.name} asks for source {source.kind!r};"
                f" {PLATFORM} has {known}"
            )
        token = secrets.get("page_token")
        if not token:
            raise NotConfiguredError(f"{account.name}: {source.kind} need the secret `page_token`")
        found.append(Paging(account, source.kind, token))
    return tuple(found)


def _new(found: list[tuple[Fields, bytes]], since: int) -> tuple[bytes, ...]:
    """Those said since, the oldest first; what tells no time counts as new."""
    timed = ((moment(item.get("created_time")), raw) for item, raw in found)
    return tuple(raw for at, raw in timed if at is None or at.timestamp() >= since)[::-1]


def _second(node: Fields, name: str) -> int:
    at = moment(node.get(name)) or moment(node.get("created_time"))
    return int(at.timestamp()) if at else 0


def _next(place: Place) -> Place:
    return Place(max(place.newest - OVERLAP_S, place.since or 0))


def _kept(place: Place) -> str:
    return msgspec.json.encode(place).decode()
