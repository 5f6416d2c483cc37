"""Direct messages on Instagram as events: text, story replies and mentions, edits, unsent, signals.

Shapes: developers.facebook.com/docs/instagram-platform/webhooks/examples (messaging).
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from toog.contracts import ids
from toog.contracts.events import Author, Event, Media, Reference, Surface
from toog.platforms.accounts import Account
from toog.platforms.base import Heard
from toog.platforms.instagram import payloads
from toog.platforms.instagram.messages import PLATFORM, Hearing, hear_signal
from toog.platforms.instagram.payloads import text_id, time_of
from toog.platforms.instagram.text import named
from toog.platforms.lenient import read

SIGNALS: Final = {
    "reaction": "reaction",
    "read": "read",
    "delivery": "delivery",
    "referral": "referral",
    "optin": "optin",
    "postback": "postback",
    "pass_thread_control": "thread_control",
    "take_thread_control": "thread_control",
    "request_thread_control": "thread_control",
    "app_roles": "thread_control",
    "policy_enforcement": "policy_enforcement",
    "policy-enforcement": "policy_enforcement",
}
"""What a messaging item can be about besides a message, by the field that it has then."""

_REVISION_DIGITS: Final = 10


@dataclass(frozen=True, slots=True)
class _Talk:
    """One messaging item, seen from our account: who wrote, and who is the citizen."""

    hearing: Hearing
    account: Account
    raw: msgspec.Raw
    direct: payloads.Direct
    echo: bool = False

    @property
    def author(self) -> Author | None:
        if self.echo:
            return Author(self.account.id, self.account.handle or None)
        return self.hearing.person(self.direct.sender)

    @property
    def citizen(self) -> str | None:
        """The other party; Instagram swaps sender and recipient on what we wrote."""
        author = self.author
        ours = author is not None and author.id == self.account.id
        person = self.hearing.person(self.direct.recipient) if ours else author
        return person.id if person else None

    def event(self, mid: str, text: str) -> Event:
        author, citizen, names = self.author, self.citizen, named(text)
        return self.hearing.event(
            self.account,
            self.raw,
            id=ids.event_id(PLATFORM, self.account.id, "message", mid),
            kind="created",
            native=mid,
            surface="dm",
            conversation=f"{self.account.id}:{citizen}" if citizen else None,
            author=author,
            own=self.hearing.own(author),
            text=text,
            mentions=names.mentions,
            hashtags=names.hashtags,
            links=names.links,
            occurred_at=time_of(self.direct.timestamp, self.hearing.sent) or self.hearing.now,
        )

    def heard(self, event: Event) -> Heard:
        citizen = self.citizen or event.native or event.id
        return Heard(event, ids.citizen_key(PLATFORM, self.account.id, citizen))


def hear_direct(hearing: Hearing, account: Account, raw: msgspec.Raw) -> Heard | None:
    """The messaging item as an event, or None where nothing of it can be understood."""
    direct = read(payloads.Direct, raw)
    if direct is None:
        return None
    message, postback = direct.message, direct.postback
    if message is None and postback is not None and postback.mid and postback.title:
        message = payloads.Message(mid=postback.mid, text=postback.title)
    echo = message is not None and bool(message.is_echo or message.is_self)
    talk = _Talk(hearing, account, raw, direct, echo)
    if message is not None:
        return _message(talk, message)
    if direct.message_edit is not None:
        return _edit(talk, direct.message_edit)
    about = payloads.fields(raw) or {}
    name = next((SIGNALS[field] for field in about if field in SIGNALS), None)
    return hear_signal(hearing, account, name, raw, talk.citizen) if name else None


def hear_paged(hearing: Hearing, account: Account, raw: msgspec.Raw) -> Heard | None:
    """A message as the conversations page has it, under the same id as by webhook."""
    paged = read(payloads.PagedMessage, raw)
    if paged is None:
        return None
    others = (paged.to.data if paged.to else None) or [payloads.Person()]
    story = paged.story or payloads.Stories()
    message = payloads.Message(
        mid=paged.id,
        text=paged.message,
        reply_to=payloads.ReplyTo(story=story.reply_to) if story.reply_to else None,
        attachments=[_story_mention(story.mention)] if story.mention else None,
        is_unsupported=paged.is_unsupported,
    )
    direct = payloads.Direct(sender=paged.author, recipient=others[0], timestamp=paged.created_time)
    return _message(_Talk(hearing, account, raw, direct), message)


def _story_mention(story: payloads.Story) -> payloads.Attachment:
    return payloads.Attachment("story_mention", payloads.AttachmentPayload(story.link))


def _message(talk: _Talk, message: payloads.Message) -> Heard | None:
    mid = text_id(message.mid)
    if mid is None:
        return None
    if message.is_deleted:
        event = talk.event(mid, "")
        gone = ids.deletion_id(event.id)
        event = msgspec.structs.replace(event, id=gone, of=event.id, kind="deleted")
    else:
        event = talk.event(mid, message.text or "")
        event = msgspec.structs.replace(
            event,
            surface="dm" if event.own else _surface(message),
            media=_media(message),
            in_reply_to=_answered(talk.account, message.reply_to, own=event.own),
        )
    return talk.heard(event)


def _edit(talk: _Talk, edit: payloads.MessageEdit) -> Heard | None:
    """`num_edit` counts the edits; without it the text and time tell one from the next."""
    mid = text_id(edit.mid)
    if mid is None:
        return None
    event = talk.event(mid, edit.text or "")
    number = text_id(edit.num_edit)
    version = number or ids.digest(f"{edit.text} {talk.direct.timestamp}")
    event = msgspec.structs.replace(
        event,
        id=ids.edit_id(event.id, version),
        of=event.id,
        kind="edited",
        revision=(number or "").zfill(_REVISION_DIGITS),
    )
    return talk.heard(event)


def _surface(message: payloads.Message) -> Surface:
    if any(one.type == "story_mention" for one in message.attachments or []):
        return "story_mention"
    return "story_reply" if message.reply_to and message.reply_to.story else "dm"


def _media(message: payloads.Message) -> tuple[Media, ...]:
    """What came along, in Instagram's words (image, share, ig_reel, story_mention …)."""
    media = [
        Media(one.type or "unknown", one.payload.url if one.payload else None)
        for one in message.attachments or []
    ]
    if message.is_unsupported and not media:
        media.append(Media("unsupported_type"))
    return tuple(media)


def _answered(
    account: Account, answered: payloads.ReplyTo | None, *, own: bool
) -> Reference | None:
    """A story that a citizen answers is ours; whose message is answered, Instagram does not say."""
    story = text_id(answered.story.id) if answered and answered.story else None
    mid = text_id(answered.mid) if answered else None
    if story is not None:
        by = None if own else account.id
        return Reference(ids.event_id(PLATFORM, account.id, "media", story), by)
    return Reference(ids.event_id(PLATFORM, account.id, "message", mid)) if mid else None
