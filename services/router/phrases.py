"""The small language of phrases in `emergency.toml`, read into steps over lists of words. Pure.

`er wordt {now}? ... ingebroken/gestolen`: words one after the other; `a/b` either (`a_b` two words);
`inbrek*` any ending; `{now}` one of a named list; `?` at the end may be absent; `...` up to four words
of the same clause. `{weapon} + {person}`: both in one sentence, in any order; what stands first is the
danger itself, around which the guards are looked for. `weg + {kin} - {thing}`: and none of the last.
A phrase is looked for in text as `plain` makes it: there `.` and `,` stand as words of their own.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

LONGEST: Final = 65_536
"""Characters of a text that are looked at; no platform of ours takes a longer message."""
GAP: Final = 4
"""Words that `...` may stand for."""

_NOT_SAID: Final = re.compile(r"https?://\S++|[@＠][\w.-]++(?:@[\w.-]++)?")
_LAUGHTER: Final = re.compile("[\U0001f602\U0001f923\U0001f639\U0001f606\U0001f605\U0001f480]+")
_STOP: Final = re.compile(r"[.!?;…]+|\n\s*\n")
_PAUSE: Final = re.compile(r"[,:()\"“”«»|]+|\s[-–—]+\s|[–—]")
_OTHER: Final = re.compile(r"[^\w .,]+|_+")
_STRETCHED: Final = re.compile(r"([^\W\d])\1{2,}")
_K: Final = re.compile(
    r" k(?=(?:zen|zie|wil|wou|ben|heb|eb|em|vind|vin|ga|zit|durf|kan|hoor|oor|zal|zou|word|krijg|moet"
    r"|voel|zijn|zoek|denk|sta|lig|stik|maak|weet|zag|wee|snap|bel|hoop|vrees|moe|ruik|bloed) )"
)
"""Flemish as written: `kzen`, `kwil` are two words."""
_SPACE: Final = re.compile(r"\s+")
_ITEM: Final = re.compile(r"\{(?P<list>\w+)\}|\w+\*?")
_NESTED: Final = 4
_SHORTEST: Final = 2


class PhraseError(ValueError):
    """A phrase cannot be used; the text says which and why."""


class Step(NamedTuple):
    """One of these words, right after the step before, or with up to `gap` words between."""

    slot: int
    gap: int


Part = tuple[tuple[Step, ...], ...]
"""The ways to write one part of a phrase: with and without what may be absent."""


class Phrase(NamedTuple):
    """What stands first, what else must stand in the sentence, and what must not."""

    text: str
    head: Part
    others: tuple[Part, ...]
    never: tuple[Part, ...]


def plain(text: str) -> str:
    """The words in small letters without accents, one space around each; `.` and `,` kept apart."""
    said = _fold(_NOT_SAID.sub(" ", text[:LONGEST]))
    said = _STOP.sub(" . ", _LAUGHTER.sub(" haha ", said))
    said = _OTHER.sub(" ", _PAUSE.sub(" , ", said))
    said = _SPACE.sub(" ", _STRETCHED.sub(lambda m: m[1], said)).strip()
    return _K.sub(" k ", f" {said} ")


def _fold(text: str) -> str:
    small = text.casefold()
    if small.isascii():
        return small
    apart = unicodedata.normalize("NFKD", small)
    return "".join(c for c in apart if not unicodedata.combining(c))


def read_phrase(
    text: str, lists: Mapping[str, tuple[str, ...]], slot: Callable[[tuple[str, ...]], int]
) -> Phrase:
    """The phrase; `slot` gives a number for a list of words. Raises PhraseError with a sentence."""
    parts = _fold(text).replace("'", " ").replace("’", " ").split()
    wanted: list[list[str]] = [[]]
    unwanted: list[list[str]] = []
    into = wanted
    for part in parts:
        if part in {"+", "-"}:
            into = wanted if part == "+" else unwanted
            into.append([])
        else:
            into[-1].append(part)

    def read(words: list[str]) -> Part:
        return _part(words, text, lists, slot)

    head, *others = map(read, wanted)
    return Phrase(text, head, tuple(others), tuple(map(read, unwanted)))


def _part(
    parts: list[str],
    text: str,
    lists: Mapping[str, tuple[str, ...]],
    slot: Callable[[tuple[str, ...]], int],
) -> Part:
    if not parts or "..." in (parts[0], parts[-1]):
        raise PhraseError(f"the phrase `{text}` must begin and end with a word")
    if parts[0].endswith("?"):
        raise PhraseError(f"the phrase `{text}` must begin with a word that is always there")
    ways: list[tuple[tuple[Step, ...], int]] = [((), 0)]
    for part in parts:
        if part == "...":
            ways = [(way, GAP) for way, _ in ways]
            continue
        number = slot(_words(part, text, lists))
        longer = [((*way, Step(number, gap)), 0) for way, gap in ways]
        ways = longer + ways if part.endswith("?") else longer
    return tuple(way for way, _ in ways)


def _words(part: str, text: str, lists: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    words: list[str] = []
    for item in part.removesuffix("?").split("/"):
        found = _ITEM.fullmatch(item)
        if found is None:
            raise PhraseError(f"the phrase `{text}` cannot be read at `{part}`")
        name = found["list"]
        words += [item.replace("_", " ")] if name is None else _listed(name, text, lists)
    if short := next((w for w in words if w.endswith("*") and len(w) <= _SHORTEST), None):
        raise PhraseError(f"the phrase `{text}`: `{short}` needs two letters before its `*`")
    return tuple(words)


def _listed(
    name: str, text: str, lists: Mapping[str, tuple[str, ...]], depth: int = 0
) -> list[str]:
    if name not in lists:
        raise PhraseError(f"the phrase `{text}` names the word list `{name}`, which does not exist")
    if depth > _NESTED:
        raise PhraseError(f"the word list `{name}` names itself")
    words: list[str] = []
    for word in lists[name]:
        inner = _ITEM.fullmatch(word)
        if inner is not None and inner["list"]:
            words += _listed(inner["list"], text, lists, depth + 1)
        else:
            words.append(" ".join(_fold(word).replace("'", " ").replace("’", " ").split()))
    if not words or not all(words):
        raise PhraseError(f"the word list `{name}` is empty or holds an empty word")
    return words
