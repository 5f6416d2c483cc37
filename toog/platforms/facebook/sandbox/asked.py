"""What a Graph request asks for: its parameters, its fields within fields, and its errors."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse

Json = dict[str, Any]

_NAME: Final = re.compile(r"\s*(\w+)")
_MODIFIER: Final = re.compile(r"\.(\w+)\(([^()]*)\)")
_DEEPEST: Final = 8


class GraphError(Exception):
    """What Graph says instead of an answer (docs/graph-api/guides/error-handling)."""

    def __init__(self, code: int, message: str, *, subcode: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.subcode = code, message, subcode

    def answer(self, trace: str) -> JSONResponse:
        """The error body; Graph's status is 400 for nearly everything."""
        error: Json = {"message": self.message, "type": "OAuthException", "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return JSONResponse({"error": error | {"fbtrace_id": trace}}, 400)


@dataclass(frozen=True, slots=True)
class Asked:
    """One field that is asked for, its modifiers, and the fields asked for inside it."""

    modifiers: Mapping[str, str] = field(default_factory=dict)
    inner: Mapping[str, "Asked"] = field(default_factory=dict)


def read_fields(text: str) -> Mapping[str, Asked]:
    """`id,from{id},comments.limit(5){message}`. Raises GraphError 2500 on anything else."""
    fields, end = _fields(text, 0, 0)
    if end != len(text):
        raise _syntax(text)
    return fields


def _fields(text: str, at: int, depth: int) -> tuple[dict[str, Asked], int]:
    fields: dict[str, Asked] = {}
    while True:
        name = _NAME.match(text, at)
        if name is None or depth > _DEEPEST:
            raise _syntax(text)
        at = name.end()
        modifiers: dict[str, str] = {}
        inner: dict[str, Asked] = {}
        while modifier := _MODIFIER.match(text, at):
            modifiers[modifier[1]] = modifier[2]
            at = modifier.end()
        if text[at : at + 1] == "{":
            inner, at = _fields(text, at + 1, depth + 1)
            if text[at : at + 1] != "}":
                raise _syntax(text)
            at += 1
        fields[name[1]] = Asked(modifiers, inner)
        if text[at : at + 1] != ",":
            return fields, at
        at += 1


def _syntax(text: str) -> GraphError:
    return GraphError(2500, f'Syntax error "Expected name" near: {text[:40]}')


def picked(shown: Json, asked: Mapping[str, Asked], default: Sequence[str] = ("id",)) -> Json:
    """Of an object only what was asked for, and its id always; what it has not is left out."""
    names = asked or dict.fromkeys(default, Asked())
    found: Json = {"id": shown["id"]} if "id" in shown else {}
    for name, wanted in names.items():
        value = shown.get(name)
        if callable(value):
            value = value(wanted)
        elif wanted.inner and isinstance(value, dict):
            value = picked(value, wanted.inner)
        if value is not None:
            found[name] = value
    return found


async def parameters(request: Request) -> dict[str, Any]:
    """Of query and body together, however the body is written; form values may hold JSON."""
    given: dict[str, Any] = dict(request.query_params)
    body = await request.body()
    if "json" in request.headers.get("content-type", ""):
        try:
            given |= msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            raise GraphError(100, "(#100) Invalid parameter") from None
    else:
        given |= parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    return given


def structured(given: Mapping[str, Any], name: str) -> Json:
    """A parameter that is an object, as such or as JSON text; an empty one where it is none."""
    value = given.get(name)
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
