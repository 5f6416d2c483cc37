"""How a body falls into the objects that it tells, in whichever of Bluesky's shapes it comes."""

from collections.abc import Iterator
from typing import Final

import msgspec

from toog.platforms.base import Unreadable
from toog.platforms.bluesky.payloads import NOTHING, Shape, ThreadView, part
from toog.platforms.bluesky.post import Told
from toog.platforms.clean import clean
from toog.platforms.shallow import shallow

DEEPEST: Final = 80
"""So far up and down a thread is read: what the server gives unless asked for more."""


def pieces(body: bytes) -> Iterator[Told | Unreadable]:
    """The texts of this body: one JSON value, the items of a list, or JSON lines."""
    text, cleaned = clean(body.strip())
    if not text:
        return
    if _error(text) == "RecursionError":
        text = shallow(text)
    error = _error(text)
    if error is None and not text.startswith(b"["):
        yield Told(text, cleaned)
    elif error is None:
        for item in part(text, list[msgspec.Raw]) or ():
            yield _item(item, cleaned=cleaned)
    elif _error(text.partition(b"\n")[0].strip() or b"-") is None:
        for line in filter(None, map(bytes.strip, text.split(b"\n"))):
            wrong = _error(line)
            yield Unreadable(line, wrong) if wrong else _item(line, cleaned=cleaned)
    else:
        yield Unreadable(body, error)


def _error(text: bytes) -> str | None:
    # The whole text is checked once: `raw` goes into our own JSON as it is.
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return type(error).__name__
    return None


def _item(item: msgspec.Raw | bytes, *, cleaned: bool) -> Told:
    data = bytes(item)
    return Told(data, cleaned and (b"\\ufffd" in data or b"\xef\xbf\xbd" in data))


def items_of(told: Told) -> list[Told] | None:
    """The items of a page or thread, in its order; None where it is neither."""
    shape = part(told.data, Shape)
    if shape is None:
        return None
    found = part(shape.page, list[msgspec.Raw])
    if found is None:
        found = list(_thread(shape.thread, DEEPEST)) or None
    elif shape.feed != NOTHING:
        views = (part(item, ThreadView) or ThreadView() for item in found)
        found = [view.post for view in views]
    return None if found is None else [_item(item, cleaned=told.cleaned) for item in found]


def _thread(raw: msgspec.Raw, deep: int) -> Iterator[msgspec.Raw]:
    """The posts of a thread: those above it, the oldest first, itself, then those below."""
    view = part(raw, ThreadView) if deep else None
    if view is None or view.post == NOTHING:
        return
    yield from _thread(view.parent, deep - 1)
    yield view.post
    for reply in part(view.replies, list[msgspec.Raw]) or ():
        yield from _thread(reply, deep - 1)
