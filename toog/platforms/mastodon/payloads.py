"""What Mastodon sends, as structs of optional fields: only what Toog reads, the rest is skipped.

Shapes: https://docs.joinmastodon.org/entities/Status/, …/Notification/ and …/Conversation/. Ids are
opaque strings: numbers on Mastodon, ULIDs on GoToSocial, flakes on Pleroma and Akkoma.
"""

from typing import Annotated

import msgspec

LONGEST_ID = 255

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]

NOTHING = b"null"


class Actor(msgspec.Struct, gc=False):
    """An account: `acct` is the name alone for a local one, with the domain for a remote one."""

    id: Id
    acct: str | None = None
    display_name: str | None = None


class Named(msgspec.Struct, gc=False):
    """An account that a status mentions."""

    id: Id | None = None
    acct: str | None = None
    username: str | None = None
    url: str | None = None


class Tag(msgspec.Struct, gc=False):
    """A hashtag, without #."""

    name: str | None = None


class Attachment(msgspec.Struct, gc=False):
    """A picture, film or sound."""

    type: str | None = None
    url: str | None = None


class Quoted(msgspec.Struct, gc=False):
    """Of a quoted status: its id and author."""

    id: Id
    account: Actor | None = None


class Quote(msgspec.Struct, gc=False):
    """The status that is quoted, whole or by its id only; Akkoma puts the status itself here."""

    quoted_status: Quoted | None = None
    quoted_status_id: Id | None = None
    id: Id | None = None
    account: Actor | None = None


class Status(msgspec.Struct, gc=False):
    """A status: HTML in `content`, the warning in front of it in `spoiler_text`."""

    id: Id
    account: Actor
    created_at: str | None = None
    edited_at: str | None = None
    content: str | None = None
    spoiler_text: str | None = None
    visibility: str | None = None
    language: str | None = None
    in_reply_to_id: Id | None = None
    in_reply_to_account_id: Id | None = None
    mentions: list[Named] | None = None
    tags: list[Tag] | None = None
    media_attachments: list[Attachment] | None = None
    reblog: msgspec.Raw = msgspec.Raw(NOTHING)
    quote: Quote | None = None


class Notification(msgspec.Struct, gc=False):
    """A notification: some types carry no account or no status."""

    id: Id
    type: str
    created_at: str | None = None
    account: Actor | None = None
    status: msgspec.Raw = msgspec.Raw(NOTHING)


class Conversation(msgspec.Struct, gc=False):
    """A direct conversation: who takes part, and its last status, if any is left."""

    id: Id
    last_status: msgspec.Raw = msgspec.Raw(NOTHING)


class Shape(msgspec.Struct, gc=False):
    """What tells the objects apart, each by a field that the others have not.

    A notification has a `type`, a conversation a `last_status`, a frame of the WebSocket an `event`
    with its `payload` (a JSON text as a string) and the `stream` that it came by, such as
    `["hashtag", "politie247"]`.
    """

    type: str | None = None
    event: str | None = None
    last_status: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    payload: msgspec.Raw = msgspec.Raw(NOTHING)
    stream: msgspec.Raw = msgspec.Raw(NOTHING)
