"""Between a socket and Kafka: a bounded buffer that, when full, lets the socket wait."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.ingest.framing import Item, Overlong


class Chunk(NamedTuple):
    """The items that one read of the socket completed, and when."""

    received: datetime
    items: Sequence[Item]


class Inbox:
    """One reader puts, one writer takes. Holds at most `limit` bytes and one chunk more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: deque[Chunk] = deque()
        self._bytes = 0
        self._closed = False
        self._some = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, chunk: Chunk) -> None:
        """Adds a chunk; returns when there is room for another one. Once closed it takes none."""
        if self._closed:
            return
        self._chunks.append(chunk)
        self._bytes += _size(chunk)
        self._some.set()
        while self._bytes >= self._limit and not self._closed:
            self._room.clear()
            await self._room.wait()

    async def take(self, most: int) -> list[Chunk]:
        """What is there now, about `most` items; waits for something; empty when it has ended."""
        while not self._chunks and not self._closed:
            self._some.clear()
            await self._some.wait()
        taken: list[Chunk] = []
        while self._chunks and most > 0:
            chunk = self._chunks.popleft()
            self._bytes -= _size(chunk)
            most -= len(chunk.items)
            taken.append(chunk)
        self._room.set()
        return taken

    def close(self) -> None:
        """Nothing more will come; what is there can still be taken."""
        self._closed = True
        self._some.set()
        self._room.set()


def _size(chunk: Chunk) -> int:
    return sum(len(i.beginning if isinstance(i, Overlong) else i) for i in chunk.items)
