"""The words of a text in plain form, as kinds of messages are counted by. Pure."""

import re
import unicodedata
from typing import Final

from services.router.tokens import LONGEST, NOT_SAID, STRETCHED

_LAUGHTER: Final = re.compile("[\U0001f602\U0001f923\U0001f639\U0001f606\U0001f605\U0001f480]+")
_STOP: Final = re.compile(r"[.!?;…]+|\n\s*\n")
_PAUSE: Final = re.compile(r"[,:()\"“”«»|]+|\s[-–—]+\s|[–—]")
_OTHER: Final = re.compile(r"[^\w .,]+|_+")
_K: Final = re.compile(
    r" k(?=(?:zen|zie|wil|wou|ben|heb|eb|em|vind|vin|ga|zit|durf|kan|hoor|oor|zal|zou|word|krijg|moet"
    r"|voel|zijn|zoek|denk|sta|lig|stik|maak) )"
)
"""Flemish as written: `kzen`, `kwil` are two words."""


def plain(text: str) -> str:
    """The words in small letters without accents, one space around each; `.` and `,` kept apart."""
    said = _fold(NOT_SAID.sub(" ", text[:LONGEST]))
    said = _STOP.sub(" . ", said if said.isascii() else _LAUGHTER.sub(" haha ", said))
    said = _OTHER.sub(" ", _PAUSE.sub(" , ", said))
    said = " ".join(STRETCHED.sub(lambda m: m[1], said).split())
    return _K.sub(" k ", f" {said} ")


def _fold(text: str) -> str:
    small = text.casefold()
    if small.isascii():
        return small
    apart = unicodedata.normalize("NFKD", small)
    return "".join(c for c in apart if not unicodedata.combining(c))
