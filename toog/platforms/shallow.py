"""A value that is nested without end costs its field, not the body that it came in."""

import re
from typing import Final

import msgspec

_DEEPEST: Final = 60
_BRACKETS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]++|[\]}]++', re.DOTALL)


def passable(text: bytes) -> bytes:
    """The JSON text in a form that every reader can follow.

    Raises msgspec.DecodeError where it is no JSON at all.
    """
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except RecursionError:
        text = shallow(text)
        msgspec.json.decode(text, type=msgspec.Raw)
    return text


def shallow(body: bytes) -> bytes:
    """The JSON text with `null` for whatever is nested deeper than anything that a platform sends.

    So that one such value costs its field, and not the whole delivery that it came in.
    """
    kept: list[bytes] = []
    depth = done = 0
    for match in _BRACKETS.finditer(body):
        if match.group().startswith(b'"'):
            continue
        opens = match.group()[0] in b"[{"
        before, depth = depth, depth + (len(match.group()) if opens else -len(match.group()))
        if opens and before <= _DEEPEST < depth:
            kept += [body[done : match.start() + _DEEPEST - before], b"null"]
            done = len(body)
        elif not opens and depth <= _DEEPEST < before:
            done = match.end() - (_DEEPEST - depth)
    return b"".join([*kept, body[done:]])
