"""Which kind of message it is, by phrases in Dutch, French and English (`kind.toml`). Pure.

What is counted most decides; where two weigh the same, the order of `_ORDER`. It speaks of the
message, never of a person, and decides nothing: the desk sees it beside the case.
"""

import re
from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec

from services.router.phrases import LONGEST, Phrase, keys, plain
from toog.contracts.verdicts import MessageKind

_ORDER: Final[tuple[MessageKind, ...]] = (
    "compliment",
    "complaint",
    "incident",
    "criticism",
    "question",
)
"""Where two weigh the same, the first: thanks for help with an incident are thanks, and who asks
whether we have nothing better to do does not ask."""
_CLEAR: Final = 2
_HINT: Final = 1
_MARK: Final = 2
_OPENER: Final = 2
_ENOUGH: Final = 2
_MOST: Final = 3
"""What the phrases of one kind weigh at most: they overlap, and telling it twice is not more of it."""
_ASKED: Final = re.compile(r"\w[\s\"')»]{0,4}\?")
_LINK: Final = re.compile(r"https?://\S++")


class Cues(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phrases that speak for a kind: alone, or with something beside them."""

    clear: tuple[str, ...]
    hint: tuple[str, ...]


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words with which a question begins."""

    openers: tuple[str, ...]


class KindFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`kind.toml`."""

    words: dict[str, tuple[str, ...]]
    asking: Asking
    complaint: Cues
    criticism: Cues
    compliment: Cues
    question: Cues
    incident: Cues


class _Cue(NamedTuple):
    kind: MessageKind
    phrase: Phrase
    weight: int


class _Cues(NamedTuple):
    """All phrases by the first letters of a word that must stand there; and how questions begin."""

    by_key: dict[str, list[_Cue]]
    opener: re.Pattern[str]


def kind_of(text: str) -> MessageKind:
    """The kind of an addressed message; `other` where nothing tells enough."""
    said = plain(text)
    cues = _cues()
    weights = dict.fromkeys(_ORDER, 0)
    for cue in _possible(said, cues):
        if cue.phrase.expression.search(said):
            weights[cue.kind] += cue.weight
    weights = {kind: min(weight, _MOST) for kind, weight in weights.items()}
    weights["question"] += _asks(text[:LONGEST], said, cues.opener)
    best = max(_ORDER, key=weights.__getitem__)
    return best if weights[best] >= _ENOUGH else "other"


def compile_cues() -> None:
    """Compiles every phrase, which else is done when a text first may hold it."""
    for cue in (cue for cues in _cues().by_key.values() for cue in cues):
        cue.phrase.expression  # noqa: B018 - asking for it compiles it


def _possible(said: str, cues: _Cues) -> set[_Cue]:
    found = keys(said)
    lists = (cues.by_key[key] for key in cues.by_key.keys() & found)
    return {cue for some in lists for cue in some if cue.phrase.may_stand_in(found)}


def _asks(text: str, said: str, opener: re.Pattern[str]) -> int:
    """What speaks for a question beside its phrases: its mark, and the word it begins with."""
    marked = "?" in text and _ASKED.search(_LINK.sub(" ", text)) is not None
    return _MARK * marked + _OPENER * (opener.search(said) is not None)


@cache
def _cues() -> _Cues:
    source = files("services.router").joinpath("kind.toml").read_text(encoding="utf-8")
    file = msgspec.toml.decode(source, type=KindFile)
    by_key: dict[str, list[_Cue]] = defaultdict(list)
    for kind in _ORDER:
        cues: Cues = getattr(file, kind)
        for weight, phrases in ((_CLEAR, cues.clear), (_HINT, cues.hint)):
            for text in phrases:
                cue = _Cue(kind, Phrase(text, file.words), weight)
                for key in cue.phrase.keys:
                    by_key[key].append(cue)
    openers = "|".join(re.escape(plain(word).strip()) for word in file.asking.openers)
    return _Cues(dict(by_key), re.compile(rf"(?:^| [.,]) (?:{openers}) (?!(?:een|ne|nen|a|an) )"))
