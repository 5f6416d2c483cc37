"""Meta's field expressions: `id,comments.limit(5){id,replies{text}}`, read and answered.

developers.facebook.com/docs/graph-api/guides/field-expansion
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

Json = dict[str, object]
T = TypeVar("T")

_TOKEN: Final = re.compile(r"\s*(?:([a-z_]+)|\.([a-z_]+)\(([^()]*)\)|([{},]))")
_DEEPEST: Final = 5


class FieldsError(ValueError):
    """The expression cannot be read, or names a field that is not there."""


@dataclass(slots=True)
class Asked:
    """One field that is asked for, with what stands in brackets behind it."""

    name: str
    arguments: dict[str, str] = field(default_factory=dict)
    inner: list["Asked"] = field(default_factory=list)


def read_fields(text: str) -> list[Asked]:
    """The fields of this expression. Raises FieldsError."""
    root = Asked("")
    open_: list[Asked] = [root]
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise FieldsError(f"Syntax error at {text[at:]!r}")
        at = match.end()
        name, modifier, argument, sign = match.groups()
        siblings = open_[-1].inner
        if name:
            siblings.append(Asked(name))
        elif sign == "}" and len(open_) > 1:
            open_.pop()
        elif sign == ",":
            continue
        elif not siblings or len(open_) > _DEEPEST or sign == "}":
            raise FieldsError("Syntax error")
        elif modifier:
            siblings[-1].arguments[modifier] = argument
        else:
            open_.append(siblings[-1])
    if len(open_) > 1:
        raise FieldsError("Expected end of string instead of {")
    return root.inner


def answer(node: str, known: Mapping[str, Callable[[Asked], object]], asked: list[Asked]) -> Json:
    """The object with the fields that are asked for and have a value; the id is always there.

    Raises FieldsError for a field that this kind of node has not.
    """
    shown: Json = {}
    for one in asked:
        if one.name not in known:
            raise FieldsError(
                f"Tried accessing nonexisting field ({one.name}) on node type ({node})"
            )
        value = known[one.name](one)
        if value is not None:
            shown[one.name] = value
    return shown | {"id": known["id"](Asked("id"))}


def edge(
    items: Iterable[T], key: Callable[[T], str], show: Callable[[T], Json], asked: Asked
) -> Json:
    """A page of an edge: `limit` of it behind the cursor `after`, and where it goes on."""
    limit = asked.arguments.get("limit", "")
    size = min(max(int(limit), 1), 100) if limit.isdecimal() else 25
    after = asked.arguments.get("after")
    rest = iter(items)
    if after:
        for one in rest:
            if key(one) == after:
                break
    page = list(islice(rest, size + 1))
    shown = page[:size]
    whole: Json = {"data": [show(one) for one in shown]}
    if shown:
        cursors = {"before": key(shown[0]), "after": key(shown[-1])}
        more = {"next": f"https://graph.instagram.com/?after={cursors['after']}"}
        whole["paging"] = {"cursors": cursors} | (more if len(page) > size else {})
    return whole
