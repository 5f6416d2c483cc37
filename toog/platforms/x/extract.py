"""Handles and hashtags out of plain text: only for posts whose entities X did not send.

After twitter-text's rules (github.com/twitter/twitter-text, conformance/extract.yml), on which it
is tested: a handle inside a link or an e-mail address is none.
"""

import re
from collections.abc import Iterator

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(
    r"(?:^|(?<=[^a-zA-Z0-9_!#$%&*@＠])|(?<=\b[Rr][Tt]))"
    r"[@＠]([a-zA-Z0-9_]{1,20})(?![@＠A-Za-zÀ-ÖØ-öø-ÿ0-9_]|://)"
)
# Letters are \w; Python leaves out combining marks, joiners and a few marks that words contain.
_WORD = (
    r"[\w\u0300-\u036f\u0591-\u05c7\u05f3\u05f4\u064b-\u065f\u0900-\u0dff\u0e31-\u0e4e\u0eb1-\u0ecd"
    r"\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u200c\u200d\u00b7\u3003\u301c\uff5e]"
)
_HASHTAG = re.compile(
    rf"(?:^|(?<=[^\w&/]))[#＃](?![\ufe0f\u20e3])({_WORD}*[^\W\d_]{_WORD}*)(?![#＃]|://)"
)
_LEADING = re.compile(r"\s*[@＠]([a-zA-Z0-9_]{1,20})(?=\s|$)")


def find_handles(text: str) -> Iterator[re.Match[str]]:
    """Where handles stand in the text: each match begins at the @, group 1 is the handle."""
    return _HANDLE.finditer(_without_links(text))


def find_hashtags(text: str) -> Iterator[re.Match[str]]:
    """Where hashtags stand in the text: each match begins at the #, group 1 is the tag."""
    return _HASHTAG.finditer(_without_links(text))


def find_links(text: str) -> Iterator[re.Match[str]]:
    """Where links stand in the text."""
    return _LINK.finditer(text)


def handles(text: str) -> list[str]:
    """The handles in the text, in its order, without @."""
    return [match[1] for match in find_handles(text)]


def hashtags(text: str) -> list[str]:
    """The hashtags in the text, in its order, without #."""
    return [match[1] for match in find_hashtags(text)]


def _without_links(text: str) -> str:
    return _LINK.sub(lambda link: " " * len(link[0]), text)


def leading_handles(text: str) -> list[str]:
    """The handles that the text begins with, up to the first other word."""
    found: list[str] = []
    at = 0
    while match := _LEADING.match(text, at):
        found.append(match[1])
        at = match.end()
    return found
