"""Phrases in the form in which a sentence is searched: by its words, in one pass. Pure.

Every word of the sentence is looked up once and tells in which lists it stands; only phrases of
which the rarest list stands there are tried. Time grows with the words, whatever they are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from services.router.phrases import Part, Phrase, Reader, Spelling, Step, read_phrase

Tag = TypeVar("Tag")

_KEPT: Final = 20_000
"""Words whose lists are remembered, so that common ones are looked up once."""
_LONGEST_WORD: Final = 30
_BREAKS: Final = frozenset({".", ","})


class Hit(NamedTuple):
    """Where a phrase's first part stands, as places of words; `taken` are the words it is made of."""

    start: int
    end: int
    taken: tuple[int, ...]


Words = tuple[str, ...]
Lists = tuple[tuple[int, Words], ...]
"""The lists in which a word stands, each with the words that must follow it."""
Found = Mapping[int, list[tuple[int, int]]]
"""For each list of words the places where one of them stands, in order."""


class Lexicon(Generic[Tag]):
    """Phrases with a tag each, and the words that lead to them."""

    def __init__(
        self,
        phrases: Iterable[tuple[Tag, str]],
        lists: Mapping[str, Words],
        spelling: Spelling,
    ) -> None:
        """Raises PhraseError with a sentence."""
        slots: dict[Words, int] = {}
        reader = Reader(lists, spelling, lambda words: slots.setdefault(words, len(slots)))
        read = [(tag, read_phrase(text, reader)) for tag, text in phrases]
        words_of = list(slots)
        self._begin: dict[str, list[tuple[int, Words]]] = defaultdict(list)
        self._end: dict[str, list[tuple[int, Words]]] = defaultdict(list)
        self._whole: dict[str, list[tuple[int, Words]]] = defaultdict(list)
        self._kept: dict[str, Lists] = {}
        self._single: dict[int, Tag] = {}
        singles: dict[Tag, set[str]] = defaultdict(set)
        longer: list[tuple[Tag, Phrase]] = []
        for tag, phrase in read:
            if (slot := _single(phrase)) is None:
                longer.append((tag, phrase))
            else:
                singles[tag].update(words_of[slot])
        for slot in sorted({s.slot for _, p in longer for s in _steps(p)}):
            self._learn(words_of[slot], slot)
        for number, (tag, words) in enumerate(singles.items(), len(slots)):
            self._single[number] = tag
            self._learn(sorted(words), number)
        self._by_key = _keyed(longer)

    def _learn(self, terms: Iterable[str], slot: int) -> None:
        for term in terms:
            first, *rest = term.split()
            into, word = self._whole, first
            if first.startswith("*"):
                into, word = self._end, first[1:]
            elif first.endswith("*"):
                into, word = self._begin, first[:-1]
            into[word].append((slot, tuple(rest)))

    def hits(self, words: Sequence[str], start: int, end: int) -> Iterator[tuple[Tag, list[Hit]]]:
        """The tags whose phrases stand between these places, and where."""
        found = self._places(words, start, end)
        for slot, places in found.items():
            if (tag := self._single.get(slot)) is not None:
                yield tag, [Hit(a, b, (a,)) for a, b in places]
            for tag, phrase in self._by_key.get(slot, ()):
                if hits := _stands(phrase, words, found):
                    yield tag, hits

    def _places(self, words: Sequence[str], start: int, end: int) -> Found:
        found: dict[int, list[tuple[int, int]]] = {}
        kept = self._kept
        for at in range(start, end):
            word = words[at]
            lists = kept.get(word)
            if lists is None:
                lists = self._look_up(word)
            for slot, rest in lists:
                stop = at + 1 + len(rest)
                if not rest or (stop <= end and _follows(words, at + 1, rest)):
                    found.setdefault(slot, []).append((at, stop))
        return found

    def _look_up(self, word: str) -> Lists:
        letters = range(1, min(len(word), _LONGEST_WORD) + 1)
        lists = dict.fromkeys(
            (
                *self._whole.get(word, ()),
                *(one for n in letters for one in self._begin.get(word[:n], ())),
                *(one for n in letters for one in self._end.get(word[-n:], ())),
            )
        )
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[word] = tuple(lists)
        return self._kept[word]


def _steps(phrase: Phrase) -> Iterator[Step]:
    for part in (phrase.head, *phrase.others, *phrase.never):
        for way in part:
            yield from way


def _single(phrase: Phrase) -> int | None:
    """The list of a phrase that is no more than one word, or words that follow each other."""
    alone = not phrase.others and not phrase.never and len(phrase.head) == 1
    return phrase.head[0][0].slot if alone and len(phrase.head[0]) == 1 else None


def _keyed(phrases: list[tuple[Tag, Phrase]]) -> dict[int, list[tuple[Tag, Phrase]]]:
    """By the list that the fewest phrases need."""
    needs = [(tag, phrase, _needed(phrase)) for tag, phrase in phrases]
    used = Counter(slot for _, _, need in needs for slot in need)
    keyed: dict[int, list[tuple[Tag, Phrase]]] = defaultdict(list)
    for tag, phrase, need in needs:
        keyed[min(need, key=lambda s: (used[s], s))].append((tag, phrase))
    return dict(keyed)


def _needed(phrase: Phrase) -> frozenset[int]:
    """The lists of which a word must stand there in every way to write the phrase."""
    parts = (phrase.head, *phrase.others)
    return frozenset().union(
        *(frozenset.intersection(*(frozenset(s.slot for s in way) for way in p)) for p in parts)
    )


def _follows(words: Sequence[str], at: int, rest: Words) -> bool:
    return all(
        words[at + n].startswith(word[:-1]) if word.endswith("*") else words[at + n] == word
        for n, word in enumerate(rest)
    )


def _stands(phrase: Phrase, words: Sequence[str], found: Found) -> list[Hit]:
    heads = _part(phrase.head, words, found)
    if not heads or any(_part(part, words, found) for part in phrase.never):
        return []
    for part in phrase.others:
        others = _part(part, words, found)
        heads = [head for head in heads if any(o.taken[0] not in head.taken for o in others)]
    return heads


def _part(part: Part, words: Sequence[str], found: Found) -> list[Hit]:
    return [hit for way in part for hit in _way(way, words, found)]


def _way(way: tuple[Step, ...], words: Sequence[str], found: Found) -> list[Hit]:
    """Every place where the steps end, each with the nearest beginning."""
    if any(step.slot not in found for step in way):
        return []
    reached = {b: Hit(a, b, tuple(range(a, b))) for a, b in found[way[0].slot]}
    for step in way[1:]:
        further: dict[int, Hit] = {}
        for start, end in found[step.slot]:
            for back in range(min(step.gap, start) + 1):
                if back and words[start - back] in _BREAKS:
                    break
                if before := reached.get(start - back):
                    taken = (*before.taken, *range(start, end))
                    further[end] = Hit(before.start, end, taken)
                    break
        reached = further
    return list(reached.values())
