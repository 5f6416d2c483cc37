"""One Bluesky post as an event: what it says, what it answers and quotes, where it belongs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from toog.contracts.events import Author, Event, Reference, Surface
from toog.contracts.ids import deletion_id, edit_id, event_id
from toog.platforms.accounts import Account, Accounts
from toog.platforms.bluesky.payloads import POST, Record, Ref, ReplyRef, Uri, part, read_uri
from toog.platforms.bluesky.richtext import embedded, rich

PLATFORM: Final = "bluesky"


@dataclass(frozen=True, slots=True)
class Here:
    """By which door it came, whose door that is, and when."""

    accounts: Accounts
    account: Account | None
    source: str
    now: datetime

    @property
    def account_id(self) -> str:
        """Our DID: the door's, else the only one that we have."""
        if self.account is not None:
            return self.account.id
        ours = self.accounts.on(PLATFORM)
        return ours[0].id if len(ours) == 1 else "unknown"

    @property
    def known(self) -> bool:
        """Whether that is an account of ours."""
        return self.accounts.by_id(PLATFORM, self.account_id) is not None

    def ours(self, did: str | None) -> bool:
        """Whether this DID is one of us."""
        return self.accounts.ours(PLATFORM, did)

    def post_id(self, uri: str) -> str:
        """The event id of the post at this address."""
        return event_id(PLATFORM, self.account_id, "post", uri)


class Told(NamedTuple):
    """The bytes that tell something, and whether they had to be cleaned."""

    data: bytes
    cleaned: bool


class Version(NamedTuple):
    """Where a post stands and which version of it this is."""

    uri: str
    cid: str | None
    at: datetime


class Links(NamedTuple):
    """The addresses that a post answers and quotes, as far as they are addresses."""

    parent: Ref | None
    root: Ref | None
    quotes: str | None


def links_of(record: Record) -> Links:
    """What this post answers and quotes. A reply without root has its parent for one."""
    reply = part(record.reply, ReplyRef) or ReplyRef()
    parent = reply.parent if reply.parent and read_uri(reply.parent.uri) else None
    root = reply.root if reply.root and read_uri(reply.root.uri) else None
    return Links(parent, (root or parent) if parent else None, embedded(record.embed).quotes)


def created(record: Record, version: Version, author: Author, here: Here, told: Told) -> Event:
    """The event of this post, seen from our account.

    `at` is the server's time: `createdAt` is whatever the client says.
    """
    said, below, links = rich(record.text, record.facets), embedded(record.embed), links_of(record)
    languages = part(record.langs, list[str]) or [""]
    return Event(
        id=here.post_id(version.uri),
        kind="created",
        platform=PLATFORM,
        account=here.account_id,
        occurred_at=version.at,
        received_at=here.now,
        source=here.source,
        native=version.uri,
        surface=_surface(links),
        conversation=(links.root.uri if links.root else None) or version.uri,
        author=author,
        own=here.ours(author.id),
        text=record.text,
        language=languages[0] or None,
        mentions=said.mentions,
        hashtags=hashtags_of(record),
        links=tuple(dict.fromkeys((*said.links, *below.links))),
        media=below.media,
        visibility="public",
        in_reply_to=_reference(links.parent.uri if links.parent else None, here),
        root_author=_did(links.root.uri if links.root else None),
        quotes=_reference(links.quotes, here),
        reply_context=_context(version.cid, links.root),
        cleaned=told.cleaned,
        raw=msgspec.Raw(told.data),
    )


def hashtags_of(record: Record) -> tuple[str, ...]:
    """The hashtags of the text, then those beside it, without #, each once."""
    beside = (tag.removeprefix("#") for tag in part(record.tags, list[str]) or ())
    return tuple(dict.fromkeys((*rich(record.text, record.facets).hashtags, *filter(None, beside))))


def edited(event: Event, version: Version, rev: str) -> Event:
    """The same post as its newer version; `rev` sorts versions of one repository."""
    return msgspec.structs.replace(
        event, id=edit_id(event.id, version.cid or rev), kind="edited", of=event.id, revision=rev
    )


def deleted(uri: str, did: str, at: datetime, here: Here, told: Told) -> Event:
    """The deletion of the post at this address."""
    of = here.post_id(uri)
    return Event(
        id=deletion_id(of),
        kind="deleted",
        of=of,
        native=uri,
        platform=PLATFORM,
        account=here.account_id,
        author=Author(did),
        own=here.ours(did),
        occurred_at=at,
        received_at=here.now,
        source=here.source,
        cleaned=told.cleaned,
        raw=msgspec.Raw(told.data),
    )


def citizen_of(event: Event, here: Here) -> str:
    """Who the event's Kafka key names: the author, for our own message the other party."""
    author = event.author.id if event.author else None
    if author is not None and not here.ours(author):
        return author
    answered = event.in_reply_to.author if event.in_reply_to else None
    if answered is not None and not here.ours(answered):
        return answered
    others = {m.id for m in event.mentions if m.id and not here.ours(m.id)}
    return others.pop() if len(others) == 1 else event.native or event.id


def concerns(record: Record, did: str) -> bool:
    """Whether this post names, answers or quotes that account, or stands in its thread."""
    links = links_of(record)
    addresses = (
        links.parent.uri if links.parent else None,
        links.root.uri if links.root else None,
        links.quotes,
    )
    if any(_did(address) == did for address in addresses):
        return True
    return any(m.id == did for m in rich(record.text, record.facets).mentions)


def is_post(uri: str) -> bool:
    """Whether this is the address of a post."""
    address = read_uri(uri)
    return address is not None and address.collection == POST


def address(did: str, rkey: str) -> str | None:
    """The address of this post, or None where that makes none."""
    uri = f"at://{did}/{POST}/{rkey}"
    return uri if read_uri(uri) == Uri(did, POST, rkey) else None


def _surface(links: Links) -> Surface:
    if links.parent is not None:
        return "reply"
    return "quote" if links.quotes is not None else "post"


def _reference(uri: str | None, here: Here) -> Reference | None:
    return Reference(here.post_id(uri), _did(uri)) if uri else None


def _did(uri: str | None) -> str | None:
    found = read_uri(uri)
    return found.did if found and found.did.startswith("did:") else None


def _context(cid: str | None, root: Ref | None) -> dict[str, str]:
    context = {"cid": cid} if cid else {}
    if root is not None and root.uri and root.cid:
        context |= {"root_uri": root.uri, "root_cid": root.cid}
    return context
