"""Whether a text tells of danger that is there now: phrases, and guards against what only sounds so.

Four steps: the words in plain form; sentence by sentence the phrases that stand there; their places;
for each place the guards. Time grows with the length of the text, whatever stands in it. Pure.
"""

from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

from services.router.lexicon import Hit, Lexicon
from services.router.phrases import PhraseError, plain

GUARDS: Final = ("fiction", "negation", "figure", "past", "general")
_OWN: Final = "emergency_phrases"
_BEFORE: Final = 3
"""Words before a danger in which a negation turns it round."""
_WINDOW: Final = 60
"""Words of one sentence that are looked at together; who writes without full stops is cut here."""


class Danger(NamedTuple):
    """What a text tells: the group of phrases that stood there, and the guards that held it back.

    Found with a rule and no guards; held back with a rule and guards; or no rule at all.
    """

    found: bool
    rule: str | None = None
    guards: tuple[str, ...] = ()


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phrases of one sort of danger, and the guards that do not count for it."""

    name: str
    phrases: tuple[str, ...]
    without: frozenset[str] = frozenset()


class GuardLists(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phrases that hold danger back, and those that hold a guard back.

    `fiction` yields to `here` in another clause, and in the same one when somebody is `watching`;
    `comment` is said of what is seen, so it counts as fiction unless the clause is `here`; `past` yields to `until_now`. `splits` begins a new clause, `turns` ends a past.
    """

    fiction: tuple[str, ...] = ()
    comment: tuple[str, ...] = ()
    watching: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    negation: tuple[str, ...] = ()
    figure: tuple[str, ...] = ()
    laughter: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    tense: tuple[str, ...] = ()
    until_now: tuple[str, ...] = ()
    general: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()


class EmergencyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `emergency` of `policy.toml`."""

    words: dict[str, tuple[str, ...]] = {}
    group: tuple[Group, ...] = ()
    guards: GuardLists = GuardLists()


class Phrases:
    """The phrases and guards of a policy, in the form in which a text is looked at."""

    def __init__(self, file: EmergencyFile, own: tuple[str, ...] = ()) -> None:
        """`own` are whole phrases without a group. Raises PhraseError with a sentence."""
        _check(file)
        groups = [*file.group, Group(_OWN, own)] if own else list(file.group)
        self.danger = Lexicon(((g, text) for g in groups for text in g.phrases), file.words)
        self.guards = Lexicon(
            (
                (name, text)
                for name in GuardLists.__struct_fields__
                for text in getattr(file.guards, name)
            ),
            file.words,
        )


def _check(file: EmergencyFile) -> None:
    names = [group.name for group in file.group]
    for group in file.group:
        if not group.name.strip() or names.count(group.name) > 1:
            raise PhraseError(f"the emergency group `{group.name}` needs a name of its own")
        if not group.phrases:
            raise PhraseError(f"the emergency group `{group.name}` has no phrases")
        if unknown := sorted(group.without - set(GUARDS)):
            raise PhraseError(
                f"the emergency group `{group.name}` is without `{unknown[0]}`; "
                f"the guards are {', '.join(GUARDS)}"
            )


class _Text:
    """One text by its words, and where the guards stand in it, looked up when first asked for."""

    def __init__(self, text: str, guards: Lexicon[str]) -> None:
        self.words = plain(text).split()
        self._guards = guards

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
    def found(self) -> dict[str, list[int]]:
        """For each list of guards where its phrases begin, in order."""
        found: dict[str, set[int]] = {name: set() for name in GuardLists.__struct_fields__}
        for start, end in self.sentences:
            places = self._guards.places(self.words, start, end)
            for name, _, hits in self._guards.hits(self.words, places):
                found[name].update(hit.start for hit in hits)
        return {name: sorted(starts) for name, starts in found.items()}

    @cached_property
    def clauses(self) -> list[int]:
        """Where clauses begin: at a stop, a pause or a joining word."""
        pauses = (n for n, word in enumerate(self.words) if word in {".", ","})
        return sorted({*pauses, *self.found["splits"]})

    @cached_property
    def pasts(self) -> list[int]:
        """Where a past ends: at a stop, or where it turns to the present."""
        stops = (n for n, word in enumerate(self.words) if word == ".")
        return sorted({*stops, *self.found["turns"]})

    def stands(self, name: str, start: int = 0, end: int | None = None) -> bool:
        """Whether one of the list begins between these places."""
        found = self.found[name]
        first = bisect_left(found, start)
        return first < len(found) and (end is None or found[first] < end)

    def around(self, edges: list[int], hit: Hit) -> tuple[int, int]:
        """From the last edge before it to the first after it."""
        before, after = bisect_right(edges, hit.start), bisect_left(edges, hit.end)
        return (
            edges[before - 1] if before else 0,
            edges[after] if after < len(edges) else len(self.words),
        )

    def negated(self, hit: Hit, clause: tuple[int, int]) -> bool:
        """Whether a negation that is no part of it stands in it or shortly before."""
        found = self.found["negation"]
        first = bisect_left(found, max(hit.start - _BEFORE, clause[0]))
        return any(at not in hit.taken for at in found[first : bisect_left(found, hit.end)])


def look(text: str, phrases: Phrases) -> Danger:
    """Whether the text tells of danger now; the first phrase that no guard holds back decides."""
    said = _Text(text, phrases.guards)
    rule, held = None, dict[str, None]()
    for start, end in said.sentences:
        places = phrases.danger.places(said.words, start, end)
        for group, _, hits in phrases.danger.hits(said.words, places):
            for hit in hits:
                guards = _holding(hit, group, said)
                if not guards:
                    return Danger(True, group.name)
                rule = rule or group.name
                held.update(dict.fromkeys(guards))
    return Danger(False, rule, tuple(held))


def _holding(hit: Hit, group: Group, text: _Text) -> tuple[str, ...]:
    clause, reach = text.around(text.clauses, hit), text.around(text.pasts, hit)
    here = text.stands("here", *clause)
    fiction = text.stands("fiction", *clause)
    watched = text.stands("watching", *clause) and here
    spoken_of = (text.stands("fiction") or text.stands("comment")) and not here
    past = text.stands("past", *reach) or text.stands("tense", *clause)
    holds = {
        "fiction": (fiction and not watched) or spoken_of,
        "negation": text.negated(hit, clause),
        "figure": text.stands("figure", *clause) or text.stands("laughter"),
        "past": past and not text.stands("until_now", *reach),
        "general": text.stands("general", clause[0], hit.end),
    }
    return tuple(name for name in GUARDS if holds[name] and name not in group.without)
