"""One Mastodon status as an event: who speaks to whom, what the person wrote, where it belongs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, cast, get_args

import msgspec

from toog.contracts.events import Author, Event, Media, Mention, Reference, Surface, Visibility
from toog.contracts.ids import event_id
from toog.platforms.accounts import Accounts
from toog.platforms.mastodon import html
from toog.platforms.mastodon.payloads import Named, Status

PLATFORM: Final = "mastodon"

_VISIBILITIES: Final = frozenset(get_args(Visibility))


def created(
    status: Status,
    *,
    account: str,
    other: str | None,
    own: bool,
    source: str,
    now: datetime,
    cleaned: bool,
    raw: bytes,
) -> Event:
    """The event of this status, seen from our account; `other` is the citizen's platform id.

    Mastodon tells no thread: the conversation is the citizen, also of what we say ourselves.
    """
    body = html.written(status.content or "")
    mentions, prefix = named(status, body)
    return Event(
        id=event_id(PLATFORM, account, "status", status.id),
        kind="created",
        platform=PLATFORM,
        account=account,
        occurred_at=when(status.created_at, now),
        received_at=now,
        source=source,
        native=status.id,
        surface=_surface(status),
        conversation=other or status.account.id,
        author=Author(
            status.account.id, status.account.acct or None, status.account.display_name or None
        ),
        own=own,
        text="\n".join(part for part in ((status.spoiler_text or "").strip(), body.text) if part),
        language=status.language,
        mentions=mentions,
        reply_prefix=prefix,
        hashtags=tuple(tag.name for tag in status.tags or () if tag.name),
        links=body.links,
        media=tuple(
            Media(media.type or "unknown", media.url) for media in status.media_attachments or ()
        ),
        visibility=_visibility(status),
        in_reply_to=_answered(status, account),
        quotes=_quoted(status, account),
        cleaned=cleaned,
        raw=msgspec.Raw(raw),
    )


def other_party(status: Status, accounts: Accounts) -> str | None:
    """Whom a status of ours speaks to, by platform id: the author it answers, else the one named."""
    if status.in_reply_to_account_id and not accounts.ours(PLATFORM, status.in_reply_to_account_id):
        return status.in_reply_to_account_id
    others = {m.id for m in status.mentions or () if m.id and not accounts.ours(PLATFORM, m.id)}
    return others.pop() if len(others) == 1 else None


def named(status: Status, body: html.Written) -> tuple[tuple[Mention, ...], tuple[Mention, ...]]:
    """Who is named in what the author wrote, and whom the reply form put in front of it.

    `mentions` of the status is final. Whoever stands in front and again further on was typed too.
    """
    known = [m for m in status.mentions or () if m.acct]
    if not status.in_reply_to_id:
        return _mentions(known), ()
    by_link = {m.url: m for m in reversed(known) if m.url}
    by_name = {name.casefold(): m for m in reversed(known) for name in (m.username, m.acct) if name}
    front: list[Named] = []
    typed: set[str | None] = set()
    for mention in body.mentions:
        found = by_link.get(mention.href) or by_name.get(mention.text[1:].casefold())
        if found is not None and mention.leading:
            front.append(found)
        elif found is not None:
            typed.add(found.acct)
    put_there = {m.acct for m in front} - typed
    return _mentions([m for m in known if m.acct not in put_there]), _mentions(front)


def when(text: str | None, now: datetime) -> datetime:
    """The moment that this ISO 8601 text names, in UTC; `now` where it names none."""
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return now


def _mentions(named: Sequence[Named]) -> tuple[Mention, ...]:
    mentions = (Mention(m.acct or "", m.id) for m in named)
    return tuple(dict.fromkeys(mentions))


def _surface(status: Status) -> Surface:
    if status.visibility == "direct":
        return "dm"
    return "reply" if status.in_reply_to_id else "post"


def _visibility(status: Status) -> Visibility | None:
    if status.visibility is None:
        return None
    # Forks know narrower words (`limited`, `local`): never taken for anything wider.
    known = status.visibility if status.visibility in _VISIBILITIES else "private"
    return cast("Visibility", known)


def _answered(status: Status, account: str) -> Reference | None:
    if not status.in_reply_to_id:
        return None
    id_ = event_id(PLATFORM, account, "status", status.in_reply_to_id)
    return Reference(id_, status.in_reply_to_account_id)


def _quoted(status: Status, account: str) -> Reference | None:
    if status.quote is None:
        return None
    quoted = status.quote.quoted_status
    native = quoted.id if quoted else status.quote.quoted_status_id
    if not native:
        return None
    author = quoted.account.id if quoted and quoted.account else None
    return Reference(event_id(PLATFORM, account, "status", native), author)
