"""What a text names, links and shows: facets by UTF-8 bytes, and what is embedded below it.

https://docs.bsky.app/docs/advanced-guides/post-richtext: an @ or an address in the text is only
a mention or a link where a facet says so; facets are final, also when there are none.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from toog.contracts.events import Media, Mention
from toog.platforms.bluesky.payloads import NOTHING, POST, Ref, part, read_uri

_MENTION: Final = "app.bsky.richtext.facet#mention"
_LINK: Final = "app.bsky.richtext.facet#link"
_TAG: Final = "app.bsky.richtext.facet#tag"
_LONGEST_NAME: Final = 300
"""A handle has at most 253 characters; a facet over more than that names nobody by it."""
_MOST_IMAGES: Final = 10


class _Index(msgspec.Struct, gc=False):
    start: int = msgspec.field(name="byteStart")
    end: int = msgspec.field(name="byteEnd")


class _Feature(msgspec.Struct, gc=False):
    type: str = msgspec.field(name="$type")
    did: str | None = None
    uri: str | None = None
    tag: str | None = None


class _Facet(msgspec.Struct, gc=False):
    features: list[msgspec.Raw]
    index: msgspec.Raw = NOTHING


class _Embed(msgspec.Struct, gc=False):
    type: str = msgspec.field(name="$type")
    record: msgspec.Raw = NOTHING
    media: msgspec.Raw = NOTHING
    images: msgspec.Raw = NOTHING
    external: msgspec.Raw = NOTHING


class _Inner(msgspec.Struct, gc=False):
    record: Ref | None = None


@dataclass(frozen=True, slots=True)
class Rich:
    """What facets say about a text."""

    mentions: tuple[Mention, ...] = ()
    links: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Embedded:
    """What stands below a text; `quotes` is the address of the post that is quoted."""

    quotes: str | None = None
    media: tuple[Media, ...] = ()
    links: tuple[str, ...] = ()


def rich(text: str, facets: msgspec.Raw) -> Rich:
    """Mentions, links and hashtags in their order; a facet that is none says nothing."""
    data = text.encode()
    mentions: dict[Mention, None] = {}
    links: dict[str, None] = {}
    hashtags: dict[str, None] = {}
    for raw in part(facets, list[msgspec.Raw]) or ():
        facet = part(raw, _Facet)
        for one in facet.features if facet else ():
            feature = part(one, _Feature)
            if feature is None or facet is None:
                continue
            if feature.type == _MENTION and feature.did:
                handle = _named(data, part(facet.index, _Index)) or feature.did
                mentions[Mention(handle, feature.did)] = None
            elif feature.type == _LINK and _is_web(feature.uri):
                links[feature.uri or ""] = None
            elif feature.type == _TAG and feature.tag:
                hashtags[feature.tag.removeprefix("#")] = None
    return Rich(tuple(mentions), tuple(links), tuple(hashtags))


def embedded(raw: msgspec.Raw) -> Embedded:
    """What an `embed` holds: a quoted post, pictures, a film, a link card."""
    embed = part(raw, _Embed)
    if embed is None:
        return Embedded()
    if _kind(embed) == "record":
        return Embedded(quotes=_post(part(embed.record, Ref)))
    if _kind(embed) == "recordWithMedia":
        inner, below = part(embed.record, _Inner), part(embed.media, _Embed)
        beside = _media(below) if below else Embedded()
        return Embedded(_post(inner.record if inner else None), beside.media, beside.links)
    return _media(embed)


def _kind(embed: _Embed) -> str:
    return embed.type.removeprefix("app.bsky.embed.").removesuffix("#view")


def _media(embed: _Embed) -> Embedded:
    kind = _kind(embed)
    if kind == "images":
        count = len(part(embed.images, list[msgspec.Raw]) or ())
        return Embedded(media=(Media("image"),) * min(count, _MOST_IMAGES))
    if kind == "video":
        return Embedded(media=(Media("video"),))
    card = part(embed.external, Ref) if kind == "external" else None
    return Embedded(links=(card.uri,)) if card and card.uri and _is_web(card.uri) else Embedded()


def _named(data: bytes, index: _Index | None) -> str | None:
    if index is None or not 0 <= index.start < index.end <= len(data):
        return None
    if index.end - index.start > _LONGEST_NAME:
        return None
    words = data[index.start : index.end].decode(errors="replace").strip()
    handle = words.removeprefix("@")
    return handle if handle and words != handle and not any(c.isspace() for c in handle) else None


def _is_web(uri: str | None) -> bool:
    return uri is not None and uri.startswith(("https://", "http://"))


def _post(ref: Ref | None) -> str | None:
    address = read_uri(ref.uri) if ref else None
    return ref.uri if ref and address and address.collection == POST else None
