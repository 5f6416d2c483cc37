"""What the played Mastodon server keeps: people, statuses and our notifications, and how it shows them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from toog.platforms.mastodon.sandbox.blanks import NEVER_SET
from toog.platforms.mastodon.sandbox.markup import Marked, Person, marked
from toog.platforms.mastodon.sandbox.paging import IdKind, id_of

Json = dict[str, object]


@dataclass(slots=True)
class Status:
    """A status; `front` is what the reply form put before the text that was typed.

    `overheard`: said in the room, to nobody.
    """

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
    overheard: bool = False

    @property
    def rooms(self) -> tuple[str, ...]:
        """The hashtags by whose timelines and streams everybody hears it."""
        return self.body.tags if self.visibility == "public" else ()

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
    ids: IdKind = "snowflake"
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
        home = f"https://{domain.encode('idna').decode()}" if domain else self.base
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
        overheard: bool = False,
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
            overheard=overheard,
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

    def __iter__(self) -> Iterator[Status]:
        """All statuses, oldest first."""
        return iter(self.statuses.values())

    def visible(self, status: Status) -> bool:
        """Whether we may see it."""
        ours = status.author.id == self.us.id or status.names(self.us)
        return ours or status.visibility != "direct"

    def above(self, status: Status) -> list[Status]:
        """What it answers, and what that answers …, the first word first."""
        found: list[Status] = []
        parent = self.statuses.get(status.in_reply_to or "")
        while parent is not None:
            found.append(parent)
            parent = self.statuses.get(parent.in_reply_to or "")
        return found[::-1]

    def below(self, status: Status) -> list[Status]:
        """The answers to it, and the answers to these, oldest first."""
        thread = {status.id}
        found: list[Status] = []
        for one in self:  # an answer is always younger than what it answers
            if one.in_reply_to in thread:
                thread.add(one.id)
                found.append(one)
        return found

    def new_id(self) -> str:
        """An id that only grows, with gaps: milliseconds and chance, as the real ones."""
        self._last_id = max(
            self._last_id + 1, (time.time_ns() // 1_000_000 << 16) + self.random.randrange(1 << 16)
        )
        return id_of(self.ids, self._last_id, self.random)

    def now(self) -> str:
        """The moment, never the same twice: versions of one status are told apart by it."""
        self._last_ms = max(self._last_ms + 1, time.time_ns() // 1_000_000)
        moment = datetime.fromtimestamp(self._last_ms / 1000, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{self._last_ms % 1000:03d}Z"

    def show_person(self, person: Person) -> Json:
        """https://docs.joinmastodon.org/entities/Account/."""
        return {
            **NEVER_SET["person"],
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
            **NEVER_SET["status"],
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
            "content": self._html(status, quoted),
            "account": self.show_person(status.author),
            "mentions": [
                {"id": p.id, "username": p.username, "url": p.url, "acct": p.acct}
                for p in status.body.mentions
            ],
            "tags": [{"name": t, "url": f"{self.base}/tags/{t}"} for t in status.body.tags],
            "quote": quoted and {"state": "accepted", "quoted_status": self.show_status(quoted)},
        }

    def _html(self, status: Status, quoted: Status | None) -> str:
        """Who posts from elsewhere has the quote in the text too, for servers that know no quotes."""
        if quoted is None or "@" not in status.author.acct:
            return status.body.html
        address = f"{quoted.author.url}/{quoted.id}"
        link = f'<a href="{address}" rel="nofollow noopener">{address}</a>'
        return f'<p class="quote-inline">RE: {link}</p>{status.body.html}'

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
