"""Private messages of X as events: direct messages of every shape, and encrypted chat."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from toog.contracts import ids
from toog.contracts.events import Event, Media
from toog.platforms.accounts import Account
from toog.platforms.base import Heard
from toog.platforms.lenient import read
from toog.platforms.x import times
from toog.platforms.x.direct_payloads import Chat, Dm, DmEvent
from toog.platforms.x.hearing import PLATFORM, Hearing, author_of, is_id
from toog.platforms.x.naming import Named
from toog.platforms.x.payloads import User, unescaped

_ONE_TO_ONE: Final = re.compile(r"([0-9]{1,20})[-:]([0-9]{1,20})")


def hear_dm(
    hearing: Hearing, account: Account, raw: msgspec.Raw, users: Mapping[str, User]
) -> Heard | None:
    """A v1.1 direct message, theirs or ours, or None where it cannot be understood."""
    dm = read(Dm, raw)
    if dm is None or not is_id(dm.id):
        return None
    sender, recipient = dm.message_create.sender_id, dm.message_create.target.recipient_id
    data = dm.message_create.message_data
    media = data.attachment.media if data.attachment else None
    return _heard(
        hearing,
        account,
        raw,
        native=dm.id,
        sender=sender,
        recipient=recipient,
        users=users,
        conversation=_between(sender, recipient),
        text=unescaped(data.text),
        names=Named.of(data.entities, unescaped(data.text)),
        media=(Media(media.type, media.media_url_https),) if media else (),
        at=times.milliseconds(dm.created_timestamp, hearing.now),
    )


def hear_dm_event(
    hearing: Hearing, account: Account, raw: msgspec.Raw, users: Mapping[str, User]
) -> Heard | None:
    """A message out of `GET /2/dm_events`; without the sender's id it is incomplete."""
    dm = read(DmEvent, raw)
    if dm is None or not is_id(dm.id):
        return None
    return _heard(
        hearing,
        account,
        raw,
        native=dm.id,
        sender=dm.sender_id,
        recipient=_other(dm.dm_conversation_id, dm.sender_id),
        users=users,
        conversation=_named_by_both(dm.dm_conversation_id),
        text=unescaped(dm.text),
        names=Named.of(dm.entities, unescaped(dm.text)),
        at=times.iso(dm.created_at, hearing.now),
    )


def hear_chat(hearing: Hearing, account: Account, raw: msgspec.Raw) -> Heard | None:
    """Encrypted chat: that somebody wrote, not what (docs.x.com/xchat/real-time-events).

    A message without an id of its own is named by its ciphertext.
    """
    chat = read(Chat, raw)
    if chat is None or (chat.id is None and not chat.encoded_event):
        return None
    native = chat.id if is_id(chat.id) else ids.digest(chat.encoded_event or bytes(raw))
    return _heard(
        hearing,
        account,
        raw,
        native=native or "",
        sender=chat.sender_id,
        recipient=_other(chat.conversation_id, chat.sender_id),
        users={},
        conversation=_named_by_both(chat.conversation_id),
        text="",
        names=Named(),
        at=times.milliseconds(chat.created_at_msec, hearing.now),
        readable=False,
    )


def _heard(
    hearing: Hearing,
    account: Account,
    raw: msgspec.Raw,
    *,
    native: str,
    sender: str | None,
    recipient: str | None,
    users: Mapping[str, User],
    conversation: str | None,
    text: str,
    names: Named,
    at: datetime,
    media: tuple[Media, ...] = (),
    readable: bool = True,
) -> Heard:
    own = hearing.accounts.ours(PLATFORM, sender)
    citizen = recipient if own else sender
    event = Event(
        id=ids.event_id(PLATFORM, account.id, "dm", native),
        kind="created",
        native=native,
        platform=PLATFORM,
        account=account.id,
        surface="dm",
        conversation=conversation,
        author=author_of(sender, users, hearing.accounts),
        own=own,
        text=text,
        mentions=names.mentions,
        hashtags=names.hashtags,
        links=names.links,
        media=media,
        occurred_at=at,
        received_at=hearing.now,
        source=hearing.source,
        incomplete=sender is None or not readable,
        cleaned=hearing.cleaned,
        raw=raw,
    )
    return Heard(event, ids.citizen_key(PLATFORM, account.id, citizen or conversation or native))


def _between(one: str, other: str) -> str:
    """The two user ids, the smaller number first, as X names a one-to-one conversation."""
    return "-".join(sorted((one, other), key=lambda id_: (len(id_.lstrip("0")), id_)))


def _named_by_both(conversation: str | None) -> str | None:
    """Chat writes the two ids in any order and with a colon; a group has a name of its own."""
    both = _ONE_TO_ONE.fullmatch(conversation or "")
    return _between(both[1], both[2]) if both else conversation


def _other(conversation: str | None, sender: str | None) -> str | None:
    both = _ONE_TO_ONE.fullmatch(conversation or "")
    if both is None:
        return None
    return both[2] if both[1] == sender else both[1]
