"""Where a phrase stands in a sentence, told by the places of the lists of words that it names. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from services.router.phrases import Part, Phrase, Step

_BREAKS: Final = frozenset({".", ","})

Found = Mapping[int, list[tuple[int, int]]]
"""For each list of words the places where one of them stands, in order."""


class Hit(NamedTuple):
    """Where a phrase's first part stands, as places of words; `taken` are the words it is made of."""

    start: int
    end: int
    taken: tuple[int, ...]


def in_a_row(slots: Sequence[int], found: Found) -> list[Hit]:
    """Every place where words of these lists stand right after each other."""
    first, *further = slots
    reached = {end: start for start, end in found.get(first, ())}
    for slot in further:
        reached = {end: reached[at] for at, end in found.get(slot, ()) if at in reached}
    return [Hit(start, end, tuple(range(start, end))) for end, start in reached.items()]


def stands(phrase: Phrase, words: Sequence[str], found: Found) -> list[Hit]:
    """Every place where it does."""
    heads = _part(phrase.head, words, found)
    if not heads or (phrase.never and any(_part(part, words, found) for part in phrase.never)):
        return []
    for part in phrase.others:
        others = {hit.taken[0] for hit in _part(part, words, found)}
        heads = [head for head in heads if not others.issubset(head.taken)]
    return heads


def _part(part: Part, words: Sequence[str], found: Found) -> list[Hit]:
    if len(part) == 1:
        return _way(part[0], words, found)
    return [hit for way in part for hit in _way(way, words, found)]


def _way(way: tuple[Step, ...], words: Sequence[str], found: Found) -> list[Hit]:
    """Every place where the steps end, each with the nearest beginning."""
    reached = {end: tuple(range(start, end)) for start, end in found.get(way[0].slot, ())}
    for slot, gap in way[1:]:
        if not reached:
            return []
        further: dict[int, tuple[int, ...]] = {}
        for start, end in found.get(slot, ()):
            for back in range(min(gap, start) + 1):
                if back and words[start - back] in _BREAKS:
                    break
                if before := reached.get(start - back):
                    further[end] = (*before, *range(start, end))
                    break
        reached = further
    return [Hit(taken[0], end, taken) for end, taken in reached.items()]
