"""Phrases in the form in which a sentence is searched: by its words, in one pass. Pure.

Every word of the sentence is looked up once and tells in which lists it stands; of the phrases that could
stand in the text only those are tried of which the rarest list stands there. Time grows with the words.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Generic, NamedTuple, TypeVar

from services.router.clues import Clues, Could
from services.router.patterns import Patterns
from services.router.phrases import WINDOW, Phrase, Reader, Spelling, Step, Words, read_phrase
from services.router.places import Found, Hit, in_a_row, stands
from services.router.remembered import Remembered

Tag = TypeVar("Tag")


class _Lists(NamedTuple):
    """The lists in which a word stands: alone, and by the word after it with those that follow."""

    alone: frozenset[int]
    before: Mapping[str, tuple[tuple[int, Words], ...]]


class _Longer(NamedTuple, Generic[Tag]):
    """A phrase of more than one list: its number, the rarest list, all that it names, those in a row."""

    number: int
    key: int
    steps: frozenset[int]
    row: tuple[int, ...]
    tag: Tag
    phrase: Phrase


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
        self.tags = tuple(dict.fromkeys(tag for tag, _ in read))
        self.could = Clues(read, words_of, listed, spelling).could
        self._patterns = Patterns[tuple[int, Words]]()
        self._words = Remembered(self._look_up)
        singles: dict[Tag, set[str]] = defaultdict(set)
        longer: dict[int, tuple[Tag, Phrase]] = {}
        for number, (tag, phrase) in enumerate(read):
            if (slot := phrase.single) is None or not listed(tag):
                longer[number] = tag, phrase
            else:
                singles[tag].update(words_of[slot])
        self._longer = _keyed(longer)
        for slot in sorted({slot for one in self._longer.values() for slot in one.steps}):
            self._learn(words_of[slot], slot)
        self._number = {tag: number for number, tag in enumerate(singles, len(slots))}
        for tag, words in singles.items():
            self._learn(sorted(words), self._number[tag])
        self._single = {number: tag for tag, number in self._number.items()}
        self._keys = frozenset([one.key for one in self._longer.values()])
        self._singles = frozenset(self._single)

    def _learn(self, terms: Iterable[str], slot: int) -> None:
        for term in terms:
            first, *rest = term.split()
            self._patterns.learn(first, (slot, tuple(rest)))

    def hits(
        self, words: Sequence[str], could: Could[Tag], tags: Collection[Tag]
    ) -> Iterator[tuple[Tag, list[Hit]]]:
        """Those of the tags that stand in a text, sentence by sentence, and where.

        They come as their lists come out of the set: of equals the first is named.
        """
        if not tags:
            return
        wanted = {self._number[tag] for tag in tags if tag in self._number}
        tried: dict[int, list[_Longer[Tag]]] = defaultdict(list)
        for number in sorted(could.phrases):
            if (one := self._longer.get(number)) and one.tag in tags:
                tried[one.key].append(one)
                wanted |= one.steps
        for start, end in sentences(words):
            standing, found = self._found(words, start, end, wanted)
            for slot in _ordered({n for n in found if n in self._single}, self._singles, standing):
                places = found[slot]
                yield self._single[slot], [Hit(at, to, tuple(range(at, to))) for at, to in places]
            for slot in _ordered({n for n in found if n in tried}, self._keys, standing):
                for one in tried[slot]:
                    if hits := _hits(one, words, found):
                        yield one.tag, hits

    def _found(
        self, words: Sequence[str], start: int, end: int, wanted: AbstractSet[int]
    ) -> tuple[list[frozenset[int]], Found]:
        """The lists that stand between these places, and where those do that are wanted."""
        standing, found = list[frozenset[int]](), dict[int, list[tuple[int, int]]]()
        for at, lists in enumerate(map(self._words.__getitem__, words[start:end]), start):
            if lists is not _NONE:
                alone, before = lists
                standing.append(alone)
                if not wanted.isdisjoint(alone):
                    for slot in wanted & alone:
                        found.setdefault(slot, []).append((at, at + 1))
                if before and at + 1 < end and (more := before.get(words[at + 1])):
                    for slot, rest in more:
                        to = at + 2 + len(rest)
                        if not rest or (to <= end and tuple(words[at + 2 : to]) == rest):
                            standing.append(frozenset((slot,)))
                            if slot in wanted:
                                found.setdefault(slot, []).append((at, to))
        return standing, found

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


def _keyed(phrases: dict[int, tuple[Tag, Phrase]]) -> dict[int, _Longer[Tag]]:
    """By their number; the rarest list is the one that the fewest phrases need."""
    need = {number: _needed(phrase) for number, (_, phrase) in phrases.items()}
    used = Counter(slot for slots in need.values() for slot in slots)
    return {
        number: _Longer(
            number,
            min(need[number], key=lambda slot: (used[slot], slot)),
            frozenset(step.slot for step in _steps(phrase)),
            phrase.row,
            tag,
            phrase,
        )
        for number, (tag, phrase) in phrases.items()
    }


def _needed(phrase: Phrase) -> frozenset[int]:
    """The lists of which a word must stand there in every way to write the phrase."""
    parts = (phrase.head, *phrase.others)
    return frozenset().union(
        *(frozenset.intersection(*(frozenset(s.slot for s in way) for way in p)) for p in parts)
    )


def _hits(one: _Longer[Tag], words: Sequence[str], found: Found) -> list[Hit]:
    return in_a_row(one.row, found) if one.row else stands(one.phrase, words, found)


def _ordered(
    slots: set[int], among: frozenset[int], standing: Iterable[frozenset[int]]
) -> Iterable[int]:
    """As they come out of the set of what stands there."""
    if len(slots) < 2:
        return slots
    return [slot for slot in set[int]().union(*standing) & among if slot in slots]


def sentences(words: Sequence[str]) -> list[tuple[int, int]]:
    """From the first word of each to after its last; a long one is cut."""
    start, ended, found = 0, [*words, "."], list[tuple[int, int]]()
    while start < len(words):
        stop = ended.index(".", start)
        found += [(cut, min(cut + WINDOW, stop)) for cut in range(start, stop, WINDOW)]
        start = stop + 1
    return found
