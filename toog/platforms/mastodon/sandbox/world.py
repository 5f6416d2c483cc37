"""What the played Mastodon server keeps: people, statuses and our notifications, and how it shows them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final, Protocol, TypeVar

from toog.platforms.mastodon.sandbox.markup import Marked, Person, marked

Json = dict[str, object]

_BORN: Final = "2026-08-01T00:00:00.000Z"


class Numbered(Protocol):
    """Whatever a list shows page by page."""

    @property
    def id(self) -> str:
        """The opaque id; the server alone knows that it is a number."""


N = TypeVar("N", bound=Numbered)


@dataclass(slots=True)
class Status:
    """A status; `front` is what the reply form put before the text that was typed."""

    id: str
    created_at: str
    author: Person
    front: str
    typed: str
    visibility: str
    language: str | None
    body: Marked
    spoiler: str = ""
    in_reply_to: str | None = None
    answers: Person | None = None
    quotes: str | None = None
    edited_at: str | None = None

    def names(self, person: Person) -> bool:
        """Whether this person is mentioned."""
        return any(one.id == person.id for one in self.body.mentions)


@dataclass(frozen=True, slots=True)
class Notification:
    """Something told to us: `type` in Mastodon's words."""

    id: str
    type: str
    created_at: str
    actor: Person
    status: str


