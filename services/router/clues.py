"""Whether danger could be found, told by the words of a text and their neighbours alone. Pure.

Few texts can make enough points, and only these are worth reading sentence by sentence. Of each phrase
is known which words it cannot do without, and which of them must be neighbours: its clues. A clue is a bit;
a word tells all of its clues in one number, and a phrase may stand there where all of its bits do.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from services.router.patterns import Patterns
from services.router.phrases import Phrase, Step, Words
from services.router.remembered import Remembered
from services.router.signs import EmergencyFile, Group, Sign, asked


class Clue(NamedTuple):
    """One of these words stands there, and right after it one of `then` if there are any."""

    words: Words
    then: Words = ()


class _Told(NamedTuple):
    """The clues of a word, as bits: with the word after it, with the word before it, alone."""

    first: int
    second: int
    alone: int


_NOTHING: Final = _Told(0, 0, 0)
_FIRST, _SECOND, _ALONE = range(3)


class Clues:
    """The clues of signs and groups."""

    def __init__(
        self,
        phrases: Sequence[tuple[Sign | Group, Phrase]],
        lists: Sequence[Words],
        file: EmergencyFile,
    ) -> None:
        """`lists`: the words of each step's list."""
        tags = {tag: 1 << n for n, tag in enumerate(dict.fromkeys(tag for tag, _ in phrases))}
        ways = {(tags[tag], way): None for tag, phrase in phrases for way in _ways(phrase, lists)}
        clues = dict.fromkeys(clue for _, way in ways if not _one_word(way) for clue in way)
        bits = {clue: 1 << n for n, clue in enumerate(clues, len(tags))}
        self._patterns = Patterns[tuple[int, int]]()
        for clue, bit in bits.items():
            self._learn(clue, bit)
        for tag, way in filter(lambda one: _one_word(one[1]), ways):
            self._learn(way[0], tag)
        self._led = _led(((tag, way) for tag, way in ways if not _one_word(way)), bits)
        self._leads = sum(1 << length - 1 for length in self._led)
        self._signs = {bit: tag for tag, bit in tags.items() if isinstance(tag, Sign)}
        self._sign, self._group = sum(self._signs), sum(tags.values()) - sum(self._signs)
        self._file = file
        self._words = Remembered(self._look_up)
        self._enough = Remembered(self._sum)

    def enough(self, words: Sequence[str]) -> bool:
        """Whether danger could be found; where not, no phrases of these words make enough points."""
        known, found, near = self._words, 0, 0
        for word in words:
            first, second, alone = known[word]
            if alone:
                found |= alone
            if near and second:
                found |= near & second
            near = first
        leads = found & self._leads
        while leads:
            length = leads.bit_length()
            leads ^= 1 << length - 1
            for needed, tag in self._led[length]:
                if found & needed == needed:
                    found |= tag
        return found & self._group != 0 or self._enough[found & self._sign]

    def _sum(self, told: int) -> bool:
        signs = [sign for bit, sign in self._signs.items() if bit & told]
        return sum(sign.points for sign in signs) >= asked(self._file, signs)

    def _learn(self, clue: Clue, bit: int) -> None:
        for word in clue.words:
            self._patterns.learn(word, (_FIRST if clue.then else _ALONE, bit))
        for word in clue.then:
            self._patterns.learn(word, (_SECOND, bit))

    def _look_up(self, word: str) -> _Told:
        told = [0, 0, 0]
        for place, bit in self._patterns.of(word):
            told[place] |= bit
        return _Told(*told) if any(told) else _NOTHING


def _one_word(way: tuple[Clue, ...]) -> bool:
    return len(way) == 1 and not way[0].then


def _led(
    ways: Iterable[tuple[int, tuple[Clue, ...]]], bits: dict[Clue, int]
) -> dict[int, list[tuple[int, int]]]:
    """The bits of each way and what it tells, by the length of the bit that the fewest ways have."""
    some = list(ways)
    used = Counter(clue for _, way in some for clue in way)
    led: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for tag, way in some:
        lead = min(way, key=lambda clue: (used[clue], bits[clue]))
        led[bits[lead].bit_length()].append((sum(bits[clue] for clue in way), tag))
    return dict(led)


def _ways(phrase: Phrase, lists: Sequence[Words]) -> Iterator[tuple[Clue, ...]]:
    """The clues of each way to write a phrase, or those that all ways have in common."""
    if phrase.single is None:
        yield tuple(dict.fromkeys(_clues(phrase, lists)))
        return
    for term in lists[phrase.single]:
        words = term.split()
        yield tuple(Clue((a,), (b,)) for a, b in pairwise(words)) or (Clue((term,)),)


def _clues(phrase: Phrase, lists: Sequence[Words]) -> Iterator[Clue]:
    for part in (phrase.head, *phrase.others):
        if len(part) == 1:
            yield from _neighbours(part[0], lists)
        else:
            common = frozenset.intersection(*(frozenset(s.slot for s in way) for way in part))
            yield from (_any_of(lists[slot]) for slot in sorted(common))


def _neighbours(way: Sequence[Step], lists: Sequence[Words]) -> Iterator[Clue]:
    """Two steps without words between are one clue; a step that has none beside it is one alone."""
    beside = False
    for n, step in enumerate(way):
        beside_next = n + 1 < len(way) and not way[n + 1].gap
        if beside_next:
            last = tuple(term.split()[-1] for term in lists[step.slot])
            yield Clue(last, tuple(term.split()[0] for term in lists[way[n + 1].slot]))
        elif not beside:
            yield _any_of(lists[step.slot])
        beside = beside_next


def _any_of(terms: Words) -> Clue:
    """Of words that follow each other the longest tells most."""
    return Clue(tuple(max(term.split(), key=len) for term in terms))
