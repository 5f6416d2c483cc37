"""The responder as a process of its own: real Kafka, real PostgreSQL, a platform over a socket."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from support.desk import ACCOUNTS, Log, Record, World, pool_of, said
from support.faults import ended, ready

from services.responder.relay import Relay
from services.responder.settings import Settings
from services.responder.telemetry import WorkMetrics
from toog.contracts import activity, dead
from toog.contracts.topics import ACTIVITY, DEAD, DESK, Topic
from toog.kit import access
from toog.kit.errors import UnavailableError
from toog.kit.stream.client import connection, topic_name
from toog.kit.stream.produce import Outgoing, Producer
from toog.kit.stream.topics import ensure_topics
from toog.kit.web import listener
from toog.local.kafka import Kafka
from toog.local.ports import free_port
from toog.local.postgres import Postgres

PROJECT = Path(__file__).parents[2]
ACCOUNTS_TOML = """
[[account]]
platform = "x"
id = "{id}"
handle = "StadPolDem"
base_url = "{base}"
"""


class Service:
    """One responder process, restarted at will, with what stands around it."""

    def __init__(self, settings: Settings, folder: Path, dsn: str, token: str) -> None:
        self.settings = settings
        self.folder = folder
        self.dsn = dsn
        self.internal = f"http://{settings.internal_bind}"
        self.api = httpx.AsyncClient(
            base_url=f"http://{settings.public_bind}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
        )
        self.producer = Producer(settings)
        self.process: subprocess.Popen[bytes] | None = None
        self.sent: list[Any] = []

    async def start(self) -> None:
        environment = os.environ | {
            "TOOG_KAFKA": self.settings.kafka,
            "TOOG_KAFKA_PREFIX": self.settings.kafka_prefix,
            "TOOG_POSTGRES": self.dsn,
            "TOOG_INSTANCE": "1",
            "TOOG_INTERNAL_BIND": self.settings.internal_bind,
            "TOOG_PUBLIC_BIND": self.settings.public_bind,
            "TOOG_ACCOUNTS": str(self.settings.accounts),
            "TOOG_SECRETS": self.settings.secrets.get_secret_value(),
        }
        with (self.folder / "responder.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                [sys.executable, "-m", "services.responder"],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=PROJECT,
            )
        await ready(self.internal)

    async def end(self, number: signal.Signals, *, within: float = 15) -> int:
        assert self.process is not None
        return await ended(self.process, number, within=within)

    async def write(self, records: Iterable[Record]) -> None:
        """Puts records of the router on the desk topic."""
        await self.producer.send(
            Outgoing(
                DESK, r.key, r.value, list(r.headers), int(datetime.now(UTC).timestamp() * 1000)
            )
            for r in records
        )

    async def read(self, topic: Topic, count: int, *, within: float = 10) -> list[bytes]:
        """All values on a topic, once there are at least so many."""
        consumer = AIOKafkaConsumer(
            topic_name(self.settings, topic),
            **connection(self.settings),
            auto_offset_reset="earliest",
            group_id=None,
        )
        await consumer.start()
        found: list[bytes] = []
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            async with asyncio.timeout(within):
                while len(found) < max(count, sum(ends.values())):
                    for records in (await consumer.getmany(timeout_ms=100)).values():
                        found += [record.value for record in records]
        finally:
            await consumer.stop()
        return found


@pytest.fixture
async def service(
    kafka: Kafka, prefix: str, database: str, tmp_path: Path
) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        pool = await pool_of(database, size=1)
        token = await access.create(pool, "one", {"desk"})
        await pool.close()
        platform = f"127.0.0.1:{free_port()}"
        accounts = tmp_path / "accounts.toml"
        accounts.write_text(ACCOUNTS_TOML.format(id=ACCOUNTS["x"], base=f"http://{platform}"))
        settings = Settings(
            kafka=kafka.bootstrap,
            kafka_prefix=prefix,
            postgres=SecretStr(database),
            instance="1",
            accounts=accounts,
            secrets=SecretStr(f'["x:{ACCOUNTS["x"]}"]\nuser_token = "t"'),
            internal_bind=f"127.0.0.1:{free_port()}",
            public_bind=f"127.0.0.1:{free_port()}",
        )
        made = Service(settings, tmp_path, database, token)
        await ensure_topics(settings)
        await made.producer.start()
        stack.push_async_callback(made.producer.stop)
        stack.push_async_callback(made.api.aclose)

        async def post(request: Request) -> JSONResponse:
            made.sent.append(await request.json())
            return JSONResponse({"data": {"id": str(5000 + len(made.sent))}}, 201)

        app = Starlette(routes=[Route("/2/tweets", post, methods=["POST"])])
        await stack.enter_async_context(listener(app, platform))
        await made.start()
        yield made
        if made.process is not None:
            made.process.kill()
            made.process.wait()


async def until(service: Service, sql: str, value: object, *, within: float = 15) -> None:
    pool = await pool_of(service.dsn, size=1)
    try:
        async with asyncio.timeout(within):
            while await pool.fetchval(sql) != value:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
    finally:
        pool.terminate()


async def until_shown(service: Service, *lines: str) -> None:
    """Waits until one page of metrics has all these lines: the desk's figures are read in rounds."""
    missing = list(lines)
    try:
        async with asyncio.timeout(10), httpx.AsyncClient(base_url=service.internal) as internal:
            while missing:
                page = (await internal.get("/metrics")).text.splitlines()
                missing = [line for line in lines if line not in page]
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"never shown together: {missing}") from None


