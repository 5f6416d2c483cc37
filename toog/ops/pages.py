"""Pages of the ledger as questions about the past read them: reason, place and receipt of each line."""

import msgspec

from toog.contracts.ledger import Milliseconds


class Line(msgspec.Struct, frozen=True, gc=False):
    """What an operator is told of a line. A reason that this release does not know is told, too."""

    offset: int
    event: str
    reason: str
    received_ms: Milliseconds


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
