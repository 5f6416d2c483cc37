"""What stands in `emergency.toml`, or in the table `emergency` of a policy, and whether it can be used. Pure."""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from services.router.phrases import PhraseError

Guard = Literal["fiction", "negation", "figure", "past", "general"]
Holds = Literal["story", "comment", "text", "clause", "sentence", "before"]

OWN: Final = "emergency_phrases"
"""The group of an operator's own phrases, which are enough alone."""
GUARDS: Final[tuple[Guard, ...]] = ("fiction", "negation", "figure", "past", "general")


class Sign(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """What speaks for danger; its points count once.

    Of `context` alone, the circumstances in which danger is told, more points are asked.
    """

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

    `enough` points are danger, of context alone `context`. A phrase of a group gives `phrase` points, once; when every one that
    stands there is held back, `held` points are taken.
    """

    enough: int = 1
    context: int = 1
    phrase: int = 1
    held: int = 0
    spelling: dict[str, tuple[str, ...]] = {}
    words: dict[str, tuple[str, ...]] = {}
    sign: tuple[Sign, ...] = ()
    group: tuple[Group, ...] = ()
    calm: tuple[Calm, ...] = ()
    marks: Marks = Marks()


def asked(file: EmergencyFile, told: Iterable[Sign | Group]) -> int:
    """The points that are danger where these are told."""
    only_context = all(isinstance(one, Sign) and one.context for one in told)
    return max(file.context if only_context else 0, file.enough)


def check(file: EmergencyFile) -> None:
    """Raises PhraseError with a sentence."""
    if file.enough < 1:
        raise PhraseError("`enough` must be at least 1 point")
    if any(group.name == OWN for group in file.group):
        raise PhraseError(f"no emergency group can be named `{OWN}`: so the policy's own are named")
    for kind, some in (("group", file.group), ("sign", file.sign), ("calm sign", file.calm)):
        names = [one.name for one in some]
        for one in some:
            if not one.name.strip() or names.count(one.name) > 1:
                raise PhraseError(f"the emergency {kind} `{one.name}` needs a name of its own")
            if not (one.phrases if isinstance(one, Group) else one.words):
                raise PhraseError(f"the emergency {kind} `{one.name}` has no phrases")
    points = [(one.name, one.points) for one in file.sign]
    points += [(one.name, one.points) for one in file.calm]
    points += [("phrase", file.phrase), ("held", file.held)]
    for name, given in points:
        if given < 0:
            raise PhraseError(f"the points of `{name}` must not be below 0")
