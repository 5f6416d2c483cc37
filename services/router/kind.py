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
from typing import Final

from services.router.plain import plain
from toog.contracts.verdicts import MESSAGE_KINDS, MessageKind

LOOKED_AT: Final = 2_000
"""Characters of a text that are looked at; what kind it is shows in its beginning."""
ASKED: Final = "?"
"""What stands for a question mark after a word."""
_MARKED: Final = re.compile(r"\w[\s\"')»]{0,4}\?")
_LINK: Final = re.compile(r"https?://\S++")
_STEMS: Final = (4, 6)
"""Letters by which words with another ending are told to be one."""
_PICTURES: Final = "\u2190"
"""From here on a character is a picture, or a letter of a script that we have no words of."""
_SMOOTHING: Final = 0.5
"""A word counts as seen half a time more everywhere, so that one line settles nothing."""
_UNIT: Final = 1000
"""Weights are whole thousandths, so that their sum is the same in any order."""

Weights = tuple[int, ...]
"""In the order of `MESSAGE_KINDS`."""


def kind_of(text: str) -> MessageKind:
    """The kind of an addressed message; `other` where no word or picture of it is known."""
    counted = _weights()
    found = [feature for feature in features(text) if feature in counted]
    if all(map(form, found)):
        return "other"
    columns = zip(*[counted[feature] for feature in found], strict=True)
    sums = [sum(column) for column in columns]
    return MESSAGE_KINDS[sums.index(max(sums))]


def features(text: str) -> set[str]:
    """What is counted of a text: words, pairs, stems (`abcde*`), its opening (`^a`), its form."""
    text = text[:LOOKED_AT]
    words = plain(text).split()
    found = set(words)
    found.update(map(" ".join, pairwise(words)))
    for length in _STEMS:
        found.update([word[:length] + "*" for word in words if len(word) >= length])
    if words:
        found.update(("^" + words[0], "^" + " ".join(words[:2])))
    found.add(f"~{min(len(words).bit_length(), 6)}")
    if not text.isascii():
        found.update([sign for sign in text if sign >= _PICTURES])
    if "?" in text and _MARKED.search(_LINK.sub(" ", text)):
        found.add(ASKED)
    return found


def form(feature: str) -> bool:
    """Whether it tells how a text is written (its length, its marks), nothing of what it says."""
    return feature[0] == "~" or feature in {".", ",", ASKED, "^.", "^,"}


@cache
def _weights() -> dict[str, Weights]:
    """What each feature tells of each kind, from its counts."""
    counted: dict[str, Weights] = {}
    source = files("services.router").joinpath("kind.txt").read_text(encoding="utf-8")
    for line in source.splitlines():
        if not line.startswith("# "):
            feature, counts = line.split("\t")
            counted[feature] = tuple(map(int, counts.split()))
    totals = [sum(column) for column in zip(*counted.values(), strict=True)]
    known: dict[Weights, Weights] = {
        counts: _told(counts, totals, len(counted)) for counts in set(counted.values())
    }
    return {feature: known[counts] for feature, counts in counted.items()}


def _told(counts: Weights, totals: list[int], features: int) -> Weights:
    ours, everything = sum(counts), sum(totals)
    more = _SMOOTHING * features
    return tuple(
        round(
            _UNIT
            * (
                log((count + _SMOOTHING) / (total + more))
                - log((ours - count + _SMOOTHING) / (everything - total + more))
            )
        )
        for count, total in zip(counts, totals, strict=True)
    )
