"""Posts and direct messages of X as events: who, to whom, in answer to what, and under which id."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from toog.contracts import ids
from toog.contracts.events import Author, Event, Media, Mention, Reference, Surface
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard
from toog.platforms.x import payloads
from toog.platforms.x.lenient import read
from toog.platforms.x.naming import Named, named

PLATFORM: Final = "x"
REVISION_DIGITS: Final = 20
"""An id is a 64-bit number: zero-padded to this length, later versions sort behind earlier ones."""

_NO_LANGUAGE: Final = frozenset({"und", "zxx", "art", "qam", "qct", "qht", "qme", "qst"})


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is the same for all events of one body."""

    accounts: Accounts
    source: str
    now: datetime
    cleaned: bool


def hear_post(
    hearing: Hearing,
    account: Account,
    raw: msgspec.Raw,
    raw_includes: msgspec.Raw,
    *,
    told_as: str | None = None,
    room: bool = False,
) -> Heard | None:
    """The post as an event, or None where it cannot be understood.

    `told_as` is the X Activity API's event type; `room` that only hashtag rules matched: it stays
    the room only if the post neither names nor answers us.
    """
    post = read(payloads.Post, raw)
    if post is None:
        return None
    includes = read(payloads.Includes, raw_includes)
    posts = payloads.posts_of(includes)
    parent = posts.get(post.replied_to or "")
    mentioned = told_as == "post.mention.create"
    names = named(post, parent, hearing.accounts, account if mentioned else None)
    of = _post_id(account, post.first_id)
    edited = post.id != post.first_id
    reply = _reply_to(account, post, parent, told_as)
    event = Event(
        id=ids.edit_id(of, post.id) if edited else of,
        kind="edited" if edited else "created",
        of=of if edited else None,
        native=post.id,
        platform=PLATFORM,
        account=account.id,
        surface=_surface(post),
        conversation=post.conversation_id or post.replied_to or post.first_id,
        author=_author(post.author_id, payloads.users_of(includes), hearing.accounts),
        own=hearing.accounts.ours(PLATFORM, post.author_id),
        text=(post.note and post.note.text) or post.text,
        language=None if post.lang in _NO_LANGUAGE else post.lang,
        mentions=names.mentions,
        reply_prefix=names.prefix,
        hashtags=names.hashtags,
        links=names.links,
        media=_media(post, names, includes),
        in_reply_to=reply,
        root_author=_root_author(post, posts, reply),
        quotes=_quotes(account, post, posts, told_as),
        revision=post.id.zfill(REVISION_DIGITS) if edited else "",
        occurred_at=_time(post.created_at, hearing.now),
        received_at=hearing.now,
        source=hearing.source,
        incomplete=post.author_id is None,
        cleaned=hearing.cleaned,
        raw=raw,
    )
    return Heard(event, _post_key(account, post, event), room and not _to_us(event, hearing))


def hear_deletion(
    hearing: Hearing, account: Account, raw: msgspec.Raw, raw_includes: msgspec.Raw
) -> Heard | None:
    """A post taken back. X tells it only of subscribed users, with nothing but two ids."""
    post = read(payloads.Post, raw)
    if post is None:
        return None
    of = _post_id(account, post.id)
    users = payloads.users_of(read(payloads.Includes, raw_includes))
    own = hearing.accounts.ours(PLATFORM, post.author_id)
    event = Event(
        id=ids.deletion_id(of),
        kind="deleted",
        of=of,
        native=post.id,
        platform=PLATFORM,
        account=account.id,
        author=_author(post.author_id, users, hearing.accounts),
        own=own,
        occurred_at=hearing.now,
        received_at=hearing.now,
        source=hearing.source,
        cleaned=hearing.cleaned,
        raw=raw,
    )
    citizen = post.author_id if post.author_id is not None and not own else post.id
    return Heard(event, ids.citizen_key(PLATFORM, account.id, citizen))


def hear_dm(
    hearing: Hearing, account: Account, raw: msgspec.Raw, raw_users: Mapping[str, msgspec.Raw]
) -> Heard | None:
    """A direct message, theirs or ours, or None where it cannot be understood."""
    dm = read(payloads.Dm, raw)
    if dm is None:
        return None
    sender, recipient = dm.message_create.sender_id, dm.message_create.target.recipient_id
    data = dm.message_create.message_data
    own = hearing.accounts.ours(PLATFORM, sender)
    users = {
        id_: user for id_, item in raw_users.items() if (user := payloads.user_of(item)) is not None
    }
    names = Named.of(data.entities, data.text)
    media = data.attachment.media if data.attachment else None
    event = Event(
        id=ids.event_id(PLATFORM, account.id, "dm", dm.id),
        kind="created",
        native=dm.id,
        platform=PLATFORM,
        account=account.id,
        surface="dm",
        conversation=_between(sender, recipient),
        author=_author(sender, users, hearing.accounts),
        own=own,
        text=data.text,
        mentions=names.mentions,
        hashtags=names.hashtags,
        links=names.links,
        media=(Media(media.type, media.media_url_https),) if media else (),
        occurred_at=_time_ms(dm.created_timestamp, hearing.now),
        received_at=hearing.now,
        source=hearing.source,
        cleaned=hearing.cleaned,
        raw=raw,
    )
    return Heard(event, ids.citizen_key(PLATFORM, account.id, recipient if own else sender))


def hear_signal(
    hearing: Hearing, account: Account | str | None, name: str, raw: msgspec.Raw | bytes
) -> Heard:
    """Something that is no message, or was not understood: counted under `name`, kept whole."""
    account_id = account.id if isinstance(account, Account) else account or "unknown"
    body = bytes(raw)
    id_ = ids.signal_id(PLATFORM, account_id, body)
    event = Event(
        id=id_,
        kind="signal",
        signal=name,
        platform=PLATFORM,
        account=account_id,
        occurred_at=hearing.now,
        received_at=hearing.now,
        source=hearing.source,
        cleaned=hearing.cleaned,
        raw=msgspec.Raw(body),
    )
    return Heard(event, ids.citizen_key(PLATFORM, account_id, ids.digest(body)))


def _post_id(account: Account, native: str) -> str:
    return ids.event_id(PLATFORM, account.id, "post", native)


def _surface(post: payloads.Post) -> Surface:
    """A reply can also be a quote; answering is what counts then."""
    if post.referenced("retweeted"):
        return "repost"
    if post.replied_to:
        return "reply"
    return "quote" if post.referenced("quoted") else "post"


def _author(
    id_: str | None, users: Mapping[str, payloads.User], accounts: Accounts
) -> Author | None:
    if id_ is None:
        return None
    user = users.get(id_)
    ours = accounts.by_id(PLATFORM, id_)
    handle = user.handle if user else None
    return Author(id_, handle or (ours.handle if ours else None), user.name if user else None)


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
    post: payloads.Post, names: Named, includes: payloads.Includes | None
) -> tuple[Media, ...]:
    keys = (post.attachments and post.attachments.media_keys) or names.media_keys
    if not keys:
        return ()
    known = payloads.media_of(includes)
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


def _between(one: str, other: str) -> str:
    """The two user ids, the smaller number first, as X names a one-to-one conversation."""
    return "-".join(sorted((one, other), key=lambda id_: (len(id_.lstrip("0")), id_)))


def _time(text: str | None, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return now
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _time_ms(text: str | None, now: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(int(text or "") / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return now
