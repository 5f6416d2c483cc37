"""What Instagram sends: is it Instagram that sent it, and what does it say. Pure: bytes in, events out.

Takes webhook bodies in both shapes (`entry[].changes[]`, and `field` and `value` flat on the entry),
messaging and standby items, and what the API answers: pages of comments and conversations, look-ups.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec

from toog.contracts.events import Author
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
from toog.platforms.instagram import payloads
from toog.platforms.instagram.direct import hear_direct, hear_paged
from toog.platforms.instagram.messages import (
    PLATFORM,
    Hearing,
    hear_comment,
    hear_enriched,
    hear_mention,
    hear_signal,
)
from toog.platforms.instagram.payloads import text_id
from toog.platforms.lenient import read
from toog.platforms.shallow import passable

SIGNATURE: Final = "x-hub-signature-256"
NOT_UNDERSTOOD: Final = "not_understood"
UNKNOWN_ACCOUNT: Final = "unknown_account"
TEST: Final = "test"
TEST_ENTRY: Final = "0"
"""The entry id of what the dashboard's "Test" button sends, whatever its account."""

MESSAGING_FIELDS: Final = frozenset(
    {
        "messages",
        "message_edit",
        "message_edits",
        "message_reactions",
        "messaging_seen",
        "messaging_postbacks",
        "messaging_referral",
        "messaging_handover",
        "messaging_optins",
    }
)
"""Fields whose change, where one comes, holds a messaging item as its value."""


def verify(headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str]) -> None:
    """Whether Instagram signed exactly these bytes, with `app_secret`.

    Raises NotConfiguredError without one, ForgedError where the signature is missing or wrong
    (developers.facebook.com/docs/graph-api/webhooks/getting-started, validating payloads). Header
    names count in any case; the older SHA-1 header is not looked at.
    """
    secret = secrets.get("app_secret")
    if not secret:
        raise NotConfiguredError("instagram: no app_secret is configured")
    given = next((value for name, value in headers.items() if name.lower() == SIGNATURE), None)
    if given is None:
        raise ForgedError("instagram: the signature is missing")
    right = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), given.encode(errors="replace")):
        raise ForgedError("instagram: the signature is wrong")


def handshake(query: Mapping[str, str], secrets: Mapping[str, str]) -> Handshake:
    """The challenge back as plain text, to who knows our `verify_token`.

    Raises NotConfiguredError without one, ForgedError where the token is another or nothing is asked.
    """
    token = secrets.get("verify_token")
    if not token:
        raise NotConfiguredError("instagram: no verify_token is configured")
    given, challenge = query.get("hub.verify_token", ""), query.get("hub.challenge")
    if query.get("hub.mode") != "subscribe" or challenge is None:
        raise ForgedError("instagram: this is no subscription check")
    if not hmac.compare_digest(token.encode(), given.encode(errors="replace")):
        raise ForgedError("instagram: the verify token is wrong")
    return Handshake(challenge.encode(errors="replace"), "text/plain")


def parse(
    body: bytes, *, accounts: Accounts, account: Account | None, source: str, now: datetime
) -> Parsed:
    """All events of a webhook body, a page or a look-up's answer; never raises on odd input.

    A webhook entry names its own account; `account` is the one whose page or look-up this is.
    """
    text, cleaned = clean(body)
    if not text.strip():
        return Parsed()
    hearing = Hearing(accounts=accounts, source=source, now=now, cleaned=cleaned)
    try:
        root = msgspec.Raw(passable(text).strip())
        whole = payloads.items(root) or [root]
        return Parsed(tuple(heard for one in whole for heard in _body(hearing, account, one)))
    except (msgspec.DecodeError, RecursionError) as error:
        return Parsed(unreadable=(Unreadable(body, type(error).__name__),))


def _body(hearing: Hearing, account: Account | None, raw: msgspec.Raw) -> Iterator[Heard]:
    fields = payloads.fields(raw) or {}
    entries = payloads.items(fields["entry"]) if "entry" in fields else None
    if entries is not None:
        for entry in entries:
            yield from _entry(hearing, account, entry)
        if entries:
            return
    elif account is not None and hearing.accounts.by_id(PLATFORM, account.id) is not None:
        yield from _answered(hearing, account, fields, raw)
        return
    elif account is not None:
        yield hear_signal(hearing, account, UNKNOWN_ACCOUNT, raw)
        return
    yield hear_signal(hearing, account, NOT_UNDERSTOOD, raw)


