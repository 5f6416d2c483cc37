"""Posts and comments of a page as events, in whichever shape Meta told of them."""

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from toog.contracts import ids
from toog.contracts.events import Author, Event, Media, Mention, Reference, Surface
from toog.platforms.accounts import Account
from toog.platforms.base import Heard
from toog.platforms.facebook import naming
from toog.platforms.facebook.fields import Fields, moment
from toog.platforms.facebook.hearing import PLATFORM, Hearing, author_of

VISITORS: Final = "wall_post"
"""`status_type` of what somebody else put on our page."""
_REVISION_DIGITS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A post or a comment. `post` is what a comment stands under, `parent` the comment it answers.

    `elsewhere`: told as a mention of us, on a page that is not ours.
    """

    type: Literal["post", "comment"]
    native: str
    who: Fields
    text: str = ""
    time: object = None
    post: str | None = None
    post_author: str | None = None
    parent: str | None = None
    parent_author: str | None = None
    tags: tuple[Mention, ...] = ()
    media: tuple[Media, ...] = ()
    link: str = ""
    elsewhere: bool = False


def edit_version(text: str, time: object) -> str:
    """What tells one edit of a post or comment from another: Meta numbers none."""
    return ids.digest(f"{time}\n{text}")


def revision_of(time: object) -> str:
    """Sorts edits by the second in which they were made."""
    at = moment(time)
    return str(max(int(at.timestamp()), 0)).zfill(_REVISION_DIGITS) if at else ""


def hear_said(
    hearing: Hearing, account: Account, said: Said, raw: msgspec.Raw, *, edited: bool = False
) -> Heard:
    """A post or comment, new or in new words."""
    of = ids.event_id(PLATFORM, account.id, said.type, said.native)
    author = author_of(hearing, said.who)
    own = author is not None and hearing.accounts.ours(PLATFORM, author.id)
    reply = _reply_to(account, said)
    root = said.parent_author if said.parent else author.id if author else None
    event = Event(
        id=ids.edit_id(of, edit_version(said.text, said.time)) if edited else of,
        kind="edited" if edited else "created",
        of=of if edited else None,
        native=said.native,
        platform=PLATFORM,
        account=account.id,
        surface=_surface(said, own=own),
        conversation=said.parent or said.native,
        author=author,
        own=own,
        text=said.text,
        mentions=_mentions(account, said),
        hashtags=naming.hashtags_of(said.text),
        links=naming.links_of(said.text, said.link),
        media=said.media,
        in_reply_to=reply,
        root_author=root,
        revision=revision_of(said.time) if edited else "",
        occurred_at=hearing.at(said.time),
        received_at=hearing.now,
        source=hearing.source,
        incomplete=author is None,
        cleaned=hearing.was_cleaned(raw),
        raw=raw,
    )
    return Heard(event, _key(hearing, account, said.native, author, reply))


def hear_removal(hearing: Hearing, account: Account, said: Said, raw: msgspec.Raw) -> Heard:
    """A post or comment taken back, by whoever wrote it or by us."""
    of = ids.event_id(PLATFORM, account.id, said.type, said.native)
    author = author_of(hearing, said.who)
    event = Event(
        id=ids.deletion_id(of),
        kind="deleted",
        of=of,
        native=said.native,
        platform=PLATFORM,
        account=account.id,
        conversation=said.parent or said.native,
        author=author,
        own=author is not None and hearing.accounts.ours(PLATFORM, author.id),
        occurred_at=hearing.at(said.time),
        received_at=hearing.now,
        source=hearing.source,
        cleaned=hearing.was_cleaned(raw),
        raw=raw,
    )
    return Heard(event, _key(hearing, account, said.native, author, None))


def _surface(said: Said, *, own: bool) -> Surface:
    """A comment elsewhere is no comment on anything of ours: it is a reply that names us."""
    if said.type == "comment":
        return "reply" if said.elsewhere else "comment"
    return "post" if own or said.elsewhere else "visitor_post"


def _mentions(account: Account, said: Said) -> tuple[Mention, ...]:
    """Tags are final; the field `mention` says besides that it is us who are named."""
    if not said.elsewhere or any(tag.id == account.id for tag in said.tags):
        return said.tags
    return (*said.tags, Mention(account.handle, account.id))


def _reply_to(account: Account, said: Said) -> Reference | None:
    if said.parent is not None:
        id_ = ids.event_id(PLATFORM, account.id, "comment", said.parent)
        return Reference(id_, said.parent_author)
    if said.type == "comment" and said.post is not None:
        return Reference(
            ids.event_id(PLATFORM, account.id, "post", said.post),
            None if said.elsewhere else said.post_author,
        )
    return None


def _key(
    hearing: Hearing,
    account: Account,
    native: str,
    author: Author | None,
    reply: Reference | None,
) -> str:
    """The citizen: the author, or for our own words whom they answer; else the object itself."""
    citizen = author.id if author else None
    if hearing.accounts.ours(PLATFORM, citizen):
        citizen = reply.author if reply else None
        if hearing.accounts.ours(PLATFORM, citizen):
            citizen = None
    return ids.citizen_key(PLATFORM, account.id, citizen or native)
