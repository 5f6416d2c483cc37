"""Private messages as X tells them: v1.1 events, REST events, and encrypted chat."""

import msgspec

from toog.platforms.x.payloads import Entities


class DmEnvelope(msgspec.Struct):
    """Payload of `dm.*`, and the Account Activity body: v1.1 events, and a map of users."""

    direct_message_events: list[msgspec.Raw] = msgspec.field(default_factory=list)
    users: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


class DmTarget(msgspec.Struct, gc=False):
    """To whom a direct message went."""

    recipient_id: str


class DmMedia(msgspec.Struct, gc=False):
    """The picture or film of a direct message."""

    type: str = "media"
    media_url_https: str | None = None


class DmAttachment(msgspec.Struct):
    """What came along with a direct message."""

    media: DmMedia | None = None


class DmData(msgspec.Struct):
    """What a direct message says."""

    text: str = ""
    entities: Entities | None = None
    attachment: DmAttachment | None = None


class DmCreate(msgspec.Struct):
    """Who said it to whom."""

    sender_id: str
    target: DmTarget
    message_data: DmData = msgspec.field(default_factory=DmData)


class Dm(msgspec.Struct):
    """One event of `direct_message_events`."""

    id: str
    message_create: DmCreate
    created_timestamp: str | int | None = None


class DmEvent(msgspec.Struct):
    """One event of `GET /2/dm_events` (docs.x.com direct-messages/lookup); most is on request."""

    id: str
    event_type: str
    text: str = ""
    sender_id: str | None = None
    dm_conversation_id: str | None = None
    created_at: str | None = None
    entities: Entities | None = None


class Chat(msgspec.Struct):
    """Payload of `chat.received` and `chat.sent`: who and when; the words are ciphertext."""

    id: str | None = None
    sender_id: str | None = None
    conversation_id: str | None = None
    created_at_msec: str | None = None
    encoded_event: str | None = None
