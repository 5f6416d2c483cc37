"""The played Jetstream: every commit of the network over WebSockets, again from a cursor on.

https://github.com/bluesky-social/jetstream: the cursor is inclusive, one in the future means now,
one that is too old is moved up without a word; identity and account lines come whatever is wanted.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from toog.platforms.bluesky.sandbox.naming import Clock, Json, iso, tid
from toog.platforms.bluesky.sandbox.world import Person, Post

KEPT_LINES: Final = 200_000
BACKLOG: Final = 10_000
"""A reader that is so many lines behind is cut off."""


class _Line(NamedTuple):
    micros: int
    did: str
    collection: str | None
    told: str | None
    text: str = ""


class _Listener:
    def __init__(self, collections: frozenset[str], dids: frozenset[str]) -> None:
        self._collections, self._dids = collections, dids
        self.queue: asyncio.Queue[_Line | None] = asyncio.Queue()

    def put(self, line: _Line) -> None:
        if line.collection is not None and self._unwanted(line):
            return
        if self.queue.qsize() >= BACKLOG:
            self.hang_up()
        else:
            self.queue.put_nowait(line)

    def _unwanted(self, line: _Line) -> bool:
        wrong_kind = bool(self._collections) and line.collection not in self._collections
        return wrong_kind or (bool(self._dids) and line.did not in self._dids)

    def hang_up(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Jetstream:
    """All lines and who reads them; `on_left` is called with the event whenever a copy leaves."""

    def __init__(self, clock: Clock, on_left: Callable[[str], None]) -> None:
        self._clock = clock
        self._on_left = on_left
        self._lines: deque[_Line] = deque(maxlen=KEPT_LINES)
        self._open: set[_Listener] = set()

    def commit(self, operation: str, post: Post, told: str | None) -> None:
        """A change of this record; a deletion carries nothing of it."""
        _, _, _, collection, rkey = post.uri.split("/")
        micros = self._clock.micros()
        commit: Json = {"rev": tid(micros), "operation": operation}
        commit |= {"collection": collection, "rkey": rkey}
        if operation != "delete":
            commit |= {"record": post.record, "cid": post.cid}
        line = {"did": post.author.did, "time_us": micros, "kind": "commit", "commit": commit}
        self._tell(line, _Line(micros, post.author.did, collection, told))

    def identity(self, person: Person) -> None:
        """Word of somebody's handle, as comes now and then; here also the heartbeat."""
        micros = self._clock.micros()
        word = {"did": person.did, "handle": person.handle, "seq": micros, "time": iso(micros)}
        line = {"did": person.did, "time_us": micros, "kind": "identity", "identity": word}
        self._tell(line, _Line(micros, person.did, None, None))

    def _tell(self, shown: Json, line: _Line) -> None:
        line = line._replace(text=msgspec.json.encode(shown).decode())
        self._lines.append(line)
        for listener in self._open:
            listener.put(line)

    def hang_up(self) -> None:
        """Cuts every open socket: what waits is lost, the cursor brings it again."""
        for listener in self._open:
            listener.hang_up()

    async def serve(self, socket: WebSocket) -> None:
        """One socket, until somebody hangs up."""
        query = socket.query_params
        cursor = query.get("cursor", "")
        wanted = frozenset(query.getlist("wantedCollections"))
        listener = _Listener(wanted, frozenset(query.getlist("wantedDids")))
        await socket.accept()
        if cursor.isdecimal():
            for line in [line for line in self._lines if line.micros >= int(cursor)]:
                listener.put(line)
        self._open.add(listener)
        sender = asyncio.create_task(self._send(socket, listener))
        try:
            with contextlib.suppress(WebSocketDisconnect):
                await self._until_gone(socket, sender)
        finally:
            self._open.discard(listener)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _until_gone(self, socket: WebSocket, sender: "asyncio.Task[None]") -> None:
        gone = asyncio.create_task(_gone(socket))
        try:
            await asyncio.wait({gone, sender}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _send(self, socket: WebSocket, listener: _Listener) -> None:
        while (line := await listener.queue.get()) is not None:
            if line.told is not None:
                self._on_left(line.told)
            await socket.send_text(line.text)
        await socket.close(1001)


async def _gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
