"""Words, beginnings (`inbrek*`) and endings (`*straat`) of words, and what each leads to. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Generic, TypeVar

Leads = TypeVar("Leads")


class Patterns(Generic[Leads]):
    """What was learned of patterns, found by a word."""

    def __init__(self) -> None:
        self._whole: dict[str, list[Leads]] = defaultdict(list)
        self._begin: dict[str, list[Leads]] = defaultdict(list)
        self._end: dict[str, list[Leads]] = defaultdict(list)
        # How long those are that begin or end with this letter.
        self._begins: dict[str, list[int]] = {}
        self._ends: dict[str, list[int]] = {}

    def learn(self, pattern: str, leads: Leads) -> None:
        """A word that is written like this leads there."""
        letters = pattern.strip("*")
        if pattern.startswith("*"):
            self._end[letters].append(leads)
            self._ends[letters[-1]] = _with(self._ends.get(letters[-1], ()), len(letters))
        elif pattern.endswith("*"):
            self._begin[letters].append(leads)
            self._begins[letters[0]] = _with(self._begins.get(letters[0], ()), len(letters))
        else:
            self._whole[pattern].append(leads)

    def of(self, word: str) -> list[Leads]:
        """Where it leads."""
        leads = [*self._whole.get(word, ())]
        for length in self._begins.get(word[:1], ()):
            if length <= len(word):
                leads += self._begin.get(word[:length], ())
        for length in self._ends.get(word[-1:], ()):
            if length <= len(word):
                leads += self._end.get(word[-length:], ())
        return leads


def _with(lengths: Iterable[int], length: int) -> list[int]:
    return sorted({*lengths, length})
