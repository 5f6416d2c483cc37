"""A dead letter: what could not be read, kept with its coordinates so that it can be replayed."""

import base64
from datetime import datetime
from typing import Final, Literal

import msgspec

Stage = Literal["ingest", "router", "responder", "metrics"]

DEAD_TYPE: Final = "social.dead.v1"


class Dead(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What stands on `social.dead.v1`.

    `record` is `topic:partition:offset` of what could not be read; for a platform's body that
    never became a record (stage ingest) it is the source and the hash of the bytes.
    `error` is the class of the error, never its text: texts quote what citizens wrote.
    """

    stage: Stage
    record: str
    error: str
    seen_at: datetime
    body: str
    key: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def bytes(self) -> bytes:
        """The unreadable bytes themselves."""
        return base64.b64decode(self.body)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Dead)


def encode(letter: Dead) -> bytes:
    """The dead letter's bytes on the wire."""
    return _encoder.encode(letter)


def decode(value: bytes) -> Dead:
    """The dead letter of these bytes. Raises `msgspec.DecodeError` where it is none."""
    return _decoder.decode(value)
