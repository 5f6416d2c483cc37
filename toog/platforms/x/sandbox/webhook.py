"""The played X's deliveries: checked address, signed bodies, a bounded queue, no second try."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from random import Random
from typing import Final

import httpx
import msgspec

from toog.platforms.playing import Ledger

QUEUE: Final = 20_000
WORKERS: Final = 8
TIMEOUT_S: Final = 10.0
"""X waits 10 s for an answer (docs.x.com/x-api/webhooks/introduction)."""
TWICE_SHARE: Final = 0.02
LATER_SHARE: Final = 0.03
LATER_S: Final = 0.2
CHECKS: Final = 1_000
_CHECK_WAIT_S: Final = (0.1, 2.0)


class Webhook:
    """One registered webhook. What is not answered 2xx is counted `webhook_failed` and gone."""

    def __init__(
        self, url: str, secrets: Mapping[str, str], ledger: Ledger, random: Random
    ) -> None:
        self._url, self._ledger, self._random = url, ledger, random
        self._keys = {"x-twitter-webhooks-signature": secrets["consumer_secret"]}
        if secrets.get("client_secret"):
            self._keys["x-twitter-webhooks-signature-oauth2"] = secrets["client_secret"]
        self._crc_key = secrets.get("crc_secret") or secrets["consumer_secret"]
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(QUEUE)

    def put(self, event_id: str, body: Mapping[str, object]) -> None:
        """Queues a delivery, now and then two: X delivers at least once."""
        data = msgspec.json.encode(body)
        for _ in range(2 if self._random.random() < TWICE_SHARE else 1):
            try:
                self._queue.put_nowait((event_id, data))
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
        """Whether the address answers the challenge; until it does, X sends it nothing."""
        wait, most = _CHECK_WAIT_S
        for _ in range(CHECKS):
            token = f"{self._random.getrandbits(128):032x}"
            try:
                answer = await client.get(self._url, params={"crc_token": token})
                given = answer.json().get("response_token") if answer.is_success else None
            except (httpx.HTTPError, ValueError, AttributeError):
                given = None
            if given == _signed(self._crc_key, token.encode()):
                return True
            self._ledger.count("webhook_check_failed")
            await asyncio.sleep(wait * self._random.uniform(0.8, 1.2))
            wait = min(wait * 2, most)
        return False

    async def _work(self, client: httpx.AsyncClient) -> None:
        while True:
            event_id, body = await self._queue.get()
            if self._random.random() < LATER_SHARE:
                await asyncio.sleep(self._random.uniform(0, LATER_S))
            await self._deliver(client, event_id, body)

    async def _deliver(self, client: httpx.AsyncClient, event_id: str, body: bytes) -> None:
        headers = {name: _signed(key, body) for name, key in self._keys.items()}
        self._ledger.left(event_id)
        try:
            answer = await client.post(
                self._url, content=body, headers=headers | {"content-type": "application/json"}
            )
            taken = answer.is_success
        except httpx.HTTPError:
            taken = False
        if taken:
            self._ledger.played.add(event_id)
        self._ledger.count("webhook_taken" if taken else "webhook_failed")


def _signed(secret: str, message: bytes) -> str:
    mac = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(mac).decode()
