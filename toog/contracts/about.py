"""What the headers beside the verdict say of a message, read leniently: a wrong value is none at all.

Nothing here decides anything, so nothing here is worth a dead letter.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from toog.contracts.verdicts import MESSAGE_KINDS, TAGS, MessageKind, Tag

_KINDS: Final[dict[str, MessageKind]] = {kind: kind for kind in MESSAGE_KINDS}
_TAGS: Final[dict[str, Tag]] = {tag: tag for tag in TAGS}
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")

NAMES: Final = ("ce_kind", "ce_sentiment", "ce_language", "ce_tag")


class Heard(NamedTuple):
    """What could be read; None where nothing was said. `wrong`: headers that say what cannot be.

    `sentiment` is −1…1.
    """

    kind: MessageKind | None = None
    sentiment: float | None = None
    language: str | None = None
    tag: Tag | None = None
    wrong: tuple[str, ...] = ()


NOTHING: Final = Heard()


def heard(headers: Iterable[tuple[str, bytes]]) -> Heard:
    """What these headers say of a message; of a repeated header the first counts. Raises nothing."""
    values: dict[str, str] = {}
    for name, value in headers:
        if name in NAMES:
            values.setdefault(name, value.decode(errors="replace"))
    if not values:
        return NOTHING
    language = values.get("ce_language", "")
    read = (
        _KINDS.get(values.get("ce_kind", "")),
        sentiment_of(values.get("ce_sentiment", "")),
        language if _LANGUAGE.fullmatch(language) else None,
        _TAGS.get(values.get("ce_tag", "")),
    )
    wrong = (n for n, one in zip(NAMES, read, strict=True) if one is None and n in values)
    return Heard(*read, tuple(wrong))


def sentiment_of(text: str) -> float | None:
    """The number that stands there, or None where it is none between −1 and 1."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if -1 <= number <= 1 else None
