"""What the played Instagram keeps: people, media, comments and messages, as our one account meets them."""

import base64
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Final, TypeVar

KEPT: Final = 50_000
_FIRST_ID: Final = 17_900_000_000_000_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Person:
    """A user of Instagram."""

    id: str
    handle: str
    name: str


@dataclass(frozen=True, slots=True)
class Media:
    """A post or story of somebody."""

    id: str
    owner: Person
    caption: str
    at: float
    story: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; `top` is the comment under which it stands, if any: Instagram knows one level only."""

    id: str
    author: Person
    text: str
    at: float
    media: Media
    top: str | None = None


@dataclass(slots=True)
class Message:
    """A direct message; `story` is the story that it answers, or, with `names_us`, that names us."""

    mid: str
    sender: Person
    recipient: Person
    text: str
    at: float
    story: Media | None = None
    names_us: bool = False
    edits: int = 0


@dataclass(slots=True)
class World:
    """Instagram's memory; the oldest of a kind goes when too much of it is kept."""

    us: Person
    random: Random
    people: dict[str, Person] = field(default_factory=dict)
    media: dict[str, Media] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    _last: int = field(default=_FIRST_ID, init=False)

    def meet(self, person: Person) -> Person:
        """This person is known from now on."""
        return _keep(self.people, person.id, person)

    def publish(self, owner: Person, caption: str, *, story: bool = False) -> Media:
        """Somebody posts a picture, or a story."""
        media = Media(self._id(), owner, caption, time.time(), story)
        return _keep(self.media, media.id, media)

    def comment(
        self, author: Person, text: str, media: Media, under: Comment | None = None
    ) -> Comment:
        """Somebody comments; an answer to an answer stands under the topmost one."""
        top = (under.top or under.id) if under else None
        comment = Comment(self._id(), author, text, time.time(), media, top)
        return _keep(self.comments, comment.id, comment)

    def write(
        self,
        sender: Person,
        recipient: Person,
        text: str,
        *,
        story: Media | None = None,
        names_us: bool = False,
    ) -> Message:
        """Somebody sends a direct message."""
        native = f"ig_dm_{self._id()}:{self.random.getrandbits(64):016x}"
        mid = "aWdfZAG1faXRlbTox" + base64.urlsafe_b64encode(native.encode()).decode().rstrip("=")
        message = Message(mid, sender, recipient, text, time.time(), story, names_us)
        return _keep(self.messages, mid, message)

    def under(self, media: Media) -> Iterator[Comment]:
        """The top-level comments of this media, the newest first."""
        everything = reversed(self.comments.values())
        return (one for one in everything if one.media.id == media.id and one.top is None)

    def replies(self, comment: Comment) -> Iterator[Comment]:
        """What stands under this comment, the oldest first."""
        return (one for one in self.comments.values() if one.top == comment.id)

    def with_us(self, person: str) -> Iterator[Message]:
        """The messages between this person and us, the newest first."""
        everything = reversed(self.messages.values())
        return (one for one in everything if person in {one.sender.id, one.recipient.id})

    def ours(self, *, story: bool = False) -> Iterator[Media]:
        """Our own posts, or stories, the newest first."""
        everything = reversed(self.media.values())
        return (one for one in everything if one.owner.id == self.us.id and one.story == story)

    def talkers(self) -> list[Person]:
        """With whom we have messages, whoever wrote last first."""
        found: dict[str, Person] = {}
        for message in reversed(self.messages.values()):
            other = message.recipient if message.sender.id == self.us.id else message.sender
            found.setdefault(other.id, other)
        return list(found.values())

    def _id(self) -> str:
        self._last += self.random.randrange(1, 10_000)
        return str(self._last)


def _keep(kept: dict[str, T], key: str, one: T) -> T:
    kept[key] = one
    for old in list(islice(kept, max(len(kept) - KEPT, 0))):
        del kept[old]
    return one


def newest(items: Iterable[T]) -> T | None:
    """The first of what comes newest first."""
    return next(iter(items), None)