def _entry(hearing: Hearing, account: Account | None, raw: msgspec.Raw) -> Iterator[Heard]:
    """Each update on its own: whatever one of them is, the others come through."""
    entry = read(payloads.Entry, raw)
    if entry is None:
        yield hear_signal(hearing, account, NOT_UNDERSTOOD, raw)
        return
    id_ = text_id(entry.id)
    if id_ is not None:
        account = hearing.accounts.by_id(PLATFORM, id_)
    hearing = replace(hearing, sent=entry.time)
    some = False
    for kind, update in _updates(entry, raw):
        some = True
        if account is None:
            name = TEST if id_ == TEST_ENTRY else UNKNOWN_ACCOUNT
            yield hear_signal(hearing, id_, name, update)
        elif kind == "standby":
            yield hear_signal(hearing, account, "standby", update)
        else:
            heard = (_change if kind == "change" else hear_direct)(hearing, account, update)
            yield heard or hear_signal(hearing, account, NOT_UNDERSTOOD, update)
    if not some:
        yield hear_signal(hearing, account or id_, NOT_UNDERSTOOD, raw)


def _updates(entry: payloads.Entry, raw: msgspec.Raw) -> Iterator[tuple[str, msgspec.Raw]]:
    """What the entry holds, in whichever of its shapes; a flat entry is itself the change."""
    for change in payloads.items(entry.changes) or []:
        yield "change", change
    if entry.field is not None:
        yield "change", raw
    for item in payloads.items(entry.messaging) or []:
        yield "messaging", item
    for item in payloads.items(entry.standby) or []:
        yield "standby", item


def _change(hearing: Hearing, account: Account, raw: msgspec.Raw) -> Heard | None:
    change = read(payloads.Change, raw)
    if change is None or not bytes(change.value):
        return None
    match change.field:
        case "comments" | "live_comments":
            live = change.field == "live_comments"
            return hear_comment(hearing, account, change.value, live=live)
        case "mentions":
            return hear_mention(hearing, account, change.value)
        case "story_insights" as name:
            return hear_signal(hearing, account, name, change.value)
        case "standby" as name:
            return hear_signal(hearing, account, name, change.value)
        case name if name in MESSAGING_FIELDS:
            return hear_direct(hearing, account, change.value)
    return None


def _answered(
    hearing: Hearing, account: Account, fields: Mapping[str, msgspec.Raw], raw: msgspec.Raw
) -> Iterator[Heard]:
    """What the API said: a list of things, a look-up, a post with comments, or one thing."""
    listed = payloads.items(fields["data"]) if "data" in fields else None
    heard: Heard | None = None
    if listed is not None:
        for item in listed:
            fields = payloads.fields(item) or {}
            fields.pop("data", None)  # a list in a list is none of Instagram's answers
            yield from _answered(hearing, account, fields, item)
        return
    if "mentioned_comment" in fields:
        heard = hear_enriched(hearing, account, fields["mentioned_comment"], "comment")
    elif "mentioned_media" in fields:
        heard = hear_enriched(hearing, account, fields["mentioned_media"], "media")
    elif "comments" in fields or "messages" in fields:
        yield from _held(hearing, account, fields, raw)
        return
    elif "created_time" in fields or "message" in fields:
        heard = hear_paged(hearing, account, raw)
    elif "text" in fields or "parent_id" in fields:
        yield from _comment(hearing, account, raw, None)
        return
    yield heard or hear_signal(hearing, account, NOT_UNDERSTOOD, raw)


def _held(
    hearing: Hearing, account: Account, fields: Mapping[str, msgspec.Raw], raw: msgspec.Raw
) -> Iterator[Heard]:
    """The comments under a post of ours, or the messages of a conversation."""
    post = read(payloads.Media, raw)
    for item in _listed(fields.get("comments")):
        yield from _comment(hearing, account, item, text_id(post.id) if post else None)
    for item in _listed(fields.get("messages")):
        heard = hear_paged(hearing, account, item)
        yield heard or hear_signal(hearing, account, NOT_UNDERSTOOD, item)


def _comment(
    hearing: Hearing, account: Account, raw: msgspec.Raw, media: str | None
) -> Iterator[Heard]:
    """A comment and the replies that the page lists under it."""
    heard = hear_comment(hearing, account, raw, media=media)
    yield heard or hear_signal(hearing, account, NOT_UNDERSTOOD, raw)
    comment = read(payloads.Comment, raw)
    above: tuple[str, Author | None] | None = None
    if heard is not None and heard.event.native is not None:
        above = (heard.event.native, heard.event.author)
        media = (text_id(comment.media.id) if comment and comment.media else None) or media
    for item in payloads.items(comment.replies.data) or [] if comment and comment.replies else []:
        reply = hear_comment(hearing, account, item, media=media, parent=above)
        yield reply or hear_signal(hearing, account, NOT_UNDERSTOOD, item)


def _listed(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    listed = read(payloads.Listed, raw) if raw is not None else None
    return (payloads.items(listed.data) or []) if listed else []
