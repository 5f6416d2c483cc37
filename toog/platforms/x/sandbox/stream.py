"""The played filtered stream: one connection, heartbeats, copies, mild disorder, backfill."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from random import Random
from typing import Final

import msgspec

from toog.platforms.playing import Ledger
from toog.platforms.x.sandbox.rules import Rule
from toog.platforms.x.sandbox.show import Asked, show_includes, show_post
from toog.platforms.x.sandbox.world import Post, World

HEARTBEAT_S: Final = 10.0
KEPT_S: Final = 5 * 60.0
KEPT_LINES: Final = 150_000
BACKLOG: Final = 20_000
"""A reader that is so many lines behind is disconnected, as X does; backfill gives them again."""
TWICE_SHARE: Final = 0.02
LATER_SHARE: Final = 0.03
LATER_S: Final = 0.5
"""A line that is held back leaves behind the next one, or after so many seconds."""
ONE_AT_A_TIME_S: Final = 2.0
"""How long a second connection waits for the first to be seen gone before it is refused."""

_DISCONNECT: Final = msgspec.json.encode(
    {
        "errors": [
            {
                "title": "operational-disconnect",
                "disconnect_type": "UpstreamOperationalDisconnect",
                "detail": "This stream has been disconnected upstream for operational reasons.",
                "type": "https://api.x.com/2/problems/operational-disconnect",
            }
        ]
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """A post that rules matched, with those rules, and the event that it becomes."""

    at: float
    post: Post
    rules: tuple[Rule, ...]
    event_id: str


class Stream:
    """The rules that were set, the last five minutes of what they matched, and who is reading."""

    def __init__(self, world: World, ledger: Ledger, random: Random) -> None:
        self.rules: dict[str, Rule] = {}
        self.heartbeat_s = HEARTBEAT_S
        self._world, self._ledger, self._random = world, ledger, random
        self._kept: deque[Line] = deque(maxlen=KEPT_LINES)
        self._reader: asyncio.Queue[Line | None] | None = None
        self._read_once = False
        self._idle = asyncio.Event()
        self._idle.set()

    def publish(self, post: Post, event_id: str) -> None:
        """The post goes to whoever reads, if a rule matches; it is owed once somebody ever read."""
        rules = tuple(rule for rule in self.rules.values() if rule.matches(post))
        if not rules:
            return
        now = time.time()
        while self._kept and self._kept[0].at < now - KEPT_S:
            self._kept.popleft()
        line = Line(now, post, rules, event_id)
        self._kept.append(line)
        if self._read_once:
            self._ledger.played.add(event_id)
        if self._reader is None:
            return
        if self._reader.qsize() >= BACKLOG:
            self._ledger.count("stream_overflow")
            self.hang_up()
        else:
            self._reader.put_nowait(line)

    def hang_up(self) -> None:
        """Ends the open connection: what waits is dropped, X says why, and the line goes dead."""
        if self._reader is not None:
            while not self._reader.empty():
                self._reader.get_nowait()
            self._reader.put_nowait(None)
            self._seat(None)

    async def free(self) -> bool:
        """Whether nobody reads. A reader that just died is only noticed a moment later."""
        try:
            async with asyncio.timeout(ONE_AT_A_TIME_S):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def read(self, asked: Asked, backfill_minutes: int) -> AsyncGenerator[bytes, None]:
        """What the connection gives, until it is hung up; first what it missed, as far as asked."""
        self.hang_up()
        reader: asyncio.Queue[Line | None] = asyncio.Queue(BACKLOG + 1)
        self._seat(reader)
        self._read_once = True
        since = time.time() - backfill_minutes * 60
        missed = [kept for kept in self._kept if backfill_minutes and kept.at >= since]
        self._ledger.count("stream_connects")
        try:
            yield b"\r\n"
            for old in missed:
                self._ledger.count("stream_backfilled")
                yield self._written(old, asked)
            async for line in self._disorderly(reader):
                yield b"\r\n" if line is None else self._written(line, asked)
            yield _DISCONNECT + b"\r\n"
        finally:
            if self._reader is reader:
                self._seat(None)

    def _seat(self, reader: asyncio.Queue[Line | None] | None) -> None:
        self._reader = reader
        if reader is None:
            self._idle.set()
        else:
            self._idle.clear()

    async def _disorderly(
        self, reader: asyncio.Queue[Line | None]
    ) -> AsyncGenerator[Line | None, None]:
        """The lines, some twice, some behind their follower; None is a heartbeat."""
        held: Line | None = None
        while True:
            try:
                async with asyncio.timeout(LATER_S if held else self.heartbeat_s):
                    line = await reader.get()
            except TimeoutError:
                yield held
                held = None
                continue
            if line is None:
                return
            if held is None and self._random.random() < LATER_SHARE:
                held = line
                continue
            yield line
            if self._random.random() < TWICE_SHARE:
                yield line
            if held is not None:
                yield held
                held = None

    def _written(self, line: Line, asked: Asked) -> bytes:
        self._ledger.left(line.event_id)
        self._ledger.count("stream_copies")
        body: dict[str, object] = {"data": show_post(line.post, asked)}
        includes = show_includes(self._world, (line.post,), asked)
        if includes:
            body["includes"] = includes
        body["matching_rules"] = [
            {"id": rule.id} | ({"tag": rule.tag} if rule.tag else {}) for rule in line.rules
        ]
        return msgspec.json.encode(body) + b"\r\n"
