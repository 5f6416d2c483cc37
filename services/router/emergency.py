"""Whether a text tells of danger that is there now: phrases, and guards against what only sounds so.

Four steps: the words in plain form; the phrases whose rarest word stands there; their places; for
each place the guards. Time grows with the length of the text, whatever stands in it. Pure.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

from services.router.phrases import Phrase, PhraseError, any_of, keys, plain

GUARDS: Final = ("fiction", "negation", "figure", "past", "general")
_OWN: Final = "emergency_phrases"
_SENTENCE: Final = re.compile(r" \.(?= )")
_PAUSE: Final = re.compile(r" ,(?= )")
_BEFORE: Final = 3
"""Words before a phrase, and its own, in which a negation turns it round."""


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
        self._by_key: dict[str, list[tuple[Group, Phrase]]] = defaultdict(list)
        for group in groups:
            for text in group.phrases:
                phrase = Phrase(text, file.words)
                for key in phrase.keys:
                    self._by_key[key].append((group, phrase))
        self._guards = {
            name: tuple(Phrase(text, file.words) for text in getattr(file.guards, name))
            for name in GuardLists.__struct_fields__
        }

    def possible(self, said: str) -> list[tuple[Group, Phrase]]:
        """The phrases whose words may all stand in it; mostly none."""
        found = keys(said)
        lists = (self._by_key[key] for key in sorted(self._by_key.keys() & found))
        pairs = (pair for pairs in lists for pair in pairs if pair[1].may_stand_in(found))
        return list(dict.fromkeys(pairs))

    def compile(self) -> None:
        """Compiles every phrase and guard, which else is done when a text first may hold one."""
        for phrase in (phrase for pairs in self._by_key.values() for _, phrase in pairs):
            phrase.expression  # noqa: B018 - asking for it compiles it
        self.guards  # noqa: B018 - the same

    @cached_property
    def guards(self) -> dict[str, re.Pattern[str]]:
        """An expression for each list of guards."""
        return {name: any_of(phrases) for name, phrases in self._guards.items()}


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


class _Places:
    """Where the guards stand in one text; each list is looked up once, when first asked for."""

    def __init__(self, said: str, guards: dict[str, re.Pattern[str]]) -> None:
        self._said = said
        self._guards = guards
        self._found: dict[str, list[int]] = {}
        sentences = [m.start() for m in _SENTENCE.finditer(said)]
        pauses = [m.start() for m in _PAUSE.finditer(said)]
        self._clauses = sorted({*sentences, *pauses, *self.of("splits")})
        self._pasts = sorted({*sentences, *self.of("turns")})

    def of(self, name: str) -> list[int]:
        """The places of this list's phrases, in order."""
        if name not in self._found:
            self._found[name] = [m.start() for m in self._guards[name].finditer(self._said)]
        return self._found[name]

    def stands(self, name: str, start: int = 0, end: int | None = None) -> bool:
        """Whether one of the list begins between these places."""
        found = self.of(name)
        first = bisect_left(found, start)
        return first < len(found) and (end is None or found[first] < end)

    def clause(self, start: int, end: int) -> tuple[int, int]:
        """From the beginning of the clause to its end."""
        return self._around(self._clauses, start, end)

    def past(self, start: int, end: int) -> tuple[int, int]:
        """As far as a past reaches: the sentence, or to where it turns to the present."""
        return self._around(self._pasts, start, end)

    def _around(self, edges: list[int], start: int, end: int) -> tuple[int, int]:
        before, after = bisect_right(edges, start), bisect_left(edges, end)
        return (
            edges[before - 1] if before else 0,
            edges[after] if after < len(edges) else len(self._said),
        )

    def negated(self, start: int, end: int) -> bool:
        """Whether a negation stands in it or shortly before, in the same clause."""
        first = start
        for _ in range(_BEFORE - 1):
            first = max(self._said.rfind(" ", 0, first), 0)
        return self.stands("negation", max(first, self.clause(start, end)[0]), end)


def look(text: str, phrases: Phrases) -> Danger:
    """Whether the text tells of danger now; the first phrase that no guard holds back decides."""
    said = plain(text)
    possible = phrases.possible(said)
    if not possible:
        return Danger(False)
    places: _Places | None = None
    rule, held = None, dict[str, None]()
    for group, phrase in possible:
        for hit in phrase.expression.finditer(said):
            places = places or _Places(said, phrases.guards)
            guards = _holding(hit.start(), hit.end(), group, places)
            if not guards:
                return Danger(True, group.name)
            rule = rule or group.name
            held.update(dict.fromkeys(guards))
    return Danger(False, rule, tuple(held))


def _holding(start: int, end: int, group: Group, places: _Places) -> tuple[str, ...]:
    clause, reach = places.clause(start, end), places.past(start, end)
    here = places.stands("here", *clause)
    fiction = places.stands("fiction", *clause)
    watched = places.stands("watching", *clause) and here
    spoken_of = (places.stands("fiction") or places.stands("comment")) and not here
    past = places.stands("past", *reach) or places.stands("tense", *clause)
    holds = {
        "fiction": (fiction and not watched) or spoken_of,
        "negation": places.negated(start, end),
        "figure": places.stands("figure", *clause) or places.stands("laughter"),
        "past": past and not places.stands("until_now", *reach),
        "general": places.stands("general", clause[0], end),
    }
    return tuple(name for name in GUARDS if holds[name] and name not in group.without)
