"""The shapes in which X tells things: every field optional, both vocabularies, one odd field alone lost.

Posts come as `referenced_tweets`, `edit_history_tweet_ids`, `note_tweet` or, in the newer
vocabulary, `referenced_posts`, `edit_history_post_ids`, `note_post` (docs.x.com, OpenAPI 2.167).
"""

from dataclasses import dataclass, field
from typing import Literal, Self

import msgspec

from toog.platforms.lenient import read

ABSENT = msgspec.Raw(b"")
Id = str | int
"""v1.1's `id` is a number that many a JSON library rounds; `id_str` is exact where it is there."""


def exact(text: str | None, id_: Id | None) -> str | None:
    """The id as text: as it was written where there is such a field, else whatever `id` is."""
    if text is not None:
        return text
    return None if id_ is None or isinstance(id_, bool) else str(id_)


class Rule(msgspec.Struct, gc=False):
    """A stream rule that matched; tags are free text of ours, and optional."""

    id: str | None = None
    tag: str | None = None


class Envelope(msgspec.Struct):
    """The outermost object: of a webhook, a stream line, a page or a control line."""

    data: msgspec.Raw = ABSENT
    meta: msgspec.Raw = ABSENT
    includes: msgspec.Raw = ABSENT
    matching_rules: msgspec.Raw = ABSENT
    errors: msgspec.Raw = ABSENT
    title: msgspec.Raw = ABSENT
    connection_issue: msgspec.Raw = ABSENT


class Filter(msgspec.Struct, gc=False):
    """What an X Activity API subscription filters by; `{}` for `oauth.revoke`."""

    user_id: str | None = None


class Activity(msgspec.Struct):
    """`data` of an X Activity API event (docs.x.com/x-api/activity/event-payloads)."""

    event_type: str | None = None
    filter: Filter | None = None
    payload: msgspec.Raw = ABSENT
    includes: msgspec.Raw = ABSENT


class User(msgspec.Struct, gc=False):
    """A user as v2 (`username`) or v1.1 (`screen_name`, `id_str`) tells it."""

    id: Id | None = None
    id_str: str | None = None
    username: str | None = None
    screen_name: str | None = None
    name: str | None = None

    @property
    def key(self) -> str | None:
        """The user's id as text."""
        return exact(self.id_str, self.id)

    @property
    def handle(self) -> str | None:
        """The handle, in whichever vocabulary it came."""
        return self.username or self.screen_name


class WrappedUser(msgspec.Struct):
    """Deletions and DMs wrap each user in `data`; mentions and stream lines do not."""

    data: User


class MentionEntity(msgspec.Struct):
    """A handle in the text: v2 (`username`, `id`) or v1.1 (`screen_name`, `id_str`, `indices`)."""

    username: str | None = None
    screen_name: str | None = None
    id: Id | None = None
    id_str: str | None = None
    start: int | None = None
    indices: list[int] | None = None

    @property
    def begins(self) -> int | None:
        """Where it stands, in whichever vocabulary it came."""
        return self.indices[0] if self.start is None and self.indices else self.start


class HashtagEntity(msgspec.Struct, gc=False):
    """A hashtag in the text: v2 `tag`, v1.1 `text`."""

    tag: str | None = None
    text: str | None = None


class UrlEntity(msgspec.Struct, gc=False):
    """A link in the text; with a `media_key` it stands for a picture or film."""

    url: str | None = None
    expanded_url: str | None = None
    unwound_url: str | None = None
    media_key: str | None = None


class Entities(msgspec.Struct):
    """What X found in the text; a list that is absent was either empty or not asked for."""

    mentions: list[MentionEntity] | None = None
    user_mentions: list[MentionEntity] | None = None
    hashtags: list[HashtagEntity] | None = None
    urls: list[UrlEntity] | None = None


class Note(msgspec.Struct):
    """The full text of a long post; `text` of the post itself is cut."""

    text: str | None = None
    entities: Entities | None = None


