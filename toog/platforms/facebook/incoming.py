"""What Meta tells a page: is it Meta that sent it, and what does it say. Pure: bytes in, events out.

Takes webhook bodies (`entry[]` of `changes[]`, `messaging[]` or `standby[]`), pages of comments,
posts, conversations and messages, and single objects; whatever else is JSON becomes a signal.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import replace
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
from toog.platforms.facebook.feed import hear_feed, hear_mention
from toog.platforms.facebook.fields import (
    Fields,
    decode,
    fields,
    id_,
    inner,
    raw_fields,
    raws,
    text,
)
from toog.platforms.facebook.hearing import (
    NOT_UNDERSTOOD,
    PLATFORM,
    UNKNOWN_ACCOUNT,
    Hearing,
    hear_signal,
)
from toog.platforms.facebook.messenger import MESSAGING_FIELDS, STANDBY, hear_messaging
from toog.platforms.facebook.objects import hear_object
from toog.platforms.shallow import shallow

SIGNATURE: Final = "x-hub-signature-256"
UPDATES: Final = ("changes", "messaging", STANDBY)


def verify(headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str]) -> None:
    """Whether Meta signed exactly these bytes (developers.facebook.com/docs/graph-api/webhooks).

    The hexadecimal HMAC-SHA256 keyed with `app_secret`; the older SHA-1 header counts for nothing.
    Raises NotConfiguredError without `app_secret`, ForgedError where the signature is missing or
    wrong. Header names count in any case.
    """
    secret = secrets.get("app_secret")
    if not secret:
        raise NotConfiguredError("facebook: app_secret is not configured")
    given = next((value for name, value in headers.items() if name.lower() == SIGNATURE), "")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), given.encode(errors="replace")):
        raise ForgedError("facebook: the signature is missing or wrong")


def handshake(query: Mapping[str, str], secrets: Mapping[str, str]) -> Handshake:
    """The challenge, unchanged, for whoever knows our `verify_token`.

    Raises NotConfiguredError without `verify_token`, ForgedError where mode or token is not right
    or there is no challenge.
    """
    token = secrets.get("verify_token")
    if not token:
        raise NotConfiguredError("facebook: verify_token is not configured")
    given = query.get("hub.verify_token", "").encode(errors="replace")
    right = hmac.compare_digest(token.encode(), given)
    challenge = query.get("hub.challenge")
    if not right or query.get("hub.mode") != "subscribe" or challenge is None:
        raise ForgedError("facebook: the check names another token, or nothing to answer")
    return Handshake(challenge.encode(errors="replace"), "text/plain")


def parse(
    body: bytes, *, accounts: Accounts, account: Account | None, source: str, now: datetime
) -> Parsed:
    """All events of this body in their order; never raises on odd input.

    `account` is whose page was asked for; a webhook's entry names its own. What is no JSON is
    `unreadable`.
    """
    read, cleaned = clean(body)
    if not read.strip():
        return Parsed()
    try:
        try:
            whole = msgspec.json.decode(read, type=msgspec.Raw)
        except RecursionError:
            whole, cleaned = msgspec.json.decode(shallow(read), type=msgspec.Raw), True
    except (msgspec.DecodeError, RecursionError) as error:
        return Parsed(unreadable=(Unreadable(body, type(error).__name__),))
    hearing = Hearing(accounts, account, source, now, cleaned, account.id if account else "unknown")
    items = raws(whole)
    parts = items if items is not None else [whole]
    return Parsed(tuple(heard for part in parts for heard in _heard(hearing, part)))


def _heard(hearing: Hearing, raw: msgspec.Raw) -> Iterator[Heard]:
    """One body, whichever of Meta's shapes it has."""
    given = raw_fields(raw)
    if given is None:
        yield hear_signal(hearing, NOT_UNDERSTOOD, raw)
    elif "entry" in given:
        yield from _delivery(hearing, given, raw)
    elif any(name in given for name in UPDATES):
        asked = hearing.account.id if hearing.account else None
        yield from _entry(hearing.of_page(_named(given)[0] or asked, None), given, raw)
    elif "data" in given:
        items = raws(given["data"])
        for item in [raw] if items is None else items:
            yield from _one(hearing, item)
    elif "error" not in given:
        yield from _one(hearing, raw)


def _one(hearing: Hearing, raw: msgspec.Raw) -> Iterator[Heard]:
    """A single update or object that came without an envelope: of the account that was asked for."""
    account = hearing.account
    value = fields(raw) or {}
    if account is None or hearing.accounts.by_id(PLATFORM, account.id) is None:
        yield hear_signal(hearing, UNKNOWN_ACCOUNT, raw)
    elif "field" in value:
        yield _change(hearing, account, raw)
    elif "recipient" in value or "sender" in value:
        yield hear_messaging(hearing, account, value, raw)
    else:
        yield from hear_object(hearing, account, raw)


def _delivery(
    hearing: Hearing, given: Mapping[str, msgspec.Raw], raw: msgspec.Raw
) -> Iterator[Heard]:
    """A webhook body: entries of several pages, each with updates of one sort."""
    entries = raws(given["entry"])
    told = decode(given.get("object", b'"page"'))
    if not entries or told != "page":
        yield hear_signal(replace(hearing, account=None, page="unknown"), NOT_UNDERSTOOD, raw)
        return
    for entry in entries:
        about = raw_fields(entry)
        if about is None:
            yield hear_signal(replace(hearing, account=None), NOT_UNDERSTOOD, entry)
            continue
        yield from _entry(hearing.of_page(*_named(about)), about, entry)


def _named(about: Mapping[str, msgspec.Raw]) -> tuple[str | None, object]:
    """Whose page an entry is about, and when it was sent."""
    told: Fields = {name: decode(about[name]) for name in ("id", "time") if name in about}
    return id_(told), told.get("time")


def _entry(hearing: Hearing, about: Mapping[str, msgspec.Raw], raw: msgspec.Raw) -> Iterator[Heard]:
    """The updates of one page, each on its own; of a page that is not ours each is only recorded."""
    updates = [(name, item) for name in UPDATES for item in raws(about.get(name)) or ()]
    if "field" in about:
        updates.append(("changes", raw))
    if not updates:
        updates.append(("", raw))
    for name, item in updates:
        if hearing.account is None:
            yield hear_signal(hearing, UNKNOWN_ACCOUNT, item)
            continue
        value = fields(item)
        if value is None or not name:
            yield hear_signal(hearing, NOT_UNDERSTOOD, item)
        elif name == "changes":
            yield _change(hearing, hearing.account, item)
        else:
            yield hear_messaging(hearing, hearing.account, value, item, standby=name == STANDBY)


def _change(hearing: Hearing, account: Account, raw: msgspec.Raw) -> Heard:
    change = fields(raw) or {}
    field, value = text(change, "field"), inner(change, "value")
    if field == "feed" and value:
        return hear_feed(hearing, account, value, raw)
    if field == "mention" and value:
        return hear_mention(hearing, account, value, raw)
    if field in MESSAGING_FIELDS and value:
        return hear_messaging(hearing, account, value, raw, standby=field == STANDBY)
    return hear_signal(hearing, NOT_UNDERSTOOD, raw)
