"""What Mastodon told us, as events: a piece of the user stream, a page, or a single object."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from toog.contracts.events import Event, Reference
from toog.contracts.ids import citizen_key, deletion_id, digest, edit_id, event_id, signal_id
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard, Parsed, Unreadable, look_up_source
from toog.platforms.clean import clean
from toog.platforms.lenient import read
from toog.platforms.mastodon.message import PLATFORM, created, moment_of, other_party
from toog.platforms.mastodon.payloads import (
    LONGEST_ID,
    NOTHING,
    Actor,
    Conversation,
    Notification,
    Shape,
    Status,
)
from toog.platforms.mastodon.sse import is_sse, server_sent
from toog.platforms.shallow import passable

CONTROL: Final = frozenset({"filters_changed", "notifications_merged"})
"""Stream events that say nothing about anybody; their data is `undefined` or `1`."""

JSON_EVENTS: Final = frozenset({None, "notification", "update", "status.update", "conversation"})
"""Where JSON is due; what data an unknown event carries, nobody knows."""

MESSAGES: Final = frozenset({"mention", "quote"})
"""The types of notification whose status is said to us."""

NOT_UNDERSTOOD: Final = "not_understood"
UNKNOWN_ACCOUNT: Final = "unknown_account"

SIGNALS: Final = frozenset(
    {
        *("mention", "quote", "status", "reblog", "follow", "follow_request", "favourite", "poll"),
        *("update", "quoted_update", "admin.sign_up", "admin.report", "severed_relationships"),
        *("moderation_warning", "annual_report", "added_to_collection", "collection_update"),
        *("conversation", "announcement", "announcement.reaction", "announcement.delete"),
        *("encrypted_message", "move", "pending.favourite", "pending.reply", "pending.reblog"),
        *("pleroma:emoji_reaction", "pleroma:chat_mention", "pleroma:report"),
        *("pleroma:chat_update", "pleroma:follow_relationships_update", UNKNOWN_ACCOUNT),
    }
)
"""The names that a signal can have; whatever else a server says is `not_understood`.

https://docs.joinmastodon.org/entities/Notification/#type, …/methods/streaming/#events; the last two
lines: GoToSocial, Pleroma.
"""

_NATIVE: Final = re.compile(rf"[^\s{{}}\[\]\",]{{1,{LONGEST_ID}}}")
_VERSION_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class _Here:
    accounts: Accounts
    account: Account | None
    source: str
    now: datetime

    @property
    def account_id(self) -> str:
        return self.account.id if self.account else "unknown"

    @property
    def known(self) -> bool:
        return self.accounts.by_id(PLATFORM, self.account_id) is not None


class _Piece(NamedTuple):
    name: str | None
    """The stream's name for it; None for what REST gave."""
    data: bytes
    cleaned: bool
    room: bool = False
    """A hashtag stream brought it."""


def parse(
    body: bytes, *, accounts: Accounts, account: Account | None, source: str, now: datetime
) -> Parsed:
    """All events of this body; a page (newest first on the wire) comes out oldest first.

    Takes server-sent events, frames of the WebSocket, a page of notifications, statuses or
    conversations, and each of these alone. Never raises: what is no JSON is unreadable, what is not
    understood is a signal.
    """
    here = _Here(accounts, account, source, now)
    heard: list[Heard] = []
    unreadable: list[Unreadable] = []
    for piece in _pieces(body):
        found = piece if isinstance(piece, Unreadable) else _read(here, piece)
        if isinstance(found, Unreadable):
            unreadable.append(found)
        elif found is not None:
            heard.append(found)
    return Parsed(tuple(heard), tuple(unreadable))


