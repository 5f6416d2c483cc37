"""A text cut into tokens, in which its words are looked for: folded, links and handles not said. Pure."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

LONGEST: Final = 65_536
"""Characters of a text that are looked at; no platform of ours takes a longer message."""

NOT_SAID: Final = re.compile(r"https?://\S++|[@＠][\w.-]++(?:@[\w.-]++)?")
STRETCHED: Final = re.compile(r"([^\W\d])\1{2,}")
"""A letter written three times or more, as in `heeel`: one is meant."""
LAUGHS: Final = "\U0001f602\U0001f923\U0001f639\U0001f606\U0001f605\U0001f480"
_SMILES: Final = (
    "\U0001f300-\U0001f440\U0001f44a-\U0001f44f\U0001f493-\U0001f49f\U0001f4aa\U0001f600-\U0001f610"
    "\U0001f612\U0001f614\U0001f617-\U0001f61d\U0001f634\U0001f642-\U0001f644\U0001f648\U0001f62c"
    "\U0001f913-\U0001f917\U0001f920-\U0001f92f\U0001f970\U0001f973\U0001f979\u2764\u2b50"
)
_TOKEN: Final = re.compile(
    rf"[^\W_]+|[.!;…]+|\?|\n\s*\n|[,:()\"“”«»|]|\s[-–—]+\s|[–—]|[{LAUGHS}]+|[{_SMILES}]+"
)
_MARKS: Final = re.compile("[\u0300-\u036f]+")


@lru_cache(maxsize=1)
def tokens(text: str) -> tuple[str, ...]:
    """Words, as written but folded, and marks: stops, each `?`, pauses, faces.

    The last text is remembered: one text is asked for danger and right after for its kind.
    """
    said = text[:LONGEST]
    if "@" in said or "://" in said or "＠" in said:
        said = NOT_SAID.sub(" ", said)
    return tuple(_TOKEN.findall(fold(said)))


def fold(text: str) -> str:
    """Small letters without accents."""
    small = text.casefold()
    return small if small.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", small))