class ReferencedPost(msgspec.Struct, gc=False):
    """Another post that this one answers, quotes or repeats."""

    id: str
    type: str


class Attachments(msgspec.Struct):
    """Pictures and films of a post, by key into `includes.media`."""

    media_keys: list[str] | None = None


class Post(msgspec.Struct):
    """A v2 post in either vocabulary."""

    id: str
    text: str | None = None
    author_id: str | None = None
    created_at: str | None = None
    conversation_id: str | None = None
    in_reply_to_user_id: str | None = None
    in_reply_to_tweet_id: str | None = None
    lang: str | None = None
    display_text_range: tuple[int, int] | None = None
    entities: Entities | None = None
    note_tweet: Note | None = None
    note_post: Note | None = None
    referenced_tweets: list[ReferencedPost] | None = None
    referenced_posts: list[ReferencedPost] | None = None
    edit_history_tweet_ids: list[str] | None = None
    edit_history_post_ids: list[str] | None = None
    attachments: Attachments | None = None

    @property
    def history(self) -> list[str]:
        """All versions of this post, the first one first."""
        return self.edit_history_tweet_ids or self.edit_history_post_ids or [self.id]

    @property
    def first_id(self) -> str:
        """The id of the first version: the message, however often it is edited."""
        return self.history[0]

    @property
    def note(self) -> Note | None:
        """The full text, where the post is a long one."""
        return self.note_tweet or self.note_post

    def referenced(self, type_: Literal["replied_to", "quoted", "retweeted"]) -> str | None:
        """The id of the post that this one answers, quotes or repeats."""
        references = self.referenced_tweets or self.referenced_posts or ()
        return next((r.id for r in references if r.type == type_), None)

    @property
    def replied_to(self) -> str | None:
        """The id of the post that this one answers."""
        return self.referenced("replied_to") or self.in_reply_to_tweet_id


class MediaItem(msgspec.Struct, gc=False):
    """A picture or film out of `includes.media`."""

    media_key: str
    type: str = "media"
    url: str | None = None


class Includes(msgspec.Struct):
    """The expansions of a post; each list on its own, since any may be absent or odd."""

    users: list[msgspec.Raw] = msgspec.field(default_factory=list)
    tweets: list[msgspec.Raw] = msgspec.field(default_factory=list)
    posts: list[msgspec.Raw] = msgspec.field(default_factory=list)
    media: list[msgspec.Raw] = msgspec.field(default_factory=list)


def user_of(raw: msgspec.Raw) -> User | None:
    """A user, wrapped in `data` or plain."""
    wrapped = read(WrappedUser, raw)
    return wrapped.data if wrapped is not None else read(User, raw)


@dataclass(frozen=True, slots=True)
class Known:
    """What came along: users and posts by id, pictures and films by key. Read once for a body."""

    users: dict[str, User] = field(default_factory=dict)
    posts: dict[str, Post] = field(default_factory=dict)
    media: dict[str, MediaItem] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: msgspec.Raw) -> Self:
        """The expansions of these includes; users wrapped in `data` or not, posts of either name."""
        includes = read(Includes, raw) or Includes()
        users = [user for one in includes.users if (user := user_of(one))]
        posts = [post for one in (*includes.tweets, *includes.posts) if (post := read(Post, one))]
        media = [item for one in includes.media if (item := read(MediaItem, one))]
        return cls(
            {key: user for user in users if (key := user.key)},
            {post.id: post for post in posts},
            {item.media_key: item for item in media},
        )


def users_by_id(raw_users: dict[str, msgspec.Raw]) -> dict[str, User]:
    """The map of users beside direct messages."""
    return {id_: user for id_, raw in raw_users.items() if (user := user_of(raw)) is not None}


def unescaped(text: str) -> str:
    """The text as it was written: X escapes three characters in posts and messages."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
