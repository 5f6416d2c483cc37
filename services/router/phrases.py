"""The small language of phrases in `policy.toml`, made into regular expressions. Pure.

`er wordt {now}? ... ingebroken/gestolen`: words; `a/b` either (`a_b` two words); `inbrek*` any ending; `{now}` one of
a named list of words; `?` at the end may be absent; `...` up to four words of the same clause.
A phrase is looked for in text as `plain` makes it: there `.` and `,` stand as words of their own.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Final

LONGEST: Final = 65_536
"""Characters of a text that are looked at; no platform of ours takes a longer message."""

_NOT_SAID: Final = re.compile(r"https?://\S++|[@＠][\w.-]++(?:@[\w.-]++)?")
_LAUGHTER: Final = re.compile("[\U0001f602\U0001f923\U0001f639\U0001f606\U0001f605\U0001f480]+")
_STOP: Final = re.compile(r"[.!?;…]+|\n\s*\n")
_PAUSE: Final = re.compile(r"[,:()\"“”«»|]+|\s[-–—]+\s|[–—]")
_OTHER: Final = re.compile(r"[^\w .,]+|_+")
_STRETCHED: Final = re.compile(r"([^\W\d])\1{2,}")
_K: Final = re.compile(
    r" k(?=(?:zen|zie|wil|wou|ben|heb|eb|em|vind|vin|ga|zit|durf|kan|hoor|oor|zal|zou|word|krijg|moet"
    r"|voel|zijn|zoek|denk|sta|lig|stik|maak) )"
)
"""Flemish as written: `kzen`, `kwil` are two words."""
_ITEM: Final = re.compile(r"\{(?P<list>\w+)\}|\w+\*?")
_GAP: Final = r"(?: \w++){0,4}?"
_KEY: Final = 4


class PhraseError(ValueError):
    """A phrase cannot be used; the text says which and why."""


@lru_cache(maxsize=16)
def plain(text: str) -> str:
    """The words in small letters without accents, one space around each; `.` and `,` kept apart.

    Remembered for a moment: whoever looks for danger is followed by who looks for the kind.
    """
    said = _fold(_NOT_SAID.sub(" ", text[:LONGEST]))
    said = _STOP.sub(" . ", said if said.isascii() else _LAUGHTER.sub(" haha ", said))
    said = _OTHER.sub(" ", _PAUSE.sub(" , ", said))
    said = " ".join(_STRETCHED.sub(lambda m: m[1], said).split())
    return _K.sub(" k ", f" {said} ")


def keys(said: str) -> set[str]:
    """The first letters of every word: by them is found which phrases may stand in it."""
    return {word[:_KEY] for word in said.split()}


def _fold(text: str) -> str:
    small = text.casefold()
    if small.isascii():
        return small
    apart = unicodedata.normalize("NFKD", small)
    return "".join(c for c in apart if not unicodedata.combining(c))


class Phrase:
    """One phrase; its expression is compiled when a text first may hold it."""

    def __init__(self, text: str, lists: Mapping[str, tuple[str, ...]]) -> None:
        self.text = text
        self.source, self.keys, self._needs = _source(text, lists)

    def may_stand_in(self, found: set[str]) -> bool:
        """Whether each of its words may be there, by the `keys` of a text; cheaper than to look."""
        for needed in self._needs:  # noqa: SIM110 - asked of very many phrases, and twice as fast
            if found.isdisjoint(needed):
                return False
        return True

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """Finds the phrase from the space before its first word to the end of its last."""
        return re.compile(self.source)


def any_of(phrases: tuple[Phrase, ...]) -> re.Pattern[str]:
    """Finds whichever of them; nothing when there is none."""
    return re.compile("|".join(p.source for p in phrases) or r"(?!)")


def _source(
    text: str, lists: Mapping[str, tuple[str, ...]]
) -> tuple[str, frozenset[str], tuple[frozenset[str], ...]]:
    """The expression; the keys of its rarest word; those of all other words that must be there."""
    parts = _fold(text).replace("'", " ").replace("’", " ").split()
    if not parts or "..." in (parts[0], parts[-1]):
        raise PhraseError(f"the phrase `{text}` must begin and end with a word")
    source, firsts = "", list[frozenset[str]]()
    for part in parts:
        if part == "...":
            source += _GAP
            continue
        words, may = _words(part, text, lists)
        source += f"(?: {_either(words)})?" if may else f" {_either(words)}"
        if not may:
            firsts.append(_first_letters(words))
    if not firsts or parts[0].endswith("?"):
        raise PhraseError(f"the phrase `{text}` must begin with a word that is always there")
    rarest = max(firsts, key=lambda f: min(map(len, f)) * 1000 - len(f))
    if "" in rarest:
        raise PhraseError(f"the phrase `{text}` needs a word that is whole for four letters")
    others = tuple(f for f in firsts if f is not rarest and "" not in f)
    return f"{source}(?= )", rarest, others


def _words(
    part: str, text: str, lists: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[str, ...], bool]:
    may = part.endswith("?")
    words: list[str] = []
    for item in part.removesuffix("?").split("/"):
        found = _ITEM.fullmatch(item)
        if found is None:
            raise PhraseError(f"the phrase `{text}` cannot be read at `{part}`")
        name = found["list"]
        words += [item.replace("_", " ")] if name is None else _listed(name, text, lists)
    return tuple(words), may


def _listed(name: str, text: str, lists: Mapping[str, tuple[str, ...]]) -> list[str]:
    if name not in lists:
        raise PhraseError(f"the phrase `{text}` names the word list `{name}`, which does not exist")
    words = [" ".join(_fold(w).replace("'", " ").split()) for w in lists[name]]
    if not words or not all(words):
        raise PhraseError(f"the word list `{name}` is empty or holds an empty word")
    return words


def _first_letters(words: tuple[str, ...]) -> frozenset[str]:
    """What a text must hold for these; an open ending shorter than the key tells too little."""
    firsts = (word.split()[0] for word in words)
    return frozenset("" if f.endswith("*") and len(f) <= _KEY else f[:_KEY] for f in firsts)


def _either(words: tuple[str, ...]) -> str:
    longest_first = (re.escape(word) for word in sorted(words, key=len, reverse=True))
    return "(?:" + "|".join(longest_first).replace(r"\*", r"\w*+") + ")"
