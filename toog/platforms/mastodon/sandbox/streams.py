"""The played server's open streams: who listens, what goes out to whom, what has surely arrived."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from typing import Final, NamedTuple

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

Channel = tuple[str, ...]
"""What can be listened to: `("user",)`, `("user:notification",)`, `("hashtag", "politie247")`."""

SURE_AFTER_S: Final = 5.0
"""A stream that is still open so long after a copy left on it has surely carried that copy."""
BACKLOG: Final = 10_000
"""A reader that is so many events behind is cut off."""


class Told(NamedTuple):
    """What goes out on a channel: `event` is the id that Toog gives it, None for a heartbeat."""

    channel: Channel
    name: str = ""
    data: bytes = b""
    event: str | None = None

    def as_sse(self) -> bytes:
        """The block of a server-sent event."""
        if self.event is None:
            return b":thump\n"
        return b"event: %s\ndata: %s\n\n" % (self.name.encode(), self.data)

    def as_frame(self) -> str:
        """The WebSocket's frame: JSON as a string inside JSON."""
        frame = {"stream": self.channel, "event": self.name, "payload": self.data.decode()}
        return msgspec.json.encode(frame).decode()


class Listener:
    """One open stream: what still has to go out on it, and since when it is open."""

    def __init__(self, channels: Collection[Channel]) -> None:
        self.channels = set(channels)
        self.since = time.time()
        self._queue: asyncio.Queue[Told | None] = asyncio.Queue()

    def put(self, told: Told) -> None:
        """Queues this to go out."""
        if self._queue.qsize() >= BACKLOG:
            self.hang_up()
        else:
            self._queue.put_nowait(told)

    def hang_up(self) -> None:
        """Ends the stream at once, as a server does that goes away: what waits is lost."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def next(self) -> Told | None:
        """What goes out next, or None when the stream ends."""
        return await self._queue.get()


class Streams:
    """All open streams; `on_left` is called with the event whenever a copy leaves."""

    def __init__(self, on_left: Callable[[str], None]) -> None:
        self._on_left = on_left
        self._open: set[Listener] = set()
        self._left: dict[str, list[float]] = {}

    def response(self, channel: Channel) -> StreamingResponse:
        """The answer that stays open; it listens from now on, not from its first byte."""
        return _Open(self._open, Listener({channel}), self._bytes)

    async def socket(self, websocket: WebSocket, channels: Collection[Channel]) -> None:
        """Speaks on an accepted WebSocket until either side ends it; it may ask for more streams.

        https://docs.joinmastodon.org/methods/streaming/#websocket
        """
        listener = Listener(channels)
        self._open.add(listener)
        hearing = asyncio.create_task(_obey(websocket, listener))
        try:
            while (told := await listener.next()) is not None:
                if told.event is not None:
                    self.left(told.event)
                    await websocket.send_text(told.as_frame())
            if not hearing.done():
                await websocket.close(1001)
        except WebSocketDisconnect:
            pass
        finally:
            self._open.discard(listener)
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    def send(self, name: str, data: bytes, event: str, channels: Collection[Channel]) -> None:
        """One event to all who listen to any of these channels, once for each."""
        for listener in self._open:
            for channel in channels:
                if channel in listener.channels:
                    listener.put(Told(channel, name, data, event))

    def beat(self) -> None:
        """A heartbeat for everybody (https://docs.joinmastodon.org/methods/streaming/#health).

        On a WebSocket it is the protocol's own ping, which the HTTP server sends.
        """
        for listener in self._open:
            listener.put(Told(()))

    def hang_up(self) -> None:
        """Cuts every open stream."""
        for listener in self._open:
            listener.hang_up()

    def left(self, event: str) -> None:
        """A copy of this event leaves now, on a stream or in a page."""
        self._left.setdefault(event, []).append(time.time())
        self._on_left(event)

    def surely_arrived(self, event: str) -> bool:
        """Whether a copy left while a stream was open that has held since: nobody died over it."""
        before = time.time() - SURE_AFTER_S
        left = [at for at in self._left.get(event, ()) if at <= before]
        return any(listener.since <= at for listener in self._open for at in left)

    async def _bytes(self, listener: Listener) -> AsyncIterator[bytes]:
        yield b":)\n"
        while (told := await listener.next()) is not None:
            if told.event is not None:
                self.left(told.event)
            yield told.as_sse()


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


class _Order(msgspec.Struct):
    type: str
    stream: str
    tag: str | None = None


async def _obey(websocket: WebSocket, listener: Listener) -> None:
    """Takes orders to listen to more or less, until the other side is gone."""
    try:
        while True:
            try:
                order = msgspec.json.decode(await websocket.receive_text(), type=_Order)
            except msgspec.DecodeError:
                continue
            channel = channel_of(order.stream, order.tag)
            if channel is not None and order.type == "subscribe":
                listener.channels.add(channel)
            elif channel is not None and order.type == "unsubscribe":
                listener.channels.discard(channel)
    except (WebSocketDisconnect, RuntimeError, KeyError):
        listener.hang_up()


def channel_of(stream: str, tag: str | None) -> Channel | None:
    """The channel that these words of a request mean, or None for one that is not played."""
    if stream in {"user", "user:notification"}:
        return (stream,)
    return (stream, tag.lower()) if stream == "hashtag" and tag else None
