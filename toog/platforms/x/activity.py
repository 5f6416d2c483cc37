"""Events of the X Activity API, by webhook or stream (docs.x.com/x-api/activity/event-payloads)."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from toog.platforms.accounts import Account
from toog.platforms.base import Heard
from toog.platforms.lenient import read
from toog.platforms.x import payloads
from toog.platforms.x.direct import hear_chat, hear_dm
from toog.platforms.x.direct_payloads import DmEnvelope
from toog.platforms.x.hearing import (
    NOT_UNDERSTOOD,
    PLATFORM,
    UNKNOWN_ACCOUNT,
    Hearing,
    hear_signal,
)
from toog.platforms.x.messages import hear_deletion, hear_post

POSTS: Final = frozenset(
    {
        "post.create",
        "post.mention.create",
        "post.reply.create",
        "post.quote.create",
        "post.repost.create",
    }
)
DIRECT: Final = frozenset({"dm.received", "dm.sent"})
CHAT: Final = frozenset({"chat.received", "chat.sent"})
SIGNALS: Final[Mapping[str, str]] = {
    "like.create": "like",
    "dm.read": "read",
    "dm.indicate_typing": "typing",
    "chat.conversation.join": "chat_join",
    "chat.conversation_join": "chat_join",
    "follow.follow": "follow",
    "follow.unfollow": "unfollow",
    "block.block": "block",
    "block.unblock": "unblock",
    "mute.mute": "mute",
    "mute.unmute": "unmute",
    "oauth.revoke": "revoked",
    "spaces.start": "space",
    "spaces.end": "space",
    "news.new": "news",
}
"""What is no message, by the name under which it is counted; a profile's change besides."""

_PROFILE: Final = "profile.update."
_INNER_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class _Revoked(msgspec.Struct):
    user_id: str | None = None


def event_type(written: str) -> str:
    """The dotted name; until March 2026 X wrote `PostMentionCreate`."""
    return written if "." in written else _INNER_CAPITAL.sub(".", written[:64]).lower()


def hear_activity(
    hearing: Hearing, activity: payloads.Activity, account: Account | None, item: msgspec.Raw
) -> Iterator[Heard]:
    """The events of this one delivery. It names its account; else it is the door's."""
    kind = event_type(activity.event_type or "")
    subscribed = _subscribed(kind, activity)
    if subscribed is not None:
        account = hearing.accounts.by_id(PLATFORM, subscribed)
    if account is None:
        yield hear_signal(hearing, subscribed, UNKNOWN_ACCOUNT, item)
        return
    for heard in _heard(hearing, account, kind, activity, item):
        yield heard or hear_signal(hearing, account, NOT_UNDERSTOOD, item)


def _subscribed(kind: str, activity: payloads.Activity) -> str | None:
    """Whose event it is: the filter says so; a revoked permission names its user instead."""
    if activity.filter is not None and activity.filter.user_id is not None:
        return activity.filter.user_id
    if kind != "oauth.revoke":
        return None
    revoked = read(_Revoked, activity.payload)
    return revoked.user_id if revoked else None


def _heard(
    hearing: Hearing,
    account: Account,
    kind: str,
    activity: payloads.Activity,
    item: msgspec.Raw,
) -> list[Heard | None]:
    raw = activity.payload
    if kind in POSTS:
        known = payloads.Known.of(activity.includes)
        return [hear_post(hearing, account, raw, known, told_as=kind)]
    if kind in DIRECT:
        dms = read(DmEnvelope, raw) or DmEnvelope()
        users = payloads.users_by_id(dms.users)
        return [
            # each odd one under the hash of its own bytes, or two of them would count as one
            hear_dm(hearing, account, dm, users)
            or hear_signal(hearing, account, NOT_UNDERSTOOD, dm)
            for dm in dms.direct_message_events
        ] or [None]
    if kind == "post.delete":
        return [_deleted(hearing, account, activity)]
    if kind in CHAT:
        return [hear_chat(hearing, account, raw)]
    name = "profile_update" if kind.startswith(_PROFILE) else SIGNALS.get(kind, NOT_UNDERSTOOD)
    return [hear_signal(hearing, account, name, item)]


def _deleted(hearing: Hearing, account: Account, activity: payloads.Activity) -> Heard | None:
    post = read(payloads.Post, activity.payload)
    if post is None:
        return None
    return hear_deletion(
        hearing,
        account,
        activity.payload,
        payloads.Known.of(activity.includes),
        native=post.id,
        author=post.author_id,
        at=hearing.now,
    )
