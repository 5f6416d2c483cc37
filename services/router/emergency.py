"""Whether a text tells of danger that is there now: signs give points, calm ones take them. Pure.

The words, each written in one way, tell which signs and phrases could stand there: mostly too few, or
outweighed by the calm ones that stand there for sure, and that is all. Else it is read sentence by sentence
which of them do; where these make enough points, so are the calm signs, which hold phrases back and take
points; what is left decides.
Time grows with the length of the text, whatever stands in it.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from functools import cached_property
from itertools import chain
from math import inf
from typing import Final, NamedTuple

from services.router.clues import Could
from services.router.phrasebook import Phrasebook
from services.router.phrases import PhraseError, Reader, Spelling, read_phrase
from services.router.places import Hit
from services.router.remembered import Remembered
from services.router.signs import (
    GUARDS,
    OWN,
    Calm,
    EmergencyFile,
    Group,
    Guard,
    Marks,
    Sign,
    asked,
    check,
)
from services.router.tokens import pieces

_BEFORE: Final = 5
"""Words before a danger in which a negation turns it round."""


class Danger(NamedTuple):
    """What a text tells: the sign or group that weighed most, and the guards that held it back.

    Found with a rule and no guards; held back with a rule and guards; or no rule at all, as where no
    name was asked for.
    """

    found: bool
    rule: str | None = None
    guards: tuple[str, ...] = ()


_NO_DANGER: Final = Danger(False)


class Phrases:
    """Signs, phrases and guards of a policy, in the form in which a text is looked at."""

    def __init__(self, file: EmergencyFile) -> None:
        """Raises PhraseError with a sentence."""
        check(file)
        self.file = file
        self.spelling = Spelling(file.spelling)
        danger = Phrasebook[Sign | Group](
            _dangers(file),
            file.words,
            self.spelling,
            listed=lambda tag: isinstance(tag, Sign),  # of a group it is asked where it stands
        )
        self.books: tuple[Phrasebook[Sign | Group], ...] = (danger,)
        self.spare = Remembered(self._spare)
        self.calm: Phrasebook[Calm | str] = Phrasebook(_calms(file), file.words, self.spelling)

    def beside(self, own: tuple[str, ...]) -> "Phrases":
        """These, and whole phrases that are enough alone. Raises PhraseError with a sentence."""
        both = copy(self)
        group = Group(OWN, own)
        phrases = Phrasebook[Sign | Group](
            ((group, text) for text in own),
            self.file.words,
            self.spelling,
            listed=lambda _: False,
        )
        both.books = (phrases, *self.books)
        return both

    def _spare(self, tags: tuple[Sign | Group, ...]) -> float:
        """The points beyond those that are asked, at most, where these could stand."""
        groups = {tag.name for tag in tags if isinstance(tag, Group)}
        if OWN in groups:
            return inf
        points = sum(tag.points for tag in tags if isinstance(tag, Sign))
        return points + (self.file.phrase if groups else 0) - asked(self.file, tags)


def wrong_phrases(file: EmergencyFile, own: tuple[str, ...]) -> Iterator[str]:
    """A sentence for each phrase that cannot be read; `own` are read with the file's word lists."""
    reader = Reader(file.words, Spelling(file.spelling), lambda _: 0)
    written = (text for _, text in chain(_dangers(file), _calms(file)))
    for text in chain(written, own):
        try:
            read_phrase(text, reader)
        except PhraseError as error:
            yield str(error)


def _dangers(file: EmergencyFile) -> Iterator[tuple[Sign | Group, str]]:
    for group in file.group:
        yield from ((group, text) for text in group.phrases)
    for sign in file.sign:
        yield from ((sign, text) for text in sign.words)


def _calms(file: EmergencyFile) -> Iterator[tuple[Calm | str, str]]:
    for calm in file.calm:
        yield from ((calm, text) for text in calm.words)
    for name in Marks.__struct_fields__:
        yield from ((name, text) for text in getattr(file.marks, name))


