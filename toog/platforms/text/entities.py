"""Handles, hashtags and cashtags in plain text, after twitter-text 3; what stands in a link is none.

Source: github.com/twitter/twitter-text, whose conformance suite the tests run.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from toog.platforms.text.links import find_links

_AFTER_HANDLE: Final = r"(?![@＠A-Za-zÀ-ÖØ-öø-ÿ0-9_]|://)"
_HANDLE = re.compile(
    r"(?:^|(?<=[^a-zA-Z0-9_!#$%&*@＠])|(?<=\b[Rr][Tt]))"
    r"[@＠]([a-zA-Z0-9_]{1,20})(/[a-zA-Z][a-zA-Z0-9_\-]{0,24})?" + _AFTER_HANDLE
)
# Letters are \w; Python leaves out combining marks, joiners and a few signs that words contain.
_WORD = (
    r"[\w\u0300-\u036f\u0591-\u05c7\u05f3\u05f4\u064b-\u065f\u0900-\u0dff\u0e31-\u0e4e\u0eb1-\u0ecd"
    r"\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u200c\u200d\u00b7\u0483-\u0489\u3003\u301c\uff5e"
    r"\u302a-\u302f\u3099\u309a\U00011000-\U000114ff\U00016f4f-\U00016f92]"
)
_HASHTAG = re.compile(rf"(?:^|(?<=[^\w&/]))[#＃](?![\ufe0f\u20e3])({_WORD}++)(?![#＃]|://)")
_LETTER = re.compile(r"[^\W\d_]")
_CASHTAG = re.compile(
    r"(?:^|(?<=[\s\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]))"
    r"\$([a-z]{1,6}(?:[._][a-z]{1,2})?)(?=$|[\s!'#%&()*+,\-./:;<=>?@\[\\\]^_{|}~$])",
    re.IGNORECASE,
)
_REPLY = re.compile(r"\s*+[@＠]([a-zA-Z0-9_]{1,20}+)(?![@＠À-ÖØ-öø-ÿ]|://)")
_LEADING = re.compile(r"\s*+[@＠]([a-zA-Z0-9_]{1,20})(?=\s|$)")
_ADDRESS = re.compile(r"https?://[a-z0-9!*';:=+,.$/%#\[\]\-_~@|&?]++", re.IGNORECASE)
"""Also a host that nobody knows makes a link: no handle is looked for in it."""


def find_handles(text: str) -> Iterator[re.Match[str]]:
    """Where handles stand: each match begins at the @; 1 is the handle, 2 the list behind it."""
    if "@" not in text and "＠" not in text:
        return iter(())
    return _outside_links(_HANDLE.finditer(text), text)


def find_hashtags(text: str) -> Iterator[re.Match[str]]:
    """Where hashtags stand: each match begins at the #, group 1 is the tag."""
    if "#" not in text and "＃" not in text:
        return iter(())
    found = (match for match in _HASHTAG.finditer(text) if _LETTER.search(match[1]))
    return _outside_links(found, text)


def find_cashtags(text: str) -> Iterator[re.Match[str]]:
    """Where cashtags stand: each match begins at the $, group 1 is the symbol."""
    return _CASHTAG.finditer(text)


def handles(text: str) -> list[str]:
    """The handles in the text, in its order, without @."""
    return [match[1] for match in find_handles(text)]


def hashtags(text: str) -> list[str]:
    """The hashtags in the text, in its order, without #, case as written."""
    return [match[1] for match in find_hashtags(text)]


def cashtags(text: str) -> list[str]:
    """The cashtags in the text, in its order, without $."""
    return [match[1] for match in find_cashtags(text)]


def replied_to(text: str) -> str | None:
    """The handle that the text begins with, or None: whom it answers, by the old custom."""
    match = _REPLY.match(text)
    return match[1] if match else None


def leading_handles(text: str) -> list[str]:
    """The handles that the text begins with, up to the first other word."""
    found: list[str] = []
    at = 0
    while match := _LEADING.match(text, at):
        found.append(match[1])
        at = match.end()
    return found


def _outside_links(found: Iterable[re.Match[str]], text: str) -> Iterator[re.Match[str]]:
    """Those that do not touch a link; both come in the order of the text."""
    spans: Iterator[tuple[int, int]] | None = None
    start = end = -1
    for match in found:
        if spans is None:  # most texts name nobody: then no link is looked for either
            spans = iter(_link_spans(text))
        while end <= match.start() and (span := next(spans, None)) is not None:
            start, end = span
        if not (start < match.end() and match.start() < end):
            yield match


def _link_spans(text: str) -> list[tuple[int, int]]:
    """Where links stand, each beginning behind the one before; none contains another."""
    known = {link.start: link.end for link in find_links(text)}
    spans = list(known.items())
    spans += [m.span() for m in _ADDRESS.finditer(text) if m.start() not in known]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
