"""What Graph answers as events: posts with their comments, conversations with their messages.

Lists come page by page (`{data, paging}`), a look-up gives one object
(developers.facebook.com/docs/graph-api/reference: page-post, comment, conversation, message).
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from toog.contracts import ids
from toog.contracts.events import Event, Media
from toog.platforms.accounts import Account
from toog.platforms.base import Heard
from toog.platforms.facebook import naming
from toog.platforms.facebook.fields import (
    Fields,
    fields,
    id_,
    inner,
    listed,
    raw_fields,
    raws,
    text,
)
from toog.platforms.facebook.hearing import (
    NOT_UNDERSTOOD,
    PLATFORM,
    Hearing,
    author_of,
    hear_signal,
)
from toog.platforms.facebook.messages import VISITORS, Said, hear_said

_MESSAGE_IDS: Final = ("m_", "mid.")
_SAYS_SOMETHING: Final = ("message", "from", "created_time", "attachment", "attachments", "sticker")
_STICKERS: Final = frozenset({"sticker", "animated_image_share"})


def hear_object(hearing: Hearing, account: Account, raw: msgspec.Raw) -> Iterator[Heard]:
    """One object: a conversation gives its messages, a post itself and its comments."""
    value = fields(raw)
    native = id_(value or {})
    if value is None or native is None:
        yield hear_signal(hearing, NOT_UNDERSTOOD, raw)
    elif "messages" in value:
        for item in _edge(raw, "messages"):
            yield from hear_object(hearing, account, item)
    elif native.startswith(_MESSAGE_IDS) or ("to" in value and "from" in value):
        yield _message(hearing, account, value, native, raw)
    elif "comments" in value or native.partition("_")[0] == account.id:
        yield from _post(hearing, account, value, native, raw)
    elif any(name in value for name in _SAYS_SOMETHING):
        yield hear_said(hearing, account, _comment(account, value, native), raw)
    else:
        yield hear_signal(hearing, NOT_UNDERSTOOD, raw)


def _edge(raw: msgspec.Raw, name: str) -> list[msgspec.Raw]:
    edge = (raw_fields(raw) or {}).get(name)
    return raws((raw_fields(edge) or {}).get("data")) or raws(edge) or []


def _post(
    hearing: Hearing, account: Account, value: Fields, native: str, raw: msgspec.Raw
) -> Iterator[Heard]:
    """A comment under a post whose author is told knows whether that is us."""
    author = id_(inner(value, "from"))
    if any(name in value for name in _SAYS_SOMETHING):
        said = Said(
            type="post",
            native=native,
            who=inner(value, "from"),
            text=text(value, "message"),
            time=value.get("created_time"),
            tags=naming.mentions_of(naming.tags_of(value)),
            media=_attachments(listed(value, "attachments")),
        )
        yield hear_said(hearing, account, said, raw)
    elif "comments" not in value:
        yield hear_signal(hearing, NOT_UNDERSTOOD, raw)
    visitors = author is None and text(value, "status_type") == VISITORS
    for item in _edge(raw, "comments"):
        comment = fields(item) or {}
        told = id_(comment)
        if told is None:
            yield hear_signal(hearing, NOT_UNDERSTOOD, item)
            continue
        under = _comment(account, comment, told, post=native, author=author, visitors=visitors)
        yield hear_said(hearing, account, under, item)


def _comment(
    account: Account,
    value: Fields,
    native: str,
    *,
    post: str | None = None,
    author: str | None = None,
    visitors: bool = False,
) -> Said:
    """A comment; its id begins with the second half of its post's, where nothing else tells it."""
    parent = inner(value, "parent")
    attached = inner(value, "attachment")
    under = id_(inner(value, "object")) or post
    if under is None and "_" in native:
        under = f"{account.id}_{native.partition('_')[0]}"
    if author is None and not visitors:
        told = id_(inner(value, "object", "from"))
        ours = under is not None and under.partition("_")[0] == account.id
        author = told or (account.id if ours else None)
    return Said(
        type="comment",
        native=native,
        who=inner(value, "from"),
        text=text(value, "message"),
        time=value.get("created_time"),
        post=under,
        post_author=author,
        parent=id_(parent),
        parent_author=id_(inner(parent, "from")),
        tags=naming.mentions_of(naming.tags_of(value)),
        media=_attachments([attached] if attached else []),
    )


def _attachments(items: list[Fields]) -> tuple[Media, ...]:
    """Pictures and films; a sticker says no more than an emoji does."""
    return tuple(
        Media(text(item, "type") or "attachment", text(item, "url") or None)
        for item in items
        if text(item, "type") not in _STICKERS
    )


def _message(
    hearing: Hearing, account: Account, value: Fields, native: str, raw: msgspec.Raw
) -> Heard:
    """A message out of a conversation: the webhook's `mid` is its id here."""
    author = author_of(hearing, inner(value, "from"))
    own = author is not None and hearing.accounts.ours(PLATFORM, author.id)
    others = [told for to in listed(value, "to") if (told := id_(to)) and told != account.id]
    person = (others[0] if others else None) if own else author and author.id
    words = text(value, "message")
    media = tuple(_file(item) for item in listed(value, "attachments"))
    if text(value, "sticker"):
        media = (*media, Media("sticker", text(value, "sticker")))
    event = Event(
        id=ids.event_id(PLATFORM, account.id, "message", native),
        kind="created",
        native=native,
        platform=PLATFORM,
        account=account.id,
        surface="dm",
        conversation=f"{account.id}:{person}" if person else None,
        author=author,
        own=own,
        text=words,
        hashtags=naming.hashtags_of(words),
        links=naming.links_of(words),
        media=media,
        occurred_at=hearing.at(value.get("created_time")),
        received_at=hearing.now,
        source=hearing.source,
        incomplete=author is None,
        cleaned=hearing.was_cleaned(raw),
        raw=raw,
    )
    return Heard(event, ids.citizen_key(PLATFORM, account.id, person or native))


def _file(item: Fields) -> Media:
    for kind in ("image", "video"):
        url = text(inner(item, f"{kind}_data"), "url")
        if url:
            return Media(kind, url)
    return Media("file", text(item, "file_url") or None)
