"""A stream under fault: a topic, workers as processes, and the effects they had, to be counted."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import asyncpg
import httpx
import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from pydantic import SecretStr

from support.worker import GROUP, Settings
from toog.contracts import dead
from toog.contracts.topics import DEAD, EVENTS
from toog.kit.errors import UnavailableError
from toog.kit.stream.client import connection, group_name, topic_name
from toog.kit.stream.produce import Outgoing, Producer
from toog.kit.stream.topics import ensure_topics
from toog.local.ports import free_port

WORKER = Path(__file__).with_name("worker.py")
TABLES = """
CREATE TABLE seen (id text PRIMARY KEY, text text NOT NULL);
CREATE TABLE effect (id text NOT NULL);
CREATE TABLE batch (size int NOT NULL);
"""


def record(id_: str, value: bytes | None = None, text: str = "hallo") -> Outgoing:
    """An intake record; `value` stands for the bytes of one that cannot be read."""
    body = msgspec.json.encode({"id": id_, "text": text}) if value is None else value
    now = datetime.now(UTC)
    return Outgoing(
        EVENTS, id_.encode(), body, [("ce_id", id_.encode())], int(now.timestamp() * 1000)
    )


class Stream:
    """One topic set under its own prefix, one database, and the workers on them."""

    def __init__(self, bootstrap: str, prefix: str, dsn: str, folder: Path) -> None:
        self.settings = Settings(
            kafka=bootstrap, kafka_prefix=prefix, postgres=SecretStr(dsn), instance="test"
        )
        self._dsn = dsn
        self._folder = folder
        self._workers: list[subprocess.Popen[bytes]] = []
        self.sent = 0
        self.producer = Producer(self.settings)

    async def __aenter__(self) -> Self:
        await ensure_topics(self.settings)
        connection_ = await asyncpg.connect(self._dsn)
        await connection_.execute(TABLES)
        await connection_.close()
        await self.producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()
        await self.producer.stop()

    def worker(
        self, *, instance: str = "1", slow: float = 0.0
    ) -> tuple[subprocess.Popen[bytes], str]:
        """Starts a worker; its process and the address of its probes."""
        bind = f"127.0.0.1:{free_port()}"
        environment = os.environ | {
            "TOOG_KAFKA": self.settings.kafka,
            "TOOG_KAFKA_PREFIX": self.settings.kafka_prefix,
            "TOOG_POSTGRES": self._dsn,
            "TOOG_INSTANCE": instance,
            "TOOG_INTERNAL_BIND": bind,
            "WORKER_SLOW_S": str(slow),
        }
        log = self._folder / f"worker-{len(self._workers)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, str(WORKER)],
                env=environment,
                stderr=out,
                stdout=out,
                cwd=WORKER.parents[2],
            )
        self._workers.append(process)
        return process, f"http://{bind}"

    async def send(self, count: int) -> None:
        """Writes so many new good records; again, as a source does, when Kafka is away."""
        records = [record(f"e{n}") for n in range(self.sent, self.sent + count)]
        async with asyncio.timeout(90):
            while True:
                try:
                    await self.producer.send(records)
                except UnavailableError:
                    continue
                break
        self.sent += count

    async def load(self, rate: int, seconds: float) -> None:
        """Writes at this rate for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.gather(self.send(rate // 10), asyncio.sleep(0.1))

    async def effects(self) -> tuple[int, int]:
        """How many effects there are, and how many different ones."""
        connection_ = await asyncpg.connect(self._dsn)
        try:
            row = await connection_.fetchrow("SELECT count(*), count(DISTINCT id) FROM effect")
            return row[0], row[1]
        finally:
            await connection_.close()

    async def batches(self) -> int:
        """Sum of the sizes of all batches handled, repeated ones included."""
        connection_ = await asyncpg.connect(self._dsn)
        try:
            return await connection_.fetchval("SELECT coalesce(sum(size), 0) FROM batch")
        finally:
            await connection_.close()

    async def until(self, count: int, *, within: float) -> float:
        """Waits until so many effects are there; the seconds it took. Fails when they are not."""
        started = time.monotonic()
        while time.monotonic() - started < within:
            if (await self.effects())[1] >= count:
                return time.monotonic() - started
            await asyncio.sleep(0.05)
        raise AssertionError(f"{await self.effects()} of {count} effects after {within} s")

    async def letters(self, count: int, *, within: float = 10) -> list[dead.Dead]:
        """The dead letters, once there are so many."""
        name = topic_name(self.settings, DEAD)
        consumer = AIOKafkaConsumer(
            name, **connection(self.settings), auto_offset_reset="earliest", group_id=None
        )
        await consumer.start()
        found: list[dead.Dead] = []
        try:
            end = time.monotonic() + within
            while len(found) < count and time.monotonic() < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [dead.decode(r.value) for r in records]
        finally:
            await consumer.stop()
        assert len(found) >= count, f"{len(found)} dead letters of {count}"
        return found

    async def committed(self) -> dict[int, int]:
        """Committed offset per partition of the intake topic."""
        admin = AIOKafkaAdminClient(**connection(self.settings))
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(group_name(self.settings, GROUP))
        finally:
            await admin.close()
        return {place.partition: meta.offset for place, meta in offsets.items()}

    async def all_committed(self, *, within: float = 10) -> None:
        """Waits until everything on the intake topic is committed."""
        name = topic_name(self.settings, EVENTS)
        consumer = AIOKafkaConsumer(**connection(self.settings))
        await consumer.start()
        try:
            ends = await consumer.end_offsets(
                [TopicPartition(name, p) for p in range(EVENTS.partitions)]
            )
        finally:
            await consumer.stop()
        want = {place.partition: end for place, end in ends.items() if end}
        deadline = time.monotonic() + within
        while (found := await self.committed()) != want:
            assert time.monotonic() < deadline, f"committed {found}, written {want}"
            await asyncio.sleep(0.2)


async def ready(address: str, *, within: float = 20) -> None:
    """Waits until the worker says that it is ready."""
    async with httpx.AsyncClient() as client:
        end = time.monotonic() + within
        while time.monotonic() < end:
            try:
                if (await client.get(f"{address}/readyz")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.05)
    raise AssertionError(f"{address} is not ready after {within} s")


async def ended(process: subprocess.Popen[bytes], number: signal.Signals, *, within: float) -> int:
    """Sends the signal and waits for the end; the exit code."""
    process.send_signal(number)
    return await asyncio.to_thread(process.wait, within)
