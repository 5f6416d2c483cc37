"""What Bluesky told us, as events: pages of notifications, chat log and look-ups, Jetstream lines."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from toog.contracts.events import Author, Event, Reported
from toog.contracts.ids import citizen_key, event_id, signal_id
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard, Parsed, Unreadable
from toog.platforms.bluesky import chat, post
from toog.platforms.bluesky.payloads import (
    NOTHING,
    POST,
    URI_CHARS,
    Actor,
    Commit,
    Line,
    LogItem,
    PostView,
    Record,
    Shape,
    from_micros,
    part,
    read_uri,
    when,
)
from toog.platforms.bluesky.pieces import items_of, pieces
from toog.platforms.bluesky.post import PLATFORM, Here, Told, Version

NOT_UNDERSTOOD: Final = "not_understood"
UNKNOWN_ACCOUNT: Final = "unknown_account"

MESSAGES: Final = frozenset({"mention", "reply", "quote"})
REPORTED: Final[Mapping[str, Reported]] = {"mention": "mention", "quote": "quote"}
"""Reasons of notifications that bring a post which speaks to us."""

REASONS: Final = frozenset(
    {
        "like",
        "repost",
        "follow",
        "starterpack-joined",
        "verified",
        "unverified",
        "like-via-repost",
        "repost-via-repost",
        "subscribed-post",
        "contact-match",
    }
)
"""Reasons that are signals under their own name; any other is `not_understood`."""

COLLECTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "app.bsky.feed.like": "like",
        "app.bsky.feed.repost": "repost",
        "app.bsky.graph.follow": "follow",
    }
)
"""Collections beside posts, by their signal; the rest is `other_collection`."""

OTHER_COLLECTION: Final = "other_collection"


def parse(
    body: bytes, *, accounts: Accounts, account: Account | None, source: str, now: datetime
) -> Parsed:
    """All events of this body, in its order.

    Takes a page (`notifications`, `logs`, `posts`, `records`, `feed`), a `thread`, or one item of
    them, a Jetstream line or several, and a list of any of these. Never raises: what is no JSON is unreadable, what is
    not understood is a signal.
    """
    here = Here(accounts, account, source, now)
    heard: list[Heard] = []
    unreadable: list[Unreadable] = []
    for piece in pieces(body):
        if isinstance(piece, Unreadable):
            unreadable.append(piece)
        else:
            heard.extend(_read(here, piece))
    return Parsed(tuple(heard), tuple(unreadable))


def _read(here: Here, told: Told) -> Iterator[Heard]:
    if not here.known:
        yield _signal(here, UNKNOWN_ACCOUNT, told)
        return
    items = items_of(told)
    for one in (told,) if items is None else items:
        yield _one(here, one, part(one.data, Shape))


def _one(here: Here, told: Told, shape: Shape | None) -> Heard:
    heard: Heard | None = None
    if shape is not None and shape.kind != NOTHING:
        heard = _line(here, told)
    elif shape is not None and shape.uri != NOTHING:
        heard = _view(here, told)
    elif shape is not None and shape.type != NOTHING:
        heard = _log(here, told)
    return heard or _signal(here, NOT_UNDERSTOOD, told)


def _view(here: Here, told: Told) -> Heard | None:
    """A notification, or a post that was looked up."""
    view = part(told.data, PostView)
    if view is None:
        return None
    if view.reason is not None and view.reason not in MESSAGES:
        name = view.reason if view.reason in REASONS else NOT_UNDERSTOOD
        # The same notification is shown again once it counts as read: its bytes are no name.
        known = f"{view.uri}:{view.reason}" if 0 < len(view.uri) <= URI_CHARS else None
        return _signal(
            here,
            name,
            told,
            native=known,
            actor=view.author,
            at=when(view.indexed_at, here.now),
        )
    raw = view.record if view.record != NOTHING else view.value
    record, address = part(raw, Record), read_uri(view.uri)
    if record is None or address is None or address.collection != POST:
        return None
    actor = view.author or Actor(address.did)
    author = Author(actor.did or address.did, actor.handle or None, actor.display_name or None)
    version = Version(view.uri, view.cid, when(view.indexed_at, here.now))
    event = post.created(record, version, author, here, told)
    return _heard(msgspec.structs.replace(event, reported=REPORTED.get(view.reason or "")), here)


def _line(here: Here, told: Told) -> Heard | None:
    """A line of Jetstream: a commit, or word of an account or handle that changed."""
    line = part(told.data, Line)
    if line is None:
        return None
    if line.kind in {"identity", "account"}:
        return _signal(here, line.kind, told, actor=Actor(line.did), at=_time(here, line))
    if line.kind != "commit" or line.commit is None:
        return None
    if line.commit.collection != POST:
        name = COLLECTIONS.get(line.commit.collection, OTHER_COLLECTION)
        return _signal(here, name, told, actor=Actor(line.did), at=_time(here, line))
    return _commit(here, told, line, line.commit)


def _commit(here: Here, told: Told, line: Line, commit: Commit) -> Heard | None:
    uri, at = post.address(line.did, commit.rkey), _time(here, line)
    if uri is None:
        return None
    if commit.operation == "delete":
        event = post.deleted(uri, line.did, at, here, told)
        return Heard(event, citizen_key(PLATFORM, here.account_id, line.did), if_seen=True)
    record = part(commit.record, Record)
    if record is None or commit.operation not in {"create", "update"}:
        return None
    version = Version(uri, commit.cid, at)
    event = post.created(record, version, Author(line.did), here, told)
    # What is not our business came by a hashtag, or, edited, may have been our business before.
    other = not event.own and not post.concerns(record, here.account_id)
    if commit.operation == "create":
        return _heard(event, here, room=other)
    edit = post.edited(event, version, commit.rev or f"{line.time_us:020d}")
    return _heard(edit, here, if_seen=other)


def _log(here: Here, told: Told) -> Heard | None:
    """An entry of the chat log."""
    item = part(told.data, LogItem)
    if item is None or not item.type.startswith(chat.LOG):
        return None
    name = chat.SIGNALS.get(item.type.removeprefix(chat.LOG))
    if name is not None:
        return _signal(here, name, told)
    event = chat.message_of(item, here, told)
    return _heard(event, here) if event else None


def _heard(event: Event, here: Here, *, room: bool = False, if_seen: bool = False) -> Heard:
    key = citizen_key(PLATFORM, here.account_id, post.citizen_of(event, here))
    return Heard(event, key, room=room, if_seen=if_seen)


def _time(here: Here, line: Line) -> datetime:
    return from_micros(line.time_us, here.now)


def _signal(
    here: Here,
    name: str,
    told: Told,
    *,
    native: str | None = None,
    actor: Actor | None = None,
    at: datetime | None = None,
) -> Heard:
    id_ = (
        event_id(PLATFORM, here.account_id, "notification", native)
        if native
        else signal_id(PLATFORM, here.account_id, told.data)
    )
    author = Author(actor.did, actor.handle) if actor and actor.did else None
    event = Event(
        id=id_,
        kind="signal",
        signal=name,
        platform=PLATFORM,
        account=here.account_id,
        author=author,
        own=author is not None and here.ours(author.id),
        occurred_at=at or here.now,
        received_at=here.now,
        source=here.source,
        cleaned=told.cleaned,
        raw=msgspec.Raw(told.data),
    )
    return Heard(event, citizen_key(PLATFORM, here.account_id, author.id if author else id_))
