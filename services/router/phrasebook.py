"""Phrases in the form in which a sentence is searched: by its words, in one pass. Pure.

Every word of the sentence is looked up once and tells in which lists it stands; only phrases of
which the rarest list stands there are tried. Time grows with the words, whatever they are.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from services.router.patterns import Patterns
from services.router.phrases import Part, Phrase, Reader, Spelling, Step, Words, read_phrase
from services.router.remembered import Remembered

Tag = TypeVar("Tag")

_BREAKS: Final = frozenset({".", ","})


class Hit(NamedTuple):
    """Where a phrase's first part stands, as places of words; `taken` are the words it is made of."""

    start: int
    end: int
    taken: tuple[int, ...]


Found = Mapping[int, list[tuple[int, int]]]
"""For each list of words the places where one of them stands, in order."""


class _Lists(NamedTuple):
    """The lists in which a word stands: alone, and by the word after it with those that follow."""

    alone: frozenset[int]
    before: Mapping[str, tuple[tuple[int, Words], ...]]


@dataclass(frozen=True, slots=True)
class _Longer(Generic[Tag]):
    """A phrase of more than one list: the lists that must stand there, and all that it names."""

    tag: Tag
    phrase: Phrase
    need: frozenset[int]
    steps: frozenset[int]


_NONE: Final = _Lists(frozenset(), {})


class Phrasebook(Generic[Tag]):
    """Phrases with a tag each, and the words that lead to them."""

    def __init__(
        self,
        phrases: Iterable[tuple[Tag, str]],
        lists: Mapping[str, Words],
        spelling: Spelling,
        *,
        listed: Callable[[Tag], bool] = lambda _: True,
    ) -> None:
        """`listed`: tags whose single words are made one list. Raises PhraseError with a sentence."""
        slots: dict[Words, int] = {}
        reader = Reader(lists, spelling, lambda words: slots.setdefault(words, len(slots)))
        read = [(tag, read_phrase(text, reader)) for tag, text in phrases]
        self.phrases, self.lists = read, list(slots)
        self._patterns = Patterns[tuple[int, Words]]()
        self._words = Remembered(self._look_up)
        singles: dict[Tag, set[str]] = defaultdict(set)
        longer: list[tuple[Tag, Phrase]] = []
        for tag, phrase in read:
            if (slot := phrase.single) is None or not listed(tag):
                longer.append((tag, phrase))
            else:
                singles[tag].update(self.lists[slot])
        for slot in sorted({s.slot for _, p in longer for s in _steps(p)}):
            self._learn(self.lists[slot], slot)
        self._single: dict[int, Tag] = {}
        for number, (tag, words) in enumerate(singles.items(), len(slots)):
            self._single[number] = tag
            self._learn(sorted(words), number)
        self._by_key = _keyed(longer)
        self._keys, self._singles = frozenset(self._by_key), frozenset(self._single)

    def _learn(self, terms: Iterable[str], slot: int) -> None:
        for term in terms:
            first, *rest = term.split()
            self._patterns.learn(first, (slot, tuple(rest)))

    def hits(
        self, words: Sequence[str], start: int, end: int, *, where: bool = True
    ) -> Iterator[tuple[Tag, list[Hit]]]:
        """The tags whose phrases stand between these places, and where.

        Without `where` a list of words that stands there has no hits: its places are not looked up.
        """
        slots = self._slots(words, start, end)
        tried = [
            one for key in slots & self._keys for one in self._by_key[key] if one.need <= slots
        ]
        wanted = set(slots) if where else set[int]().union(*[one.steps for one in tried])
        found = self._places(words, start, end, wanted) if wanted else {}
        for slot in slots & self._singles:
            yield self._single[slot], [Hit(a, b, (a,)) for a, b in found[slot]] if where else []
        for one in tried:
            if hits := _stands(one.phrase, words, found):
                yield one.tag, hits

    def _slots(self, words: Sequence[str], start: int, end: int) -> set[int]:
        slots = set[int]()
        known = self._words
        for at in range(start, end):
            lists = known[words[at]]
            if lists is _NONE:
                continue
            slots |= lists.alone
            if lists.before and at + 1 < end:
                for slot, rest in lists.before.get(words[at + 1], ()):
                    if not rest or _follows(words, at + 2, end, rest):
                        slots.add(slot)
        return slots

    def _places(self, words: Sequence[str], start: int, end: int, wanted: set[int]) -> Found:
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for at in range(start, end):
            lists = self._words[words[at]]
            for slot in lists.alone & wanted:
                found[slot].append((at, at + 1))
            if lists.before and at + 1 < end:
                for slot, rest in lists.before.get(words[at + 1], ()):
                    if slot in wanted and (not rest or _follows(words, at + 2, end, rest)):
                        found[slot].append((at, at + 2 + len(rest)))
        return found

    def _look_up(self, word: str) -> _Lists:
        alone, before = set[int](), dict[str, list[tuple[int, Words]]]()
        for slot, rest in self._patterns.of(word):
            if rest:
                before.setdefault(rest[0], []).append((slot, rest[1:]))
            else:
                alone.add(slot)
        if not alone and not before:
            return _NONE
        return _Lists(frozenset(alone), {w: tuple(some) for w, some in before.items()})


def _steps(phrase: Phrase) -> Iterator[Step]:
    for part in (phrase.head, *phrase.others, *phrase.never):
        for way in part:
            yield from way


def _keyed(phrases: list[tuple[Tag, Phrase]]) -> dict[int, list[_Longer[Tag]]]:
    """By the list that the fewest phrases need."""
    some = [
        _Longer(tag, phrase, _needed(phrase), frozenset(step.slot for step in _steps(phrase)))
        for tag, phrase in phrases
    ]
    used = Counter(slot for one in some for slot in one.need)
    keyed: dict[int, list[_Longer[Tag]]] = defaultdict(list)
    for one in some:
        keyed[min(one.need, key=lambda s: (used[s], s))].append(one)
    return dict(keyed)


def _needed(phrase: Phrase) -> frozenset[int]:
    """The lists of which a word must stand there in every way to write the phrase."""
    parts = (phrase.head, *phrase.others)
    return frozenset().union(
        *(frozenset.intersection(*(frozenset(s.slot for s in way) for way in p)) for p in parts)
    )


def _follows(words: Sequence[str], start: int, end: int, rest: Words) -> bool:
    return start + len(rest) <= end and tuple(words[start : start + len(rest)]) == rest


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
