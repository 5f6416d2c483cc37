"""The small language of phrases in `emergency.toml`, and the words of a text in which they stand. Pure.

`er wordt {now}? ... ingebroken/gestolen`: words one after the other; `a/b` either (`a_b` two words);
`inbrek*` any ending, `*straat` any beginning; `{now}` one of a named list; `?` at the end may be absent;
`...` up to four words of the same clause. `{weapon} + {person}`: both in one sentence, in any order; what
stands first is the danger itself, around which the guards are looked for. `weg + {kin} - {thing}`: and
none of the last. In a text `.` and `,` stand as words of their own, `?` is a word before a stop, and a
laughing face is the word `haha`, a friendly one `smiley`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Final, NamedTuple

from services.router.remembered import Remembered
from services.router.tokens import LAUGHS, STRETCHED, cut, fold

GAP: Final = 4
"""Words that `...` may stand for."""
WINDOW: Final = 60
"""Words of one sentence that are looked at together; who writes without full stops is cut here."""

_PICTURES: Final = "\u2100"
"""Pictures come after it, all marks of pause before."""
_STOPS: Final = frozenset(".!;…")
_K: Final = re.compile(
    r"k(?=(?:zen|zie|wil|wou|ben|heb|eb|em|vind|vin|ga|zit|durf|kan|hoor|oor|zal|zou|word|krijg|moet"
    r"|voel|zijn|zoek|denk|sta|lig|stik|maak|weet|zag|snap|hoop|vrees|ruik|bloed)$)"
)
"""Flemish as written: `kzen`, `kwil` are two words."""
_ITEM: Final = re.compile(r"\{(?P<list>\w+)\}|\w+\*?|\*\w+|\?")
_HYPHEN: Final = re.compile(r"(?<=\w)-(?=\w)")
_NESTED: Final = 4
_SHORTEST: Final = 2


Words = tuple[str, ...]


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

    @property
    def row(self) -> tuple[int, ...]:
        """The lists of a phrase that is only words right after each other."""
        (way, *more), rest = self.head, (*self.others, *self.never)
        return () if more or rest or any(gap for _, gap in way) else tuple(slot for slot, _ in way)

    @property
    def single(self) -> int | None:
        """The list of a phrase that is no more than one word, or words that follow each other."""
        return self.row[0] if len(self.row) == 1 else None


class Spelling:
    """Words in the one way in which phrases are looked for: small letters, no accents, known spellings."""

    def __init__(self, ways: Mapping[str, Words]) -> None:
        """For each word, or words, the other ways to write it."""
        self._one = {fold(way): tuple(fold(w).split()) for w, also in ways.items() for way in also}
        self.spelled = Remembered(self._written).__getitem__
        """The words of a piece of a text, with its stops and pauses."""

    def words(self, pieces: Iterable[str]) -> list[str]:
        """Those of all pieces."""
        return list(chain.from_iterable(map(self.spelled, pieces)))

    def term(self, word: str) -> str:
        """A word, or words, of a phrase in that way; a `*` stays."""
        return " ".join(w for way in word.split() for w in self._one.get(way, (way,)))

    def _written(self, piece: str) -> Words:
        both = (self._word(token) if token[0].isalnum() else _sign(token) for token in cut(piece))
        return tuple(chain.from_iterable(both))

    def _word(self, token: str) -> Words:
        word = STRETCHED.sub(lambda m: m[1], token)
        both = ("k", word[1:]) if _K.match(word) else (word,)
        return tuple(w for way in both for w in self._one.get(way, (way,)))


def _sign(mark: str) -> Words:
    first = mark[0]
    if first == "?":
        return "?", "."
    if first in _STOPS:
        return (".",)
    if first in LAUGHS:
        return ("haha",)
    return (",",) if first.isspace() or first < _PICTURES else ("smiley",)


class Reader(NamedTuple):
    """What a phrase is read with; `slot` gives a number for a list of words."""

    lists: Mapping[str, Words]
    spelling: Spelling
    slot: Callable[[Words], int]


def read_phrase(text: str, reader: Reader) -> Phrase:
    """The phrase in steps. Raises PhraseError with a sentence."""
    wanted: list[list[str]] = [[]]
    unwanted: list[list[str]] = []
    into = wanted
    for part in _split(text):
        if part in {"+", "-"}:
            into = wanted if part == "+" else unwanted
            into.append([])
        else:
            into[-1].append(part)

    def read(words: list[str]) -> Part:
        return _part(words, text, reader)

    head, *others = map(read, wanted)
    return Phrase(text, head, tuple(others), tuple(map(read, unwanted)))


def _split(text: str) -> list[str]:
    return _HYPHEN.sub("_", fold(text).replace("'", " ").replace("’", " ")).split()


def _part(parts: list[str], text: str, reader: Reader) -> Part:
    if not parts or "..." in (parts[0], parts[-1]):
        raise PhraseError(f"the phrase `{text}` must begin and end with a word")
    if parts[0].endswith("?") and parts[0] != "?":
        raise PhraseError(f"the phrase `{text}` must begin with a word that is always there")
    ways: list[tuple[tuple[Step, ...], int]] = [((), 0)]
    for part in parts:
        if part == "...":
            ways = [(way, GAP) for way, _ in ways]
            continue
        number = reader.slot(_words(part, text, reader))
        longer = [((*way, Step(number, gap)), 0) for way, gap in ways]
        ways = longer + ways if part.endswith("?") and part != "?" else longer
    return tuple(way for way, _ in ways)


def _words(part: str, text: str, reader: Reader) -> Words:
    words: list[str] = []
    for item in (part if part == "?" else part.removesuffix("?")).split("/"):
        found = _ITEM.fullmatch(item)
        if found is None:
            raise PhraseError(f"the phrase `{text}` cannot be read at `{part}`")
        name = found["list"]
        words += [item.replace("_", " ")] if name is None else _listed(name, text, reader.lists)
    terms = tuple(dict.fromkeys(reader.spelling.term(word) for word in words))
    if wrong := next(filter(None, map(_wrong, terms)), None):
        raise PhraseError(f"the phrase `{text}`: {wrong}")
    return terms


def _wrong(term: str) -> str | None:
    """Why a word, or words, can stand in no sentence; what is let through is looked for as it is."""
    if not term:
        return "one of its words is spelled as nothing"
    first, *rest = term.split()
    if "*" in first and len(first) <= _SHORTEST:
        return f"`{first}` needs two letters beside its `*`"
    if any("*" in word for word in rest):
        return f"of `{term}` only the first word may have a `*`"
    return f"`{term}` has a stop, where a sentence ends" if "." in (first, *rest) else None


def _listed(name: str, text: str, lists: Mapping[str, Words], depth: int = 0) -> list[str]:
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
            words.append(" ".join(_split(word)).replace("_", " "))
    if not words or not all(words):
        raise PhraseError(f"the word list `{name}` is empty or holds an empty word")
    return words
