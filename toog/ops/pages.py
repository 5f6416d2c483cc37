"""Pages of the ledger as questions about the past read them: reason, place and receipt of each line."""

from typing import Annotated, Final

import msgspec

from toog.contracts.ledger import LINES

BITE: Final = 50_000 // LINES
"""So many verdict records are held at once: were all of them full pages, so many lines and 12 MB."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """What an operator is told of a line. A reason that this release does not know is told, too."""

    offset: int
    event: str
    reason: str
    received_ms: Annotated[int, msgspec.Meta(ge=0, lt=253_402_300_800_000)]  # to the year 10000


class Page(msgspec.Struct, frozen=True):
    """A page by its lines; `topic` and `partition` are those of the intake."""

    topic: str
    partition: int
    rules: str
    lines: tuple[Line, ...]


_decoder = msgspec.json.Decoder(Page)


def read(value: bytes | None) -> Page:
    """The page of these bytes. Raises ValueError where it is none."""
    return _decoder.decode(value or b"")
