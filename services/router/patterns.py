"""Words, beginnings (`inbrek*`) and endings (`*straat`) of words, and what each leads to. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Generic, TypeVar

Leads = TypeVar("Leads")


class Patterns(Generic[Leads]):
    """What was learned of patterns, found by a word."""

    def __init__(self) -> None:
        self._whole: dict[str, list[Leads]] = defaultdict(list)
        self._begin: dict[str, list[Leads]] = defaultdict(list)
        self._end: dict[str, list[Leads]] = defaultdict(list)
        self._lengths: list[int] = []

    def learn(self, pattern: str, leads: Leads) -> None:
        """A word that is written like this leads there."""
        if not (pattern.startswith("*") or pattern.endswith("*")):
            self._whole[pattern].append(leads)
            return
        letters = pattern.strip("*")
        (self._end if pattern.startswith("*") else self._begin)[letters].append(leads)
        self._lengths = sorted({*self._lengths, len(letters)})

    def of(self, word: str) -> Iterator[Leads]:
        """Where it leads."""
        yield from self._whole.get(word, ())
        lengths = [length for length in self._lengths if length <= len(word)]
        for length in lengths:
            yield from self._begin.get(word[:length], ())
        for length in lengths:
            yield from self._end.get(word[-length:], ())
