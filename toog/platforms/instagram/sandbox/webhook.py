"""The played Instagram's deliveries: checked address, signed batches in both shapes, tried again."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from random import Random
from typing import Final, Literal, NamedTuple

import httpx

from toog.platforms.instagram.sandbox.fields import Json
from toog.platforms.playing import Ledger

QUEUE: Final = 20_000
WORKERS: Final = 8
TIMEOUT_S: Final = 10.0
BATCHES: Final = (1, 1, 1, 2, 5, 20)
"""How many updates go together, if so many wait: up to 1,000 are possible."""
TWICE_SHARE: Final = 0.02
TRIES: Final = 6
"""Meta goes on for 36 hours; a night is shorter."""
CHECKS: Final = 1_000
_WAIT_S: Final = (0.2, 5.0)
_CHECK_WAIT_S: Final = (0.1, 2.0)

Field = Literal["comments", "mentions", "messaging"]


class Update(NamedTuple):
    """Something to tell: the event that Toog makes of it, the field, and the value."""

    event_id: str
    field: Field
    value: Json


class Webhook:
    """The app's one webhook. What is not answered 2xx in the end is counted `webhook_failed`."""

    def __init__(
        self, url: str, secrets: Mapping[str, str], account: str, ledger: Ledger, random: Random
    ) -> None:
        self._url, self._account, self._ledger, self._random = url, account, ledger, random
        self._key, self._verify = secrets["app_secret"].encode(), secrets["verify_token"]
        self._queue: asyncio.Queue[Update] = asyncio.Queue(QUEUE)

    def put(self, update: Update) -> None:
        """Queues an update, now and then two: Instagram delivers at least once."""
        for _ in range(2 if self._random.random() < TWICE_SHARE else 1):
            try:
                self._queue.put_nowait(update)
            except asyncio.QueueFull:
                self._ledger.count("webhook_failed")

    async def run(self) -> None:
        """Checks the address, then delivers until cancelled."""
        limits = httpx.Limits(max_connections=WORKERS, max_keepalive_connections=WORKERS)
        async with (
            httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits, trust_env=False) as client,
            asyncio.TaskGroup() as workers,
        ):
            if await self._checked(client):
                for _ in range(WORKERS):
                    workers.create_task(self._work(client))

    async def _checked(self, client: httpx.AsyncClient) -> bool:
        """Whether the address gives the challenge back; until it does, it is sent nothing."""
        wait, most = _CHECK_WAIT_S
        for _ in range(CHECKS):
            challenge = str(self._random.randrange(10**9, 10**10))
            query = {
                "hub.mode": "subscribe",
                "hub.challenge": challenge,
                "hub.verify_token": self._verify,
            }
            try:
                answer = await client.get(self._url, params=query)
                if answer.status_code == 200 and answer.text == challenge:
                    return True
            except httpx.HTTPError:
                pass
            self._ledger.count("webhook_check_failed")
            await asyncio.sleep(wait * self._random.uniform(0.8, 1.2))
            wait = min(wait * 2, most)
        return False

    async def _work(self, client: httpx.AsyncClient) -> None:
        while True:
            batch = [await self._queue.get()]
            size = self._random.choice(BATCHES)
            while len(batch) < size and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._deliver(client, batch)

    async def _deliver(self, client: httpx.AsyncClient, batch: list[Update]) -> None:
        body = self.body(batch)
        mac = hmac.new(self._key, body, hashlib.sha256).hexdigest()
        headers = {"x-hub-signature-256": f"sha256={mac}", "content-type": "application/json"}
        for update in batch:
            self._ledger.left(update.event_id)
        wait, most = _WAIT_S
        for attempt in range(TRIES):
            if await self._taken(client, body, headers):
                self._ledger.played.update(update.event_id for update in batch)
                self._ledger.count("webhook_taken", len(batch))
                return
            if attempt + 1 < TRIES:
                self._ledger.count("webhook_retried")
                await asyncio.sleep(wait * self._random.uniform(0.8, 1.2))
                wait = min(wait * 2, most)
        self._ledger.count("webhook_failed", len(batch))

    async def _taken(
        self, client: httpx.AsyncClient, body: bytes, headers: Mapping[str, str]
    ) -> bool:
        try:
            return (await client.post(self._url, content=body, headers=headers)).is_success
        except httpx.HTTPError:
            return False

    def body(self, batch: list[Update]) -> bytes:
        """The body of these updates, as Meta writes JSON: nothing but ASCII, slashes escaped too."""
        entries: list[Json] = []
        for update in batch:
            self._add(entries, update)
        text = json.dumps({"object": "instagram", "entry": entries}, separators=(",", ":"))
        return text.replace("/", "\\/").encode()

    def _add(self, entries: list[Json], update: Update) -> None:
        """To the entry before where it holds the same kind; comments also flat, one per entry."""
        now = time.time()
        if update.field == "messaging":
            stamp: Json = {"id": self._account, "time": int(now * 1000)}
            _join(entries, stamp, "messaging", update.value)
        elif update.field == "comments" and self._random.random() < 0.5:
            value = {"field": update.field, "value": update.value}
            entries.append({"id": self._account, "time": int(now), **value})
        else:
            change: Json = {"field": update.field, "value": update.value}
            _join(entries, {"id": self._account, "time": int(now)}, "changes", change)


def _join(entries: list[Json], stamp: Json, kind: str, item: Json) -> None:
    held = entries[-1].get(kind) if entries else None
    if isinstance(held, list):
        held.append(item)
    else:
        entries.append({**stamp, kind: [item]})
