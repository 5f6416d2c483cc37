"""The ledger of what was dropped: pages of lines, enough to count, explain and revive; no text, no citizen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec

from toog.contracts.verdicts import DroppedReason

PAGE_TYPE: Final = "social.dropped.v2"
LINES: Final = 100
"""The most lines of one page."""
PAGE_BYTES: Final = 64 * 1024
"""The router makes no larger page of several lines (ordinary full ones have 20 kB): who reads so
many pages knows what they can hold. A line alone is smaller than its event, so it always fits."""

Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=253_402_300_800_000)]
"""Since 1970, up to the year 10000: what can be printed as a time."""


class Line(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the ledger says of one dropped event.

    `offset` is that of the intake record, in the page's partition; `event` the hash of the event's
    id; `received_ms` its receipt in milliseconds since 1970; `sentiment` stands only on the sample.
    """

    offset: int
    event: str
    reason: DroppedReason
    platform: str
    occurred_at: datetime
    received_ms: Milliseconds
    surface: str | None = None
    hashtags: tuple[str, ...] = ()
    sentiment: float | None = None


class Page(msgspec.Struct, frozen=True):
    """One record of the ledger: lines on one intake partition, in its order, by one version of the rules.

    `topic` and `partition` are those of the intake. Which lines share a page has no meaning: an
    event that is delivered again may stand on another one.
    """

    topic: str
    partition: int
    rules: str
    lines: Annotated[Sequence[Line], msgspec.Meta(max_length=LINES)]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Page)


def encode(page: Page) -> bytes:
    """The page's bytes on the wire."""
    return _encoder.encode(page)


def decode(value: bytes) -> Page:
    """The page of these bytes. Raises `msgspec.DecodeError` where it is none."""
    return _decoder.decode(value)
