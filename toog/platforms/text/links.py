"""Links in a text, after twitter-text 3 (github.com/twitter/twitter-text): with a scheme or without.

Every pass goes forward only, and what may repeat is possessive: time grows with the text, no faster.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from toog.platforms.text import tlds

LABEL_LENGTH: Final = 63
HOST_LENGTH: Final = 4096
TCO_LENGTH: Final = 40
"""The longest slug that X's own shortener makes."""

_NOT_HOST = "\\s!\"#%&'()*+,/:;<=>?@\\[\\\\\\]^`{|}~$\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\ufeff\uffff"
_LATIN = "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
_CYRILLIC = "\u0400-\u04ff"
_RUN = re.compile(rf"[^{_NOT_HOST}]++")
_NAME = re.compile(rf"[a-z0-9{_LATIN}\-]++(?:\.[a-z0-9{_LATIN}\-]++)*+", re.IGNORECASE)
_SUBDOMAIN = re.compile(r"(?![_-])[^.]*+(?<![_-])")
_DOMAIN = re.compile(r"(?!-)[^._]++(?<!-)")
_ASCII_END = re.compile(r"[a-z0-9\-]++", re.IGNORECASE)
_SCHEME = re.compile(r"https?$", re.IGNORECASE)
_PORT = re.compile(r":[0-9]++")
_IN_PATH = rf"[a-z0-9{_LATIN}{_CYRILLIC}!*';:=+,.$/%#\[\]\-\u2013_~@|&]"
_PATH = re.compile(rf"/(?:{_IN_PATH}++|\((?:{_IN_PATH}++|\({_IN_PATH}++\))*+\))*+", re.IGNORECASE)
_QUERY = re.compile(r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*+", re.IGNORECASE)
_TCO = re.compile(r"https?://t\.co/([a-z0-9]++)", re.IGNORECASE)
_NO_PATH_END = "!*';:,.$%[]\u2013~@|&"
_NO_QUERY_END = "!?*'@();:+$%[].,~|"
_GLUED = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@＠$#＃\ufffe\ufeff\uffff"
)
_GLUED_BARE = _GLUED | frozenset("-_./")
_BEHIND_NO_END = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@+-")


class Link(NamedTuple):
    """A link as written, and where it stands, in code points."""

    start: int
    end: int
    url: str


def find_links(text: str) -> list[Link]:
    """All links of the text in its order."""
    return list(_links(text)) if "." in text else []


def links(text: str) -> list[str]:
    """The links of the text as written, in its order."""
    return [link.url for link in find_links(text)]


def _links(text: str) -> Iterator[Link]:
    """Run by run of what may name a host; a found link is never searched again."""
    at = 0
    while run := _RUN.search(text, at):
        at, end = run.span()
        if "." not in run[0]:
            at = end
            continue
        scheme = _scheme(text, at)
        host = _host(text, at, end, end) if scheme is not None else None
        if host is not None and scheme is not None:
            at = _end(text, host)
            link = _shortened(text, scheme, at)
            if link is not None:
                at = max(link.end, host)
                yield link
        for link in _bare(text, at, end):
            at = link.end
            yield link
        at = max(at, end)


def _scheme(text: str, host: int) -> int | None:
    """Where the scheme in front of this host begins, if one stands there on its own."""
    if not text.startswith("://", host - 3) or host < 7:
        return None
    scheme = _SCHEME.search(text[max(host - 8, 0) : host - 3])
    if scheme is None:
        return None
    start = host - 3 - len(scheme[0])
    return None if start and text[start - 1] in _GLUED else start


def _host(text: str, start: int, dots: int, end: int) -> int | None:
    """The end of the longest valid host that begins here and has its dots before `dots`, or None."""
    found = None
    at = start
    last = min(dots, start + HOST_LENGTH)
    while (dot := text.find(".", at, last)) >= 0:
        label = text[at:dot]
        if not _fits(label):
            break
        if _DOMAIN.fullmatch(label):
            found = _top(text, dot + 1, end) or found
        elif not _SUBDOMAIN.fullmatch(label):
            break
        at = dot + 1
    return found


def _top(text: str, at: int, end: int) -> int | None:
    """The end of the top-level domain that begins here, or None where none does."""
    if at >= end:
        return None
    label = _ASCII_END.match(text, at, end)
    if label is not None:
        name = label[0].lower()
        if name not in tlds.ASCII and not (name.startswith("xn--") and len(name) > 4):
            return None
        top = label.end()
    else:
        written = text[at : min(end, at + LABEL_LENGTH)]
        known = next((name for name in tlds.OTHER_SCRIPTS if written.startswith(name)), None)
        if known is None:
            return None
        top = at + len(known)
    return None if top < len(text) and text[top] in _BEHIND_NO_END else top


def _fits(label: str) -> bool:
    """Whether the label is one in DNS: 63 characters, as punycode where it is not ASCII."""
    if not 0 < len(label) <= LABEL_LENGTH:
        return False
    if label.isascii():
        return True
    if label[:4].lower() == "xn--":
        return False
    return len(label.encode("punycode", "replace")) + 4 <= LABEL_LENGTH


def _bare(text: str, start: int, end: int) -> Iterator[Link]:
    """Links without a scheme: ASCII or Latin names only, not glued to a word, handle or tag."""
    at = start
    while at < end and (name := _NAME.search(text, at, end)):
        begin, at = name.span()
        if text[begin] == "-" or (begin and text[begin - 1] in _GLUED_BARE):
            continue
        host = _host(text, begin, min(at + 1, end), end)
        if host is None:
            continue
        tail = _end(text, host)
        at = tail
        yield Link(begin, tail, text[begin:tail])


def _end(text: str, host: int) -> int:
    """Where the link ends that has this host: port, path and query behind it."""
    if host >= len(text) or text[host] not in ":/?":
        return host
    port = _PORT.match(text, host)
    at = port.end() if port else host
    path = _PATH.match(text, at)
    if path is not None:
        kept = len(path[0].rstrip(_NO_PATH_END))
        if kept < len(path[0]):
            return at + kept
        at = path.end()
    query = _QUERY.match(text, at)
    kept = len(query[0].rstrip(_NO_QUERY_END)) if query else 0
    return at + kept


def _shortened(text: str, start: int, end: int) -> Link | None:
    """The link; of X's shortener only slug and query, and none where the slug is too long."""
    url = text[start:end]
    slug = _TCO.match(url)
    if slug is None:
        return Link(start, end, url)
    if len(slug[1]) > TCO_LENGTH:
        return None
    query = _QUERY.match(url, slug.end())
    kept = len(query[0].rstrip(_NO_QUERY_END)) if query else 0
    end = start + slug.end() + kept
    return Link(start, end, text[start:end])
