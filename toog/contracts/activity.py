"""Activity: what happened to cases and replies. Ids, times and closed words; never text."""

from datetime import datetime
from typing import Final, Literal

import msgspec

ActivityKind = Literal[
    "case_opened",
    "case_claimed",
    "case_released",
    "case_closed",
    "case_reopened",
    "reply_approved",
    "reply_sent",
    "reply_refused",
    "reply_unknown",
    "desk_progress",
]

ACTIVITY_TYPE: Final = "care.activity.v1"


class Progress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One batch of the desk topic taken in: where it stood and what became of its records.

    Covers `[first, last]` of one partition; dead letters in it are told by `social.dead.v1`.
    """

    partition: int
    first: int
    last: int
    stored: int
    duplicates: int
    applied: int


class Activity(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What stands on `care.activity.v1`, keyed by case. Readers dedupe on `id`.

    `first_response_s` stands on the first `reply_sent` of a case: seconds from the receipt of the
    message that opened it to the platform's answer.
    """

    id: str
    kind: ActivityKind
    at: datetime
    case: str | None = None
    reply: str | None = None
    platform: str | None = None
    lane: str | None = None
    first_response_s: float | None = None
    progress: Progress | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Activity)


def encode(activity: Activity) -> bytes:
    """The activity's bytes on the wire."""
    return _encoder.encode(activity)


def decode(value: bytes) -> Activity:
    """The activity of these bytes. Raises `msgspec.DecodeError` where it is none."""
    return _decoder.decode(value)
