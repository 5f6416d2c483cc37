"""One entry of the chat log as an event: https://docs.bsky.app/docs/api/chat-bsky-convo-get-log."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from toog.contracts.events import Author, Event, Reference
from toog.contracts.ids import deletion_id, event_id
from toog.platforms.bluesky.payloads import LogItem, Message, part, when
from toog.platforms.bluesky.post import PLATFORM, Here, Told
from toog.platforms.bluesky.richtext import embedded, rich

LOG: Final = "chat.bsky.convo.defs#"

SIGNALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "logAddReaction": "reaction",
        "logRemoveReaction": "reaction",
        "logReadMessage": "read",
        "logReadConvo": "read",
        "logBeginConvo": "conversation",
        "logAcceptConvo": "conversation",
        "logLeaveConvo": "conversation",
        "logMuteConvo": "conversation",
        "logUnmuteConvo": "conversation",
    }
)
"""Entries that are no message, by what they are called here."""


def message_of(item: LogItem, here: Here, told: Told) -> Event | None:
    """The message or deletion that this entry tells, or None where it tells neither.

    A message that was deleted before we read its creation is told as deleted at once.
    """
    kind = item.type.removeprefix(LOG)
    message = part(item.message, Message)
    if kind not in {"logCreateMessage", "logDeleteMessage"} or not message or not message.id:
        return None
    if kind == "logDeleteMessage" or (message.type or "").endswith("#deletedMessageView"):
        return _deleted(message, here, told)
    return _created(item.convo, message, here, told) if item.convo and message.sender.did else None


def _created(convo: str, message: Message, here: Here, told: Told) -> Event:
    said, below = rich(message.text, message.facets), embedded(message.embed)
    quoted = here.post_id(below.quotes) if below.quotes else None
    return Event(
        id=_id(message, here),
        kind="created",
        platform=PLATFORM,
        account=here.account_id,
        occurred_at=when(message.sent_at, here.now),
        received_at=here.now,
        source=here.source,
        native=message.id,
        surface="dm",
        conversation=convo,
        author=Author(message.sender.did, message.sender.handle, message.sender.display_name),
        own=here.ours(message.sender.did),
        text=message.text,
        mentions=said.mentions,
        hashtags=said.hashtags,
        links=tuple(dict.fromkeys((*said.links, *below.links))),
        media=below.media,
        visibility="direct",
        quotes=Reference(quoted) if quoted else None,
        reply_context={"convo": convo},
        cleaned=told.cleaned,
        raw=msgspec.Raw(told.data),
    )


def _deleted(message: Message, here: Here, told: Told) -> Event:
    of = _id(message, here)
    return Event(
        id=deletion_id(of),
        kind="deleted",
        of=of,
        native=message.id,
        platform=PLATFORM,
        account=here.account_id,
        author=Author(message.sender.did),
        own=here.ours(message.sender.did),
        # The log says when it was sent, not when it was deleted.
        occurred_at=here.now,
        received_at=here.now,
        source=here.source,
        cleaned=told.cleaned,
        raw=msgspec.Raw(told.data),
    )


def _id(message: Message, here: Here) -> str:
    return event_id(PLATFORM, here.account_id, "message", message.id)
