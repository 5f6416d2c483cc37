"""What the rules ask of a text: are there words in it, and whose. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from toog.contracts.events import Mention

_HANDLE_OR_TAG: Final = re.compile(r"[@＠][\w.-]+(?:@[\w.-]+)?|[#＃]\w+")
_WORD: Final = re.compile(r"\w(?![\ufe0f\u20e3])")  # a digit of a keycap emoji is no word


def has_words(text: str) -> bool:
    """Whether a letter or digit stands in it, or it asks something; emoji are no words."""
    return "?" in text or "？" in text or _WORD.search(text) is not None


def has_own_words(text: str, named: Iterable[Mention]) -> bool:
    """Whether something is left when handles, tagged names and hashtags are taken out."""
    left = _HANDLE_OR_TAG.sub(" ", text)
    for mention in named:
        left = left.replace(mention.handle, " ")
    return _WORD.search(left) is not None
