"""The mood of a text from -1 to 1, by word lists in Dutch, French and English, and by emoji. Pure.

For sums only: it never decides anything about a message, let alone about who wrote it. Looking
whether any word of the list stands in a text is most of the work, so that is done on sets of bytes;
negations and boosters are looked at where one does. `lexicon/README.md` tells whose lists they are.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain
from math import sqrt
from typing import Final, Literal, NamedTuple
from zlib import crc32

Language = Literal["nl", "fr", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("nl", "fr", "en")
LOOKED_AT: Final = 2_000
"""Characters of a text that are looked at; a mood shows in its beginning."""
SAMPLED_OF: Final = 10

_LISTS: Final = {"nl": ("nl.txt",), "fr": ("fr.txt",), "en": ("en-vader.txt", "en.txt")}
_REACH: Final = 3
"""Words before a word of the list in which a negation turns it round."""
_TURNED: Final = -0.6
_BOOSTED: Final = 1.4
_MOST_OF_ONE: Final = 3
"""How often one emoji counts: a hundred hearts are not a hundred times as glad."""
_SOFT: Final = 0.5
"""What a sum is held against, so that it stays within 1: a word of 0.5 alone gives 0.58."""
_NO_LANGUAGE: Final = frozenset({"und", "zxx", "mul", "art"})

_STOP: Final = b"."
_BYTES: Final = bytes(
    b if b >= 0x80 or chr(b).isalpha() else ord(_STOP if chr(b) in ".,;:!?\n" else b" ")
    for b in range(256)  # UTF-8 beyond ASCII stays together
)
_PUNCTUATION: Final = frozenset("’‘“”„«»…–—·•¡¿\u00a0\u200b\u200d\u202f\ufe0f\u20e3") | {
    chr(tone) for tone in range(0x1F3FB, 0x1F400)
}

Words = tuple[bytes, ...]


class _Lexicon(NamedTuple):
    """Words in UTF-8. `phrases` are found by their first two words; the longest comes first.

    A text that holds none of `telling` tells nothing; what tells begins with one of `first`.
    """

    words: dict[bytes, float]
    phrases: dict[Words, list[tuple[Words, float]]]
    telling: frozenset[bytes]
    first: frozenset[bytes]
    negations: frozenset[bytes]
    boosters: frozenset[bytes]


def sampled(event_id: bytes) -> bool:
    """Whether a dropped event is in the sample whose mood is told: every tenth, by its id."""
    return crc32(event_id) % SAMPLED_OF == 0


def sentiment(text: str, language: str | None) -> float:
    """From -1 (bad) to 1 (good); 0 where nothing of the lists stands in it.

    `language` is a code such as `nl` or `fr-BE`. Without one all three lists are asked; of another
    language only the emoji.
    """
    said = text[:LOOKED_AT].lower()
    total = 0.0
    if not said.isascii():
        said, total = _without_emoji(said)
    lexicon = _lexicon_for(language)
    if lexicon is not None:
        words = _split(said)
        if not lexicon.telling.isdisjoint(words):
            total += _value(words, lexicon)
    return round(total / sqrt(total * total + _SOFT), 3) or 0.0


def _split(said: str) -> list[bytes]:
    """Its words in UTF-8, and a point wherever one clause ends."""
    return said.encode(errors="replace").translate(_BYTES).replace(_STOP, b" . ").split()


def _without_emoji(said: str) -> tuple[str, float]:
    """The text with blanks for emoji and marks that are no ASCII, and what the emoji tell."""
    emoji, total = _emoji(), 0.0
    for mark in sorted(
        _marks().intersection(said)
    ):  # a sum depends on the order, in its last digit
        if mark in emoji:
            total += emoji[mark] * min(said.count(mark), _MOST_OF_ONE)
        said = said.replace(mark, "'" if mark in "’‘" else " ")
    return said, total


def _value(words: list[bytes], lexicon: _Lexicon) -> float:
    first = lexicon.first
    total, free = 0.0, 0
    for place, word in enumerate(words):
        if word not in first or place < free:  # within the phrase before it
            continue
        value, length = _at(words, place, lexicon)
        free = place + length
        if value:
            before = _same_clause(words[max(0, place - _REACH) : place])
            if before and before[-1] in lexicon.boosters:
                value *= _BOOSTED
            if not lexicon.negations.isdisjoint(before):
                value *= _TURNED
            total += value
    return total


def _same_clause(before: list[bytes]) -> list[bytes]:
    while _STOP in before:
        before = before[before.index(_STOP) + 1 :]
    return before


def _at(words: list[bytes], place: int, lexicon: _Lexicon) -> tuple[float, int]:
    """What begins at this word: its value, and how many words it takes."""
    for phrase, value in lexicon.phrases.get(tuple(words[place : place + 2]), ()):
        if tuple(words[place : place + len(phrase)]) == phrase:
            return value, len(phrase)
    return lexicon.words.get(words[place], 0.0), 1


@lru_cache(maxsize=64)
def _lexicon_for(language: str | None) -> _Lexicon | None:
    """Of this language; of all three together where there is none; None where we have no list."""
    if not language or language.startswith("q") or language in _NO_LANGUAGE:
        return _lexicon("")  # what begins with q is for private use: X says so of tags alone
    code = language.partition("-")[0].lower()
    return _lexicon(code) if code in LANGUAGES else None


@cache
def _lexicon(code: str) -> _Lexicon:
    lists = [_entries(one) for one in LANGUAGES if code in {"", one}]
    entries = lists[0] if len(lists) == 1 else _together(lists) | _own("any")
    words = {phrase[0]: value for phrase, value in entries.items() if len(phrase) == 1 and value}
    phrases: dict[Words, list[tuple[Words, float]]] = {}
    for phrase in sorted(entries, key=len, reverse=True):
        if len(phrase) > 1:
            phrases.setdefault(phrase[:2], []).append((phrase, entries[phrase]))
    return _Lexicon(
        words=words,
        phrases=phrases,
        telling=frozenset(words).union(max(p, key=len) for p in entries if len(p) > 1),
        first=frozenset(words).union(first for first, _ in phrases),
        negations=_bag("negation", code),
        boosters=_bag("booster", code),
    )


def _bag(what: str, code: str) -> frozenset[bytes]:
    chosen = (words for of, value, words in _rows("own.txt") if value == what and code in {"", of})
    return frozenset(_key(word)[0] for word in chain.from_iterable(w.split(",") for w in chosen))


def _together(lists: list[dict[Words, float]]) -> dict[Words, float]:
    """All of them; what one silences or sees the other way round says nothing."""
    together: dict[Words, float] = {}
    for entries in lists:
        for phrase, value in entries.items():
            known = together.get(phrase, value)
            together[phrase] = (known + value) / 2 if known * value > 0 else 0.0
    return together


def _entries(language: Language) -> dict[Words, float]:
    """The lists of one language, the later above the earlier, ours on top."""
    theirs = chain.from_iterable(_rows(name) for name in _LISTS[language])
    return {_key(word): float(value) for word, value in theirs} | _own(language)


def _own(code: str) -> dict[Words, float]:
    """What stands in ours for a language; for `any` where none is known; for `emoji`."""
    return {
        _key(phrase): float(value)
        for of, value, phrases in _rows("own.txt")
        if of == code and value not in {"negation", "booster"}
        for phrase in phrases.split(",")
    }


def _key(phrase: str) -> Words:
    return tuple(_split(phrase))


@cache
def _emoji() -> dict[str, float]:
    theirs = {emoji: float(value) for emoji, value in _rows("emoji.txt")}
    return theirs | {key[0].decode(): value for key, value in _own("emoji").items()}


@cache
def _marks() -> frozenset[str]:
    return _PUNCTUATION.union(_emoji())


def _rows(name: str) -> Iterator[list[str]]:
    text = files("services.router.lexicon").joinpath(name).read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            yield line.split("\t")
