"""Messenger's updates as events: messages both ways, edits, unsent ones, and all that is none.

developers.facebook.com/docs/messenger-platform/reference/webhook-events
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from toog.contracts import ids
from toog.contracts.events import Author, Event, Kind, Media, Reference
from toog.platforms.accounts import Account
from toog.platforms.base import Heard
from toog.platforms.facebook import naming
from toog.platforms.facebook.fields import Fields, id_, inner, listed, text
from toog.platforms.facebook.fields import flag as said_yes
from toog.platforms.facebook.hearing import (
    NOT_UNDERSTOOD,
    PLATFORM,
    Hearing,
    author_of,
    hear_signal,
)
from toog.platforms.facebook.messages import edit_version

STANDBY: Final = "standby"
MESSAGING_FIELDS: Final = frozenset(
    {
        "messages",
        "message_deliveries",
        "message_echoes",
        "message_edits",
        "message_reactions",
        "message_reads",
        "messaging_handovers",
        "messaging_optins",
        "messaging_policy_enforcement",
        "messaging_postbacks",
        "messaging_referrals",
        STANDBY,
    }
)
"""Fields under which the dashboard's test button sends Messenger updates as changes."""

_SIGNALS: Final = {
    "reaction": "reaction",
    "read": "read",
    "delivery": "delivery",
    "pass_thread_control": "thread_control",
    "take_thread_control": "thread_control",
    "request_thread_control": "thread_control",
    "app_roles": "thread_control",
    "policy-enforcement": "policy_enforcement",
    "policy_enforcement": "policy_enforcement",
    "postback": "postback",
    "referral": "referral",
    "optin": "optin",
    "account_linking": "account_linking",
}
_EDIT_DIGITS: Final = 20


@dataclass(frozen=True, slots=True)
class _Told:
    """One update, and between whom it was."""

    hearing: Hearing
    account: Account
    update: Fields
    raw: msgspec.Raw
    echo: bool

    @property
    def sender(self) -> Author | None:
        """Who wrote it; an echo is the page's, whatever the update leaves out."""
        if self.echo:
            return author_of(self.hearing, {"id": self.account.id})
        return author_of(self.hearing, inner(self.update, "sender"))

    @property
    def own(self) -> bool:
        """Whether one of us wrote it."""
        sender = self.sender
        return sender is not None and self.hearing.accounts.ours(PLATFORM, sender.id)

    @property
    def person(self) -> str | None:
        """The page-scoped id of the citizen: the party that is not the page, whoever wrote."""
        parties = (id_(inner(self.update, side)) for side in ("sender", "recipient"))
        return next((party for party in parties if party and party != self.account.id), None)


def hear_messaging(
    hearing: Hearing, account: Account, update: Fields, raw: msgspec.Raw, *, standby: bool = False
) -> Heard:
    """One update of `messaging` or `standby`.

    `standby`: another app has the thread, so that it is recorded and not answered.
    """
    message, edit = inner(update, "message"), inner(update, "message_edit")
    told = _Told(hearing, account, update, raw, said_yes(message, "is_echo"))
    if standby:
        wrapped = msgspec.Raw(b'{"standby":[' + bytes(raw) + b"]}")
        return hear_signal(hearing, STANDBY, wrapped, citizen=told.person, at=_time(update))
    if id_(message, "mid") is not None:
        return _message(told, message)
    if id_(edit, "mid") is not None:
        return _edit(told, edit)
    postback = inner(update, "postback")
    if id_(postback, "mid") is not None and text(postback, "title"):
        return _created(told, postback, text(postback, "title"), ())
    name = next((_SIGNALS[field] for field in _SIGNALS if field in update), NOT_UNDERSTOOD)
    return hear_signal(hearing, name, raw, citizen=told.person, at=_time(update))


def _message(told: _Told, message: Fields) -> Heard:
    if said_yes(message, "is_deleted"):
        return _heard(told, "deleted", message)
    media = tuple(_attached(item) for item in listed(message, "attachments"))
    if not media and (said_yes(message, "is_unsupported") or not text(message, "text")):
        media = (Media("unsupported"),)
    return _created(told, message, text(message, "text"), media)


def _created(told: _Told, message: Fields, words: str, media: tuple[Media, ...]) -> Heard:
    heard = _heard(told, "created", message)
    answered = id_(inner(message, "reply_to"), "mid")
    story = bool(inner(message, "reply_to", "story"))
    shared = next((m.url for m in media if m.kind == "fallback" and m.url), "")
    event = msgspec.structs.replace(
        heard.event,
        surface="story_reply" if story and not told.own else "dm",
        text=words,
        hashtags=naming.hashtags_of(words),
        links=naming.links_of(words, shared),
        media=media,
        in_reply_to=Reference(_id(told, answered)) if answered else None,
    )
    return Heard(event, heard.key)


def _edit(told: _Told, edit: Fields) -> Heard:
    heard = _heard(told, "edited", edit)
    words, number = text(edit, "text"), id_(edit, "num_edit")
    version = number or edit_version(words, _time(told.update))
    event = msgspec.structs.replace(
        heard.event,
        id=ids.edit_id(heard.event.id, version),
        of=heard.event.id,
        surface="dm",
        text=words,
        hashtags=naming.hashtags_of(words),
        links=naming.links_of(words),
        revision=(number or "").zfill(_EDIT_DIGITS) if number else "",
    )
    return Heard(event, heard.key)


def _heard(told: _Told, kind: Kind, message: Fields) -> Heard:
    """What every message has; a deletion has no more."""
    hearing, account = told.hearing, told.account
    mid, person = id_(message, "mid") or "", told.person
    of = _id(told, mid)
    event = Event(
        id=ids.deletion_id(of) if kind == "deleted" else of,
        kind=kind,
        of=of if kind == "deleted" else None,
        native=mid,
        platform=PLATFORM,
        account=account.id,
        conversation=f"{account.id}:{person}" if person else None,
        author=told.sender,
        own=told.own,
        occurred_at=hearing.at(_time(told.update)),
        received_at=hearing.now,
        source=hearing.source,
        incomplete=kind == "created" and told.sender is None,
        cleaned=hearing.was_cleaned(told.raw),
        raw=told.raw,
    )
    return Heard(event, ids.citizen_key(PLATFORM, account.id, person or mid))


def _id(told: _Told, mid: str) -> str:
    return ids.event_id(PLATFORM, told.account.id, "message", mid)


def _attached(item: Fields) -> Media:
    payload = inner(item, "payload")
    kind = "sticker" if id_(payload, "sticker_id") else text(item, "type") or "unknown"
    return Media(kind, text(payload, "url") or text(item, "url") or None)


def _time(update: Fields) -> object:
    return update.get("timestamp")
