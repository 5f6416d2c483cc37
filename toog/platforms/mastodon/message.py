"""One Mastodon status as an event: who speaks to whom, what the person wrote, where it belongs."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, cast, get_args

import msgspec

from toog.contracts.events import Author, Event, Media, Mention, Reference, Surface, Visibility
from toog.contracts.ids import event_id
from toog.platforms.accounts import Accounts
from toog.platforms.mastodon import html
from toog.platforms.mastodon.payloads import Named, Status

PLATFORM: Final = "mastodon"

_LONGEST_DOMAIN: Final = 253

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
    body = html.written(status.content or "", quoted=status.quote is not None)
    mentions, prefix = named(status, body)
    return Event(
        id=event_id(PLATFORM, account, "status", status.id),
        kind="created",
        platform=PLATFORM,
        account=account,
        occurred_at=moment_of(status.created_at) or now,
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
        hashtags=_hashtags(status, body),
        links=_links(status, body),
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
    who = _by_sight(status)
    front: list[Named] = []
    typed: set[str | None] = set()
    for mention in body.mentions:
        found = who(mention)
        if found is not None and mention.leading:
            front.append(found)
        elif found is not None:
            typed.add(found.acct)
    put_there = {m.acct for m in front} - typed
    return _mentions([m for m in known if m.acct not in put_there]), _mentions(front)


def _by_sight(status: Status) -> Callable[[html.Named], Named | None]:
    """Who a mention in the text is: by its address, else by its name."""
    known = [m for m in status.mentions or () if m.acct]
    by_link = {m.url: m for m in reversed(known) if m.url}
    by_name = {_alike(name): m for m in reversed(known) for name in (m.username, m.acct) if name}
    return lambda seen: by_link.get(seen.href) or by_name.get(_alike(seen.text[1:]))


def _alike(handle: str) -> str:
    """The handle in any case, its domain as DNS writes it: `münchen.example` is `xn--…`."""
    name, _, domain = handle.casefold().partition("@")
    if not domain.isascii() and len(domain) <= _LONGEST_DOMAIN:
        with suppress(UnicodeError):
            domain = domain.encode("idna").decode()
    return f"{name}@{domain}"


def _hashtags(status: Status, body: html.Written) -> tuple[str, ...]:
    """As they are written: `tags` says which there are, but all in lower case."""
    if status.tags is None:
        return tuple(dict.fromkeys(tag for tag in body.hashtags if tag))
    written = {tag.casefold(): tag for tag in reversed(body.hashtags)}
    names = (tag.name for tag in status.tags if tag.name)
    return tuple(dict.fromkeys(written.get(name.casefold(), name) for name in names))


def _links(status: Status, body: html.Written) -> tuple[str, ...]:
    """The links, and what only looks like a mention: `@somebody` of another network."""
    alike = [m for m in body.mentions if not m.marked and html.is_web(m.href)]
    if not alike:
        return body.links
    who = _by_sight(status)
    return tuple(dict.fromkeys([*body.links, *(m.href for m in alike if who(m) is None)]))


def moment_of(text: str | None) -> datetime | None:
    """The moment that this ISO 8601 text names, in UTC; None where it names none."""
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _mentions(named: Sequence[Named]) -> tuple[Mention, ...]:
    mentions = (Mention(m.acct or "", m.id) for m in named)
    return tuple(dict.fromkeys(mentions))


def _surface(status: Status) -> Surface:
    if status.visibility == "direct":
        return "dm"
    if status.in_reply_to_id:
        return "reply"
    return "quote" if status.quote is not None else "post"


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
    quote, quoted = status.quote, status.quote.quoted_status
    native = quoted.id if quoted else quote.quoted_status_id or quote.id
    if not native:
        return None
    actor = quoted.account if quoted else quote.account
    return Reference(event_id(PLATFORM, account, "status", native), actor.id if actor else None)
