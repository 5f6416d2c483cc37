"""What Bluesky sends, as structs of optional fields; parts that a person's client wrote stay raw.

Shapes: https://github.com/bluesky-social/atproto/tree/main/lexicons and
https://github.com/bluesky-social/jetstream. A record is whatever a client put into its
repository: nobody checks it before Jetstream tells it, so that each part is read on its own.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")

NOTHING: Final = msgspec.Raw(b"null")
POST: Final = "app.bsky.feed.post"
URI_CHARS: Final = 2048

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Ref(msgspec.Struct, gc=False):
    """A strong reference: the record's address and the hash of the version that is meant."""

    uri: str | None = None
    cid: str | None = None


class ReplyRef(msgspec.Struct, gc=False):
    """What a post answers, and the first post of its thread."""

    root: Ref | None = None
    parent: Ref | None = None


class Record(msgspec.Struct, gc=False):
    """A post as its author's client wrote it."""

    text: str = ""
    langs: msgspec.Raw = NOTHING
    facets: msgspec.Raw = NOTHING
    embed: msgspec.Raw = NOTHING
    reply: msgspec.Raw = NOTHING
    tags: msgspec.Raw = NOTHING


class Actor(msgspec.Struct, gc=False):
    """Who: the DID stays, the handle may change."""

    did: str
    handle: str | None = None
    display_name: str | None = msgspec.field(name="displayName", default=None)


class PostView(msgspec.Struct, gc=False):
    """A notification, or a post of a look-up: `record`, or `value` where a repository gave it."""

    uri: str
    cid: str | None = None
    author: Actor | None = None
    reason: str | None = None
    record: msgspec.Raw = NOTHING
    value: msgspec.Raw = NOTHING
    indexed_at: str | None = msgspec.field(name="indexedAt", default=None)


class Commit(msgspec.Struct, gc=False):
    """A change in somebody's repository; a deletion carries no record."""

    operation: str
    collection: str
    rkey: str
    rev: str | None = None
    cid: str | None = None
    record: msgspec.Raw = NOTHING


class Line(msgspec.Struct, gc=False):
    """A line of Jetstream, version 1."""

    did: str
    kind: str
    time_us: int
    commit: Commit | None = None


class Message(msgspec.Struct, gc=False):
    """A chat message; of a deleted one only the id, sender and time are left."""

    id: str
    sender: Actor
    type: str | None = msgspec.field(name="$type", default=None)
    text: str = ""
    facets: msgspec.Raw = NOTHING
    embed: msgspec.Raw = NOTHING
    sent_at: str | None = msgspec.field(name="sentAt", default=None)


class LogItem(msgspec.Struct, gc=False):
    """An entry of the chat log."""

    type: str = msgspec.field(name="$type")
    convo: str | None = msgspec.field(name="convoId", default=None)
    message: msgspec.Raw = NOTHING


class ThreadView(msgspec.Struct, gc=False):
    """A post in its thread, or in a feed (there without the rest)."""

    post: msgspec.Raw = NOTHING
    parent: msgspec.Raw = NOTHING
    replies: msgspec.Raw = NOTHING


class Shape(msgspec.Struct, gc=False):
    """What tells the objects apart: a page by its list, a line by its kind, a view by its uri."""

    notifications: msgspec.Raw = NOTHING
    logs: msgspec.Raw = NOTHING
    posts: msgspec.Raw = NOTHING
    records: msgspec.Raw = NOTHING
    feed: msgspec.Raw = NOTHING
    thread: msgspec.Raw = NOTHING
    kind: msgspec.Raw = NOTHING
    uri: msgspec.Raw = NOTHING
    type: msgspec.Raw = msgspec.field(name="$type", default=NOTHING)

    @property
    def page(self) -> msgspec.Raw:
        """The list of a page, of whichever call; null where it is none."""
        lists = (self.notifications, self.logs, self.posts, self.records, self.feed)
        return next((one for one in lists if one != NOTHING), NOTHING)


class Uri(NamedTuple):
    """`at://<did>/<collection>/<rkey>`: a record's address."""

    did: str
    collection: str
    rkey: str


def read_uri(text: str | None) -> Uri | None:
    """The parts of a record's address, or None where it is none."""
    if not text or len(text) > URI_CHARS or not text.startswith("at://"):
        return None
    parts = text.removeprefix("at://").split("/")
    odd = len(parts) != 3 or not all(parts) or any(c.isspace() for c in text)
    return None if odd else Uri(*parts)


def part(raw: msgspec.Raw | bytes, type_: type[T]) -> T | None:
    """This part, or None where it is not what it should be: the rest is still worth reading."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except (msgspec.DecodeError, RecursionError):
        return None


def when(text: str | None, now: datetime) -> datetime:
    """A server's ISO time, or `now` where it says none."""
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else now
    except (ValueError, OverflowError):
        return now


def from_micros(micros: int, now: datetime) -> datetime:
    """Microseconds since 1970, or `now` where that is no time."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return now
