"""What the played network keeps: people, their records, our notifications and the chat log."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from toog.platforms.bluesky.payloads import POST
from toog.platforms.bluesky.sandbox.naming import Clock, Json, cid, facets, iso, tid

DEFS: Final = "chat.bsky.convo.defs#"
ANCESTORS: Final = 5
"""So far up a thread its authors are told of a reply."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account of the network."""

    did: str
    handle: str
    name: str

    def show(self) -> Json:
        """`app.bsky.actor.defs#profileViewBasic`."""
        return {
            "did": self.did,
            "handle": self.handle,
            "displayName": self.name,
            "labels": [],
            "createdAt": "2026-01-01T00:00:00.000Z",
        }


@dataclass(slots=True)
class Post:
    """A record in somebody's repository, mostly a post."""

    uri: str
    cid: str
    author: Person
    record: Json
    micros: int

    @property
    def ref(self) -> Json:
        """A strong reference to this version."""
        return {"uri": self.uri, "cid": self.cid}

    @property
    def rkey(self) -> str:
        """The last part of its address."""
        return self.uri.rpartition("/")[2]

    @property
    def reply(self) -> Mapping[str, Mapping[str, str]]:
        """Its `reply` with root and parent, empty where it answers nothing."""
        return cast("Mapping[str, Mapping[str, str]]", self.record.get("reply") or {})

    @property
    def quotes(self) -> str | None:
        """The address of the record that it quotes."""
        embed = cast("Mapping[str, Mapping[str, str]]", self.record.get("embed") or {})
        return embed.get("record", {}).get("uri")

    @property
    def names(self) -> set[str]:
        """The DIDs that its facets name."""
        marked = cast("list[Mapping[str, list[Mapping[str, str]]]]", self.record.get("facets", []))
        return {f["did"] for facet in marked for f in facet.get("features", ()) if f.get("did")}

    def show(self) -> Json:
        """`app.bsky.feed.defs#postView`."""
        return {
            "uri": self.uri,
            "cid": self.cid,
            "author": self.author.show(),
            "record": self.record,
            "indexedAt": iso(self.micros),
            "replyCount": 0,
            "repostCount": 0,
            "likeCount": 0,
            "quoteCount": 0,
            "labels": [],
        }


@dataclass(frozen=True, slots=True)
class Notification:
    """Something that we are told."""

    reason: str
    post: Post
    subject: str | None
    micros: int

    def show(self) -> Json:
        """`app.bsky.notification.listNotifications#notification`."""
        shown: Json = {
            "uri": self.post.uri,
            "cid": self.post.cid,
            "author": self.post.author.show(),
            "reason": self.reason,
            "record": self.post.record,
            "isRead": False,
            "indexedAt": iso(self.micros),
            "labels": [],
        }
        return shown | ({"reasonSubject": self.subject} if self.subject else {})


