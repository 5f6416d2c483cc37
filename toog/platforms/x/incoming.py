"""What X sends: is it X that sent it, and what does it say. Pure: bytes in, events out.

Takes bodies of the X Activity API (docs.x.com/x-api/activity/event-payloads) and the Account
Activity API, lines of both streams, pages and look-ups; whatever else is JSON becomes a signal, so
that it is counted and nobody works on it.
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
    look_up_source,
)
from toog.platforms.clean import clean
from toog.platforms.lenient import read
from toog.platforms.shallow import passable
from toog.platforms.x import account_activity, payloads
from toog.platforms.x.activity import hear_activity
from toog.platforms.x.direct import hear_dm_event
from toog.platforms.x.hearing import (
    NOT_UNDERSTOOD,
    PLATFORM,
    UNKNOWN_ACCOUNT,
    Hearing,
    hear_signal,
)
from toog.platforms.x.messages import hear_post
from toog.platforms.x.streams import ROOM_TAG

SIGNATURE: Final = "x-twitter-webhooks-signature"
SIGNATURE_OAUTH2: Final = "x-twitter-webhooks-signature-oauth2"


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


def handshake(query: Mapping[str, str], secrets: Mapping[str, str]) -> Handshake:
    """The answer to X's challenge-response check: its `crc_token`, signed.

    Keyed with `crc_secret` where one is set (some apps are checked with the client secret), else
    with the consumer secret, else the client secret. Raises NotConfiguredError without any,
    ForgedError without a token.
    """
    names = ("crc_secret", "consumer_secret", "client_secret")
    secret = next((secrets[name] for name in names if secrets.get(name)), None)
    if secret is None:
        raise NotConfiguredError("x: no secret is configured to answer the check with")
    token = query.get("crc_token")
    if not token:
        raise ForgedError("x: no crc_token to answer")
    answer = {"response_token": _signed(secret, token.encode(errors="replace"))}
    return Handshake(msgspec.json.encode(answer), "application/json")


def _signed(secret: str, message: bytes) -> str:
    mac = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(mac).decode()


def parse(
    body: bytes, *, accounts: Accounts, account: Account | None, source: str, now: datetime
) -> Parsed:
    """All events of a body, line or page; never raises on odd input.

    `account` is the one whose stream or webhook this is; an activity names its own. Heartbeats,
    control lines and empty pages give nothing; what is no JSON is `unreadable`.
    """
    text, cleaned = clean(body)
    if not text.strip():
        return Parsed()
    enriches = source == look_up_source(PLATFORM)
    hearing = Hearing(accounts, source, now, cleaned, enriches)
    try:
        text = passable(text)
        envelope = read(payloads.Envelope, text)
        if envelope is None:
            return Parsed((hear_signal(hearing, account, NOT_UNDERSTOOD, text),))
        return Parsed(tuple(_heard(hearing, envelope, account, text)))
    except (msgspec.DecodeError, RecursionError) as error:
        return Parsed(unreadable=(Unreadable(body, type(error).__name__),))


def _heard(
    hearing: Hearing, envelope: payloads.Envelope, account: Account | None, text: bytes
) -> Iterator[Heard]:
    """An answer to a page request holds a list in `data`, everything else one object or none."""
    data = bytes(envelope.data)
    if data in {b"", b"null", b"[]"}:
        yield from _without_data(hearing, envelope, account, text)
        return
    known, room = payloads.Known.of(envelope.includes), _room(envelope)
    items = [envelope.data]
    if data.startswith(b"["):
        items = msgspec.json.decode(data, type=list[msgspec.Raw])
    for item in items:
        activity = read(payloads.Activity, item)
        if activity is None or activity.event_type is None:
            yield _posted(hearing, known, account, item, room=room)
        elif activity.event_type == "MessageCreate":
            yield _messaged(hearing, known, account, item)
        else:
            yield from hear_activity(hearing, activity, account, item)


def _without_data(
    hearing: Hearing, envelope: payloads.Envelope, account: Account | None, text: bytes
) -> Iterator[Heard]:
    """Account Activity, the state of a replay, or a control line or empty page: the last say nothing."""
    fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    if account_activity.speaks(fields):
        yield from account_activity.hear_body(hearing, account, fields, text)
    elif "replay_job_status" in fields:
        yield hear_signal(hearing, account, "replay_job", text)
    elif not (envelope.errors or envelope.title or envelope.connection_issue or envelope.meta):
        yield hear_signal(hearing, account, NOT_UNDERSTOOD, text)


def _posted(
    hearing: Hearing,
    known: payloads.Known,
    account: Account | None,
    item: msgspec.Raw,
    *,
    room: bool,
) -> Heard:
    if account is None:
        return hear_signal(hearing, None, UNKNOWN_ACCOUNT, item)
    heard = hear_post(hearing, account, item, known, room=room)
    return heard or hear_signal(hearing, account, NOT_UNDERSTOOD, item)


def _messaged(
    hearing: Hearing, known: payloads.Known, account: Account | None, item: msgspec.Raw
) -> Heard:
    if account is None:
        return hear_signal(hearing, None, UNKNOWN_ACCOUNT, item)
    heard = hear_dm_event(hearing, account, item, known.users)
    return heard or hear_signal(hearing, account, NOT_UNDERSTOOD, item)


def _room(envelope: payloads.Envelope) -> bool:
    """Whether only hashtag rules matched: an unknown or missing tag counts as our own door."""
    try:
        rules = msgspec.json.decode(envelope.matching_rules, type=list[payloads.Rule])
    except msgspec.DecodeError:
        return False
    return bool(rules) and all((rule.tag or "").startswith(ROOM_TAG) for rule in rules)
