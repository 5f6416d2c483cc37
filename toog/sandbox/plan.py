"""The words of a plan: a cue, the deed that follows it, and what the crowd remembers. Pure."""

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from toog.platforms.playing import ActKind, Citizen
from toog.sandbox.corpus import Language

_REMEMBERED: Final = 300
_EDITS_IN_THE_ROOM: Final = 0.3


@dataclass(frozen=True, slots=True)
class Desk:
    """Our own account on one platform, as the crowd sees it; `tag` is the hashtag without #."""

    us: Citizen
    tag: str


class Cue(NamedTuple):
    """Something of this kind happens on this platform, `at` seconds after the start."""

    at: float
    platform: str
    kind: ActKind


@dataclass(frozen=True, slots=True)
class Target:
    """Deed `number`'s message, or, with `our_answer`, what we answered to it, if we did.

    `otherwise` is the deed whose message to take while we have not answered.
    """

    number: int
    our_answer: bool = False
    otherwise: int | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """One planned act: `at` seconds after the start, `number` counts from 0 in order of time."""

    number: int
    at: float
    platform: str
    kind: ActKind
    citizen: Citizen
    text: str
    language: Language
    target: Target | None = None


@dataclass(slots=True)
class Memory:
    """What was said on one platform lately, for those who answer, quote, mend or take back.

    `referred` and `mended`: the acts that others go on about, and those that their authors mend or
    take back; `said` holds the latter where they are not among the former.
    """

    referred: frozenset[ActKind]
    mended: frozenset[ActKind]
    own: deque[Deed] = field(default_factory=lambda: deque(maxlen=20))
    counter: deque[Deed] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    room: deque[Deed] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    said: deque[Deed] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def keep(self, deed: Deed) -> None:
        """Remembers what others can refer to; what was taken back or mended is left alone."""
        if deed.kind == "own_post":
            self.own.append(deed)
        elif deed.kind in self.referred:
            self.counter.append(deed)
        elif deed.kind in self.mended:
            self.said.append(deed)
        elif deed.kind == "noise":
            self.room.append(deed)
        elif deed.target is not None and deed.kind in {"edit", "delete", "own_delete"}:
            self._forget(deed.target.number)

    def past(self, kind: ActKind, random: Random) -> Deed | None:
        """An earlier message that an act of this kind can refer to, or None."""
        fit = list(self.counter)
        if kind in {"edit", "delete"}:
            fit = [deed for deed in (*self.counter, *self.said) if deed.kind in self.mended]
        if kind == "own_delete":
            fit = list(self.own)[1:]  # one post of ours always stays, for those who answer it
        elif kind in {"repost", "quote"}:
            fit = [*self.own, *list(self.room)[-len(self.own) :]]
        elif kind == "edit" and self.room and random.random() < _EDITS_IN_THE_ROOM:
            fit = list(self.room)
        elif kind == "reply":
            fit = fit or list(self.own)
        elif kind == "story_reply":
            fit = list(self.own)
        return random.choice(fit) if fit else None

    def _forget(self, number: int) -> None:
        for past in (self.own, self.counter, self.room, self.said):
            for deed in [deed for deed in past if deed.number == number]:
                past.remove(deed)
