"""How a reply leaves for Bluesky, as a post or in the chat, and what the server's answer means."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

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
from toog.platforms.bluesky import session
from toog.platforms.bluesky.payloads import POST
from toog.platforms.bluesky.post import PLATFORM
from toog.platforms.bluesky.sources import CHAT_PROXY

__all__ = ["read", "request", "session"]

_LINK: Final = re.compile(r"https?://[^\s<>\"]+")
_TAG: Final = re.compile(r"(?<![\w#/&])#([^\W\d_]\w{0,63})")
_UNDECIDED: Final = frozenset({408, 409, 425})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS: Final = "234567abcdefghijklmnopqrstuvwxyz"


class _Made(msgspec.Struct):
    uri: str


class _Said(msgspec.Struct):
    id: str


def request(reply: Reply, account: Account, secrets: Mapping[str, str]) -> Request:
    """The request that sends this reply: a post in answer, or a message in the same chat.

    `secrets` hold the session's token besides. A post's key is ours, so that the same reply can
    never be two posts; a chat message has no such key. Raises NotConfiguredError without a token,
    ValueError where what is answered is not known well enough (`context`, `at`).
    """
    token = secrets.get(session.TOKEN)
    if not token:
        raise NotConfiguredError(f"no session is open for {account.name}")
    headers = {"Authorization": f"Bearer {token}"}
    if reply.surface == "dm":
        url = f"{account.base_url}/xrpc/chat.bsky.convo.sendMessage"
        json = {"convoId": _known(reply, "convo"), "message": _rich({"text": reply.text}, reply)}
        return Request("POST", url, headers={**headers, "atproto-proxy": CHAT_PROXY}, json=json)
    url = f"{account.base_url}/xrpc/com.atproto.repo.createRecord"
    json = {
        "repo": account.id,
        "collection": POST,
        "rkey": key_of(reply),
        "record": _record(reply),
    }
    return Request("POST", url, headers=headers, json=json)


def read(answer: Answer, reply: Reply, account: Account) -> SendResult:
    """What the answer means, by its status and error name.

    A key that is used already (400 or 500, by server) says that this reply may well stand there.
    """
    status, error = answer.status, session.error_of(answer)
    reason = error.error[:64] if error.error else f"http_{status}"
    if status == 200:
        return _sent(answer, reply, account)
    if session.over(answer):
        return Refused(reason, permanent=False, wait_s=1.0)
    if status == 401:
        return Refused(reason, permanent=False, stop=True)
    if status == 429:
        return Refused(reason, permanent=False, wait_s=session.wait_s(answer))
    if "already" in (error.message or ""):
        return Unsure("key_is_used")
    if 400 <= status < 500 and status not in _UNDECIDED:
        return Refused(reason, permanent=True)
    return Unsure(reason)


def key_of(reply: Reply) -> str:
    """The record's key, a TID: the time of approval, and of the reply's id what makes it its own.

    https://atproto.com/specs/tid: 53 bits of microseconds, 10 bits of its maker.
    """
    micros = (_at(reply) - _EPOCH) // timedelta(microseconds=1)
    maker = int.from_bytes(hashlib.sha256(reply.id.encode()).digest()[:2], "big") % 1024
    number = (micros << 10 | maker) & (1 << 63) - 1
    return "".join(_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def facets(text: str, handle: str | None, did: str) -> list[dict[str, Any]]:
    """Links, hashtags and the citizen's own @handle, by UTF-8 bytes; without them all is text."""
    found: list[dict[str, Any]] = []
    for start, end, feature in _features(text, handle, did):
        index = {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:end].encode())}
        found.append({"index": index, "features": [feature]})
    return sorted(found, key=lambda facet: facet["index"]["byteStart"])


def _features(text: str, handle: str | None, did: str) -> Iterator[tuple[int, int, dict[str, str]]]:
    linked: list[tuple[int, int]] = []
    for match in _LINK.finditer(text):
        address = match.group().rstrip(".,;:!?)'")
        linked.append((match.start(), match.start() + len(address)))
        yield *linked[-1], {"$type": "app.bsky.richtext.facet#link", "uri": address}
    for match in _TAG.finditer(text):
        if not any(a <= match.start() < b for a, b in linked):
            yield *match.span(), {"$type": "app.bsky.richtext.facet#tag", "tag": match[1]}
    if handle:
        named = rf"(?<![\w@/.])@{re.escape(handle)}(?![\w-]|\.\w)"
        for match in re.finditer(named, text, re.IGNORECASE):
            yield *match.span(), {"$type": "app.bsky.richtext.facet#mention", "did": did}


def _record(reply: Reply) -> dict[str, Any]:
    parent = {"uri": reply.to_message, "cid": _known(reply, "cid")}
    root = {"uri": reply.context.get("root_uri"), "cid": reply.context.get("root_cid")}
    record = {
        "$type": POST,
        "text": reply.text,
        "createdAt": f"{_at(reply):%Y-%m-%dT%H:%M:%S}.{_at(reply).microsecond // 1000:03d}Z",
        "reply": {"root": root if all(root.values()) else parent, "parent": parent},
    }
    if reply.language:
        record["langs"] = [reply.language]
    return _rich(record, reply)


def _rich(record: dict[str, Any], reply: Reply) -> dict[str, Any]:
    found = facets(reply.text, reply.to_handle, reply.to_citizen)
    return {**record, "facets": found} if found else record


def _known(reply: Reply, name: str) -> str:
    if not reply.context.get(name):
        raise ValueError(f"the message that is answered came without {name}")
    return reply.context[name]


def _at(reply: Reply) -> datetime:
    if reply.at is None:
        raise ValueError("a reply on Bluesky needs the time of its approval")
    return reply.at.astimezone(UTC)


def _sent(answer: Answer, reply: Reply, account: Account) -> SendResult:
    try:
        if reply.surface == "dm":
            native = msgspec.json.decode(answer.body, type=_Said).id
            return Sent(native, event_id(PLATFORM, account.id, "message", native))
        native = msgspec.json.decode(answer.body, type=_Made).uri
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Unsure("unreadable_answer")
    return Sent(native, event_id(PLATFORM, account.id, "post", native))