@dataclass(frozen=True, slots=True)
class Posted:
    """The server took the post."""

    status: Status


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server did not take it: HTTP status and the sentence that it gives."""

    status: int
    error: str


@dataclass(slots=True)
class World:
    """The server's memory, from the view of our one account on it."""

    us: Person
    base: str
    random: Random
    people: dict[str, Person] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)
    _by_acct: dict[str, Person] = field(default_factory=dict, init=False)
    _last_id: int = field(default=0, init=False)
    _last_ms: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._meet(self.us)

    def person(self, id_: str, acct: str, name: str) -> Person:
        """The account of this person, known from now on."""
        user, _, domain = acct.partition("@")
        home = f"https://{domain}" if domain else self.base
        return self.people.get(id_) or self._meet(Person(id_, acct, name, f"{home}/@{user}"))

    def _meet(self, person: Person) -> Person:
        self.people[person.id] = person
        self._by_acct[person.acct.casefold()] = person
        return person

    def named(self, acct: str) -> Person | None:
        """Who has this handle, in any case."""
        return self._by_acct.get(acct.casefold())

    def post(
        self,
        author: Person,
        typed: str,
        *,
        front: str = "",
        visibility: str = "public",
        language: str | None = None,
        spoiler: str = "",
        parent: Status | None = None,
        quoted: Status | None = None,
    ) -> Status:
        """A new status."""
        status = Status(
            id=self.new_id(),
            created_at=self.now(),
            author=author,
            front=front,
            typed=typed,
            visibility=visibility,
            language=language,
            body=self._marked(front, typed),
            spoiler=spoiler,
            in_reply_to=parent.id if parent else None,
            answers=parent.author if parent else None,
            quotes=quoted.id if quoted else None,
        )
        self.statuses[status.id] = status
        return status

    def edit(self, status: Status, typed: str) -> None:
        """The status says something else from now on."""
        status.typed, status.body = typed, self._marked(status.front, typed)
        status.edited_at = self.now()

    def remove(self, status: Status) -> None:
        """The status is gone, and with it what was told of it."""
        self.statuses.pop(status.id, None)
        self.notifications = [n for n in self.notifications if n.status != status.id]

    def notify(self, type_: str, actor: Person, status: Status) -> Notification:
        """We are told of this status."""
        told = Notification(self.new_id(), type_, self.now(), actor, status.id)
        self.notifications.append(told)
        return told

    def _marked(self, front: str, typed: str) -> Marked:
        return marked(f"{front} {typed}" if front else typed, self.named, self.base)

    def new_id(self) -> str:
        """18 digits that only grow, with gaps: milliseconds and chance, as the real ones."""
        self._last_id = max(
            self._last_id + 1, (time.time_ns() // 1_000_000 << 16) + self.random.randrange(1 << 16)
        )
        return str(self._last_id)

    def now(self) -> str:
        """The moment, never the same twice: versions of one status are told apart by it."""
        self._last_ms = max(self._last_ms + 1, time.time_ns() // 1_000_000)
        moment = datetime.fromtimestamp(self._last_ms / 1000, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{self._last_ms % 1000:03d}Z"

    def show_person(self, person: Person) -> Json:
        """https://docs.joinmastodon.org/entities/Account/."""
        return {
            **_NEVER_SET["person"],
            "id": person.id,
            "username": person.username,
            "acct": person.acct,
            "display_name": person.name,
            "url": person.url,
            "uri": person.url,
        }

    def show_status(self, status: Status) -> Json:
        """https://docs.joinmastodon.org/entities/Status/."""
        parent = self.statuses.get(status.in_reply_to or "")
        quoted = self.statuses.get(status.quotes or "")
        url = f"{status.author.url}/{status.id}"
        return {
            **_NEVER_SET["status"],
            "id": status.id,
            "created_at": status.created_at,
            "in_reply_to_id": parent.id if parent else None,
            "in_reply_to_account_id": status.answers.id if parent and status.answers else None,
            "spoiler_text": status.spoiler,
            "visibility": status.visibility,
            "language": status.language,
            "uri": url,
            "url": url,
            "edited_at": status.edited_at,
            "content": status.body.html,
            "account": self.show_person(status.author),
            "mentions": [
                {"id": p.id, "username": p.username, "url": p.url, "acct": p.acct}
                for p in status.body.mentions
            ],
            "tags": [{"name": t, "url": f"{self.base}/tags/{t}"} for t in status.body.tags],
            "quote": quoted and {"state": "accepted", "quoted_status": self.show_status(quoted)},
        }

    def show_notification(self, told: Notification) -> Json:
        """https://docs.joinmastodon.org/entities/Notification/."""
        return {
            "id": told.id,
            "type": told.type,
            "created_at": told.created_at,
            "group_key": f"ungrouped-{told.id}",
            "account": self.show_person(told.actor),
            "status": self.show_status(self.statuses[told.status]),
        }


def page(items: Sequence[N], query: Mapping[str, str], *, usual: int, most: int) -> list[N]:
    """The page of `items` (oldest first) that the query asks for, newest first.

    `min_id` gives what came just after it, `since_id` the newest down to it: both newest first
    (https://docs.joinmastodon.org/api/guidelines/#pagination).
    """
    limit = min(_number(query.get("limit"), usual) or usual, most)
    after = _number(query.get("min_id"), 0)
    above = max(after, _number(query.get("since_id"), 0))
    below = _number(query.get("max_id"), 0)
    found = [i for i in items if int(i.id) > above and (not below or int(i.id) < below)]
    return (found[:limit] if after else found[-limit:])[::-1]


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise


_NEVER_SET: Final[Mapping[str, Json]] = {
    "person": {
        "locked": False,
        "bot": False,
        "discoverable": None,
        "indexable": False,
        "group": False,
        "created_at": _BORN,
        "note": "",
        "avatar": "",
        "avatar_static": "",
        "header": "",
        "header_static": "",
        "followers_count": 0,
        "following_count": 0,
        "statuses_count": 0,
        "last_status_at": None,
        "emojis": [],
        "roles": [],
        "fields": [],
    },
    "status": {
        "sensitive": False,
        "replies_count": 0,
        "reblogs_count": 0,
        "favourites_count": 0,
        "quotes_count": 0,
        "favourited": False,
        "reblogged": False,
        "muted": False,
        "bookmarked": False,
        "pinned": False,
        "filtered": [],
        "reblog": None,
        "application": None,
        "media_attachments": [],
        "emojis": [],
        "card": None,
        "poll": None,
    },
}
"""What Toog's night never sets, but every client expects to stand there."""
