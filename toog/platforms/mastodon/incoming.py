"""What Mastodon told us, as events: a piece of the user stream, a page, or a single object."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from toog.contracts.events import Event
from toog.contracts.ids import citizen_key, deletion_id, digest, edit_id, event_id, signal_id
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard, Parsed, Unreadable
from toog.platforms.clean import clean
from toog.platforms.mastodon.message import PLATFORM, created, other_party, when
from toog.platforms.mastodon.payloads import NOTHING, Actor, Notification, Shape, Status
from toog.platforms.mastodon.sse import is_sse, server_sent

CONTROL: Final = frozenset({"filters_changed"})
"""Stream events that say nothing about anybody; their data is `undefined`."""

JSON_EVENTS: Final = frozenset({None, "notification", "update", "status.update"})
"""Where JSON is due; what data an unknown event carries, nobody knows."""

NOT_UNDERSTOOD: Final = "not_understood"
UNKNOWN_ACCOUNT: Final = "unknown_account"

_NAME_CHARS: Final = 64


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


def parse(
    body: bytes, *, accounts: Accounts, account: Account | None, source: str, now: datetime
) -> Parsed:
    """All events of this body; a page (newest first on the wire) comes out oldest first.

    Takes server-sent events, a notifications page, one notification, one status, or a frame of the
    WebSocket (`{"event", "payload"}`: the form in which `raw` keeps a deletion). Never raises: what
    is no JSON is unreadable, what is not understood is a signal.
    """
    here = _Here(accounts, account, source, now)
    heard: list[Heard] = []
    unreadable: list[Unreadable] = []
    for piece in _pieces(body):
        read = piece if isinstance(piece, Unreadable) else _read(here, piece)
        if isinstance(read, Unreadable):
            unreadable.append(read)
        elif read is not None:
            heard.append(read)
    return Parsed(tuple(heard), tuple(unreadable))


def _pieces(body: bytes) -> list[_Piece | Unreadable]:
    if is_sse(body):
        return [_Piece(name, *clean(data)) for name, data in server_sent(body)]
    text, cleaned = clean(body.strip())
    if not text.startswith(b"["):
        return [_Piece(None, text, cleaned)] if text else []
    try:
        page = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        return [Unreadable(body, type(error).__name__)]
    items = [bytes(item) for item in reversed(page)]
    return [_Piece(None, item, cleaned and _replaced(item)) for item in items]


def _replaced(item: bytes) -> bool:
    return b"\\ufffd" in item or b"\xef\xbf\xbd" in item


def _read(here: _Here, piece: _Piece) -> Heard | Unreadable | None:
    if piece.name in CONTROL:
        return None
    if piece.name == "delete":
        return _deletion(here, piece.data.decode())
    try:
        # The whole text is checked once: `raw` goes into our own JSON as it is.
        msgspec.json.decode(piece.data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        if piece.name in JSON_EVENTS:
            return Unreadable(piece.data, type(error).__name__)
        quoted = msgspec.json.encode(piece.data.decode())
        piece = _Piece(piece.name, quoted, piece.cleaned)
    if not here.known:
        return _signal(here, UNKNOWN_ACCOUNT, piece)
    try:
        return _object(here, piece)
    except msgspec.ValidationError:
        return _signal(here, NOT_UNDERSTOOD, piece)


def _object(here: _Here, piece: _Piece) -> Heard | Unreadable | None:
    if piece.name == "notification":
        return _notification(here, piece)
    if piece.name in {"update", "status.update"}:
        return _status(here, piece, piece.data, edited=piece.name == "status.update")
    if piece.name is not None:
        return _signal(here, piece.name, piece)
    shape = msgspec.json.decode(piece.data, type=Shape)
    if shape.event is not None:
        return _read(here, _Piece(shape.event, *clean((shape.payload or "").encode())))
    if shape.type is not None:
        return _notification(here, piece)
    return _status(here, piece, piece.data, edited=False)


def _notification(here: _Here, piece: _Piece) -> Heard:
    notification = msgspec.json.decode(piece.data, type=Notification)
    status = bytes(notification.status)
    if notification.type == "mention" and status != NOTHING:
        return _status(here, piece, status, edited=False)
    id_ = event_id(PLATFORM, here.account_id, "notification", notification.id)
    return _signal(here, notification.type, piece, id_, notification.account)


def _status(here: _Here, piece: _Piece, data: bytes, *, edited: bool) -> Heard:
    status = msgspec.json.decode(data, type=Status)
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
    if edited:
        event = _edit(event, status, data, here.now)
    return Heard(event, citizen_key(PLATFORM, here.account_id, other or status.id))


def _edit(event: Event, status: Status, data: bytes, now: datetime) -> Event:
    # A `status.update` without `edited_at` (a preview card, a counter) has only its bytes to tell
    # it apart, and must not win over a real edit: it keeps the lowest revision.
    return msgspec.structs.replace(
        event,
        id=edit_id(event.id, status.edited_at or digest(data)),
        kind="edited",
        of=event.id,
        occurred_at=when(status.edited_at, now),
        revision=status.edited_at or "",
    )


def _deletion(here: _Here, data: str) -> Heard:
    native = data.strip().strip('"')
    raw = msgspec.json.encode({"event": "delete", "payload": native})
    piece = _Piece("delete", raw, cleaned=False)
    if not here.known:
        return _signal(here, UNKNOWN_ACCOUNT, piece)
    if not native or len(native) > _NAME_CHARS or any(c.isspace() for c in native):
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
        raw=msgspec.Raw(raw),
    )
    return Heard(event, citizen_key(PLATFORM, here.account_id, native))


def _signal(
    here: _Here, name: str, piece: _Piece, id_: str | None = None, actor: Actor | None = None
) -> Heard:
    id_ = id_ or signal_id(PLATFORM, here.account_id, piece.data)
    event = Event(
        id=id_,
        kind="signal",
        signal=name[:_NAME_CHARS],
        platform=PLATFORM,
        account=here.account_id,
        occurred_at=here.now.astimezone(UTC),
        received_at=here.now,
        source=here.source,
        cleaned=piece.cleaned,
        raw=msgspec.Raw(piece.data),
    )
    return Heard(event, citizen_key(PLATFORM, here.account_id, actor.id if actor else id_))
