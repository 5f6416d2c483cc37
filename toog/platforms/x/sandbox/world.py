"""What the played X keeps: people, posts and direct messages, and what X itself adds to a text."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from toog.platforms.text import entities, links

KEPT_POSTS: Final = 100_000
_EPOCH_MS: Final = 1_288_834_974_657
"""X's ids count milliseconds since its own epoch, 22 bits up (docs.x.com/fundamentals/x-ids)."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user of X."""

    id: str
    handle: str
    name: str


@dataclass(frozen=True, slots=True)
class Span:
    """A handle, hashtag or link in a text, by code points; `id` where a handle is somebody's."""

    start: int
    end: int
    word: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One version of a post. `begins` is where the author's own words begin, behind the prefix."""

    id: str
    author: Person
    text: str
    begins: int
    at: float
    language: str
    history: tuple[str, ...]
    conversation: str
    mentions: tuple[Span, ...]
    hashtags: tuple[Span, ...]
    links: tuple[Span, ...]
    replied_to: str | None = None
    answers: Person | None = None
    quoted: str | None = None
    reposted: str | None = None

    @property
    def first_id(self) -> str:
        """The id that it got first: edits do not change it."""
        return self.history[0]

    def names(self, person: Person, *, typed: bool = False) -> bool:
        """Whether it mentions this person; `typed`: in the author's own words."""
        return any(
            span.id == person.id and (span.start >= self.begins or not typed)
            for span in self.mentions
        )


@dataclass(frozen=True, slots=True)
class Message:
    """A direct message."""

    id: str
    sender: Person
    recipient: Person
    text: str
    at: float

    @property
    def conversation(self) -> str:
        """The two user ids, the smaller first."""
        return "-".join(sorted((self.sender.id, self.recipient.id), key=int))


@dataclass(slots=True)
class World:
    """X's memory, as far as our one account sees it. Posts are kept by the id they got first."""

    us: Person
    random: Random
    people: dict[str, Person] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    _posts: dict[str, Post] = field(default_factory=dict, init=False)
    _first: dict[str, str] = field(default_factory=dict, init=False)
    _by_handle: dict[str, Person] = field(default_factory=dict, init=False)
    _last_id: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.meet(self.us)

    def meet(self, person: Person) -> Person:
        """This person is known from now on."""
        self._by_handle[person.handle.casefold()] = person
        return self.people.setdefault(person.id, person)

    def named(self, handle: str) -> Person | None:
        """Who has this handle, in any case."""
        return self._by_handle.get(handle.casefold())

    def new_id(self) -> str:
        """19 digits that only grow."""
        sown = (time.time_ns() // 1_000_000 - _EPOCH_MS << 22) + self.random.randrange(1 << 12)
        self._last_id = max(self._last_id + 1, sown)
        return str(self._last_id)

    def find(self, id_: str | None) -> Post | None:
        """The newest version of the post that has, or had, this id."""
        return self._posts.get(self._first.get(id_ or "", ""))

    def newest_first(self) -> Iterator[Post]:
        """All posts in the order of their creation, the last one first."""
        return reversed(self._posts.values())

    def say(
        self,
        author: Person,
        typed: str,
        *,
        language: str,
        parent: Post | None = None,
        quoted: Post | None = None,
        excluded: Sequence[str] = (),
    ) -> Post:
        """A new post. To a reply X adds whom it answers and who was named there.

        `excluded` are ids of people whom the author took out of that prefix.
        """
        prefix = "".join(f"@{p.handle} " for p in self._in_front(author, parent, excluded))
        id_ = self.new_id()
        post = Post(
            id=id_,
            author=author,
            text=prefix + typed,
            begins=len(prefix),
            at=time.time(),
            language=language,
            history=(id_,),
            conversation=parent.conversation if parent else id_,
            replied_to=parent.id if parent else None,
            answers=parent.author if parent else None,
            quoted=quoted.id if quoted else None,
            mentions=(),
            hashtags=(),
            links=(),
        )
        return self._keep(post)

    def repost(self, author: Person, post: Post) -> Post:
        """A repost is a post of its own, whose text repeats the other."""
        id_ = self.new_id()
        text = f"RT @{post.author.handle}: {post.text}"
        repeated = replace(
            post,
            id=id_,
            author=author,
            text=text,
            begins=0,
            at=time.time(),
            history=(id_,),
            conversation=id_,
            replied_to=None,
            answers=None,
            quoted=None,
            reposted=post.id,
        )
        return self._keep(repeated)

    def edit(self, post: Post, typed: str) -> Post:
        """A new version, with an id of its own behind the earlier ones."""
        id_ = self.new_id()
        text = post.text[: post.begins] + typed
        version = replace(post, id=id_, text=text, at=time.time(), history=(*post.history, id_))
        return self._keep(version)

    def remove(self, post: Post) -> None:
        """The post is gone in all its versions."""
        for id_ in post.history:
            self._first.pop(id_, None)
        self._posts.pop(post.first_id, None)

    def write(self, sender: Person, recipient: Person, text: str) -> Message:
        """A new direct message."""
        message = Message(self.new_id(), sender, recipient, text, time.time())
        self.messages[message.id] = message
        if len(self.messages) > KEPT_POSTS:
            del self.messages[next(iter(self.messages))]
        return message

    def _in_front(
        self, author: Person, parent: Post | None, excluded: Sequence[str]
    ) -> list[Person]:
        if parent is None:
            return []
        named = [self.people.get(span.id or "") for span in parent.mentions]
        others = [p for p in named if p is not None and p.id not in excluded]
        return [p for p in dict.fromkeys([parent.author, *others]) if p.id != author.id]

    def _keep(self, post: Post) -> Post:
        """With what X finds in the text: handles that are somebody's, hashtags, links."""
        text = post.text
        mentions = []
        for match in entities.find_handles(text):
            person = self.named(match[1])
            mentions.append(Span(*match.span(), match[1], person.id if person else None))
        post = replace(
            post,
            mentions=tuple(mentions),
            hashtags=tuple(Span(*m.span(), m[1]) for m in entities.find_hashtags(text)),
            links=tuple(Span(*link) for link in links.find_links(text)),
        )
        self._posts[post.first_id] = post
        self._first[post.id] = post.first_id
        if len(self._posts) > KEPT_POSTS:
            self.remove(next(iter(self._posts.values())))
        return post
