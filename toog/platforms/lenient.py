"""Reading JSON objects so that one odd field, or one odd item of a list, costs only itself."""

from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def read(type_: type[T], raw: msgspec.Raw | bytes) -> T | None:
    """The object of these bytes without the fields that cannot be understood.

    None where it is no object at all, or a field that it cannot do without is missing or odd.
    """
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.DecodeError:
        return _field_by_field(type_, raw)


@cache
def _types(type_: type[msgspec.Struct]) -> dict[str, tuple[str, Any]]:
    hints = get_type_hints(type_, include_extras=True)
    names = zip(type_.__struct_encode_fields__, type_.__struct_fields__, strict=True)
    return {encoded: (name, hints[name]) for encoded, name in names}


def _field_by_field(type_: type[T], raw: msgspec.Raw | bytes) -> T | None:
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return None
    good: dict[str, Any] = {}
    for encoded, (name, hint) in _types(type_).items():
        if encoded not in fields:
            continue
        raw = _id(encoded, fields[encoded])
        if (value := _value(raw, hint)) is not None:
            good[name] = value
    try:
        return type_(**good)
    except TypeError:
        return None


def _id(name: str, raw: msgspec.Raw) -> msgspec.Raw:
    """Ids are strings everywhere: one that came as a number is written as one, digit by digit."""
    text = bytes(raw)
    is_id = name == "id" or name.endswith("_id")
    return msgspec.Raw(b'"%s"' % text) if is_id and text.isdigit() else raw


def _value(raw: msgspec.Raw, hint: Any) -> Any:
    for candidate in (hint, *get_args(hint)):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return read(candidate, raw)
        if get_origin(candidate) is list:
            return _items(raw, get_args(candidate)[0])
    try:
        return msgspec.json.decode(raw, type=hint)
    except msgspec.DecodeError:
        return None


def _items(raw: msgspec.Raw, hint: Any) -> list[Any] | None:
    try:
        items = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        return None
    return [value for item in items if (value := _value(item, hint)) is not None]
