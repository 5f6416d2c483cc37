"""What X sends: is it X that sent it, and what does it say. Pure: bytes in, events out.

Takes X Activity API bodies (docs.x.com/x-api/activity/event-payloads) and lines of the v2 filtered
stream; whatever else is JSON becomes a signal, so that it is counted and nobody works on it.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import (
    ForgedError,
    Handshake,
    Heard,
    NotConfiguredError,
    Parsed,
    Unreadable,
)
from toog.platforms.clean import clean
from toog.platforms.x import payloads
from toog.platforms.x.lenient import read
from toog.platforms.x.messages import Hearing, hear_deletion, hear_dm, hear_post, hear_signal

SIGNATURE: Final = "x-twitter-webhooks-signature"
SIGNATURE_OAUTH2: Final = "x-twitter-webhooks-signature-oauth2"
ROOM_TAG: Final = "room:"

_POST_EVENTS: Final = frozenset(
    {
        "post.create",
        "post.mention.create",
        "post.reply.create",
        "post.quote.create",
        "post.repost.create",
    }
)
_DM_EVENTS: Final = frozenset({"dm.received", "dm.sent"})


def verify(headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str]) -> None:
    """Whether X signed exactly these bytes (docs.x.com/x-api/webhooks/introduction).

    The newer OAuth2 header is checked with `client_secret` where both are there; otherwise the
    older one with `consumer_secret`. Raises NotConfiguredError without any secret, ForgedError
    where the signature is missing or wrong. Header names count in any case.
    """
    consumer, client = secrets.get("consumer_secret"), secrets.get("client_secret")
    if not consumer and not client:
        raise NotConfiguredError("x: neither consumer_secret nor client_secret is configured")
    given = {name.lower(): value for name, value in headers.items()}
    if client and SIGNATURE_OAUTH2 in given:
        secret, signature = client, given[SIGNATURE_OAUTH2]
    elif consumer and SIGNATURE in given:
        secret, signature = consumer, given[SIGNATURE]
    else:
        raise ForgedError("x: no signature that a configured secret could check")
    if not hmac.compare_digest(_signed(secret, body).encode(), signature.encode()):
        raise ForgedError("x: the signature is wrong")


def challenge(crc_token: str, secrets: Mapping[str, str]) -> bytes:
    """The JSON body that answers X's challenge-response check.

    Keyed with `crc_secret` where one is set (some apps are checked with the client secret), else
    with the consumer secret, else the client secret. Raises NotConfiguredError without any.
    """
    names = ("crc_secret", "consumer_secret", "client_secret")
    secret = next((secrets[name] for name in names if secrets.get(name)), None)
    if secret is None:
        raise NotConfiguredError("x: no secret is configured to answer the check with")
    return msgspec.json.encode({"response_token": _signed(secret, crc_token.encode())})


def handshake(query: Mapping[str, str], secrets: Mapping[str, str]) -> Handshake:
    """The answer to X's check by GET with `crc_token`.

    Raises NotConfiguredError without a secret, ForgedError without a token.
    """
    token = query.get("crc_token")
    answer = challenge(token or "", secrets)
    if not token:
        raise ForgedError("x: no crc_token to answer")
    return Handshake(answer, "application/json")


def _signed(secret: str, message: bytes) -> str:
    mac = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(mac).decode()


def parse(
    body: bytes, *, accounts: Accounts, account: Account | None, source: str, now: datetime
) -> Parsed:
    """All events of a webhook body or stream line; never raises on odd input.

    `account` is the one whose stream or webhook this is; an X Activity API event names its own.
    Heartbeats and control lines give nothing; what is no JSON is `unreadable`.
    """
    text, cleaned = clean(body)
    if not text.strip():
        return Parsed()
    hearing = Hearing(accounts=accounts, source=source, now=now, cleaned=cleaned)
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
        envelope = read(payloads.Envelope, text)
    except (msgspec.DecodeError, RecursionError) as error:
        return Parsed(unreadable=(Unreadable(body, type(error).__name__),))
    if envelope is None:
        return Parsed((hear_signal(hearing, account, "not_understood", text),))
    return Parsed(tuple(_heard(hearing, envelope, account, text)))


def _heard(
    hearing: Hearing, envelope: payloads.Envelope, account: Account | None, text: bytes
) -> Iterator[Heard]:
    """A control line holds no `data`; an answer to a page request holds a list of it."""
    data = bytes(envelope.data)
    if data in {b"", b"null"}:
        if not (envelope.errors or envelope.title or envelope.connection_issue):
            yield hear_signal(hearing, account, "not_understood", text)
        return
    items = [envelope.data]
    if data.startswith(b"["):
        items = msgspec.json.decode(data, type=list[msgspec.Raw])
    for item in items:
        activity = read(payloads.Activity, item)
        if activity is not None and activity.event_type is not None:
            yield from _activity(hearing, activity, account, item)
        else:
            yield _streamed(hearing, envelope, account, item)


def _activity(
    hearing: Hearing, activity: payloads.Activity, account: Account | None, item: msgspec.Raw
) -> Iterator[Heard]:
    kind = activity.event_type or ""
    subscribed = activity.filter.user_id if activity.filter else None
    if subscribed is not None:
        account = hearing.accounts.by_id("x", subscribed)
    if account is None:
        yield hear_signal(hearing, subscribed, "unknown_account", item)
        return
    heard: list[Heard | None] = []
    if kind in _POST_EVENTS:
        heard = [hear_post(hearing, account, activity.payload, activity.includes, told_as=kind)]
    elif kind == "post.delete":
        heard = [hear_deletion(hearing, account, activity.payload, activity.includes)]
    elif kind in _DM_EVENTS:
        dms = read(payloads.DmEnvelope, activity.payload) or payloads.DmEnvelope()
        heard = [hear_dm(hearing, account, dm, dms.users) for dm in dms.direct_message_events]
    else:
        heard = [hear_signal(hearing, account, kind, item)]
    for one in heard or [None]:
        yield one or hear_signal(hearing, account, "not_understood", item)


def _streamed(
    hearing: Hearing, envelope: payloads.Envelope, account: Account | None, item: msgspec.Raw
) -> Heard:
    if account is None:
        return hear_signal(hearing, None, "unknown_account", item)
    heard = hear_post(hearing, account, item, envelope.includes, room=_room(envelope))
    return heard or hear_signal(hearing, account, "not_understood", item)


def _room(envelope: payloads.Envelope) -> bool:
    """Whether only hashtag rules matched: an unknown or missing tag counts as our own door."""
    try:
        rules = msgspec.json.decode(envelope.matching_rules, type=list[payloads.Rule])
    except msgspec.DecodeError:
        return False
    return bool(rules) and all((rule.tag or "").startswith(ROOM_TAG) for rule in rules)
