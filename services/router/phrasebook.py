"""Phrases in the form in which a sentence is searched: by its words, in one pass. Pure.

Every word of the sentence is looked up once and tells in which lists it stands; only phrases of
which the rarest list stands there are tried. Time grows with the words, whatever they are.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from services.router.clues import Clues, Could
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
    """A phrase of more than one list: its number, and the lists that it names."""

    tag: Tag
    phrase: Phrase
    number: int
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
        words_of = list(slots)
        self._clues = Clues(read, words_of, listed)
        self._patterns = Patterns[tuple[int, Words]]()
        self._words = Remembered(self._look_up)
        singles: dict[Tag, set[str]] = defaultdict(set)
        longer: list[_Longer[Tag]] = []
        for number, (tag, phrase) in enumerate(read):
            if (slot := phrase.single) is None or not listed(tag):
                longer.append(
                    _Longer(tag, phrase, number, frozenset(s.slot for s in _steps(phrase)))
                )
            else:
                singles[tag].update(words_of[slot])
        for slot in sorted({slot for one in longer for slot in one.steps}):
            self._learn(words_of[slot], slot)
        self._number = {tag: number for number, tag in enumerate(singles, len(slots))}
        for tag, words in singles.items():
            self._learn(sorted(words), self._number[tag])
        self._single = {number: tag for tag, number in self._number.items()}
        self._longer = {one.number: one for one in longer}
        self._by_key = _keyed(longer)
        self._keys, self._singles = frozenset(self._by_key), frozenset(self._single)

    def _learn(self, terms: Iterable[str], slot: int) -> None:
        for term in terms:
            first, *rest = term.split()
            self._patterns.learn(first, (slot, tuple(rest)))

    def could(self, words: Sequence[str]) -> Could[Tag]:
        """What could stand in a text; nothing else does."""
        return self._clues.could(words)

    def hits(
        self,
        words: Sequence[str],
        start: int,
        end: int,
        could: Could[Tag],
        known: Container[Tag] = (),
    ) -> Iterator[tuple[Tag, list[Hit]]]:
        """The tags whose phrases stand between these places, and where; `could`: in the whole text.

        A list of words that stands there has no hits: its places are not looked up.
        A phrase is not looked for if its tag is known or such a list stands there.
        """
        slots = self._slots(words, start, end)
        single = {self._single[slot]: None for slot in slots & self._singles}
        yield from ((tag, []) for tag in single)
        if not could.phrases:
            return
        tried = [
            one
            for key in slots & self._keys
            for one in self._by_key[key]
            if one.number in could.phrases and one.tag not in single and one.tag not in known
        ]
        if tried:
            wanted = frozenset[int]().union(*[one.steps for one in tried])
            found = self._places(words, start, end, wanted)
            for one in tried:
                if hits := _stands(one.phrase, words, found):
                    yield one.tag, hits

    def starts(
        self,
        words: Sequence[str],
        sentences: Iterable[tuple[int, int]],
        could: Could[Tag],
        tag: Tag,
    ) -> list[int]:
        """Where the phrases of one tag begin, in order; `could`: in the whole text."""
        if tag not in could.tags:
            return []
        tried = [self._longer[n] for n in could.phrases if n in self._longer]
        tried = [one for one in tried if one.tag == tag]
        number = self._number.get(tag, -1)
        wanted = frozenset({number}).union(*[one.steps for one in tried])
        starts = set[int]()
        for start, end in sentences:
            if found := self._places(words, start, end, wanted):
                starts.update(at for at, _ in found.get(number, ()))
                for one in tried:
                    starts.update(hit.start for hit in _stands(one.phrase, words, found))
        return sorted(starts)

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

    def _places(self, words: Sequence[str], start: int, end: int, wanted: frozenset[int]) -> Found:
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


def _keyed(phrases: list[_Longer[Tag]]) -> dict[int, list[_Longer[Tag]]]:
    """By the list that the fewest phrases need."""
    need = {one.number: _needed(one.phrase) for one in phrases}
    used = Counter(slot for slots in need.values() for slot in slots)
    keyed: dict[int, list[_Longer[Tag]]] = defaultdict(list)
    for one in phrases:
        keyed[min(need[one.number], key=lambda s: (used[s], s))].append(one)
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
    if not heads or (phrase.never and any(_part(part, words, found) for part in phrase.never)):
        return []
    for part in phrase.others:
        others = _part(part, words, found)
        heads = [head for head in heads if any(o.taken[0] not in head.taken for o in others)]
    return heads


def _part(part: Part, words: Sequence[str], found: Found) -> list[Hit]:
    if len(part) == 1:
        return _way(part[0], words, found)
    return [hit for way in part for hit in _way(way, words, found)]


def _way(way: tuple[Step, ...], words: Sequence[str], found: Found) -> list[Hit]:
    """Every place where the steps end, each with the nearest beginning."""
    for step in way:
        if step.slot not in found:
            return []
    reached = {b: tuple(range(a, b)) for a, b in found[way[0].slot]}
    for step in way[1:]:
        further: dict[int, tuple[int, ...]] = {}
        for start, end in found[step.slot]:
            for back in range(min(step.gap, start) + 1):
                if back and words[start - back] in _BREAKS:
                    break
                if before := reached.get(start - back):
                    further[end] = (*before, *range(start, end))
                    break
        if not further:
            return []
        reached = further
    return [Hit(taken[0], end, taken) for end, taken in reached.items()]
