"""Whether a text tells of danger that is there now: signs give points, calm ones take them. Pure.

Four steps: the words, each written in one way; sentence by sentence the signs and phrases of danger;
where they make enough points, the calm signs, which hold phrases back and take points; what is left.
Time grows with the length of the text, whatever stands in it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import Final, Literal, NamedTuple

import msgspec

from services.router.lexicon import Hit, Lexicon
from services.router.phrases import PhraseError, Spelling

Guard = Literal["fiction", "negation", "figure", "past", "general"]
Holds = Literal["story", "comment", "text", "clause", "sentence", "before"]

GUARDS: Final[tuple[Guard, ...]] = ("fiction", "negation", "figure", "past", "general")
_OWN: Final = "emergency_phrases"
_BEFORE: Final = 3
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


class Sign(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """What speaks for danger; its points count once, and as `context` only beside another's."""

    name: str
    points: int
    words: tuple[str, ...]
    context: bool = False


class Group(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """Phrases of one sort of danger, and the guards that do not hold them back."""

    name: str
    phrases: tuple[str, ...]
    without: frozenset[Guard] = frozenset()


class Calm(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """What speaks against danger; takes its points once, and holds phrases back where it says.

    `clause`, `sentence`, `text`: those in the same; `before`: those after it in its clause;
    `story`: those in its clause, and in others unless these are `here`; `comment`: those not `here`.
    """

    name: str
    guard: Guard
    words: tuple[str, ...]
    points: int = 0
    holds: Holds | None = None


class Marks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that say where a guard reaches."""

    here: tuple[str, ...] = ()
    watching: tuple[str, ...] = ()
    negation: tuple[str, ...] = ()
    until_now: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()


class EmergencyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`emergency.toml`, or the table `emergency` of a policy.

    `enough` points are danger; a phrase of a group gives `phrase` points, once.
    """

    enough: int = 1
    phrase: int = 1
    spelling: dict[str, tuple[str, ...]] = {}
    words: dict[str, tuple[str, ...]] = {}
    sign: tuple[Sign, ...] = ()
    group: tuple[Group, ...] = ()
    calm: tuple[Calm, ...] = ()
    marks: Marks = Marks()


class Phrases:
    """Signs, phrases and guards of a policy, in the form in which a text is looked at."""

    def __init__(self, file: EmergencyFile, own: tuple[str, ...] = ()) -> None:
        """`own` are whole phrases that are enough alone. Raises PhraseError with a sentence."""
        _check(file)
        self.enough, self.phrase = file.enough, file.phrase
        self.spelling = Spelling(file.spelling)
        self.danger: Lexicon[Sign | Group] = Lexicon(_dangers(file, own), file.words, self.spelling)
        self.calm: Lexicon[Calm | str] = Lexicon(_calms(file), file.words, self.spelling)


def _dangers(file: EmergencyFile, own: tuple[str, ...]) -> Iterator[tuple[Sign | Group, str]]:
    for group in (*file.group, Group(_OWN, own)):
        yield from ((group, text) for text in group.phrases)
    for sign in file.sign:
        yield from ((sign, text) for text in sign.words)


def _calms(file: EmergencyFile) -> Iterator[tuple[Calm | str, str]]:
    for calm in file.calm:
        yield from ((calm, text) for text in calm.words)
    for name in Marks.__struct_fields__:
        yield from ((name, text) for text in getattr(file.marks, name))


def _check(file: EmergencyFile) -> None:
    if file.enough < 1:
        raise PhraseError("`enough` must be at least 1 point")
    for kind, some in (("group", file.group), ("sign", file.sign), ("calm sign", file.calm)):
        names = [one.name for one in some]
        for one in some:
            if not one.name.strip() or names.count(one.name) > 1:
                raise PhraseError(f"the emergency {kind} `{one.name}` needs a name of its own")
            if not (one.phrases if isinstance(one, Group) else one.words):
                raise PhraseError(f"the emergency {kind} `{one.name}` has no phrases")
    for weighed in (*file.sign, *file.calm):
        if weighed.points < 0:
            raise PhraseError(f"the points of `{weighed.name}` must not be below 0")


class _Text:
    """One text by its words, and what speaks against danger in it, looked up when first asked for."""

    def __init__(self, text: str, phrases: Phrases) -> None:
        self.words = phrases.spelling.words(text)
        self._lexicon = phrases.calm

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """From the first word of each to after its last; a long one is cut."""
        stops = [n for n, word in enumerate(self.words) if word == "."]
        edges = zip([-1, *stops], [*stops, len(self.words)], strict=True)
        return [
            (cut, min(cut + _WINDOW, end))
            for before, end in edges
            for cut in range(before + 1, end, _WINDOW)
        ]

    @cached_property
    def found(self) -> dict[Calm | str, list[int]]:
        """For each calm sign and list of marks where its phrases begin, in order."""
        found: dict[Calm | str, set[int]] = {}
        for start, end in self.sentences:
            for tag, hits in self._lexicon.hits(self.words, start, end):
                found.setdefault(tag, set()).update(hit.start for hit in hits)
        return {tag: sorted(starts) for tag, starts in found.items()}

    @cached_property
    def calm(self) -> list[Calm]:
        """The calm signs that stand in it."""
        return [tag for tag in self.found if isinstance(tag, Calm)]

    @cached_property
    def clauses(self) -> list[int]:
        """Where clauses begin: at a stop, a pause or a joining word."""
        pauses = (n for n, word in enumerate(self.words) if word in {".", ","})
        return sorted({*pauses, *self.found.get("splits", ())})

    @cached_property
    def pasts(self) -> list[int]:
        """Where a past ends: at a stop, or where it turns to the present."""
        stops = (n for n, word in enumerate(self.words) if word == ".")
        return sorted({*stops, *self.found.get("turns", ())})

    def stands(self, tag: Calm | str, start: int, end: int) -> bool:
        """Whether one of the list begins between these places."""
        found = self.found.get(tag, [])
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
        """Whether this calm sign holds back what stands there."""
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
        found = self.found.get("negation", [])
        start = max(hit.start - _BEFORE, self.around(self.clauses, hit)[0])
        between = found[bisect_left(found, start) : bisect_left(found, hit.end)]
        return any(at not in hit.taken for at in between)


def look(text: str, phrases: Phrases) -> Danger:
    """Whether the text tells of danger now."""
    said = _Text(text, phrases)
    signs, groups = dict[Sign, None](), list[tuple[Group, Hit]]()
    for start, end in said.sentences:
        for tag, hits in phrases.danger.hits(said.words, start, end):
            if isinstance(tag, Sign):
                signs[tag] = None
            else:
                groups += ((tag, hit) for hit in hits)
    points = sum(sign.points for sign in signs)
    own = any(group.name == _OWN for group, _ in groups)
    if not groups and all(sign.context for sign in signs):
        return Danger(False)
    if not own and points + (phrases.phrase if groups else 0) < phrases.enough:
        return Danger(False)
    return _weighed(said, phrases, list(signs), groups)


def _weighed(
    said: _Text, phrases: Phrases, signs: list[Sign], groups: list[tuple[Group, Hit]]
) -> Danger:
    held = dict[str, None]()
    free: Group | None = None
    for group, hit in groups:
        guards = [g for g in _holding(hit, said) if g not in group.without]
        held.update(dict.fromkeys(guards))
        if not guards:
            free = group
            break
    if free is not None and free.name == _OWN:
        return Danger(True, _OWN)
    points = sum(sign.points for sign in signs) + (phrases.phrase if free else 0)
    left = points - sum(calm.points for calm in said.calm)
    most = max(signs, key=lambda sign: sign.points, default=None)
    first = free or (groups[0][0] if groups else most)
    rule = first.name if first else None
    if left >= phrases.enough:
        return Danger(True, rule)
    held.update((calm.guard, None) for calm in said.calm if calm.points)
    return Danger(False, rule, tuple(g for g in GUARDS if g in held))


def _holding(hit: Hit, said: _Text) -> list[Guard]:
    held = {calm.guard for calm in said.calm if said.held(hit, calm)}
    if said.negated(hit):
        held.add("negation")
    return [guard for guard in GUARDS if guard in held]
