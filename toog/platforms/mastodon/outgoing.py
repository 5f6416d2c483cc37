"""How a reply leaves for Mastodon, and what the server's answer means."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from toog.contracts.ids import event_id
from toog.platforms.accounts import Account
from toog.platforms.base import (
    Answer,
    NotConfiguredError,
    Refused,
    Reply,
    Request,
    SendResult,
    Sent,
    Unsure,
)
from toog.platforms.mastodon.message import PLATFORM
from toog.platforms.mastodon.sources import seconds_to_reset

_WINDOW_S: Final = 300.0
"""The span of Mastodon's limit: 300 requests in 5 minutes for one account."""

_PUBLIC_WORDS: Final = frozenset({"public", "unlisted", "private"})
_UNDECIDED: Final = frozenset({408, 409, 425})


class _Status(msgspec.Struct):
    id: str


def request(reply: Reply, account: Account, secrets: Mapping[str, str]) -> Request:
    """The request that posts this reply; resent within the hour it makes no second status.

    Raises NotConfiguredError without a token. The citizen is only told, and a `direct` status only
    delivered, when the text names them (https://docs.joinmastodon.org/methods/statuses/#create).
    """
    token = secrets.get("token")
    if not token:
        raise NotConfiguredError(f"no token is configured for {account.name}")
    form = {
        "status": _addressed(reply.text, reply.to_handle),
        "in_reply_to_id": reply.to_message,
        "visibility": _visibility(reply),
    }
    if reply.language:
        form["language"] = reply.language
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": reply.id}
    return Request("POST", f"{account.base_url}/api/v1/statuses", headers=headers, form=form)


def read(answer: Answer, reply: Reply, account: Account) -> SendResult:
    """What the answer means, by its status alone: Mastodon translates its error texts."""
    del reply
    status, reason = answer.status, f"http_{answer.status}"
    if status == 200:
        try:
            native = msgspec.json.decode(answer.body, type=_Status).id
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Unsure("unreadable_answer")
        return Sent(native, event_id(PLATFORM, account.id, "status", native))
    if status == 401:
        return Refused(reason, permanent=False, stop=True)
    if status == 429:
        return Refused(reason, permanent=False, wait_s=_wait(answer))
    if 400 <= status < 500 and status not in _UNDECIDED:
        return Refused(reason, permanent=True)
    return Unsure(reason)


def _addressed(text: str, handle: str | None) -> str:
    if handle is None:
        return text
    named = rf"(?<![\w@/])@{re.escape(handle)}(?![\w@]|[.-]\w)"
    return text if re.search(named, text, re.IGNORECASE) else f"@{handle} {text}"


def _visibility(reply: Reply) -> str:
    # Where the citizen's own choice is not known, only `direct` is surely not wider, and it still
    # reaches them.
    known = reply.surface != "dm" and reply.visibility in _PUBLIC_WORDS
    return reply.visibility or "direct" if known else "direct"


def _wait(answer: Answer) -> float:
    """Seconds to the reset by the server's own clock, so that ours need not agree with it."""
    try:
        date = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return _WINDOW_S
    if date.tzinfo is None:
        return _WINDOW_S
    wait = seconds_to_reset(answer, date)
    return min(max(wait, 1.0), _WINDOW_S) if wait is not None else _WINDOW_S