@dataclass(slots=True)
class Message:
    """A chat message; without text once it is deleted."""

    id: str
    rev: str
    convo: str
    sender: Person
    text: str | None
    micros: int

    def show(self) -> Json:
        """`messageView` or `deletedMessageView`."""
        shown: Json = {
            "$type": f"{DEFS}deletedMessageView",
            "id": self.id,
            "rev": self.rev,
            "sender": {"did": self.sender.did},
            "sentAt": iso(self.micros),
        }
        if self.text is None:
            return shown
        return {**shown, "$type": f"{DEFS}messageView", "text": self.text}


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the chat log."""

    rev: str
    type: str
    message: Message

    def show(self) -> Json:
        """As it stands now: what was deleted meanwhile is shown deleted."""
        return {
            "$type": f"{DEFS}{self.type}",
            "rev": self.rev,
            "convoId": self.message.convo,
            "message": self.message.show(),
        }


@dataclass(slots=True)
class World:
    """The network's memory, from the view of our one account."""

    us: Person
    clock: Clock = field(default_factory=Clock)
    people: dict[str, Person] = field(default_factory=dict)
    records: dict[str, Post] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    log: list[LogEntry] = field(default_factory=list)
    convos: dict[str, Person] = field(default_factory=dict)
    _by_handle: dict[str, Person] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.meet(self.us)

    def meet(self, person: Person) -> Person:
        """The account of this person, known from now on."""
        known = self.people.setdefault(person.did, person)
        self._by_handle[known.handle.casefold()] = known
        return known

    def find(self, actor: str) -> Person | None:
        """Who has this DID or handle."""
        return self.people.get(actor) or self._by_handle.get(actor.casefold())

    def facets(self, text: str) -> list[Json]:
        """What an app would mark in this text."""
        return facets(text, lambda handle: p.did if (p := self.find(handle)) else None)

    def write(self, text: str, language: str, **more: object) -> Json:
        """A post's record, as an app makes it."""
        marked = self.facets(text)
        record: Json = {"$type": POST, "text": text, "langs": [language]}
        record["createdAt"] = iso(self.clock.micros())
        return record | ({"facets": marked} if marked else {}) | more

    def put(self, author: Person, collection: str, record: Json, rkey: str | None = None) -> Post:
        """The record under this key, or a new one; what stood there is replaced."""
        micros = self.clock.micros()
        uri = f"at://{author.did}/{collection}/{rkey or tid(micros)}"
        post = Post(uri, cid(record | {"": micros}), author, record, micros)
        self.records[uri] = post
        return post

    def remove(self, uri: str) -> None:
        """The record is gone, and with it what we were told of it."""
        self.records.pop(uri, None)
        self.notifications = [n for n in self.notifications if n.post.uri != uri]

    def reasons(self, post: Post) -> Iterator[tuple[str, str | None]]:
        """Why we are told of this post, with the record of ours that it is about."""
        if post.author.did == self.us.did:
            return
        if self.us.did in post.names:
            yield "mention", None
        ours = next((p.uri for p in self.above(post) if p.author.did == self.us.did), None)
        if ours is not None:
            yield "reply", ours
        quoted = self.records.get(post.quotes or "")
        if quoted is not None and quoted.author.did == self.us.did:
            yield "quote", quoted.uri

    def above(self, post: Post) -> Iterator[Post]:
        """What it answers, what that answers, and so on, as far as authors are told."""
        for _ in range(ANCESTORS):
            found = self.records.get(post.reply.get("parent", {}).get("uri", ""))
            if found is None:
                return
            yield found
            post = found

    def notify(self, reason: str, post: Post, subject: str | None) -> None:
        """We are told of this record."""
        self.notifications.append(Notification(reason, post, subject, self.clock.micros()))

    def answer_to(self, parent: Post) -> Json:
        """The `reply` of a record that answers this post."""
        return {"root": dict(parent.reply.get("root", parent.ref)), "parent": parent.ref}

    def convo(self, person: Person) -> str:
        """The chat with this person."""
        id_ = "3k" + cid([self.us.did, person.did])[-11:]
        self.convos[id_] = person
        return id_

    def say(self, sender: Person, convo: str, text: str) -> Message:
        """A chat message."""
        micros = self.clock.micros()
        message = Message(tid(micros), tid(micros), convo, sender, text, micros)
        self.messages[message.id] = message
        self._note("logCreateMessage", message)
        return message

    def unsay(self, message: Message) -> None:
        """The message is deleted."""
        message.text = None
        self._note("logDeleteMessage", message)

    def _note(self, type_: str, message: Message) -> None:
        self.log.append(LogEntry(tid(self.clock.micros()), type_, message))

    def last_of(self, person: Person, convo: str) -> Message | None:
        """The newest message of this person in the chat that is still there."""
        all_ = reversed(self.messages.values())
        said = (m for m in all_ if m.convo == convo and m.sender.did == person.did)
        return next((m for m in said if m.text is not None), None)
