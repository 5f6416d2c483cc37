"""Ingest as the process it is, on its own topics, and what it wrote there."""

import asyncio
import base64
import hashlib
import hmac
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import httpx
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from toog.contracts.topics import EVENTS, ROOM, Topic
from toog.contracts.wire import header
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, topic_name
from toog.kit.stream.topics import ensure_topics
from toog.local.ports import free_port

ROOT = Path(__file__).parents[2]
CONSUMER_SECRET = "invented-consumer-secret"
ACCOUNT = """
[[account]]
platform = "x"
id = "1111111111111111111"
handle = "StadPolDem"
base_url = "http://127.0.0.1:9"
[[account.source]]
kind = "activity_webhook"
"""
SECRETS = f"""
["x:1111111111111111111"]
consumer_secret = "{CONSUMER_SECRET}"
"""


class Ingest:
    """One ingest: `start` and `end` it as often as a test needs; its addresses stay."""

    def __init__(
        self,
        kafka: str,
        prefix: str,
        folder: Path,
        *,
        accounts: str = ACCOUNT,
        secrets: str = SECRETS,
    ) -> None:
        self.settings = KafkaSettings(kafka=kafka, kafka_prefix=prefix, instance="test")
        self._folder = folder
        self._accounts = folder / "accounts.toml"
        self._secrets = folder / "secrets.toml"
        self._accounts.write_text(accounts)
        self._secrets.write_text(secrets)
        public, internal = free_port(), free_port()
        self._binds = {
            "TOOG_PUBLIC_BIND": f"127.0.0.1:{public}",
            "TOOG_INTERNAL_BIND": f"127.0.0.1:{internal}",
        }
        self.internal = f"http://127.0.0.1:{internal}"
        self.webhook = f"http://127.0.0.1:{public}/webhooks/x"
        self.http = httpx.AsyncClient(timeout=15, trust_env=False)
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await ensure_topics(self.settings)
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        await self.http.aclose()

    @property
    def log(self) -> str:
        """All that it said on standard error."""
        return (self._folder / "ingest.log").read_text()

    async def start(self) -> None:
        """Starts the process and waits until it is ready."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TOOG_")}
        environment = ours | {
            "TOOG_ACCOUNTS": str(self._accounts),
            "TOOG_SECRETS_FILE": str(self._secrets),
            "TOOG_KAFKA": self.settings.kafka,
            "TOOG_KAFKA_PREFIX": self.settings.kafka_prefix,
            "NO_PROXY": "127.0.0.1",
            **self._binds,
        }
        with (self._folder / "ingest.log").open("ab") as out:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it starts in milliseconds
                [sys.executable, "-m", "services.ingest"],
                env=environment,
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )
        async with asyncio.timeout(15):
            while await self.probe("readyz") != 200:
                assert self._process.poll() is None, self.log
                await asyncio.sleep(0.05)

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def end(self, number: int) -> int:
        """Ends it with this signal, within 10 s; its exit code."""
        self.signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """Its exit code, within 10 s."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, 10)

    async def probe(self, name: str) -> int | None:
        """The status of `livez` or `readyz`, None where nobody answers."""
        try:
            return (await self.http.get(f"{self.internal}/{name}")).status_code
        except httpx.TransportError:
            return None

    async def sources(self) -> dict[str, dict[str, Any]]:
        """The state of its sources, by key."""
        answer = (await self.http.get(f"{self.internal}/sources")).json()
        return {source["source"]: source for source in answer["sources"]}

    async def metric(self, start: str) -> float:
        """The sum of all samples of the metrics page that start like this."""
        page = (await self.http.get(f"{self.internal}/metrics")).text
        lines = [line for line in page.splitlines() if line.startswith(start)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    async def post(
        self, body: bytes, secret: str = CONSUMER_SECRET, **headers: str
    ) -> httpx.Response:
        """Posts this body to the webhook, signed as X does."""
        mac = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        signed = {"x-twitter-webhooks-signature": f"sha256={base64.b64encode(mac).decode()}"}
        return await self.http.post(self.webhook, content=body, headers=signed | headers)

    async def records(self, topic: Topic) -> list[ConsumerRecord]:
        """Everything that stands on this topic, partition by partition."""
        name = topic_name(self.settings, topic)
        consumer = AIOKafkaConsumer(**connection(self.settings), auto_offset_reset="earliest")
        await consumer.start()
        try:
            places = [TopicPartition(name, number) for number in range(topic.partitions)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            found: list[ConsumerRecord] = []
            for place, end in ends.items():
                while await consumer.position(place) < end:
                    for batch in (await consumer.getmany(timeout_ms=100)).values():
                        found += batch
            return found
        finally:
            await consumer.stop()

    async def ids(self) -> list[str]:
        """The ids of all intake records, copies included."""
        found = [*await self.records(EVENTS), *await self.records(ROOM)]
        return [header(record.headers, "ce_id") or "" for record in found]

    async def until_ids(self, wanted: set[str], within: float = 15) -> None:
        """Waits until all these ids have been written; says which are missing."""
        missing = wanted
        try:
            async with asyncio.timeout(within):
                while missing := wanted - set(await self.ids()):  # noqa: ASYNC110 - Kafka is polled
                    await asyncio.sleep(0.2)
        except TimeoutError:
            some = sorted(missing)[:5]
            raise AssertionError(f"{len(missing)} of {len(wanted)} missing: {some}") from None


def mention(number: int, author: str = "77", text: str = "@StadPolDem is de Meir open?") -> bytes:
    """The body of an activity webhook: a citizen names us."""
    post = {
        "id": str(number),
        "text": text,
        "author_id": author,
        "created_at": "2026-05-04T20:30:00.000Z",
        "conversation_id": str(number),
        "edit_history_tweet_ids": [str(number)],
        "entities": {"mentions": [{"start": 0, "end": 11, "username": "StadPolDem"}]},
    }
    return httpx.Request(
        "POST",
        "http://x.example",
        json={
            "data": {
                "filter": {"user_id": "1111111111111111111"},
                "event_uuid": str(number),
                "event_type": "post.mention.create",
                "payload": post,
            }
        },
    ).content


def mention_id(number: int) -> str:
    """The event id that `mention(number)` must get."""
    return f"x:1111111111111111111:post:{number}"
