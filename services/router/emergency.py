"""Whether a text tells of danger that is there now: signs give points, calm ones take them. Pure.

Four steps: the words, each written in one way; sentence by sentence the signs and phrases of danger;
where they make enough points, the calm signs, which hold phrases back and take points; what is left.
Time grows with the length of the text, whatever stands in it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from copy import copy
from functools import cached_property
from itertools import chain
from typing import Final, NamedTuple

from services.router.phrasebook import Phrasebook, Standing
from services.router.phrases import PhraseError, Reader, Spelling, read_phrase
from services.router.places import Hit
from services.router.remembered import Remembered
from services.router.signs import (
    GUARDS,
    Calm,
    EmergencyFile,
    Group,
    Guard,
    Marks,
    Sign,
    asked,
    check,
)

_OWN: Final = "emergency_phrases"
_BEFORE: Final = 5
"""Words before a danger in which a negation turns it round."""
_WINDOW: Final = 60
"""Words of one sentence that are looked at together; who writes without full stops is cut here."""


class Danger(NamedTuple):
    """What a text tells: the sign or group that weighed most, and the guards that held it back.

    Found with a rule and no guards; held back with a rule and guards; or no rule at all.
    """

    found: bool
    rule: str | None = None
    guards: tuple[str, ...] = ()


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
        self.enough = Remembered(self._enough)
        self.calm: Phrasebook[Calm | str] = Phrasebook(_calms(file), file.words, self.spelling)

    def beside(self, own: tuple[str, ...]) -> "Phrases":
        """These, and whole phrases that are enough alone. Raises PhraseError with a sentence."""
        both = copy(self)
        group = Group(_OWN, own)
        phrases = Phrasebook[Sign | Group](
            ((group, text) for text in own),
            self.file.words,
            self.spelling,
            listed=lambda _: False,
        )
        both.books = (phrases, *self.books)
        return both

    def _enough(self, tags: tuple[Sign | Group, ...]) -> bool:
        """Whether it could be danger where these could stand."""
        points = sum(tag.points for tag in tags if isinstance(tag, Sign))
        return points >= asked(self.file, tags) or any(isinstance(tag, Group) for tag in tags)


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
    """One text by its words, and what speaks against danger in it, looked up when first asked for."""

    def __init__(self, words: list[str], phrases: Phrases) -> None:
        self.words = words
        self._calm = phrases.calm
        self._could = phrases.calm.could(words)
        self.sentences = _sentences(words)
        self._starts: dict[Calm | str, list[int]] = {}

    @cached_property
    def _read(self) -> list[Standing]:
        return [self._calm.standing(self.words, start, end) for start, end in self.sentences]

    def starts(self, tag: Calm | str) -> list[int]:
        """Where the phrases of a calm sign or list of marks begin, in order."""
        if tag not in self._starts:
            self._starts[tag] = self._calm.starts(self.words, self._read, self._could, tag)
        return self._starts[tag]

    @cached_property
    def calm(self) -> list[Calm]:
        """The calm signs that stand in it."""
        tags = [tag for tag in self._could.tags if isinstance(tag, Calm)]
        return [tag for tag in tags if tag in self._could.told or self.starts(tag)]

    @cached_property
    def clauses(self) -> list[int]:
        """Where clauses begin: at a stop, a pause or a joining word."""
        pauses = (n for n, word in enumerate(self.words) if word in {".", ","})
        return sorted({*pauses, *self.starts("splits")})

    @cached_property
    def pasts(self) -> list[int]:
        """Where a past ends: at a stop, or where it turns to the present."""
        stops = (n for n, word in enumerate(self.words) if word == ".")
        return sorted({*stops, *self.starts("turns")})

    def stands(self, tag: Calm | str, start: int, end: int) -> bool:
        """Whether one of the list begins between these places."""
        found = self.starts(tag)
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
        if all(at in hit.taken for at in self.starts(calm)):
            return False
        clause = self.around(self.clauses, hit)
        here = self.stands("here", *clause)
        match calm.holds:
            case "text":
                return True
            case "clause":
                return self.stands(calm, *clause)
            case "before":
                return self.stands(calm, clause[0], hit.end)
            case "sentence":
                reach = self.around(self.pasts, hit)
                return self.stands(calm, *reach) and not self.stands("until_now", *reach)
            case "comment":
                return not here
            case "story":
                watched = here and self.stands("watching", *clause)
                return not here or (self.stands(calm, *clause) and not watched)
            case None:
                return False

    def negated(self, hit: Hit) -> bool:
        """Whether a negation that is no part of it stands in it or shortly before, in its clause."""
        found = self.starts("negation")
        start = max(hit.start - _BEFORE, self.around(self.clauses, hit)[0])
        between = found[bisect_left(found, start) : bisect_left(found, hit.end)]
        return any(at not in hit.taken for at in between)


def _sentences(words: list[str]) -> list[tuple[int, int]]:
    """From the first word of each to after its last; a long one is cut."""
    start, sentences = 0, list[tuple[int, int]]()
    for stop in (*[n for n, word in enumerate(words) if word == "."], len(words)):
        sentences += [(cut, min(cut + _WINDOW, stop)) for cut in range(start, stop, _WINDOW)]
        start = stop + 1
    return sentences


def look(text: str, phrases: Phrases) -> Danger:
    """Whether the text tells of danger now."""
    words = phrases.spelling.words(text)
    books = [(book, book.could(words)) for book in phrases.books]
    if not any([phrases.enough[could.tags] for _, could in books]):  # noqa: C419 - asked of every text
        return Danger(False)
    file, said = phrases.file, _Text(words, phrases)
    signs, groups = dict[Sign, None](), dict[Group, list[Hit]]()
    for book, could in books:
        for start, end in said.sentences:
            sentence = book.standing(words, start, end)
            for tag, hits in book.hits(words, sentence, could, signs):
                if isinstance(tag, Sign):
                    signs[tag] = None
                else:
                    groups.setdefault(tag, []).extend(hits)
    points = sum([sign.points for sign in signs])
    enough = asked(file, (*signs, *groups))
    own = len(books) > 1 and any(group.name == _OWN for group in groups)
    if points + (file.phrase if groups else 0) < enough and not own:
        return Danger(False)
    free, held = _free(groups, said)
    if free is not None and free.name == _OWN:
        return Danger(True, _OWN)
    if groups:
        points += file.phrase if free else -file.held
    first = free or next(iter(groups), None) or max(signs, key=lambda sign: sign.points)
    if points - sum([calm.points for calm in said.calm]) >= enough:
        return Danger(True, first.name)
    held |= {calm.guard for calm in said.calm if calm.points}
    return Danger(False, first.name, tuple(guard for guard in GUARDS if guard in held))


def _free(groups: dict[Group, list[Hit]], said: _Text) -> tuple[Group | None, set[Guard]]:
    """A group with a phrase that no guard holds back, one of the operator's first; and the guards."""
    held = set[Guard]()
    for group in sorted(groups, key=lambda group: group.name != _OWN):
        for hit in groups[group]:
            guards = _holding(hit, said) - group.without
            if not guards:
                return group, held
            held |= guards
    return None, held


def _holding(hit: Hit, said: _Text) -> set[Guard]:
    held: set[Guard] = {calm.guard for calm in said.calm if said.held(hit, calm)}
    return held | {"negation"} if said.negated(hit) else held
