"""Reading what Meta sends, field by field: one odd field costs that field, never the message.

Ids come as numbers or strings, times in seconds, milliseconds or as ISO text, in one and the same
product (developers.facebook.com/docs/graph-api/webhooks).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

Fields = Mapping[str, Any]

NOTHING: Final[Fields] = {}
_MILLISECONDS_FROM: Final = 100_000_000_000
"""In seconds this is the year 5138, in milliseconds 1973."""
_ID_BITS: Final = 128
_ID_CHARS: Final = 512


def decode(raw: bytes | msgspec.Raw) -> Any:
    """The JSON value, or None where it is none or too deep to be anything that Meta sends."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def fields(raw: bytes | msgspec.Raw) -> Fields | None:
    """The object of these bytes, or None where it is no object."""
    value = decode(raw)
    return value if isinstance(value, dict) else None


def raws(raw: bytes | msgspec.Raw | None) -> list[msgspec.Raw] | None:
    """The items of this JSON list as they stand, or None where it is no list."""
    try:
        return msgspec.json.decode(raw or b"", type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return None


def raw_fields(raw: bytes | msgspec.Raw | None) -> dict[str, msgspec.Raw] | None:
    """The fields of this JSON object as they stand, or None where it is no object."""
    try:
        return msgspec.json.decode(raw or b"", type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return None


def inner(of: Fields, *names: str) -> Fields:
    """The object at the end of this path; an empty one where there is none."""
    for name in names:
        value = of.get(name)
        if not isinstance(value, dict):
            return NOTHING
        of = value
    return of


def listed(of: Fields, name: str) -> list[Fields]:
    """The objects in this list, or in the `data` of this edge; whatever else stands there is left."""
    value = of.get(name)
    if isinstance(value, dict):
        value = value.get("data")
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(of: Fields, name: str) -> str:
    """The text of this field; empty where there is none."""
    value = of.get(name)
    return value if isinstance(value, str) else ""


def id_(of: Fields, name: str = "id") -> str | None:
    """The id in this field as a string, however it was written."""
    value = of.get(name)
    if isinstance(value, str):
        return value if 0 < len(value) <= _ID_CHARS else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value.bit_length() <= _ID_BITS else None
    return None


def flag(of: Fields, name: str) -> bool:
    """Whether this field says yes."""
    return of.get(name) is True


def moment(value: object) -> datetime | None:
    """The moment that these seconds, milliseconds or this ISO text name, in UTC."""
    try:
        if isinstance(value, str) and not value.isdecimal():
            read = datetime.fromisoformat(value)
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        number = float(value)
        return datetime.fromtimestamp(number / (1000 if number >= _MILLISECONDS_FROM else 1), UTC)
    except (ValueError, OverflowError, OSError):
        return None
