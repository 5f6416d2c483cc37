"""Who and what a text on Instagram names: handles by Instagram's own rule, tags and links as anywhere.

A handle has at most 30 letters, digits, underscores and full stops, and ends in none of the latter
(help.instagram.com/182492381886913). Inside a link or an e-mail address it is none.
"""

import re
from typing import Final, NamedTuple

from toog.contracts.events import Mention
from toog.platforms.text.entities import hashtags
from toog.platforms.text.links import Link, find_links

_HANDLE: Final = re.compile(
    r"(?:^|(?<=[^a-zA-Z0-9_!#$%&*@＠]))"
    r"[@＠]((?=[A-Za-z0-9_.]{1,30}(?![A-Za-z0-9_]))[A-Za-z0-9_]++(?:\.[A-Za-z0-9_]++)*+)"
    r"(?![@＠À-ÖØ-öø-ÿ]|://)"
)
_ADDRESS: Final = re.compile(r"https?://\S++", re.IGNORECASE)
"""Also a host that nobody knows makes a link: no handle is looked for in it."""


class Named(NamedTuple):
    """What stands in the text, in its order; hashtags without #."""

    mentions: tuple[Mention, ...]
    hashtags: tuple[str, ...]
    links: tuple[str, ...]


def named(text: str) -> Named:
    """Handles, hashtags and links of this text, as written."""
    links = find_links(text)
    return Named(
        tuple(Mention(match[1]) for match in _HANDLE.finditer(_without(links, text))),
        tuple(hashtags(text)),
        tuple(link.url for link in links),
    )


def _without(links: list[Link], text: str) -> str:
    """The text with blanks where the links stand."""
    parts: list[str] = []
    at = 0
    for link in links:
        parts += text[at : link.start], " " * (link.end - link.start)
        at = link.end
    return _ADDRESS.sub(" ", "".join((*parts, text[at:])))
