"""A page's `feed` and `mention` changes as events.

developers.facebook.com/docs/graph-api/webhooks/reference/page names items and verbs; Meta publishes
no full samples any more, so that every field may be missing.
"""

from typing import Final, Literal

import msgspec

from toog.contracts.events import Media
from toog.platforms.accounts import Account
from toog.platforms.base import Heard
from toog.platforms.facebook.fields import Fields, id_, inner, text
from toog.platforms.facebook.hearing import (
    NOT_UNDERSTOOD,
    Hearing,
    hear_signal,
    sender_of,
)
from toog.platforms.facebook.messages import VISITORS, Said, hear_removal, hear_said
from toog.platforms.facebook.naming import mentions_of, tags_of

POST_ITEMS: Final = frozenset({"post", "status", "photo", "video"})
SIGNAL_ITEMS: Final = frozenset({"reaction", "like", "share", "event"})
SIGNAL_VERBS: Final = frozenset({"hide", "unhide"})
EDITS: Final = frozenset({"edit", "edited"})
REMOVALS: Final = frozenset({"remove", "delete"})


def hear_feed(hearing: Hearing, account: Account, value: Fields, raw: msgspec.Raw) -> Heard:
    """One change of the field `feed`: a comment or post, or a signal about one."""
    item, verb = text(value, "item"), text(value, "verb")
    type_: Literal["post", "comment"] | None = None
    if item == "comment":
        type_ = "comment"
    elif item in POST_ITEMS:
        type_ = "post"
    if type_ is None or verb in SIGNAL_VERBS:
        known = verb if type_ else item if item in SIGNAL_ITEMS else NOT_UNDERSTOOD
        return _signal(hearing, known, value, raw)
    return _hear(hearing, account, value, raw, type_=type_, verb=verb, elsewhere=False)


def hear_mention(hearing: Hearing, account: Account, value: Fields, raw: msgspec.Raw) -> Heard:
    """One change of the field `mention`: somebody named the page, often without text or author."""
    comment = text(value, "item") == "comment" or id_(value, "comment_id") is not None
    type_: Literal["post", "comment"] = "comment" if comment else "post"
    verb = text(value, "verb") or "add"
    return _hear(hearing, account, value, raw, type_=type_, verb=verb, elsewhere=True)


def _hear(
    hearing: Hearing,
    account: Account,
    value: Fields,
    raw: msgspec.Raw,
    *,
    type_: Literal["post", "comment"],
    verb: str,
    elsewhere: bool,
) -> Heard:
    native = id_(value, f"{type_}_id")
    if native is None:
        return _signal(hearing, NOT_UNDERSTOOD, value, raw)
    said = _said(account, value, type_, native, elsewhere=elsewhere)
    if verb in REMOVALS:
        return hear_removal(hearing, account, said, raw)
    if verb == "add" or verb in EDITS:
        return hear_said(hearing, account, said, raw, edited=verb in EDITS)
    return _signal(hearing, NOT_UNDERSTOOD, value, raw)


def _said(
    account: Account,
    value: Fields,
    type_: Literal["post", "comment"],
    native: str,
    *,
    elsewhere: bool,
) -> Said:
    post = id_(value, "post_id")
    return Said(
        type=type_,
        native=native,
        who=sender_of(value),
        text=text(value, "message"),
        time=value.get("created_time"),
        post=post,
        post_author=_post_author(account, value, post),
        parent=_parent(account, value, post) if type_ == "comment" else None,
        parent_author=None,
        tags=mentions_of(tags_of(value)),
        media=_media(value),
        link=text(value, "link") if not _media(value) else "",
        elsewhere=elsewhere,
    )


def _parent(account: Account, value: Fields, post: str | None) -> str | None:
    """The comment that is answered; `parent_id` of a top comment is the post, or a photo in it."""
    parent = id_(value, "parent_id")
    if parent is None or parent == post:
        return None
    prefix, _, _ = parent.partition("_")
    post_page, _, post_native = (post or "").partition("_")
    if prefix in {account.id, post_page} or parent == post_native:
        return None
    return parent


def _post_author(account: Account, value: Fields, post: str | None) -> str | None:
    """The page, by the id's first half, unless Meta says that a visitor put it there."""
    told = inner(value, "post")
    author = id_(inner(told, "from"))
    if author is not None or post is None or text(told, "status_type") == VISITORS:
        return author
    return account.id if post.partition("_")[0] == account.id else None


def _media(value: Fields) -> tuple[Media, ...]:
    found = [Media(kind, text(value, kind)) for kind in ("photo", "video") if text(value, kind)]
    photos = value.get("photos")
    if isinstance(photos, list):
        found += [Media("photo", url) for url in photos if isinstance(url, str)]
    if not found and text(value, "item") in {"photo", "video"}:
        found.append(Media(text(value, "item"), text(value, "link") or None))
    return tuple(dict.fromkeys(found))


def _signal(hearing: Hearing, name: str, value: Fields, raw: msgspec.Raw) -> Heard:
    citizen = id_(sender_of(value))
    return hear_signal(hearing, name, raw, citizen=citizen, at=value.get("created_time"))
