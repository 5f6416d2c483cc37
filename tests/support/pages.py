"""The ledger's pages, as tests look at them and take lines out."""

from collections.abc import Collection, Iterator

import msgspec

from toog.contracts import ledger
from toog.contracts.ledger import Line
from toog.contracts.topics import DROPPED, Topic, record_of
from toog.contracts.wire import Headers, header


def lines_of(value: bytes | None) -> Iterator[tuple[str, Line]]:
    """The lines of a page, by the coordinates of their intake records."""
    page = ledger.decode(value or b"")
    for line in page.lines:
        yield record_of(page.topic, page.partition, line.offset), line


def forgetting(
    topic: Topic, value: bytes, headers: Headers, coordinates: Collection[str]
) -> bytes | None:
    """The value without what it tells of these intake records; None where it tells nothing else."""
    if not coordinates:
        return value  # also what is no page at all
    if topic is not DROPPED:
        return None if header(headers, "ce_record") in coordinates else value
    kept = [line for place, line in lines_of(value) if place not in coordinates]
    page = ledger.decode(value)
    return ledger.encode(msgspec.structs.replace(page, lines=kept)) if kept else None
