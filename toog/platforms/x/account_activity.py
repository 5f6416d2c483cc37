"""Bodies of the Account Activity API: one list of v1.1 events for the user they are for.

Deprecated by X, still delivered (docs.x.com/x-api/account-activity/introduction).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from toog.platforms.accounts import Account
from toog.platforms.base import Heard
from toog.platforms.lenient import read
from toog.platforms.x import times
from toog.platforms.x.direct import hear_dm
from toog.platforms.x.direct_payloads import DmEnvelope
from toog.platforms.x.hearing import (
    NOT_UNDERSTOOD,
    PLATFORM,
    UNKNOWN_ACCOUNT,
    Hearing,
    hear_signal,
)
from toog.platforms.x.legacy import translated
from toog.platforms.x.messages import hear, hear_deletion
from toog.platforms.x.payloads import Id, Known, User, exact, users_by_id

Fields = Mapping[str, msgspec.Raw]
Read = Callable[[Hearing, Account, msgspec.Raw, Mapping[str, User]], Heard | None]

SIGNALS: Final[Mapping[str, str]] = {
    "favorite_events": "like",
    "direct_message_indicate_typing_events": "typing",
    "direct_message_mark_read_events": "read",
}
TYPED: Final[Mapping[str, frozenset[str]]] = {
    "follow_events": frozenset({"follow", "unfollow"}),
    "block_events": frozenset({"block", "unblock"}),
    "mute_events": frozenset({"mute", "unmute"}),
}
"""Lists whose items say themselves which of the two it was."""


class _Typed(msgspec.Struct):
    type: str | None = None


class _Status(msgspec.Struct):
    id: Id | None = None
    id_str: str | None = None
    user_id: Id | None = None


class _Deletion(msgspec.Struct):
    status: _Status
    timestamp_ms: str | int | None = None


class _Source(msgspec.Struct):
    user_id: Id | None = None


class _Revoked(msgspec.Struct):
    source: _Source | None = None


class _UserEvent(msgspec.Struct):
    revoke: _Revoked | None = None


def speaks(fields: Fields) -> bool:
    """Whether this is a body of the Account Activity API."""
    return "for_user_id" in fields or "user_event" in fields


def hear_body(
    hearing: Hearing, account: Account | None, fields: Fields, body: bytes
) -> Iterator[Heard]:
    """All events of the body: each item on its own, in the order of the body."""
    if "for_user_id" not in fields:
        yield _user_event(hearing, account, fields, body)
        return
    for_user = _id(fields["for_user_id"])
    ours = hearing.accounts.by_id(PLATFORM, for_user)
    if ours is None:
        yield hear_signal(hearing, for_user, UNKNOWN_ACCOUNT, body)
        return
    envelope = read(DmEnvelope, fields_without_lists(fields))
    users = users_by_id(envelope.users) if envelope else {}
    lists = [(name, items) for name in fields if (items := _items(name, fields[name])) is not None]
    for name, items in lists:
        for item in items:
            yield _event(hearing, ours, name, item, users)
    if not any(items for _, items in lists):
        yield hear_signal(hearing, ours, NOT_UNDERSTOOD, body)


def fields_without_lists(fields: Fields) -> bytes:
    """Only what describes the people of the body."""
    return msgspec.json.encode({"users": fields["users"]}) if "users" in fields else b"{}"


def _event(
    hearing: Hearing, account: Account, name: str, item: msgspec.Raw, users: Mapping[str, User]
) -> Heard:
    reads = _READERS.get(name)
    if reads is not None:
        heard = reads(hearing, account, item, users)
        return heard or hear_signal(hearing, account, NOT_UNDERSTOOD, item)
    signal = SIGNALS.get(name, NOT_UNDERSTOOD)
    if name in TYPED:
        typed = read(_Typed, item)
        signal = typed.type if typed and typed.type in TYPED[name] else NOT_UNDERSTOOD
    return hear_signal(hearing, account, signal, item)


def _tweet(
    hearing: Hearing, account: Account, item: msgspec.Raw, _: Mapping[str, User]
) -> Heard | None:
    told = translated(item)
    if told is None:
        return None
    post, known, written = told
    at = times.legacy(written, hearing.now)
    return hear(hearing, account, post, known, raw=item, at=at)


def _deleted(
    hearing: Hearing, account: Account, item: msgspec.Raw, _: Mapping[str, User]
) -> Heard | None:
    deletion = read(_Deletion, item)
    if deletion is None:
        return None
    return hear_deletion(
        hearing,
        account,
        item,
        Known(),
        native=exact(deletion.status.id_str, deletion.status.id),
        author=exact(None, deletion.status.user_id),
        at=times.milliseconds(deletion.timestamp_ms, hearing.now),
    )


_READERS: Final[Mapping[str, Read]] = {
    "tweet_create_events": _tweet,
    "tweet_delete_events": _deleted,
    "direct_message_events": hear_dm,
}


def _user_event(hearing: Hearing, account: Account | None, fields: Fields, body: bytes) -> Heard:
    """`user_event.revoke` names whose permission it was, not for whom it is."""
    user_event = read(_UserEvent, fields["user_event"])
    revoked = user_event.revoke if user_event else None
    whose = exact(None, revoked.source.user_id) if revoked and revoked.source else None
    ours = hearing.accounts.by_id(PLATFORM, whose) if whose is not None else account
    if ours is None:
        return hear_signal(hearing, whose, UNKNOWN_ACCOUNT, body)
    return hear_signal(hearing, ours, "revoked" if revoked else NOT_UNDERSTOOD, body)


def _items(name: str, raw: msgspec.Raw) -> list[msgspec.Raw] | None:
    if not name.endswith("_events"):
        return None
    try:
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        return [raw]


def _id(raw: msgspec.Raw) -> str | None:
    try:
        return str(msgspec.json.decode(raw, type=Id))
    except msgspec.DecodeError:
        return None