class _Text:
    """One text by its words, and what speaks against danger in it; where is looked up when first asked."""

    def __init__(
        self, words: list[str], book: Phrasebook[Calm | str], could: Could[Calm | str]
    ) -> None:
        self.words, self._book, self._could = words, book, could
        self.calm = _calm(could.told)
        if unsure := _calm(could.unsure):
            told = {tag for tag, _ in book.hits(words, could, unsure)}
            self.calm += [tag for tag in unsure if tag in told]

    @cached_property
    def _starts(self) -> dict[Calm | str, list[int]]:
        """Where calm signs and marks begin, in order."""
        starts: dict[Calm | str, set[int]] = defaultdict(set)
        for tag, hits in self._book.hits(self.words, self._could, self._could.tags):
            starts[tag].update([hit.start for hit in hits])
        return {tag: sorted(some) for tag, some in starts.items()}

    @cached_property
    def clauses(self) -> list[int]:
        """Where clauses begin: at a stop, a pause or a joining word."""
        pauses = (n for n, word in enumerate(self.words) if word in {".", ","})
        return sorted({*pauses, *self._starts.get("splits", ())})

    @cached_property
    def pasts(self) -> list[int]:
        """Where a past ends: at a stop, or where it turns to the present."""
        stops = (n for n, word in enumerate(self.words) if word == ".")
        return sorted({*stops, *self._starts.get("turns", ())})

    def stands(self, tag: Calm | str, start: int, end: int) -> bool:
        """Whether one of the list begins between these places."""
        found = self._starts.get(tag, ())
        first = bisect_left(found, start)
        return first < len(found) and found[first] < end

    def around(self, edges: list[int], hit: Hit) -> tuple[int, int]:
        """From the last edge before it to the first after it."""
        before, after = bisect_right(edges, hit.start), bisect_left(edges, hit.end)
        return (
            edges[before - 1] if before else 0,
            edges[after] if after < len(edges) else len(self.words),
        )

    def held(self, hit: Hit, calm: Calm) -> bool:
        """Whether this calm sign, where it is no part of what stands there, holds that back."""
        holds = calm.holds
        if holds is None or all(at in hit.taken for at in self._starts.get(calm, ())):
            return False
        if holds == "text":
            return True
        if holds == "sentence":
            reach = self.around(self.pasts, hit)
            return self.stands(calm, *reach) and not self.stands("until_now", *reach)
        first, last = self.around(self.clauses, hit)
        if holds == "before":
            return self.stands(calm, first, hit.end)
        if holds == "clause":
            return self.stands(calm, first, last)
        if not self.stands("here", first, last):
            return True
        return (
            holds == "story"
            and self.stands(calm, first, last)
            and not self.stands("watching", first, last)
        )

    def negated(self, hit: Hit) -> bool:
        """Whether a negation that is no part of it stands in it or shortly before, in its clause."""
        found = self._starts.get("negation", ())
        start = max(hit.start - _BEFORE, self.around(self.clauses, hit)[0])
        between = found[bisect_left(found, start) : bisect_left(found, hit.end)]
        return any(at not in hit.taken for at in between)


def _calm(tags: tuple[Calm | str, ...]) -> list[Calm]:
    return [tag for tag in tags if not isinstance(tag, str)]


def look(text: str, phrases: Phrases, *, named: bool = True) -> Danger:
    """Whether the text tells of danger now; and what tells it, or held it back, if that is to be named."""
    said = pieces(text)
    read = [(book, book.could(said)) for book in phrases.books]
    spare = max([phrases.spare[could.tags] for _, could in read])
    if spare < 0:
        return _NO_DANGER
    calm = phrases.calm.could(said)
    less = 0 if named else sum([tag.points for tag in _calm(calm.told)])
    if spare < less:
        return _NO_DANGER
    file, words = phrases.file, phrases.spelling.words(said)
    standing: dict[Sign | Group, list[Hit]] = {}
    for book, could in read:
        standing |= {tag: [] for tag in could.told}
        for tag, hits in book.hits(words, could, could.unsure):
            standing.setdefault(tag, []).extend(hits)
    signs = [tag for tag in standing if isinstance(tag, Sign)]
    groups = {tag: hits for tag, hits in standing.items() if isinstance(tag, Group)}
    points = sum([sign.points for sign in signs])
    enough = asked(file, standing)
    own = any(group.name == OWN for group in groups)
    if points + (file.phrase if groups else 0) - less < enough and not own:
        return _NO_DANGER
    against = _Text(words, phrases.calm, calm)
    free, held = _free(groups, against)
    if free is not None and free.name == OWN:
        return Danger(True, OWN)
    if groups:
        points += file.phrase if free else -file.held
    found = points - sum([calm.points for calm in against.calm]) >= enough
    if not named:
        return Danger(found)
    first = free or next(iter(groups), None) or _heaviest(signs, words, read)
    if found:
        return Danger(True, first.name)
    held |= {calm.guard for calm in against.calm if calm.points}
    return Danger(False, first.name, tuple([guard for guard in GUARDS if guard in held]))


def _heaviest(
    signs: list[Sign],
    words: list[str],
    read: list[tuple[Phrasebook[Sign | Group], Could[Sign | Group]]],
) -> Sign | Group:
    """The sign of most points; of equals the one that is found first."""
    most = max([sign.points for sign in signs])
    heaviest = [sign for sign in signs if sign.points == most]
    if len(heaviest) == 1:
        return heaviest[0]
    return next(
        (tag for book, could in read for tag, _ in book.hits(words, could, heaviest)), heaviest[0]
    )


def _free(groups: dict[Group, list[Hit]], said: _Text) -> tuple[Group | None, set[Guard]]:
    """A group with a phrase that no guard holds back, one of the operator's first; and the guards."""
    held = set[Guard]()
    for group in sorted(groups, key=lambda group: group.name != OWN):
        for hit in groups[group]:
            guards = _holding(hit, said) - group.without
            if not guards:
                return group, held
            held |= guards
    return None, held


def _holding(hit: Hit, said: _Text) -> set[Guard]:
    held: set[Guard] = {calm.guard for calm in said.calm if said.held(hit, calm)}
    return held | {"negation"} if said.negated(hit) else held
