"""The shapes in which Instagram tells things: every field optional, ids as text or as numbers.

Webhooks: developers.facebook.com/docs/instagram-platform/webhooks; pages and look-ups: the IG
Comment, Conversation and `mentioned_comment` references beside it.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

ABSENT: Final = msgspec.Raw(b"")
Id = str | int
LONGEST_ID: Final = 512
"""No id of Instagram comes near; what is longer would not fit into the desk's index."""
_MILLISECONDS_FROM: Final = 100_000_000_000


class Person(msgspec.Struct, gc=False):
    """Who wrote or gets something: an id, a name, or both."""

    id: Id | None = None
    username: str | None = None
    name: str | None = None


class Entry(msgspec.Struct):
    """One entry of a webhook body; `field` and `value` stand on it in the flat shape."""

    id: Id | None = None
    time: Id | None = None
    changes: msgspec.Raw = ABSENT
    messaging: msgspec.Raw = ABSENT
    standby: msgspec.Raw = ABSENT
    field: str | None = None
    value: msgspec.Raw = ABSENT


class Change(msgspec.Struct):
    """One of `changes[]`; the value may be missing."""

    field: str | None = None
    value: msgspec.Raw = ABSENT


class Post(msgspec.Struct):
    """The media that a comment hangs under, as a comment names it."""

    id: Id | None = None


class Listed(msgspec.Struct):
    """An edge: what `{"data": [...]}` holds, item by item."""

    data: msgspec.Raw = ABSENT


class Comment(msgspec.Struct):
    """A comment: of a webhook (`id` or `comment_id`), of a page, or looked up."""

    id: Id | None = None
    comment_id: Id | None = None
    text: str | None = None
    author: Person | None = msgspec.field(default=None, name="from")
    username: str | None = None
    parent_id: Id | None = None
    media: Post | None = None
    timestamp: Id | None = None
    created_time: Id | None = None
    replies: Listed | None = None


class Mentioned(msgspec.Struct):
    """What the field `mentions` tells: ids only, the comment's where it is in a comment."""

    media_id: Id | None = None
    comment_id: Id | None = None


class Media(msgspec.Struct):
    """A post of somebody who names us in its caption, or a post of ours with its comments."""

    id: Id | None = None
    caption: str | None = None
    username: str | None = None
    owner: Person | None = None
    timestamp: Id | None = None
    media_type: str | None = None
    media_url: str | None = None
    comments: Listed | None = None


class AttachmentPayload(msgspec.Struct, gc=False):
    """Where an attachment is to be fetched; stories for about 24 hours."""

    url: str | None = None


class Attachment(msgspec.Struct, gc=False):
    """What came with a message: an image, a share, a story mention."""

    type: str | None = None
    payload: AttachmentPayload | None = None


class Story(msgspec.Struct, gc=False):
    """A story of ours that a message answers."""

    id: Id | None = None
    url: str | None = None
    link: str | None = None


class ReplyTo(msgspec.Struct, gc=False):
    """What a message answers: another message, or a story."""

    mid: Id | None = None
    story: Story | None = None


class Message(msgspec.Struct):
    """`message` of a messaging item."""

    mid: Id | None = None
    text: str | None = None
    attachments: list[Attachment] | None = None
    reply_to: ReplyTo | None = None
    is_echo: bool | None = None
    is_self: bool | None = None
    is_deleted: bool | None = None
    is_unsupported: bool | None = None


class MessageEdit(msgspec.Struct, gc=False):
    """`message_edit`: the new text and how often it was edited."""

    mid: Id | None = None
    text: str | None = None
    num_edit: Id | None = None


class Postback(msgspec.Struct, gc=False):
    """A question of our own menu that somebody chose: `title` is what they read and pressed."""

    mid: Id | None = None
    title: str | None = None


class Direct(msgspec.Struct):
    """One of `messaging[]`, or the value of a change of the field `messages`."""

    sender: Person | None = None
    recipient: Person | None = None
    timestamp: Id | None = None
    message: Message | None = None
    message_edit: MessageEdit | None = None
    postback: Postback | None = None


class Stories(msgspec.Struct, gc=False):
    """`story` of a message on a page: the story that it answers, or that names us."""

    reply_to: Story | None = None
    mention: Story | None = None


class Recipients(msgspec.Struct):
    """`to` of a message on a page."""

    data: list[Person] | None = None


class PagedMessage(msgspec.Struct):
    """A message as the conversations page has it."""

    id: Id | None = None
    created_time: Id | None = None
    author: Person | None = msgspec.field(default=None, name="from")
    to: Recipients | None = None
    message: str | None = None
    story: Stories | None = None
    is_unsupported: bool | None = None


def text_id(id_: Id | None) -> str | None:
    """The id as text, or None where there is none that could be one."""
    text = str(id_) if id_ is not None else ""
    return text if 0 < len(text) <= LONGEST_ID else None


def items(raw: msgspec.Raw) -> list[msgspec.Raw] | None:
    """The items of a list, or None where it is none."""
    try:
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        return None


def fields(raw: msgspec.Raw | bytes) -> dict[str, msgspec.Raw] | None:
    """The fields of an object, or None where it is none."""
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return None


def time_of(*told: Id | None) -> datetime | None:
    """The first of these that is a time: seconds, milliseconds or ISO 8601, as text or number."""
    for one in told:
        at = _time(one) if one is not None else None
        if at is not None:
            return at
    return None


def _time(told: Id) -> datetime | None:
    try:
        if isinstance(told, int) or told.isdecimal():
            number = int(told)
            seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
            return datetime.fromtimestamp(seconds, tz=UTC) if number > 0 else None
        at = datetime.fromisoformat(told)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
