"""A text cut into tokens, in which its words are looked for: folded, links and handles not said. Pure.

Most of what people write has been written before: what stands between two spaces is cut once and remembered.
"""

import re
import unicodedata
from itertools import chain
from typing import Final

from services.router.remembered import Remembered

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
    rf"[^\W_]+|[.!;…]+|\?|[,:()\"“”«»|]|\s[-–—]+\s|[–—]|[{LAUGHS}]+|[{_SMILES}]+"
)
_PARAGRAPH: Final = re.compile(r"\n\s*\n")
_MARKS: Final = re.compile("[\u0300-\u036f]+")


def pieces(text: str) -> list[str]:
    """What stands between spaces; the end of a paragraph is a stop."""
    said = text[:LONGEST]
    return (_PARAGRAPH.sub(" . ", said) if "\n" in said else said).split()


def cut(piece: str) -> tuple[str, ...]:
    """The words of a piece, as written but folded, and its marks: stops, each `?`, pauses, faces."""
    if "@" in piece or "://" in piece or "＠" in piece:
        piece = NOT_SAID.sub(" ", piece)
    return tuple(_TOKEN.findall(fold(f" {piece} ")))


_CUT: Final = Remembered(cut)


def tokens(text: str) -> tuple[str, ...]:
    """The tokens of all its pieces."""
    return tuple(chain.from_iterable(map(_CUT.__getitem__, pieces(text))))


def fold(text: str) -> str:
    """Small letters without accents."""
    small = text.casefold()
    return small if small.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", small))
