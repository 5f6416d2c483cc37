"""Answering on X: a reply to a post, or a direct message, and what X's answer to it means. Pure.

Rules: docs.x.com manage-tweets, direct-messages/manage, fundamentals/response-codes-and-errors.
X has no idempotency key, so whatever may have gone out is never sent again.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from toog.contracts import ids
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

WAIT_S: Final = 60.0
"""How long to wait after a 429 that does not say."""
MOST_WAIT_S: Final = 24 * 3600.0

_WINDOWS: Final = ("x-user-limit-24hour", "x-app-limit-24hour", "x-rate-limit")
_STOPPING: Final = ("client-forbidden", "usage-capped", "client-not-enrolled")
_FORBIDDEN: Final = (
    ("duplicate content", "duplicate"),
    ("reply to this conversation is not allowed", "reply_not_allowed"),
    ("deleted or not visible", "message_gone"),
    ("permission to dm", "dm_not_allowed"),
)


class _Made(msgspec.Struct):
    id: str | None = None
    dm_event_id: str | None = None


class _Success(msgspec.Struct):
    data: _Made | None = None


class _Problem(msgspec.Struct):
    type: str = ""
    detail: str = ""


def request(reply: Reply, account: Account, secrets: Mapping[str, str]) -> Request:
    """The request that sends this reply; X itself puts the citizen's handle in front of a post.

    Raises NotConfiguredError without `user_token` (the account's own OAuth2 token).
    """
    token = secrets.get("user_token")
    if not token:
        raise NotConfiguredError(f"{account.name}: answering needs the secret `user_token`")
    headers = {"authorization": f"Bearer {token}"}
    if reply.surface == "dm":
        url = f"{account.base_url}/2/dm_conversations/with/{reply.to_citizen}/messages"
        return Request("POST", url, headers=headers, json={"text": reply.text})
    body = {"text": reply.text, "reply": {"in_reply_to_tweet_id": reply.to_message}}
    return Request("POST", f"{account.base_url}/2/tweets", headers=headers, json=body)


def read(answer: Answer, reply: Reply, account: Account) -> SendResult:
    """What X's answer means for this reply.

    Sent only where X names the id that it gave it. An answer that leaves open whether it went out
    (5xx, redirect, a 2xx that cannot be read) is Unsure.
    """
    if 200 <= answer.status < 300:
        return _sent(answer, reply, account)
    if answer.status == 408 or not 400 <= answer.status < 500:
        return Unsure(f"http_{answer.status}")
    return _refused(answer)


def _sent(answer: Answer, reply: Reply, account: Account) -> SendResult:
    try:
        made = msgspec.json.decode(answer.body, type=_Success).data or _Made()
    except msgspec.DecodeError:
        made = _Made()
    type_, native = ("dm", made.dm_event_id) if reply.surface == "dm" else ("post", made.id)
    if not native:
        return Unsure("unreadable_answer")
    return Sent(native, ids.event_id("x", account.id, type_, native))


def _refused(answer: Answer) -> Refused:
    """By what has to happen: wait, stop the account (a person must act), or give this one up."""
    problem = _problem(answer.body)
    stopping = next((name for name in _STOPPING if problem.type.endswith(name)), None)
    if stopping is not None and answer.status in {403, 429}:
        return Refused(stopping.replace("-", "_"), permanent=False, stop=True)
    match answer.status:
        case 401:
            return Refused("unauthorized", permanent=False, stop=True)
        case 402:
            return Refused("credits_depleted", permanent=False, stop=True)
        case 429:
            return Refused("rate_limited", permanent=False, wait_s=_wait_s(answer.headers))
        case 403:
            detail = problem.detail.casefold()
            reason = next((name for words, name in _FORBIDDEN if words in detail), "forbidden")
            return Refused(reason, permanent=True)
        case status:
            return Refused(f"http_{status}", permanent=True)


def _problem(body: bytes) -> _Problem:
    try:
        return msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        return _Problem()


def _wait_s(headers: Mapping[str, str]) -> float:
    """Seconds until the limit that is used up is reset, by the platform's own clock (`date`)."""
    for window in _WINDOWS:
        if headers.get(f"{window}-remaining") == "0" and f"{window}-reset" in headers:
            try:
                now = parsedate_to_datetime(headers["date"]).timestamp()
                wait = float(headers[f"{window}-reset"]) - now
            except (KeyError, ValueError, TypeError):
                continue
            return min(max(wait, 1.0), MOST_WAIT_S)
    return WAIT_S
