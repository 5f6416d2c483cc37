"""Counts the words of our labelled messages into `services/router/kind.txt` (`make kinds`)."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from services.router.kind import alone, form, stems, words
from toog.contracts.verdicts import MESSAGE_KINDS

TREE = Path(__file__).parents[2]
SAMPLES = TREE / "tests" / "samples" / "kind"
COUNTED = TREE / "services" / "router" / "kind.txt"
HEAD = f"""\
# In how many labelled messages (tests/samples/kind/ours.tsv) of each kind this stands: {", ".join(MESSAGE_KINDS)}.
# Written by `make kinds`; kind.py tells what each is. Words about a person are left out (silent.txt beside the messages).
"""
_SEEN = 2
"""Lines in which a pair or a stem stands before it is kept; a word is kept from the first on."""
_CAPITAL = re.compile(r"(?<=[\w,;] )[A-ZÀ-Þ]\w{2,}")

Row = tuple[str, str, str]
"""Kind, language, text."""


class Silent(NamedTuple):
    """Words that are never counted, and stems of such words."""

    words: frozenset[str]
    stems: tuple[str, ...]


def rows(name: str) -> list[Row]:
    """The labelled lines of a file of ours."""
    lines = (SAMPLES / name).read_text(encoding="utf-8").splitlines()[1:]
    return [(label, language, text) for label, language, text in (x.split("\t") for x in lines)]


def features(text: str) -> set[str]:
    """What is counted of a text, as it stands in the file: words, `two words`, stems (`abcd*`)."""
    said = words(text)
    found = alone(text, said)
    return found.union(map(" ".join, pairwise(said)), *map(stems, found))


def counted(lines: Iterable[Row], silent: Silent) -> str:
    """The file of counts."""
    lines = list(lines)
    hushed = Silent(silent.words | _names(lines), silent.stems)
    counts: dict[str, Counter[str]] = {}
    for kind, _, text in lines:
        for feature in features(text):
            counts.setdefault(feature, Counter())[kind] += 1
    kept = sorted(f for f, of in counts.items() if _often(f, of) and not _hushed(f, hushed))
    return HEAD + "".join(
        f"{feature}\t{' '.join(str(counts[feature][kind]) for kind in MESSAGE_KINDS)}\n"
        for feature in kept
    )


def read_silent() -> Silent:
    """What stands in `silent.txt`, as `kind.words` writes it."""
    said = (SAMPLES / "silent.txt").read_text(encoding="utf-8").splitlines()
    silent = [word for line in said if not line.startswith("#") for word in line.split()]
    return Silent(
        frozenset(word for word in silent if not word.endswith("*")),
        tuple(sorted({word.removesuffix("*") for word in silent if word.endswith("*")})),
    )


def _names(lines: Iterable[Row]) -> frozenset[str]:
    """Words that mostly have a capital within a sentence: people, streets, firms."""
    capital, all_of = Counter[str](), Counter[str]()
    for *_, text in lines:
        capital.update(words(" ".join(_CAPITAL.findall(text))))
        all_of.update(words(text))
    return frozenset(word for word, times in capital.items() if times * 2 > all_of[word])


def _often(feature: str, of: Mapping[str, int]) -> bool:
    return sum(of.values()) >= (_SEEN if " " in feature or feature.endswith("*") else 1)


def _hushed(feature: str, silent: Silent) -> bool:
    if form(feature):
        return False
    *before, last = feature.removeprefix("^").split()
    if last.endswith("*"):
        stem = last.removesuffix("*")
        return _silent(stem, silent) or any(
            x.startswith(stem) for x in (*silent.words, *silent.stems)
        )
    return any(_silent(word, silent) for word in (*before, last))


def _silent(word: str, silent: Silent) -> bool:
    if word in silent.words or word.startswith(silent.stems):
        return True
    return not (word[0].isalnum() or form(word) or unicodedata.category(word) == "So")


if __name__ == "__main__":
    COUNTED.write_text(counted(rows("ours.tsv"), read_silent()), encoding="utf-8")
