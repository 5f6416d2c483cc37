"""Reading JSON objects so that one odd field costs that field, never the message."""

from functools import cache
from typing import Any, TypeVar, get_type_hints

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
def _types(type_: type[msgspec.Struct]) -> dict[str, Any]:
    hints = get_type_hints(type_)
    return {name: hints[name] for name in type_.__struct_fields__}


def _field_by_field(type_: type[T], raw: msgspec.Raw | bytes) -> T | None:
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return None
    good: dict[str, Any] = {}
    for name, hint in _types(type_).items():
        if name not in fields:
            continue
        nested = _struct_in(hint)
        value = read(nested, fields[name]) if nested else _value(fields[name], hint)
        if value is not None:
            good[name] = value
    try:
        return type_(**good)
    except TypeError:
        return None


def _struct_in(hint: Any) -> type[msgspec.Struct] | None:
    candidates = (hint, *getattr(hint, "__args__", ()))
    if getattr(hint, "__origin__", None) is not None:
        return None
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


def _value(raw: msgspec.Raw, hint: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=hint)
    except msgspec.DecodeError:
        return None