async def test_from_the_desk_topic_to_the_platform_and_back_to_kafka(service: Service) -> None:
    log = Log()
    poison = log.addressed(said("3", text="nul \x00", conversation="c3"))
    await service.write(
        [
            log.addressed(said("1")),
            log.put(b"{"),
            log.addressed(said("2", author="2", seconds=5)),
            poison,
        ]
    )
    await until(service, "SELECT count(*) FROM responder.cases", 2)
    letters = [dead.decode(value) for value in await service.read(DEAD, 2)]
    assert {(letter.stage, letter.error) for letter in letters} == {
        ("responder", "DecodeError"),
        ("responder", "CharacterNotInRepertoireError"),
    }

    case = (await service.api.post("/cases/next")).json()
    answer = await service.api.post(
        f"/cases/{case['id']}/replies", json={"text": "Ja.", "version": case["version"]}
    )
    assert answer.status_code == 201
    await until(service, "SELECT count(*) FROM responder.replies WHERE state = 'sent'", 1)
    assert service.sent == [{"text": "Ja.", "reply": {"in_reply_to_tweet_id": "1"}}]

    await until(service, "SELECT count(*) FROM responder.outbox WHERE sent_at IS NULL", 0)
    told = [activity.decode(value) for value in await service.read(ACTIVITY, 6)]
    kinds = [a.kind for a in told if a.case == case["id"]]
    assert kinds == ["case_opened", "case_claimed", "reply_approved", "reply_sent"]
    progress = [a.progress for a in told if a.progress is not None]
    assert sum(p.stored for p in progress) == 2

    await until_shown(
        service,
        'toog_waiting_cases{lane="mention"} 1.0',
        'toog_replies{state="sent"} 1.0',
        "toog_replies_balance 0.0",
        "toog_outbox_unsent 0.0",
        "toog_desk_stored_total 2.0",
        'toog_reply_sends_total{platform="x",result="sent"} 1.0',
    )
    async with httpx.AsyncClient(base_url=service.internal) as internal:
        assert (await internal.get("/livez")).status_code == 200
        assert (await internal.post("/resume")).json() == {"opened": []}
    assert await service.end(signal.SIGTERM) == 0


async def test_killed_under_load_it_stores_everything_once(service: Service) -> None:
    log = Log()
    events = [said(str(n), author=str(n)) for n in range(1500)]
    for start in range(0, 1500, 300):
        await service.write(log.addressed(event) for event in events[start : start + 300])
        if start == 600:
            await service.end(signal.SIGKILL)
            await service.start()
    await until(service, "SELECT count(*) FROM responder.cases", 1500)
    await until(service, "SELECT sum(stored)::int FROM responder.desk_progress", 1500)
    await until(service, "SELECT sum(duplicates)::int FROM responder.desk_progress", 0)
    await until(service, "SELECT count(*) FROM responder.outbox WHERE sent_at IS NULL", 0)
    told = [activity.decode(value) for value in await service.read(ACTIVITY, 1500)]
    opened = {a.id for a in told if a.kind == "case_opened"}
    assert len(opened) == 1500
    assert await service.end(signal.SIGTERM) == 0


async def test_without_the_database_it_waits_and_recovers_alone(
    service: Service, postgres: Postgres
) -> None:
    log = Log()
    await service.write([log.addressed(said("1"))])
    await until(service, "SELECT count(*) FROM responder.cases", 1)
    await asyncio.to_thread(postgres.stop)
    await service.write([log.addressed(said("2", author="2"))])
    async with httpx.AsyncClient(base_url=service.internal, timeout=10) as internal:
        assert "database" in (await internal.get("/readyz")).json()
        assert (await internal.get("/livez")).status_code == 200
    away = await service.api.post("/cases/next", timeout=10)
    assert (away.status_code, "retry-after" in away.headers) == (503, True)
    await asyncio.sleep(2)
    await asyncio.to_thread(postgres.start)

    await until(service, "SELECT count(*) FROM responder.cases", 2)
    await ready(service.internal)
    case = (await service.api.post("/cases/next")).json()
    await service.api.post(f"/cases/{case['id']}/replies", json={"text": "Ja.", "version": 1})
    await until(service, "SELECT count(*) FROM responder.replies WHERE state = 'sent'", 1)
    await until(service, "SELECT count(*) FROM responder.outbox WHERE sent_at IS NULL", 0)
    assert await service.end(signal.SIGTERM) == 0


class Wire:
    """Stands for Kafka at the end of the relay: takes records, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.refused = asyncio.Event()
        self.got: list[str] = []

    async def send(self, records: Iterable[Outgoing]) -> None:
        if self.away:
            self.refused.set()
            raise UnavailableError("Kafka")
        self.got += [activity.decode(record.value).id for record in records]


async def test_the_relay_tells_everything_in_order_and_keeps_what_kafka_did_not_take(
    database: str,
) -> None:
    pool = await pool_of(database)
    world, wire = World(pool), Wire()
    relay = Relay(pool, wire.send, WorkMetrics(CollectorRegistry()))
    await world.addressed(*(said(str(n), author=str(n)) for n in range(3)))
    wire.away = True
    task = asyncio.create_task(relay.run())
    async with asyncio.timeout(10):
        await wire.refused.wait()
        assert await unsent(pool) == 4
        wire.away = False
        while await unsent(pool):  # noqa: ASYNC110 - the relay writes it
            await asyncio.sleep(0.02)
    await world.addressed(said("9", author="9"))
    relay.stop()
    await task

    assert wire.got == [a.id for a in await world.told()]
    assert len(set(wire.got)) == len(wire.got) == 6
    await pool.close()


async def unsent(pool: "asyncpg.Pool[asyncpg.Record]") -> int:
    found: int = await pool.fetchval("SELECT count(*) FROM responder.outbox WHERE sent_at IS NULL")
    return found
