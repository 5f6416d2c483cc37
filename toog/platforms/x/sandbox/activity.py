"""The played X Activity API by stream: whatever a webhook gets, and small signs of life beside it."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from random import Random
from typing import Final

import msgspec

from toog.contracts.ids import signal_id
from toog.platforms.playing import Ledger
from toog.platforms.x.hearing import PLATFORM
from toog.platforms.x.sandbox.show import Json, activity
from toog.platforms.x.sandbox.world import Message, Person, Post

HEARTBEAT_S: Final = 10.0
KEPT_S: Final = 5 * 60.0
KEPT_LINES: Final = 50_000
BACKLOG: Final = 20_000
CONNECTIONS: Final = 2
SIGN_SHARE: Final = 0.1
"""How often somebody is seen to like, type or read."""


class ActivityStream:
    """The last five minutes of activities, and who is reading; at most two at once, as on X.

    `owed`: no webhook brings them, so that whoever once read must have them all.
    """

    def __init__(self, ledger: Ledger, *, owed: bool) -> None:
        self.heartbeat_s = HEARTBEAT_S
        self._ledger, self._owed = ledger, owed
        self._kept: deque[tuple[float, str, bytes]] = deque(maxlen=KEPT_LINES)
        self._readers: set[asyncio.Queue[tuple[str, bytes] | None]] = set()
        self._read_once = False

    @property
    def full(self) -> bool:
        """Whether no further connection is taken."""
        return len(self._readers) >= CONNECTIONS

    def publish(self, event_id: str, body: Json) -> None:
        """One line to everybody who reads; who is far behind is disconnected."""
        line = msgspec.json.encode(body) + b"\r\n"
        self._kept.append((time.time(), event_id, line))
        if self._owed and self._read_once:
            self._ledger.played.add(event_id)
        for reader in list(self._readers):
            if reader.qsize() >= BACKLOG:
                self._end(reader)
            else:
                reader.put_nowait((event_id, line))

    def hang_up(self) -> None:
        """Ends all open connections."""
        for reader in list(self._readers):
            self._end(reader)

    def _end(self, reader: asyncio.Queue[tuple[str, bytes] | None]) -> None:
        self._readers.discard(reader)
        while not reader.empty():
            reader.get_nowait()
        reader.put_nowait(None)

    async def read(self, backfill_minutes: int) -> AsyncGenerator[bytes, None]:
        """What the connection gives, until it is hung up; first what it missed, as far as asked."""
        reader: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue(BACKLOG + 1)
        self._readers.add(reader)
        self._read_once = True
        since = time.time() - backfill_minutes * 60
        missed = [(id_, line) for at, id_, line in self._kept if backfill_minutes and at >= since]
        try:
            yield b"\r\n"
            for event_id, line in missed:
                self._ledger.left(event_id)
                yield line
            while True:
                try:
                    async with asyncio.timeout(self.heartbeat_s):
                        told = await reader.get()
                except TimeoutError:
                    yield b"\r\n"
                    continue
                if told is None:
                    return
                self._ledger.left(told[0])
                yield told[1]
        finally:
            self._readers.discard(reader)


class Signs:
    """What people do beside writing: few, and the same every night of the same seed."""

    def __init__(self, us: Person, seed: int) -> None:
        self._us = us
        self._random = Random(f"{PLATFORM} signs {seed}")

    def like(self, citizen: Person, post: Post) -> tuple[str, Json] | None:
        """Now and then somebody who does something with our post likes it too."""
        if post.author.id != self._us.id or not self._happens():
            return None
        return self._told(
            "like.create",
            {
                "id": f"{self._random.getrandbits(64):016x}",
                "liked_tweet_id": post.id,
                "liking_user_id": citizen.id,
                "timestamp_ms": str(int(time.time() * 1000)),
            },
        )

    def typing(self, citizen: Person) -> tuple[str, Json] | None:
        """Now and then one sees that somebody is about to write."""
        if not self._happens():
            return None
        event = {
            "created_timestamp": str(int(time.time() * 1000)),
            "sender_id": citizen.id,
            "target": {"recipient_id": self._us.id},
        }
        return self._told("dm.indicate_typing", {"direct_message_indicate_typing_events": [event]})

    def read(self, message: Message) -> tuple[str, Json] | None:
        """Now and then one sees that our message was read."""
        if not self._happens():
            return None
        event = {
            "created_timestamp": str(int(time.time() * 1000)),
            "sender_id": message.recipient.id,
            "target": {"recipient_id": self._us.id},
            "last_read_event_id": message.id,
        }
        return self._told("dm.read", {"direct_message_mark_read_events": [event]})

    def _happens(self) -> bool:
        return self._random.random() < SIGN_SHARE

    def _told(self, kind: str, payload: Json) -> tuple[str, Json]:
        """A signal has no id of its own: Toog names it by its bytes."""
        body = activity(kind, self._us, payload, self._random, None)
        return signal_id(PLATFORM, self._us.id, msgspec.json.encode(body["data"])), body
