"""A text cut into tokens, in which its words are looked for: folded, links and handles not said. Pure.

Most of what people write has been written before: what stands between two spaces can be cut once and
remembered. So handles and links are taken out before.
"""

import re
import unicodedata
from typing import Final

LONGEST: Final = 65_536
"""Characters of a text that are looked at; no platform of ours takes a longer message."""

_LINK: Final = re.compile(r"https?://\S++", re.IGNORECASE)
_HANDLE: Final = re.compile(r"@[\w.-]++(?:@[\w.-]++)?")
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
_GROWS: Final = 18
"""Letters that one character stands for at most."""
_MARKS: Final = re.compile("[\u0300-\u036f]+")


def pieces(text: str) -> list[str]:
    """What stands between spaces, no handles or links; the end of a paragraph is a stop."""
    said = text[:LONGEST]
    if len(said) * _GROWS > LONGEST and not said.isascii():
        said = unicodedata.normalize("NFKD", said)[:LONGEST]
    if "://" in said:
        said = _LINK.sub(" ", said)
    if "＠" in said:
        said = said.replace("＠", "@")
    if "@" in said:
        said = _HANDLE.sub(" ", said)
    return (_PARAGRAPH.sub(" . ", said) if "\n" in said else said).split()


def cut(piece: str) -> tuple[str, ...]:
    """The words of a piece, as written but folded, and its marks: stops, each `?`, pauses, faces."""
    return tuple(_TOKEN.findall(fold(f" {piece} ")))


def fold(text: str) -> str:
    """Small letters without accents."""
    small = text.casefold()
    return small if small.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", small))
