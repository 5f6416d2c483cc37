"""The played server's open streams: who listens, what goes out to whom, what has surely arrived."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final, Literal

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

StreamName = Literal["user", "user:notification"]

SURE_AFTER_S: Final = 5.0
"""A stream that is still open so long after a copy left on it has surely carried that copy."""
BACKLOG: Final = 10_000
"""A reader that is so many events behind is cut off."""


class Listener:
    """One open stream: what still has to go out on it, and since when it is open."""

    def __init__(self, name: StreamName) -> None:
        self.name = name
        self.since = time.time()
        self._queue: asyncio.Queue[tuple[bytes, str | None] | None] = asyncio.Queue()

    def put(self, data: bytes, told: str | None = None) -> None:
        """Queues these bytes; `told` is the event that they tell."""
        if self._queue.qsize() >= BACKLOG:
            self.hang_up()
        else:
            self._queue.put_nowait((data, told))

    def hang_up(self) -> None:
        """Ends the stream at once, as a server does that goes away: what waits is lost."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def next(self) -> tuple[bytes, str | None] | None:
        """What goes out next, or None when the stream ends."""
        return await self._queue.get()


class Streams:
    """All open streams; `on_left` is called with the event whenever a copy leaves."""

    def __init__(self, on_left: Callable[[str], None]) -> None:
        self._on_left = on_left
        self._open: set[Listener] = set()
        self._left: dict[str, list[float]] = {}

    def response(self, name: StreamName) -> StreamingResponse:
        """The answer that stays open; it listens from now on, not from its first byte."""
        return _Open(self._open, Listener(name), self._bytes)

    def send(self, name: str, data: bytes, told: str) -> None:
        """One event to all who listen to its kind."""
        text = b"event: %s\ndata: %s\n\n" % (name.encode(), data)
        for listener in self._open:
            if listener.name == "user" or name == "notification":
                listener.put(text, told)

    def beat(self) -> None:
        """A heartbeat for everybody (https://docs.joinmastodon.org/methods/streaming/#health)."""
        for listener in self._open:
            listener.put(b":thump\n")

    def hang_up(self) -> None:
        """Cuts every open stream."""
        for listener in self._open:
            listener.hang_up()

    def left(self, told: str) -> None:
        """A copy of this event leaves now, on a stream or in a page."""
        self._left.setdefault(told, []).append(time.time())
        self._on_left(told)

    def surely_arrived(self, told: str) -> bool:
        """Whether a copy left while a stream was open that has held since: nobody died over it."""
        before = time.time() - SURE_AFTER_S
        left = [at for at in self._left.get(told, ()) if at <= before]
        return any(listener.since <= at for listener in self._open for at in left)

    async def _bytes(self, listener: Listener) -> AsyncIterator[bytes]:
        yield b":)\n"
        while (item := await listener.next()) is not None:
            data, told = item
            if told is not None:
                self.left(told)
            yield data


class _Open(StreamingResponse):
    def __init__(
        self,
        everybody: set[Listener],
        listener: Listener,
        content: Callable[[Listener], AsyncIterator[bytes]],
    ) -> None:
        super().__init__(content(listener), media_type="text/event-stream")
        self._everybody, self._listener = everybody, listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._everybody.add(self._listener)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._everybody.discard(self._listener)
