"""What a message adds to the mood and to the counts of kinds and languages; only sums. Pure."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, get_args

from toog.contracts.about import NAMES, Heard
from toog.contracts.verdicts import MessageKind

Where = Literal["counter", "room"]
"""Among what was said to us (every addressed message), or around us (the sample of the dropped)."""
Language = Literal["nl", "fr", "en", "other", "unknown"]

COUNTER: Final = "counter"
ROOM: Final = "room"
_OURS: Final[dict[str, Language]] = {"nl": "nl", "fr": "fr", "en": "en"}
_NO_LANGUAGE: Final = frozenset({"", "und", "zxx", "mul", "art"})

# Kinds of rows of metrics.total and metrics.minute, with their labels.
SENTIMENT: Final = "sentiment"  # label: where; the sum, in hundredths
SENTIMENT_MESSAGES: Final = "sentiment_messages"  # label: where
KIND: Final = "kind"
LANGUAGE: Final = "language"
LEFT_OUT: Final = "left_out"  # label: the header, or the ledger's field

ROWS: Final = frozenset({SENTIMENT, SENTIMENT_MESSAGES, KIND, LANGUAGE, LEFT_OUT})
WHERES: Final[tuple[Where, ...]] = get_args(Where)
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
FIELDS: Final = (*NAMES, "sentiment")
"""What can be left out: a header of the desk's records, or the field of the ledger."""


class Said(NamedTuple):
    """What counts of one message. `sentiment` is in hundredths, −100…100.

    Whole hundredths, as the headers have them: a sum of them is the same in any order.
    """

    sentiment: int | None = None
    kind: MessageKind | None = None
    language: Language = "unknown"
    wrong: tuple[str, ...] = ()


NOTHING: Final = Said()


def of_headers(heard: Heard) -> Said:
    """What counts of an addressed message, out of its headers."""
    return Said(
        None if heard.sentiment is None else hundredths(heard.sentiment),
        heard.kind,
        language_of(heard.language),
        heard.wrong,
    )


def hundredths(sentiment: float) -> int:
    """The sentiment in hundredths, rounded as the header is: both tell of one message the same."""
    return round(round(sentiment, 2) * 100)


def language_of(code: str | None) -> Language:
    """One of few labels; codes for no language, or for none that is known, are `unknown`."""
    primary = (code or "").partition("-")[0].lower()
    private = len(primary) == 3 and "qaa" <= primary <= "qtz"  # X's own: only tags, only a link …
    if private or primary in _NO_LANGUAGE:
        return "unknown"
    return _OURS.get(primary, "other")


def adds(said: Said, where: Where) -> Iterator[tuple[str, str, int]]:
    """The rows (kind, label, n) that the message adds; kind and language only at the counter."""
    if said.sentiment is not None:
        yield SENTIMENT, where, said.sentiment
        yield SENTIMENT_MESSAGES, where, 1
    if where == COUNTER:
        if said.kind is not None:
            yield KIND, said.kind, 1
        yield LANGUAGE, said.language, 1
