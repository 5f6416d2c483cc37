"""Which kind of message it is, by how often its words stood in labelled messages (`kind.txt`). Pure.

Naive Bayes: what a word tells is the logarithm of its share among messages of a kind against its
share among the others; the sum decides. It speaks of the message, never of a person, and decides
nothing: the desk sees it beside the case. Decision 0022 tells how the counts are made.
"""

import re
from functools import cache
from importlib.resources import files
from itertools import pairwise
from math import log
from struct import Struct
from typing import Final, NamedTuple

from services.router.remembered import Remembered
from services.router.tokens import STRETCHED, cut, pieces
from toog.contracts.verdicts import MESSAGE_KINDS, MessageKind

LOOKED_AT: Final = 2_000
"""Characters of a text that are looked at; what kind it is shows in its beginning."""
_STOPS: Final = frozenset(".!;…")
_STEMS: Final = (4, 6)
"""Letters by which words with another ending are told to be one."""
_PICTURE: Final = re.compile("[\u2190-\U0010ffff]")
"""From here on a character is a picture, or a letter of a script that we have no words of."""
_LENGTHS: Final = tuple(f"~{bits}" for bits in range(7))
"""By how many bits the number of words takes; whatever takes more is as long as the last."""
_FORM: Final = frozenset("^.,? ")
_SMOOTHING: Final = 0.5
"""A word counts as seen half a time more everywhere, so that one line settles nothing."""
_UNIT: Final = 1000
"""Weights are whole thousandths, so that their sum is the same in any order."""
_LANES: Final = Struct(f"<{len(MESSAGE_KINDS)}I4x")
"""One whole number holds a sum per kind in 32 bits each, so that a text is one sum; a last lane counts what is known."""
_ZERO: Final = 1 << 31
"""The middle of a lane, so that none runs over into the next."""
_NOTHING: Final = sum(_ZERO << 32 * lane for lane in range(len(MESSAGE_KINDS) + 1))
_SOMETHING: Final = _ZERO + 1 << 32 * len(MESSAGE_KINDS)
"""Of a sum from here on, whatever the other lanes hold, something is known."""

Counts = tuple[int, ...]
"""In the order of `MESSAGE_KINDS`."""


class _Weights(NamedTuple):
    """What words and stems, and pairs of words, tell of all kinds in one number each.

    `paired` gives each word of a pair as it stands there: of one and the same string it is told at once
    that it is equal.
    """

    words: dict[str, int]
    pairs: dict[tuple[str, str], int]
    paired: dict[str, str]


def kind_of(text: str) -> MessageKind:
    """The kind of an addressed message; `other` where no word or picture of it is known."""
    said = words(text)
    told = sum(map(_TOLD.__getitem__, alone(text, said)), _NOTHING)
    pairs = _weights().pairs
    for pair in pairs.keys() & pairwise(said):
        told += pairs[pair]
    if told < _SOMETHING:
        return "other"
    sums = _LANES.unpack(told.to_bytes(_LANES.size, "little"))
    return MESSAGE_KINDS[sums.index(max(sums))]


def words(text: str) -> list[str]:
    """Its words without stretched letters; marks are `.`, `,` and `?`, of faces the first stands."""
    said: list[str] = []
    for piece in pieces(text[:LOOKED_AT]):
        said += _WRITTEN[piece]
    return said


def alone(text: str, said: list[str]) -> set[str]:
    """What counts once, however often it stands in a text: words, the opening (`^a`), length (`~3`), pictures."""
    found = {*said, _LENGTHS[min(len(said).bit_length(), len(_LENGTHS) - 1)]}
    if said:
        found.add("^" + said[0])
    if not text.isascii():
        found.update(_PICTURE.findall(text, 0, LOOKED_AT))
    return found


def stems(word: str) -> list[str]:
    """The beginnings of a word, as `abcd*`."""
    if not word[0].isalnum():
        return []
    return [word[:length] + "*" for length in _STEMS if len(word) >= length]


def form(feature: str) -> bool:
    """Whether it tells how a text is written (its length, its marks), nothing of what it says."""
    return feature[0] == "~" or _FORM.issuperset(feature)


def _written(piece: str) -> tuple[str, ...]:
    paired = _weights().paired
    return tuple([paired.get(word, word) for word in map(_word, cut(piece))])


def _word(token: str) -> str:
    first = token[0]
    if first.isalnum():
        return STRETCHED.sub(r"\1", token)
    if first in _STOPS:
        return "."
    return first if first == "?" or _PICTURE.match(first) else ","


def _told(word: str) -> int:
    """What a word and its stems tell."""
    weights = _weights().words
    return sum(weights.get(feature, 0) for feature in (word, *stems(word)))


_WRITTEN: Final = Remembered(_written)
_TOLD: Final = Remembered(_told)


@cache
def _weights() -> _Weights:
    """What each feature tells of each kind, from its counts."""
    counted: dict[str, Counts] = {}
    source = files("services.router").joinpath("kind.txt").read_text(encoding="utf-8")
    for line in source.splitlines():
        if not line.startswith("# "):
            written, numbers = line.split("\t")
            counted[written] = tuple(map(int, numbers.split()))
    totals = [sum(column) for column in zip(*counted.values(), strict=True)]
    known = {counts: _packed(counts, totals, len(counted)) for counts in set(counted.values())}
    weights = _Weights({}, {}, {})
    for feature, counts in counted.items():
        told = known[counts] + (0 if form(feature) else 1 << 32 * len(MESSAGE_KINDS))
        first, _, second = feature.partition(" ")
        if second:
            same = weights.paired.setdefault
            weights.pairs[same(first, first), same(second, second)] = told
        else:
            weights.words[first] = told
    return weights


def _packed(counts: Counts, totals: list[int], features: int) -> int:
    """The weights of all kinds, each in its lane."""
    ours, everything = sum(counts), sum(totals)
    more = _SMOOTHING * features
    packed = 0
    for lane, (count, total) in enumerate(zip(counts, totals, strict=True)):
        here = log((count + _SMOOTHING) / (total + more))
        elsewhere = log((ours - count + _SMOOTHING) / (everything - total + more))
        packed += round(_UNIT * (here - elsewhere)) << 32 * lane
    return packed
