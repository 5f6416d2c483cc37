"""Which phrases could stand in a text, told by its words and their neighbours alone. Pure.

Of each phrase is known which words it cannot do without, and which of them must be neighbours: its clues.
A clue is a bit; a word tells all of its clues in one number, and where all bits of a phrase were told
it could stand: whether it does is for who reads the sentences. Few texts and phrases are left to them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Final, Generic, NamedTuple, TypeVar

from services.router.patterns import Patterns
from services.router.phrases import WINDOW, Phrase, Spelling, Step, Words
from services.router.remembered import Remembered

Tag = TypeVar("Tag")


class Clue(NamedTuple):
    """One of these words stands there, and right after it one of `then` if there are any."""

    words: Words
    then: Words = ()


class Could(NamedTuple, Generic[Tag]):
    """What could stand in a text: tags, of which `told` do for sure; and the numbers of phrases."""

    tags: tuple[Tag, ...]
    told: tuple[Tag, ...]
    unsure: tuple[Tag, ...]
    phrases: AbstractSet[int]


class _Way(NamedTuple):
    """One way to write a phrase: the bit of its tag, its number, its clues; whether these are all of it."""

    tag: int
    phrase: int
    clues: tuple[Clue, ...]
    sure: bool


_NOTHING: Final = (0, 0, 0)
_FIRST, _SECOND, _ALONE = range(3)
"""The clues of a word: with the word after it, with the word before it, alone."""


class Clues(Generic[Tag]):
    """The clues of phrases."""

    def __init__(
        self,
        phrases: Sequence[tuple[Tag, Phrase]],
        lists: Sequence[Words],
        listed: Callable[[Tag], bool],
        spelling: Spelling,
    ) -> None:
        """`lists`: the words of each step's list.

        `listed`: these tags are told by a single word; of the others no phrase is sure.
        """
        tags = {tag: 1 << n for n, tag in enumerate(dict.fromkeys(tag for tag, _ in phrases))}
        self._tags = {bit: tag for tag, bit in tags.items()}
        self._every_tag = sum(self._tags)
        self._patterns = Patterns[tuple[int, int]]()
        ways: list[_Way] = []
        for n, (tag, phrase) in enumerate(phrases):
            for clues in _ways(phrase, lists):
                if phrase.single is None or clues[0].then or not listed(tag):
                    sure = listed(tag) and _sure(phrase, clues, lists)
                    ways.append(_Way(tags[tag], n, clues, sure))
                else:
                    self._learn(clues[0], tags[tag])
        bits = _numbered(ways, len(tags))
        for clue, bit in bits.items():
            self._learn(clue, bit)
        self._led = _led(ways, bits)
        self._leads = sum(1 << length - 1 for length in self._led)
        self._spelled = spelling.spelled
        self._words = Remembered(self._look_up)
        self._pieces = Remembered(self._together)
        self._alone = Remembered(self._no_phrases)

    def could(self, pieces: Sequence[str]) -> Could[Tag]:
        """What could stand there; nothing else does."""
        found = _found(filter(None, map(self._pieces.__getitem__, pieces)))
        tags = told = found & self._every_tag
        leads = found & self._leads
        if not leads:
            return self._alone[told]
        phrases, sure_too = set[int](), told  # sure where no sentence is cut between neighbours
        while leads:
            length = leads.bit_length()
            leads ^= 1 << length - 1
            for others, tag, phrase, sure in self._led[length]:
                if found & others == others:
                    tags |= tag
                    phrases.add(phrase)
                    if sure:
                        sure_too |= tag
        if not phrases:
            return self._alone[told]
        if sure_too != told and sum(map(len, map(self._spelled, pieces))) <= WINDOW:
            told = sure_too
        alone = self._alone
        return Could(alone[tags].tags, alone[told].tags, alone[tags ^ told].tags, phrases)

    def _no_phrases(self, bits: int) -> Could[Tag]:
        tags = tuple(tag for bit, tag in self._tags.items() if bit & bits)
        return Could(tags, tags, (), frozenset())

    def _learn(self, clue: Clue, bit: int) -> None:
        for word in clue.words:
            self._patterns.learn(word, (_FIRST if clue.then else _ALONE, bit))
        for word in clue.then:
            self._patterns.learn(word, (_SECOND, bit))

    def _together(self, piece: str) -> tuple[int, int, int] | None:
        """What the words of a piece tell; nothing of one without words, which parts no neighbours."""
        told = [self._words[word] for word in self._spelled(piece)]
        return (told[-1][_FIRST], told[0][_SECOND], _found(told)) if told else None

    def _look_up(self, word: str) -> tuple[int, int, int]:
        told = [0, 0, 0]
        for place, bit in self._patterns.of(word):
            told[place] |= bit
        return (told[_FIRST], told[_SECOND], told[_ALONE]) if any(told) else _NOTHING


def _found(told: Iterable[tuple[int, int, int]]) -> int:
    """All clues of what stands one after the other."""
    found = near = 0
    for first, second, alone in told:
        if alone:
            found |= alone
        if near and second:
            found |= near & second
        near = first
    return found


def _numbered(ways: Sequence[_Way], start: int) -> dict[Clue, int]:
    """A bit for each clue; those of neighbours, which are many, after the others."""
    clues = dict.fromkeys(clue for way in ways for clue in way.clues)
    return {clue: 1 << n for n, clue in enumerate(sorted(clues, key=lambda c: c.then != ()), start)}


def _led(
    ways: Sequence[_Way], bits: dict[Clue, int]
) -> dict[int, list[tuple[int, int, int, bool]]]:
    """The tag and phrase of each way and its other bits, by the length of the bit that is least often told.

    Neighbours are rarer than one word, the more so the fewer ways they have; a common word is one of many clues.
    """
    used = Counter(clue for way in ways for clue in way.clues)
    standing = Counter(word for clue in bits for word in clue.words)
    often = {
        clue: (False, used[clue])
        if clue.then
        else (True, max(standing[word] for word in clue.words))
        for clue in bits
    }
    led: dict[int, list[tuple[int, int, int, bool]]] = defaultdict(list)
    for way in ways:
        lead = min(way.clues, key=often.__getitem__)
        others = sum(bits[clue] for clue in way.clues if clue != lead)
        led[bits[lead].bit_length()].append((others, way.tag, way.phrase, way.sure))
    return dict(led)


def _ways(phrase: Phrase, lists: Sequence[Words]) -> Iterator[tuple[Clue, ...]]:
    """The clues of each way to write a phrase, or those that all ways have in common."""
    if phrase.single is None:
        yield tuple(dict.fromkeys(_clues(phrase, lists)))
        return
    terms = [term.split() for term in lists[phrase.single]]
    if words := tuple(first for first, *rest in terms if not rest):
        yield (Clue(words),)
    for term in terms:
        if len(term) > 1:
            yield tuple(dict.fromkeys(Clue((a,), (b,)) for a, b in pairwise(term)))


def _sure(phrase: Phrase, clues: tuple[Clue, ...], lists: Sequence[Words]) -> bool:
    """Whether it stands where its clues do: a word, or two, one right after the other.

    Of three words that are the same both clues are one.
    """
    if phrase.single is not None:
        return len(clues) == 1 and clues[0].then != clues[0].words
    return len(phrase.row) == 2 and not any(
        " " in term for slot in phrase.row for term in lists[slot]
    )


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
        before, beside = beside, n + 1 < len(way) and not way[n + 1].gap
        if beside:
            last = tuple(term.split()[-1] for term in lists[step.slot])
            yield Clue(last, tuple(term.split()[0] for term in lists[way[n + 1].slot]))
        elif not before:
            yield _any_of(lists[step.slot])


def _any_of(terms: Words) -> Clue:
    """Of words that follow each other the longest tells most."""
    return Clue(tuple(max(term.split(), key=len) for term in terms))
