"""What the played Facebook keeps: posts, comments and messages of one page, and who may see them."""

import base64
import time
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeVar

KEPT: Final = 100_000
_FIRST_ID: Final = 122_000_000_000_000


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by page-scoped id; the page itself is one too."""

    id: str
    name: str


@dataclass(slots=True)
class Post:
    """A post on our page, or elsewhere one that names us."""

    id: str
    author: Person
    text: str
    at: float
    elsewhere: bool = False
    edited_at: float | None = None
    touched_at: float = 0.0

    @property
    def number(self) -> str:
        """The half of its id with which the ids of its comments begin."""
        return self.id.partition("_")[2]


@dataclass(slots=True)
class Comment:
    """A comment; `parent` is the top comment that it stands under."""

    id: str
    author: Person
    text: str
    at: float
    post: Post
    parent: "Comment | None" = None
    edited_at: float | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether it stands on somebody else's page."""
        return self.post.elsewhere


@dataclass(slots=True)
class Message:
    """A Messenger message between the page and `person`, written by `author`."""

    id: str
    author: Person
    person: Person
    text: str
    at: float
    edits: int = 0


Thing = Post | Comment | Message
T = TypeVar("T", Post, Comment, Message)


@dataclass(slots=True)
class World:
    """Facebook's memory, as far as our one page sees it; the oldest is forgotten first."""

    us: Person
    random: Random
    people: dict[str, Person] = field(default_factory=dict)
    heard_at: dict[str, float] = field(default_factory=dict)
    """When each person last wrote to us: from then on we may answer for 24 hours."""
    _things: dict[str, Thing] = field(default_factory=dict, init=False)
    _posts: dict[str, Post] = field(default_factory=dict, init=False)
    _messages: dict[str, Message] = field(default_factory=dict, init=False)
    _under: dict[str, dict[str, Comment]] = field(default_factory=dict, init=False)
    _last_id: int = field(default=_FIRST_ID, init=False)

    def new_number(self) -> str:
        """15 digits that only grow."""
        self._last_id += self.random.randrange(1, 1_000)
        return str(self._last_id)

    def meet(self, person: Person) -> Person:
        """This person is known from now on."""
        return self.people.setdefault(person.id, person)

    def find(self, id_: str | None) -> Thing | None:
        """What has this id and was not taken back."""
        return self._things.get(id_ or "")

    def post(self, author: Person, text: str, *, page: str, elsewhere: bool = False) -> Post:
        """A new post on this page."""
        now = time.time()
        id_ = f"{page}_{self.new_number()}"
        return self._keep(Post(id_, author, text, now, elsewhere, touched_at=now))

    def comment(self, author: Person, text: str, under: Post | Comment) -> Comment:
        """A new comment; the answer to an answer stands under the top comment."""
        post = under if isinstance(under, Post) else under.post
        parent = None if isinstance(under, Post) else under.parent or under
        post.touched_at = now = time.time()
        id_ = f"{post.number}_{self.new_number()}"
        return self._keep(Comment(id_, author, text, now, post, parent))

    def write(self, author: Person, person: Person, text: str) -> Message:
        """A new message between us and this person."""
        mid = "m_" + base64.urlsafe_b64encode(self.random.randbytes(45)).decode()
        now = time.time()
        if author.id == person.id:
            self.heard_at[person.id] = now
        return self._keep(Message(mid, author, person, text, now))

    def remove(self, thing: Thing) -> None:
        """It is gone, and so is what stood under it."""
        for gone in (thing, *self._below(thing)):
            self._things.pop(gone.id, None)
            self._posts.pop(gone.id, None)
            self._messages.pop(gone.id, None)
            if isinstance(gone, Comment):
                self._under.get(gone.post.id, {}).pop(gone.id, None)
        self._under.pop(thing.id, None)

    def posts(self) -> list[Post]:
        """The posts on our page, the newest first."""
        return [post for post in reversed(self._posts.values()) if not post.elsewhere]

    def comments(self, under: Post | Comment, *, all_of_them: bool = False) -> list[Comment]:
        """The comments right under this, oldest first; `all_of_them`: the answers to them as well."""
        below = self._below(under)
        if isinstance(under, Comment) or all_of_them:
            return below
        return [comment for comment in below if comment.parent is None]

    def messages(self, person: str | None = None) -> list[Message]:
        """The messages with this person, or all, the newest first."""
        return [m for m in reversed(self._messages.values()) if person in {None, m.person.id}]

    def _below(self, thing: Thing) -> list[Comment]:
        if isinstance(thing, Post):
            return list(self._under.get(thing.id, {}).values())
        if isinstance(thing, Comment):
            return [c for c in self._under.get(thing.post.id, {}).values() if c.parent is thing]
        return []

    def _keep(self, thing: T) -> T:
        self._things[thing.id] = thing
        if isinstance(thing, Post):
            self._posts[thing.id] = thing
        elif isinstance(thing, Message):
            self._messages[thing.id] = thing
        else:
            self._under.setdefault(thing.post.id, {})[thing.id] = thing
        if len(self._things) > KEPT:
            self.remove(next(iter(self._things.values())))
        return thing
