"""The played Meta's deliveries: a checked address, signed batches, and tries that grow rarer."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import Final, Literal

import httpx

from toog.platforms.playing import Ledger

Json = dict[str, object]

QUEUE: Final = 20_000
WORKERS: Final = 4
TIMEOUT_S: Final = 10.0
BATCH: Final = 40
"""Meta may send 1,000 updates in one body, and promises no number."""
TWICE_SHARE: Final = 0.02
LATER_SHARE: Final = 0.03
LATER_S: Final = 0.2
TRIES: Final = 24
RETRY_S: Final = (0.2, 5.0)
"""Meta tries again at once, then ever more rarely for 36 hours; here for a minute and a half."""
CHECKS: Final = 1_000
_CHECK_WAIT_S: Final = (0.1, 2.0)


@dataclass(frozen=True, slots=True)
class Update:
    """One update, the list of the entry that it stands in, and the event that Toog makes of it."""

    event_id: str
    into: Literal["changes", "messaging"]
    said: Json


class Webhook:
    """One subscribed address. What was never answered 2xx is counted `webhook_failed` and gone."""

    def __init__(
        self, url: str, page: str, secrets: Mapping[str, str], ledger: Ledger, random: Random
    ) -> None:
        self._url, self._page, self._ledger, self._random = url, page, ledger, random
        self._secret, self._token = secrets["app_secret"], secrets["verify_token"]
        self._queue: asyncio.Queue[Update] = asyncio.Queue(QUEUE)

    def put(self, update: Update) -> None:
        """Queues an update, now and then two: Meta delivers at least once."""
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
        """Whether the address gives the challenge back; until it does, Meta sends it nothing."""
        wait, most = _CHECK_WAIT_S
        for _ in range(CHECKS):
            challenge = str(self._random.randrange(10**9, 10**10))
            query = {
                "hub.mode": "subscribe",
                "hub.challenge": challenge,
                "hub.verify_token": self._token,
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
            if self._random.random() < LATER_SHARE:
                await asyncio.sleep(self._random.uniform(0, LATER_S))
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._deliver(client, batch)

    async def _deliver(self, client: httpx.AsyncClient, batch: Sequence[Update]) -> None:
        body = body_of(self._page, batch, time.time())
        headers = {"content-type": "application/json", **signatures(self._secret, body)}
        wait, most = RETRY_S
        for attempt in range(TRIES):
            for update in batch:
                self._ledger.left(update.event_id)
            if await self._taken(client, body, headers):
                self._ledger.played.update(update.event_id for update in batch)
                self._ledger.count("webhook_taken")
                return
            self._ledger.count("webhook_retried")
            if attempt > 0:
                await asyncio.sleep(wait * self._random.uniform(0.8, 1.2))
                wait = min(wait * 2, most)
        self._ledger.count("webhook_failed")

    async def _taken(
        self, client: httpx.AsyncClient, body: bytes, headers: Mapping[str, str]
    ) -> bool:
        try:
            answer = await client.post(self._url, content=body, headers=dict(headers))
        except httpx.HTTPError:
            return False
        return answer.status_code == 200


def body_of(page: str, batch: Sequence[Update], now: float) -> bytes:
    r"""The bytes of a delivery: an entry holds updates of one sort, and only ASCII.

    Meta writes `\u00e9` for é and `\/` for a slash; `time` is in seconds for changes and in
    milliseconds for messaging.
    """
    entries = [
        {
            "id": page,
            "time": int(now * (1000 if into == "messaging" else 1)),
            into: [update.said for update in updates],
        }
        for into, updates in groupby(batch, key=lambda update: update.into)
    ]
    text = json.dumps({"object": "page", "entry": entries}, separators=(",", ":"))
    return text.replace("/", "\\/").encode()


def signatures(secret: str, body: bytes) -> dict[str, str]:
    """Both headers that Meta sends; the SHA-1 one is for the very old."""
    key = secret.encode()
    return {
        "x-hub-signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
        "x-hub-signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }
