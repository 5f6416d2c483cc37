"""Phrases in the form in which a sentence is searched: by its words, in one pass. Pure.

Every word of the sentence is looked up once and tells in which lists it stands; only phrases of
which the rarest list stands there are tried. Time grows with the words, whatever they are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from services.router.phrases import Part, Phrase, Step, read_phrase

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


Found = Mapping[int, list[tuple[int, int]]]
"""For each list of words the places where one of them stands, in order."""


class Lexicon(Generic[Tag]):
    """Phrases with a tag each, and the words that lead to them."""

    def __init__(
        self, phrases: Iterable[tuple[Tag, str]], lists: Mapping[str, tuple[str, ...]]
    ) -> None:
        """Raises PhraseError with a sentence."""
        self._slots: dict[tuple[str, ...], int] = {}
        read = [(tag, read_phrase(text, lists, self._slot)) for tag, text in phrases]
        self._whole: dict[str, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
        self._open: dict[str, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
        for words, slot in self._slots.items():
            for word in dict.fromkeys(words):
                self._learn(word, slot)
        self._kept: dict[str, tuple[tuple[int, tuple[str, ...]], ...]] = {}
        self._by_key = self._keyed(read)

    def _slot(self, words: tuple[str, ...]) -> int:
        return self._slots.setdefault(words, len(self._slots))

    def _learn(self, term: str, slot: int) -> None:
        first, *rest = term.split()
        if first.endswith("*"):
            self._open[first[:-1]].append((slot, tuple(rest)))
        else:
            self._whole[first].append((slot, tuple(rest)))

    @staticmethod
    def _keyed(read: list[tuple[Tag, Phrase]]) -> dict[int, list[tuple[int, Tag, Phrase]]]:
        """By the list that the fewest phrases need; the number keeps the order of the file."""
        needs = [(tag, phrase, _needed(phrase)) for tag, phrase in read]
        used = Counter(slot for _, _, need in needs for slot in need)
        keyed: dict[int, list[tuple[int, Tag, Phrase]]] = defaultdict(list)
        for number, (tag, phrase, need) in enumerate(needs):
            keyed[min(need, key=lambda s: (used[s], s))].append((number, tag, phrase))
        return keyed

    def places(self, words: Sequence[str], start: int, end: int) -> Found:
        """Where the lists' words stand between these places."""
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

    def _look_up(self, word: str) -> tuple[tuple[int, tuple[str, ...]], ...]:
        begins = (word[:n] for n in range(1, min(len(word), _LONGEST_WORD) + 1))
        lists = dict.fromkeys([
            *self._whole.get(word, ()),
            *(one for begin in begins for one in self._open.get(begin, ())),
        ])
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[word] = tuple(lists)
        return self._kept[word]

    def hits(
        self, words: Sequence[str], found: Found
    ) -> Iterable[tuple[Tag, Phrase, list[Hit]]]:
        """The phrases that stand in this sentence, in the order of the file."""
        if not found:
            return
        keyed = (self._by_key.get(slot, ()) for slot in found)
        for _, tag, phrase in sorted((one for ones in keyed for one in ones), key=_number):
            if hits := _stands(phrase, words, found):
                yield tag, phrase, hits


def _number(one: tuple[int, object, Phrase]) -> int:
    return one[0]


def _needed(phrase: Phrase) -> frozenset[int]:
    """The lists of which a word must stand there in every way to write the phrase."""
    parts = (phrase.head, *phrase.others)
    return frozenset().union(
        *(frozenset.intersection(*(frozenset(s.slot for s in way) for way in p)) for p in parts)
    )


def _follows(words: Sequence[str], at: int, rest: tuple[str, ...]) -> bool:
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
        heads = [head for head in heads if any(_apart(head, other) for other in others)]
    return heads


def _apart(one: Hit, other: Hit) -> bool:
    return other.taken[0] not in one.taken


def _part(part: Part, words: Sequence[str], found: Found) -> list[Hit]:
    return [hit for way in part for hit in _way(way, words, found)]


def _way(way: tuple[Step, ...], words: Sequence[str], found: Found) -> list[Hit]:
    """Every place where the steps end, each with the nearest beginning."""
    first = found.get(way[0].slot)
    if first is None or any(step.slot not in found for step in way):
        return []
    reached = {end: Hit(start, end, tuple(range(start, end))) for start, end in first}
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
