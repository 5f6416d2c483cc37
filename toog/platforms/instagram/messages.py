"""Comments and mentions on Instagram as events: who, where, in answer to what, under which id."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import msgspec

from toog.contracts import ids
from toog.contracts.events import Author, Event, Media, Mention, Reference
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard
from toog.platforms.instagram import payloads
from toog.platforms.instagram.payloads import Id, text_id, time_of
from toog.platforms.instagram.text import named
from toog.platforms.lenient import read

PLATFORM: Final = "instagram"
UNKNOWN: Final = "unknown"
ENRICHED: Final = "enriched"
MENTION_MEDIA: Final = "media"
"""In `reply_context`: the foreign media on which we were named; its owner's page is answered there."""

_ENRICHED_REVISION: Final = "0"


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is the same for all events of one body; `sent` is the time of their entry."""

    accounts: Accounts
    source: str
    now: datetime
    cleaned: bool
    sent: Id | None = None

    def person(self, *told: payloads.Person | None) -> Author | None:
        """The first of these who is somebody. Who is only named goes by that name as id."""
        for one in told:
            if one is None:
                continue
            id_ = text_id(one.id)
            handle = one.username or None
            ours = self.accounts.by_id(PLATFORM, id_) if id_ else None
            if id_ is None:
                ours = self.accounts.by_handle(PLATFORM, handle)
                id_ = ours.id if ours else text_id(handle)
            if id_ is not None:
                return Author(id_, handle or (ours.handle or None if ours else None), one.name)
        return None

    def own(self, author: Author | None) -> bool:
        """Whether one of our accounts wrote it: by id, or by the name that it has now.

        Our own comments may come back under another id than the account's; a former name may be
        somebody else's by now.
        """
        if author is None or self.accounts.ours(PLATFORM, author.id):
            return author is not None
        now = self.accounts.by_handle(PLATFORM, author.handle)
        return now is not None and now.handle.casefold() == (author.handle or "").casefold()

    def event(self, account: Account | str, raw: msgspec.Raw, **what: object) -> Event:
        """An event of this body; `what` holds the fields that the events do not share."""
        name = account.id if isinstance(account, Account) else account
        shared: dict[str, object] = {
            "occurred_at": self.now,
            "platform": PLATFORM,
            "account": name,
            "received_at": self.now,
            "source": self.source,
            "cleaned": self.cleaned,
            "raw": raw,
        }
        return Event(**(shared | what))  # type: ignore[arg-type]  # each caller names fields of Event


def hear_comment(
    hearing: Hearing,
    account: Account,
    raw: msgspec.Raw,
    *,
    live: bool = False,
    media: str | None = None,
    parent: tuple[str, Author | None] | None = None,
) -> Heard | None:
    """A comment on our media, or None where it has no id.

    `media` and `parent` are what the page says around it; a webhook names neither's author.
    """
    comment = read(payloads.Comment, raw)
    id_ = (text_id(comment.id) or text_id(comment.comment_id)) if comment else None
    if comment is None or id_ is None:
        return None
    media = (text_id(comment.media.id) if comment.media else None) or media
    above = text_id(comment.parent_id) or (parent[0] if parent else None)
    author = hearing.person(comment.author, payloads.Person(username=comment.username))
    own = hearing.own(author)
    answered = parent[1] if parent and parent[0] == above else None
    event = hearing.event(
        account,
        raw,
        id=comment_id(account, id_),
        kind="created",
        native=id_,
        surface="live_comment" if live else "comment",
        conversation=_thread(media, above or id_),
        author=author,
        own=own,
        **_said(comment.text),
        in_reply_to=_under(account, above, answered),
        root_author=account.id,
        occurred_at=_when(hearing, comment.timestamp, comment.created_time, hearing.sent),
    )
    citizen = answered if own else author
    return Heard(event, _key(account, citizen.id if citizen else id_))


def hear_mention(hearing: Hearing, account: Account, raw: msgspec.Raw) -> Heard | None:
    """Somebody named us elsewhere: Instagram tells the ids only, the text follows as an edit."""
    told = read(payloads.Mentioned, raw)
    media = text_id(told.media_id) if told else None
    comment = text_id(told.comment_id) if told else None
    native = comment or media
    if native is None:
        return None
    event = hearing.event(
        account,
        raw,
        **_place(account, media, comment),
        kind="created",
        mentions=(Mention(account.handle, account.id),),
        incomplete=True,
        occurred_at=_when(hearing, hearing.sent),
    )
    return Heard(event, _key(account, native))


def hear_enriched(
    hearing: Hearing, account: Account, raw: msgspec.Raw, kind: Literal["comment", "media"]
) -> Heard | None:
    """The answer to a look-up, `mentioned_comment` or `mentioned_media`, as edit of the mention."""
    event = _comment(hearing, account, raw) if kind == "comment" else _media(hearing, account, raw)
    if event is None:
        return None
    if not any(hearing.accounts.ours(PLATFORM, m.id, m.handle) for m in event.mentions):
        # tagged in the picture, or by a name we no longer have: Instagram says that it is us
        mentions = (*event.mentions, Mention(account.handle, account.id))
        event = msgspec.structs.replace(event, mentions=mentions)
    edit = msgspec.structs.replace(
        event,
        id=ids.edit_id(event.id, ENRICHED),
        of=event.id,
        kind="edited",
        revision=_ENRICHED_REVISION,
    )
    return Heard(edit, _key(account, edit.author.id if edit.author else edit.native or edit.id))


def _comment(hearing: Hearing, account: Account, raw: msgspec.Raw) -> Event | None:
    comment = read(payloads.Comment, raw)
    id_ = text_id(comment.id) if comment else None
    if comment is None or id_ is None:
        return None
    author = hearing.person(comment.author, payloads.Person(username=comment.username))
    media = text_id(comment.media.id) if comment.media else None
    return hearing.event(
        account,
        raw,
        **_place(account, media, id_),
        kind="edited",
        author=author,
        own=hearing.own(author),
        **_said(comment.text),
        occurred_at=_when(hearing, comment.timestamp),
    )


def _media(hearing: Hearing, account: Account, raw: msgspec.Raw) -> Event | None:
    media = read(payloads.Media, raw)
    id_ = text_id(media.id) if media else None
    if media is None or id_ is None:
        return None
    by_name = payloads.Person(username=media.username)
    author = hearing.person(media.owner, by_name) if not media.username else hearing.person(by_name)
    return hearing.event(
        account,
        raw,
        **_place(account, id_, None),
        kind="edited",
        author=author,
        own=hearing.own(author),
        **_said(media.caption),
        media=(Media(media.media_type.lower(), media.media_url),) if media.media_type else (),
        occurred_at=_when(hearing, media.timestamp),
    )


def hear_signal(
    hearing: Hearing,
    account: Account | str | None,
    name: str,
    raw: msgspec.Raw | bytes,
    citizen: str | None = None,
) -> Heard:
    """Something that is no message, or was not understood: counted under `name`, kept whole."""
    account_id = account.id if isinstance(account, Account) else account or UNKNOWN
    body = bytes(raw)
    event = hearing.event(
        account_id,
        msgspec.Raw(body),
        id=ids.signal_id(PLATFORM, account_id, body),
        kind="signal",
        signal=name,
    )
    return Heard(event, ids.citizen_key(PLATFORM, account_id, citizen or ids.digest(body)))


def comment_id(account: Account, native: str) -> str:
    """The event id of a comment."""
    return ids.event_id(PLATFORM, account.id, "comment", native)


def _place(account: Account, media: str | None, comment: str | None) -> dict[str, object]:
    """Where we were named: in a comment on somebody's media, or in its caption.

    Such a comment is none on anything of ours: its surface is that of a reply that names us.
    """
    context = {MENTION_MEDIA: media} if media else {}
    if comment is not None:
        return {
            "id": comment_id(account, comment),
            "native": comment,
            "surface": "reply",
            "conversation": _thread(media, comment),
            "reply_context": context,
        }
    return {
        "id": ids.event_id(PLATFORM, account.id, "media", media or UNKNOWN),
        "native": media,
        "surface": "post",
        "conversation": media,
        "reply_context": context,
    }


def _under(account: Account, above: str | None, author: Author | None) -> Reference | None:
    """The comment that is answered; a webhook does not say whose it is."""
    return Reference(comment_id(account, above), author.id if author else None) if above else None


def _said(text: str | None) -> dict[str, object]:
    names = named(text or "")
    return {
        "text": text or "",
        "mentions": names.mentions,
        "hashtags": names.hashtags,
        "links": names.links,
    }


def _thread(media: str | None, comment: str) -> str:
    return f"{media}:{comment}" if media else comment


def _when(hearing: Hearing, *told: Id | None) -> datetime:
    return time_of(*told) or hearing.now


def _key(account: Account, citizen: str) -> str:
    return ids.citizen_key(PLATFORM, account.id, citizen)
