"""An event: something that a platform told us, in one shape for all platforms."""

from datetime import datetime
from typing import Literal

import msgspec

Kind = Literal["created", "edited", "deleted", "signal"]
Surface = Literal[
    "post",
    "reply",
    "quote",
    "repost",
    "comment",
    "live_comment",
    "visitor_post",
    "story_reply",
    "story_mention",
    "dm",
]
Reported = Literal["mention", "quote"]
Visibility = Literal["public", "unlisted", "private", "direct"]

EVENT_TYPE = "social.event.v1"
"""`ce_type` of the records on `social.events.v1`, `social.room.v1` and `social.desk.v1`."""


class Author(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Who wrote it, as far as the platform says. `id` is the platform's, never a person's name."""

    id: str
    handle: str | None = None
    name: str | None = None


class Mention(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An account that is named. `handle` is without the leading @, case as written."""

    handle: str
    id: str | None = None


class Reference(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Another message of the same platform, by its event id, and its author's platform id."""

    id: str
    author: str | None = None


class Media(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A picture, film or file that came along: kind in the platform's word, address if given."""

    kind: str
    url: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands on the intake topics and, unchanged, on `social.desk.v1`.

    Shapes:
        id: deterministic (`toog.contracts.ids`); an edit and a deletion carry their own.
        of: on an edit or a deletion, the id of the message that it concerns; else absent.
        native: the platform's own id of the message, which a reply must name.
        account: the platform's id of the account of ours that it concerns.
        own: written by us (any account of ours that `accounts.toml` names).
        mentions: who is named in what the author wrote, the reply prefix excluded.
        reply_prefix: handles that the platform put in front of a reply.
        hashtags: without #, case as written.
        in_reply_to, quotes: event ids, as far as the platform names them.
        root_author: platform id of the author of the conversation's first message, where known.
        reported: what the platform itself calls it towards us (a notification's type); counts where
            the message does not say so.
        reply_context: what else the platform must be told in a reply to this message, in the words
            of its `outgoing.py` (Bluesky: cid and root of the post, convo of a chat message).
        revision: sortable within one message; an older edit never wins. `created` has the lowest.
        cleaned: NUL characters or lone surrogates stood in it and were replaced.
        incomplete: ids only; what is fetched later follows as an edit.
        raw: the platform's own object, verbatim. Stays in Kafka; the responder does not store it.
    """

    id: str
    kind: Kind
    platform: str
    account: str
    occurred_at: datetime
    received_at: datetime
    source: str
    of: str | None = None
    native: str | None = None
    signal: str | None = None
    surface: Surface | None = None
    conversation: str | None = None
    author: Author | None = None
    own: bool = False
    text: str = ""
    language: str | None = None
    mentions: tuple[Mention, ...] = ()
    reply_prefix: tuple[Mention, ...] = ()
    hashtags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    media: tuple[Media, ...] = ()
    visibility: Visibility | None = None
    in_reply_to: Reference | None = None
    root_author: str | None = None
    quotes: Reference | None = None
    reported: Reported | None = None
    reply_context: dict[str, str] = msgspec.field(default_factory=dict)
    revision: str = ""
    incomplete: bool = False
    cleaned: bool = False
    raw: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """The event's bytes on the wire: JSON, defaults left out."""
    return _encoder.encode(event)


def decode(value: bytes) -> Event:
    """The event of these bytes. Raises `msgspec.DecodeError` (a ValueError) where it is none."""
    return _decoder.decode(value)
