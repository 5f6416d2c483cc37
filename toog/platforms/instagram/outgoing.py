"""Answering on Instagram: under a comment, to a mention elsewhere, or by direct message. Pure.

Rules: developers.facebook.com/docs/instagram-platform (comment moderation, mentions, messaging API).
Meta has no idempotency key, so whatever may have gone out is never sent again.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from toog.contracts import ids
from toog.platforms.accounts import Account
from toog.platforms.base import Answer, Refused, Reply, Request, SendResult, Sent, Unsure
from toog.platforms.instagram import graph
from toog.platforms.instagram.messages import MENTION_MEDIA, PLATFORM
from toog.platforms.instagram.payloads import Id, text_id

MESSAGE_BYTES: Final = 1_000
"""A message's text in UTF-8; Arabic or emoji reach it long before 1,000 characters."""

_PRIVATE: Final = frozenset({"dm", "story_reply", "story_mention", "live_comment"})
_STOPPING: Final = frozenset({"token_invalid", "no_permission", "policy_block"})
_LATER: Final = frozenset({"rate_limited", "transient"})


class TooLongError(ValueError):
    """The text is longer than Instagram takes."""


class _Made(msgspec.Struct):
    id: Id | None = None
    message_id: Id | None = None


def request(reply: Reply, account: Account, secrets: Mapping[str, str]) -> Request:
    """The request that sends this reply.

    A live comment can only be answered in private, while the broadcast lasts. Raises
    NotConfiguredError without `token`, TooLongError for a message of more than 1,000 bytes.
    """
    headers = graph.bearer(account, secrets)
    if reply.surface in _PRIVATE:
        if len(reply.text.encode()) > MESSAGE_BYTES:
            raise TooLongError(f"a message on Instagram has at most {MESSAGE_BYTES} bytes")
        live = reply.surface == "live_comment"
        to = {"comment_id": reply.to_message} if live else {"id": reply.to_citizen}
        body = {"recipient": to, "message": {"text": reply.text}}
        return Request(
            "POST", graph.url(account, account.id, "messages"), headers=headers, json=body
        )
    media = reply.context.get(MENTION_MEDIA)
    if media is None and reply.surface != "post":
        url = graph.url(account, reply.to_message, "replies")
        return Request("POST", url, headers=headers, form={"message": reply.text})
    form = {"media_id": media or reply.to_message, "message": reply.text}
    if reply.surface != "post":
        form["comment_id"] = reply.to_message
    return Request("POST", graph.url(account, account.id, "mentions"), headers=headers, form=form)


def read(answer: Answer, reply: Reply, account: Account) -> SendResult:
    """What the answer means for this reply, by error code and subcode.

    Sent only where Instagram names the id that it gave it. An answer that leaves open whether it
    went out (5xx, redirect, a 2xx that cannot be read) is Unsure.
    """
    if 200 <= answer.status < 300:
        return _sent(answer, reply, account)
    if answer.status == 408 or not 400 <= answer.status < 500:
        return Unsure(f"http_{answer.status}")
    trouble = graph.trouble(answer)
    reason = trouble if trouble not in {None, "unknown"} else f"http_{answer.status}"
    if trouble in _STOPPING or (trouble is None and answer.status == 401):
        return Refused(str(reason), permanent=False, stop=True)
    if trouble in _LATER or (trouble is None and answer.status == 429):
        return Refused(str(reason), permanent=False, wait_s=graph.wait_s(answer))
    return Refused(str(reason), permanent=True)


def _sent(answer: Answer, reply: Reply, account: Account) -> SendResult:
    try:
        made = msgspec.json.decode(answer.body, type=_Made)
    except (msgspec.DecodeError, RecursionError):
        return Unsure("unreadable_answer")
    private = reply.surface in _PRIVATE
    native = text_id(made.message_id if private else made.id)
    if native is None:
        return Unsure("unreadable_answer")
    type_ = "message" if private else "comment"
    return Sent(native, ids.event_id(PLATFORM, account.id, type_, native))
