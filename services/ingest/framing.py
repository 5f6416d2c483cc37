"""How a stream's bytes fall into items, wherever the network cuts them. Pure: bytes in, items out."""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

ITEM_BYTES: Final = 8 * 1024 * 1024
"""The longest item that is read; a longer one is set aside with its beginning."""


@dataclass(frozen=True, slots=True)
class Overlong:
    """The first `limit` bytes of an item that is longer than that; the rest is thrown away."""

    beginning: bytes


Item = bytes | Overlong
Framing = Literal["lines", "sse", "websocket"]


class Framer(Protocol):
    """Takes the bytes as they come and gives the items that are complete with them."""

    def feed(self, chunk: bytes) -> list[Item]:
        """The items that this chunk completes, in order."""


def framer(framing: Literal["lines", "sse"], limit: int = ITEM_BYTES) -> Framer:
    """A fresh framer for one connection."""
    return Lines(limit) if framing == "lines" else Blocks(limit)


class Lines:
    """One item per line, ended by LF or CR LF; an empty line, X's heartbeat, is an item too."""

    def __init__(self, limit: int = ITEM_BYTES) -> None:
        self._limit = limit
        self._open: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, chunk: bytes) -> list[Item]:
        """The lines that this chunk completes, without their ends."""
        *ended, rest = chunk.split(b"\n")
        items: list[Item] = []
        for line in ended:
            self._take(line, items)
            self._end(items)
        self._take(rest, items)
        return items

    def _take(self, part: bytes, items: list[Item]) -> None:
        if self._skipping or not part:
            return
        self._open.append(part)
        self._size += len(part)
        if self._size > self._limit:
            items.append(Overlong(b"".join(self._open)[: self._limit]))
            self._open, self._size, self._skipping = [], 0, True

    def _end(self, items: list[Item]) -> None:
        skipped, self._skipping = self._skipping, False
        line = self._open[0] if len(self._open) == 1 else b"".join(self._open)
        self._open, self._size = [], 0
        if not skipped:
            items.append(line.removesuffix(b"\r"))


class Blocks:
    """Server-sent events: one item per block of lines that an empty line ends.

    Comments (a line that starts with a colon) are heartbeats and left out; a block of nothing
    else is no item (https://html.spec.whatwg.org/multipage/server-sent-events.html).
    """

    def __init__(self, limit: int = ITEM_BYTES) -> None:
        self._limit = limit
        self._lines = Lines(limit)
        self._open: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, chunk: bytes) -> list[Item]:
        """The blocks that this chunk completes, their lines joined by LF."""
        items: list[Item] = []
        for line in self._lines.feed(chunk):
            if isinstance(line, Overlong):
                self._set_aside(line.beginning, items)
            elif not line:
                if self._open:
                    items.append(b"\n".join(self._open))
                self._open, self._size, self._skipping = [], 0, False
            elif not line.startswith(b":"):
                self._take(line, items)
        return items

    def _take(self, line: bytes, items: list[Item]) -> None:
        if self._skipping:
            return
        self._open.append(line)
        self._size += len(line) + 1
        if self._size > self._limit:
            self._set_aside(b"", items)

    def _set_aside(self, last: bytes, items: list[Item]) -> None:
        if not self._skipping:
            whole = b"\n".join([*self._open, last])
            items.append(Overlong(whole[: self._limit]))
        self._open, self._size, self._skipping = [], 0, True
