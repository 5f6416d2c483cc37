"""The length of a text as X counts it: twitter-text configuration v3, with emoji as one sign each.

Source: docs.x.com/fundamentals/counting-characters and github.com/twitter/twitter-text (config v3).
"""

import re
import unicodedata
from typing import Final

from toog.platforms.text.links import find_links

LONGEST: Final = 280
LINK: Final = 23
"""Every link becomes one of X's shortener, however long it is."""

_LIGHT = re.compile(r"[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
_PICTURE = (
    r"[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf"
    r"\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
)
_ONE = rf"{_PICTURE}(?!\ufe0e)\ufe0f?+[\U0001f3fb-\U0001f3ff]?+(?:[\U000e0020-\U000e007e]++\U000e007f)?+"
_EMOJI = re.compile(rf"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?+\u20e3|{_ONE}(?:\u200d{_ONE})*+")
_INVALID = re.compile("[\ufffe\ufeff\uffff]")


def weighted(text: str) -> int:
    """The weighted length: 280 may be sent. Composed (NFC) first; links 23, emoji 2 each.

    The handles that X itself puts in front of a reply are no part of what is sent.
    """
    text = unicodedata.normalize("NFC", text)
    length = at = 0
    for link in find_links(text):
        length += _weight(text[at : link.start]) + LINK
        at = link.end
    return length + _weight(text[at:])


def sendable(text: str) -> bool:
    """Whether X takes this text as one post: not empty, not too long, nothing forbidden in it."""
    return bool(text.strip()) and not _INVALID.search(text) and weighted(text) <= LONGEST


def _weight(text: str) -> int:
    if text.isascii() and "\u20e3" not in text:
        return len(text)
    rest, pictures = _EMOJI.subn("", text)
    light = len(_LIGHT.findall(rest))
    return 2 * pictures + 2 * len(rest) - light
