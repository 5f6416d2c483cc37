"""Posts of X as events: who, to whom, in answer to what, and under which id."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from toog.contracts import ids
from toog.contracts.events import Event, Media, Mention, Reference, Reported, Surface
from toog.platforms.accounts import Account
from toog.platforms.base import Heard
from toog.platforms.lenient import read
from toog.platforms.x import payloads, times
from toog.platforms.x.hearing import PLATFORM, Hearing, author_of, is_id
from toog.platforms.x.naming import Named, named

REVISION_DIGITS: Final = 20
"""An id is a 64-bit number: zero-padded to this length, later versions sort behind earlier ones."""

_REPORTED: Final[Mapping[str, Reported]] = {
    "post.mention.create": "mention",
    "post.quote.create": "quote",
}
_NO_LANGUAGE: Final = frozenset({"und", "zxx", "art", "qam", "qct", "qht", "qme", "qst"})


def hear_post(
    hearing: Hearing,
    account: Account,
    raw: msgspec.Raw,
    known: payloads.Known,
    *,
    told_as: str | None = None,
    room: bool = False,
) -> Heard | None:
    """The post as an event, or None where it cannot be understood.

    `told_as` is the X Activity API's event type; `room` that only hashtag rules matched: it stays
    the room only if the post neither names nor answers us. What no event type calls a post must
    hold a text to be one.
    """
    post = read(payloads.Post, raw)
    if post is None or (told_as is None and post.text is None):
        return None
    at = times.iso(post.created_at, hearing.now)
    return hear(hearing, account, post, known, raw=raw, at=at, told_as=told_as, room=room)


def hear(
    hearing: Hearing,
    account: Account,
    post: payloads.Post,
    known: payloads.Known,
    *,
    raw: msgspec.Raw,
    at: datetime,
    told_as: str | None = None,
    room: bool = False,
) -> Heard | None:
    """The post, however it was told, as an event; None where its ids are none."""
    if not is_id(post.id) or not is_id(post.first_id):
        return None
    _unescape(post)
    parent = known.posts.get(post.replied_to or "")
    mentioned = told_as == "post.mention.create"
    names = named(post, parent, hearing.accounts, account if mentioned else None)
    version = _version(hearing, post)
    of = _post_id(account, post.first_id)
    reply = _reply_to(account, post, parent, told_as)
    event = Event(
        id=ids.edit_id(of, version) if version else of,
        kind="edited" if version else "created",
        of=of if version else None,
        native=post.id,
        platform=PLATFORM,
        account=account.id,
        surface=_surface(post, told_as),
        conversation=post.conversation_id or post.replied_to or post.first_id,
        author=author_of(post.author_id, known.users, hearing.accounts),
        own=hearing.accounts.ours(PLATFORM, post.author_id),
        text=(post.note and post.note.text) or post.text or "",
        language=None if post.lang in _NO_LANGUAGE else post.lang,
        mentions=names.mentions,
        reply_prefix=names.prefix,
        hashtags=names.hashtags,
        links=names.links,
        media=_media(post, names, known.media),
        in_reply_to=reply,
        root_author=_root_author(post, known.posts, reply),
        quotes=_quotes(account, post, known.posts, told_as),
        reported=_REPORTED.get(told_as or ""),
        revision=_revision(hearing, post) if version else "",
        occurred_at=at,
        received_at=hearing.now,
        source=hearing.source,
        incomplete=post.author_id is None,
        cleaned=hearing.cleaned,
        raw=raw,
    )
    return Heard(event, _post_key(account, post, event), room and not _to_us(event, hearing))


def _version(hearing: Hearing, post: payloads.Post) -> str:
    """Which version of the message this is; empty: the first, as it was first told."""
    if post.id == post.first_id:
        return "enriched" if hearing.enriches else ""
    return f"{post.id}:enriched" if hearing.enriches else post.id


def _revision(hearing: Hearing, post: payloads.Post) -> str:
    """Sorts by version; what a look-up brought behind what it enriches."""
    return post.id.zfill(REVISION_DIGITS) + ("+" if hearing.enriches else "")


def _unescape(post: payloads.Post) -> None:
    if post.text:
        post.text = payloads.unescaped(post.text)
    if post.note is not None and post.note.text:
        post.note.text = payloads.unescaped(post.note.text)


def hear_deletion(
    hearing: Hearing,
    account: Account,
    raw: msgspec.Raw,
    known: payloads.Known,
    *,
    native: str | None,
    author: str | None,
    at: datetime,
) -> Heard | None:
    """A post taken back. X tells it only of subscribed users, with nothing but two ids."""
    if native is None or not is_id(native):
        return None
    of = _post_id(account, native)
    own = hearing.accounts.ours(PLATFORM, author)
    event = Event(
        id=ids.deletion_id(of),
        kind="deleted",
        of=of,
        native=native,
        platform=PLATFORM,
        account=account.id,
        author=author_of(author, known.users, hearing.accounts),
        own=own,
        occurred_at=at,
        received_at=hearing.now,
        source=hearing.source,
        cleaned=hearing.cleaned,
        raw=raw,
    )
    citizen = author if author is not None and not own else native
    return Heard(event, ids.citizen_key(PLATFORM, account.id, citizen))


def _post_id(account: Account, native: str) -> str:
    return ids.event_id(PLATFORM, account.id, "post", native)


def _surface(post: payloads.Post, told_as: str | None) -> Surface:
    """A reply can also be a quote; answering is what counts then."""
    if post.referenced("retweeted") or told_as == "post.repost.create":
        return "repost"
    if post.replied_to:
        return "reply"
    return "quote" if post.referenced("quoted") or told_as == "post.quote.create" else "post"


def _reply_to(
    account: Account, post: payloads.Post, parent: payloads.Post | None, told_as: str | None
) -> Reference | None:
    """`post.reply.create` is told only of direct replies to the subscribed user."""
    if post.replied_to is None:
        return None
    author = account.id if told_as == "post.reply.create" else None
    return Reference(
        _post_id(account, parent.first_id if parent else post.replied_to),
        post.in_reply_to_user_id or (parent.author_id if parent else None) or author,
    )


def _quotes(
    account: Account, post: payloads.Post, posts: Mapping[str, payloads.Post], told_as: str | None
) -> Reference | None:
    """`post.quote.create` is told only of quotes of the subscribed user, also without includes."""
    quoted = post.referenced("quoted")
    if quoted is None:
        return None
    known = posts.get(quoted)
    author = account.id if told_as == "post.quote.create" else None
    return Reference(
        _post_id(account, known.first_id if known else quoted),
        (known.author_id if known else None) or author,
    )


def _root_author(
    post: payloads.Post, posts: Mapping[str, payloads.Post], reply: Reference | None
) -> str | None:
    root = post.conversation_id
    if root is None:
        return None
    if root in post.history:
        return post.author_id
    if root == post.replied_to and reply is not None:
        return reply.author
    parent = posts.get(post.replied_to or "")
    if parent is not None and parent.replied_to == root:
        return parent.in_reply_to_user_id
    return posts[root].author_id if root in posts else None


def _media(
    post: payloads.Post, names: Named, known: Mapping[str, payloads.MediaItem]
) -> tuple[Media, ...]:
    keys = (post.attachments and post.attachments.media_keys) or names.media_keys
    absent = payloads.MediaItem("")
    return tuple(Media((item := known.get(key, absent)).type, item.url) for key in keys)


def _post_key(account: Account, post: payloads.Post, event: Event) -> str:
    """The citizen: the author, or for our own words whom they answer; else the post itself."""
    other = event.in_reply_to.author if event.in_reply_to else None
    if event.own and other == post.author_id:
        other = None
    citizen = other if event.own else post.author_id
    return ids.citizen_key(PLATFORM, account.id, citizen or post.first_id)


def _to_us(event: Event, hearing: Hearing) -> bool:
    answered = event.in_reply_to.author if event.in_reply_to else None
    named_: Iterable[Mention] = (*event.mentions, *event.reply_prefix)
    return hearing.accounts.by_id(PLATFORM, answered) is not None or any(
        hearing.accounts.ours(PLATFORM, mention.id, mention.handle) for mention in named_
    )
