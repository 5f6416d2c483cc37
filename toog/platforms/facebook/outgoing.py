"""Answering on Facebook: a comment under a comment or post, or a Messenger message. Pure.

Graph has no idempotency key, so whatever may have gone out is never sent again
(developers.facebook.com/docs/pages-api/comments-mentions, docs/messenger-platform/reference/send-api).
"""

from collections.abc import Mapping
from typing import Final

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
from toog.platforms.facebook import graph
from toog.platforms.facebook.fields import fields, id_
from toog.platforms.facebook.hearing import PLATFORM

PRIVATE: Final = frozenset({"dm", "story_reply", "story_mention"})
WAIT_S: Final = 60.0
"""How long to wait after a limit or a passing trouble that does not say."""
MOST_WAIT_S: Final = 24 * 3600.0


def request(reply: Reply, account: Account, secrets: Mapping[str, str]) -> Request:
    """The request that sends this reply.

    A message is a RESPONSE, which Meta takes within 24 hours after the person's last one. Raises
    NotConfiguredError without `page_token`.
    """
    token = secrets.get("page_token")
    if not token:
        raise NotConfiguredError(f"{account.name}: answering needs the secret `page_token`")
    base, headers = f"{account.base_url}/{graph.VERSION}", {"authorization": f"Bearer {token}"}
    if reply.surface in PRIVATE:
        body = {
            "recipient": {"id": reply.to_citizen},
            "messaging_type": "RESPONSE",
            "message": {"text": reply.text},
        }
        return Request("POST", f"{base}/{account.id}/messages", headers=headers, json=body)
    url = f"{base}/{reply.to_message}/comments"
    return Request("POST", url, headers=headers, form={"message": reply.text})


def read(answer: Answer, reply: Reply, account: Account) -> SendResult:
    """What Graph's answer means for this reply.

    Sent only where it names the id that it gave it. Unsure whenever it may have gone out: a 5xx, a
    body that cannot be read, the code 1 that Graph itself calls unknown.
    """
    if 200 <= answer.status < 300:
        sent = _sent(answer, reply, account)
        if sent is not None:
            return sent
    elif answer.status == 429:
        return Refused("rate_limited", permanent=False, wait_s=_wait_s(answer.headers))
    elif answer.status == 408 or not 400 <= answer.status < 500:
        return Unsure(f"http_{answer.status}")
    problem = graph.problem_of(answer.body)
    match problem.kind:
        case "unreadable" | "unclear":
            return Unsure(problem.reason)
        case "rate_limited" | "temporary":
            wait = _wait_s(answer.headers)
            return Refused(problem.reason, permanent=False, wait_s=wait)
        case "token" | "permission" | "policy":
            return Refused(problem.reason, permanent=False, stop=True)
        case "refused":
            return Refused(problem.reason, permanent=True)


def _sent(answer: Answer, reply: Reply, account: Account) -> Sent | None:
    private = reply.surface in PRIVATE
    native = id_(fields(answer.body) or {}, "message_id" if private else "id")
    if native is None:
        return None
    type_ = "message" if private else "comment"
    return Sent(native, ids.event_id(PLATFORM, account.id, type_, native))


def _wait_s(headers: Mapping[str, str]) -> float:
    return min(max(graph.wait_s(headers) or WAIT_S, 1.0), MOST_WAIT_S)