def _pieces(body: bytes) -> list[_Piece | Unreadable]:
    if is_sse(body):
        return [_Piece(name, *clean(data)) for name, data in server_sent(body)]
    text, cleaned = clean(body.strip())
    if not text.startswith(b"["):
        return [_Piece(None, text, cleaned)] if text else []
    try:
        page = msgspec.json.decode(passable(text), type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        return [Unreadable(body, type(error).__name__)]
    items = [bytes(item) for item in page]
    if not (items and _is_frame(items[0])):
        items.reverse()
    return [_Piece(None, item, cleaned and _replaced(item)) for item in items]


def _is_frame(item: bytes) -> bool:
    shape = read(Shape, item)
    return shape is not None and shape.event is not None


def _replaced(item: bytes) -> bool:
    return b"\\ufffd" in item or b"\xef\xbf\xbd" in item


def _read(here: _Here, piece: _Piece) -> Heard | Unreadable | None:
    if piece.name in CONTROL:
        return None
    if piece.name == "delete":
        return _deletion(here, piece)
    try:
        # The whole text is checked once: `raw` goes into our own JSON as it is.
        piece = piece._replace(data=passable(piece.data))
    except (msgspec.DecodeError, RecursionError) as error:
        if piece.name in JSON_EVENTS:
            return Unreadable(piece.data, type(error).__name__)
        piece = piece._replace(data=msgspec.json.encode(piece.data.decode()))
    if piece.name is None:
        return _nameless(here, piece)
    if not here.known:
        return _signal(here, UNKNOWN_ACCOUNT, piece)
    return _object(here, piece)


def _nameless(here: _Here, piece: _Piece) -> Heard | Unreadable | None:
    """What a page or a look-up gave: told apart by what stands in it."""
    shape = read(Shape, piece.data)
    if shape is None:
        return _signal(here, NOT_UNDERSTOOD if here.known else UNKNOWN_ACCOUNT, piece)
    if shape.event is not None:
        return _read(here, _framed(shape, piece))
    name = "update"
    if shape.type is not None:
        name = "notification"
    elif shape.last_status is not msgspec.UNSET:
        name = "conversation"
    return _read(here, piece._replace(name=name))


def _framed(shape: Shape, piece: _Piece) -> _Piece:
    """What a frame holds. Some servers put the object itself where Mastodon puts its text."""
    payload = bytes(shape.payload)
    if payload.startswith(b'"'):
        payload = msgspec.json.decode(payload, type=str).encode()
    data, cleaned = clean(payload)
    try:
        streams = msgspec.json.decode(shape.stream, type=list[str])
    except msgspec.DecodeError:
        streams = []
    room = bool(streams) and streams[0].startswith("hashtag")
    return _Piece(shape.event, data, cleaned or piece.cleaned, room)


def _object(here: _Here, piece: _Piece) -> Heard:
    if piece.name == "notification":
        return _notification(here, piece)
    if piece.name == "conversation":
        return _conversation(here, piece)
    if piece.name in {"update", "status.update"}:
        heard = _status(here, piece, piece.data, edited=piece.name == "status.update")
        return heard or _signal(here, NOT_UNDERSTOOD, piece)
    return _signal(here, piece.name or NOT_UNDERSTOOD, piece)


def _notification(here: _Here, piece: _Piece) -> Heard:
    notification = read(Notification, piece.data)
    if notification is None:
        return _signal(here, NOT_UNDERSTOOD, piece)
    status = bytes(notification.status)
    if notification.type in MESSAGES and status != NOTHING:
        heard = _status(here, piece, status, told_as=notification.type)
        return heard or _signal(here, NOT_UNDERSTOOD, piece)
    id_ = event_id(PLATFORM, here.account_id, "notification", notification.id)
    found = _signal(here, notification.type, piece, id_, notification.account)
    at = moment_of(notification.created_at) or here.now
    return replace(found, event=msgspec.structs.replace(found.event, occurred_at=at))


def _conversation(here: _Here, piece: _Piece) -> Heard:
    conversation = read(Conversation, piece.data)
    if conversation is None:
        return _signal(here, NOT_UNDERSTOOD, piece)
    status = bytes(conversation.last_status)
    if status != NOTHING:
        return _status(here, piece, status) or _signal(here, NOT_UNDERSTOOD, piece)
    return _signal(here, "conversation", piece)


def _status(
    here: _Here, piece: _Piece, data: bytes, *, edited: bool = False, told_as: str | None = None
) -> Heard | None:
    status = read(Status, data)
    if status is None:
        return None
    own = here.accounts.ours(PLATFORM, status.account.id)
    if bytes(status.reblog) != NOTHING:
        id_ = event_id(PLATFORM, here.account_id, "status", status.id)
        return _signal(here, "reblog", piece, id_, status.account)
    other = other_party(status, here.accounts) if own else status.account.id
    event = created(
        status,
        account=here.account_id,
        other=other,
        own=own,
        source=here.source,
        now=here.now,
        cleaned=piece.cleaned,
        raw=piece.data,
    )
    if told_as == "quote":
        event = _quoting(event, here.account_id)
    elif told_as == "mention" and not own:
        event = msgspec.structs.replace(event, reported="mention")
    if edited:
        event = _edit(event, status, data, here.now)
    elif here.source == look_up_source(PLATFORM):
        event = _enriched(event, status)
    key = citizen_key(PLATFORM, here.account_id, other or status.id)
    return Heard(event, key, piece.room and not own and not _to_us(event, here.accounts))


def _quoting(event: Event, account: str) -> Event:
    """Told as a quote, it is us that it quotes, also where the status itself does not say so."""
    surface = "quote" if event.surface == "post" else event.surface
    quotes = event.quotes
    if quotes is not None and quotes.author is None:
        quotes = Reference(quotes.id, account)
    return msgspec.structs.replace(event, surface=surface, quotes=quotes, reported="quote")


def _to_us(event: Event, accounts: Accounts) -> bool:
    """Whether it names, answers or is sent to an account of ours: own door, whatever brought it."""
    answered = event.in_reply_to.author if event.in_reply_to else None
    return (
        event.surface == "dm"
        or accounts.by_id(PLATFORM, answered) is not None
        or any(
            accounts.ours(PLATFORM, m.id, m.handle) for m in (*event.mentions, *event.reply_prefix)
        )
    )


def _edit(event: Event, status: Status, data: bytes, now: datetime) -> Event:
    # A `status.update` without `edited_at` (a preview card, a counter) has only its bytes to tell
    # it apart, and must not win over a real edit: it keeps the lowest revision.
    version, moment = status.edited_at or "", moment_of(status.edited_at)
    return msgspec.structs.replace(
        event,
        id=edit_id(event.id, version if 0 < len(version) <= _VERSION_CHARS else digest(data)),
        kind="edited",
        of=event.id,
        occurred_at=moment or now,
        revision=_revision(moment),
    )


def _enriched(event: Event, status: Status) -> Event:
    return msgspec.structs.replace(
        event,
        id=edit_id(event.id, "enriched"),
        kind="edited",
        of=event.id,
        revision=_revision(moment_of(status.edited_at or status.created_at)),
    )


def _revision(moment: datetime | None) -> str:
    """Sortable, however many digits of a second the server writes; the lowest where it says none."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}" if moment else ""


def _deletion(here: _Here, piece: _Piece) -> Heard:
    native = piece.data.decode().strip().strip('"')
    raw = msgspec.json.encode({"event": "delete", "payload": native})
    piece = piece._replace(data=raw)
    if not here.known:
        return _signal(here, UNKNOWN_ACCOUNT, piece)
    if _NATIVE.fullmatch(native) is None:
        return _signal(here, NOT_UNDERSTOOD, piece)
    of = event_id(PLATFORM, here.account_id, "status", native)
    event = Event(
        id=deletion_id(of),
        kind="deleted",
        of=of,
        native=native,
        platform=PLATFORM,
        account=here.account_id,
        occurred_at=here.now,
        received_at=here.now,
        source=here.source,
        cleaned=piece.cleaned,
        raw=msgspec.Raw(raw),
    )
    return Heard(event, citizen_key(PLATFORM, here.account_id, native), piece.room)


def _signal(
    here: _Here, name: str, piece: _Piece, id_: str | None = None, actor: Actor | None = None
) -> Heard:
    id_ = id_ or signal_id(PLATFORM, here.account_id, piece.data)
    event = Event(
        id=id_,
        kind="signal",
        signal=name if name in SIGNALS else NOT_UNDERSTOOD,
        platform=PLATFORM,
        account=here.account_id,
        occurred_at=here.now,
        received_at=here.now,
        source=here.source,
        cleaned=piece.cleaned,
        raw=msgspec.Raw(piece.data),
    )
    key = citizen_key(PLATFORM, here.account_id, actor.id if actor else id_)
    return Heard(event, key, piece.room)
