"""A router and a desk played by hand: intake records, verdicts, commits and activities, one by one."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import httpx
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition
from pydantic import SecretStr

from services.metrics.app import serve
from services.metrics.handlers import READ
from services.metrics.settings import Settings
from toog.contracts import activity, ledger
from toog.contracts.activity import Activity, Progress
from toog.contracts.ids import partition_of
from toog.contracts.ledger import Line, Page
from toog.contracts.topics import (
    ACTIVITY,
    DESK,
    DROPPED,
    EVENTS,
    RESPONDER_GROUP,
    ROUTER_EVENTS_GROUP,
    Topic,
    record_of,
)
from toog.contracts.verdicts import About, DroppedReason, Lane, MessageKind, Verdict
from toog.contracts.wire import about_headers, verdict_headers
from toog.kit import access
from toog.kit.postgres import connect, open_pool
from toog.kit.stream import dead
from toog.kit.stream.client import connection, group_name, topic_name
from toog.kit.stream.produce import Outgoing, Producer
from toog.kit.stream.topics import ensure_topics
from toog.local.ports import free_port

KEY = b"x:1:7"
INTAKE = partition_of(KEY, EVENTS.partitions)
AT_DESK = partition_of(KEY, DESK.partitions)


def received() -> datetime:
    """The receipt of the intake records that something is said of now."""
    return datetime.now(UTC)


def place(offset: int) -> str:
    """The coordinates of an intake record of ours: all have one key, so one partition."""
    return record_of(EVENTS.name, INTAKE, offset)


def addressed(offset: int, lane: Lane = "mention", **extra: bytes) -> Outgoing:
    """The router's verdict: to the desk."""
    headers = verdict_headers(Verdict("addressed", "mention", lane), "1", place(offset))
    return written(DESK, b"{}", [*headers, *extra.items()])


def about(kind: MessageKind, sentiment: float, language: str | None = "nl") -> dict[str, bytes]:
    """What else the router says of an addressed message, for `addressed(…, **about(…))`."""
    return dict(about_headers(About(kind, language, sentiment)))


def context(offset: int) -> Outgoing:
    """The router's verdict: belongs to a conversation."""
    headers = verdict_headers(Verdict("context", "deletion"), "1", place(offset))
    return written(DESK, b"{}", headers)


def dropped(
    offset: int, reason: DroppedReason = "hashtag_only", sentiment: float | None = None
) -> Outgoing:
    """The router's verdict: a line of the ledger; with a sentiment where it is of the sample."""
    return page((offset, reason, sentiment))


def page(*lines: tuple[int, DroppedReason, float | None]) -> Outgoing:
    """A page of the ledger: offset, reason and sentiment of each line, received now."""
    at = received()
    written_lines = [
        Line(offset, "h", reason, "x", at, _ms(at), sentiment=sentiment)
        for offset, reason, sentiment in lines
    ]
    return written(DROPPED, ledger.encode(Page(EVENTS.name, INTAKE, "1", written_lines)))


def letter(stage: str, record: str) -> Outgoing:
    """A dead letter of this stage."""
    return dead.letter(
        stage=stage,
        record=record,
        key=f"dead:{stage}:{record}",
        error="ValueError",
        body=b"?",
        now=received(),
        source_partition=record.rpartition(":")[0],
    )


def progress(first: int, last: int, **counts: int) -> Outgoing:
    """The desk took a batch in."""
    told = Progress(
        partition=AT_DESK,
        first=first,
        last=last,
        **{"stored": 0, "duplicates": 0, "applied": 0, **counts},
    )
    return happened(f"desk:{AT_DESK}:{first}-{last}", "desk_progress", progress=told)


def happened(id_: str, kind: activity.ActivityKind, **fields: object) -> Outgoing:
    """An activity."""
    one = Activity(id=id_, kind=kind, at=datetime.now(UTC), **fields)
    return written(ACTIVITY, activity.encode(one))


def written(
    topic: Topic, value: bytes, headers: Iterable[tuple[str, bytes]] = (), key: bytes = KEY
) -> Outgoing:
    """A record with the key and the receipt that all have here."""
    return Outgoing(topic, key, value, list(headers), _ms(received()))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


class Ledger:
    """Topics under a prefix and a database of their own; the service is started on them at will."""

    def __init__(self, bootstrap: str, prefix: str, dsn: str) -> None:
        self.settings = Settings(
            kafka=bootstrap,
            kafka_prefix=prefix,
            postgres=SecretStr(dsn),
            instance="metrics-1",
            internal_bind=f"127.0.0.1:{free_port()}",
            dependency_wait_s=10,
        )
        self.producer = Producer(self.settings)
        self.http = httpx.AsyncClient(
            base_url=f"http://{self.settings.internal_bind}", trust_env=False, timeout=10
        )
        self._bearer = ""

    @contextlib.asynccontextmanager
    async def played(self) -> AsyncIterator["Ledger"]:
        """Everything there for the block."""
        await ensure_topics(self.settings)
        self._bearer = await self.token("figures")
        await self.producer.start()
        try:
            yield self
        finally:
            await self.producer.stop()
            await self.http.aclose()

    @contextlib.asynccontextmanager
    async def service(self) -> AsyncIterator[None]:
        """The service, ready, for the block."""
        task = asyncio.create_task(serve(self.settings))
        try:
            await self._until_ready(task.done)
            if task.done():
                await task
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def process(self, folder: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
        """The service as a process of its own, ready, for the block; its log in the folder."""
        environment = os.environ | {
            "TOOG_KAFKA": self.settings.kafka,
            "TOOG_KAFKA_PREFIX": self.settings.kafka_prefix,
            "TOOG_POSTGRES": self.settings.postgres.get_secret_value(),
            "TOOG_INSTANCE": self.settings.instance,
            "TOOG_INTERNAL_BIND": self.settings.internal_bind,
        }
        with (folder / "metrics.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: ASYNC220 - a fork does not wait
                [sys.executable, "-m", "services.metrics"],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )
        try:
            await self._until_ready(lambda: process.poll() is not None)
            yield process
        finally:
            process.kill()
            process.wait()

    async def _until_ready(self, ended: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not ended() and not await self._ready():  # noqa: ASYNC110 - a probe is polled
                await asyncio.sleep(0.05)

    async def _ready(self) -> bool:
        try:
            return (await self.http.get("/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    async def token(self, scope: access.Scope) -> str:
        """A token with this scope."""
        pool = await open_pool(self.settings, size=1)
        try:
            return await access.create(pool, "tester", {scope})
        finally:
            await pool.close()

    async def written_so_far(self) -> list[ConsumerRecord]:
        """What stands on the topics that metrics reads."""
        consumer = AIOKafkaConsumer(
            *(topic_name(self.settings, topic) for topic in READ),
            **connection(self.settings),
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[ConsumerRecord] = []
            while len(found) < sum(ends.values()):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
            return found
        finally:
            await consumer.stop()

    async def say(self, *records: Outgoing) -> None:
        """Writes these records."""
        await self.producer.send(records)

    async def received(self, count: int) -> None:
        """Writes so many intake records."""
        await self.say(*(written(EVENTS, b"{}") for _ in range(count)))

    async def committed(self, offset: int) -> None:
        """The router has read up to here."""
        await self._commit(ROUTER_EVENTS_GROUP, EVENTS, INTAKE, offset)

    async def desk_committed(self, offset: int) -> None:
        """The responder has read up to here."""
        await self._commit(RESPONDER_GROUP, DESK, AT_DESK, offset)

    async def _commit(self, group: str, topic: Topic, partition: int, offset: int) -> None:
        consumer = AIOKafkaConsumer(
            **connection(self.settings),
            group_id=group_name(self.settings, group),
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            at = TopicPartition(topic_name(self.settings, topic), partition)
            consumer.assign([at])
            await consumer.commit({at: OffsetAndMetadata(offset, "")})
        finally:
            await consumer.stop()

    async def expired(self, before: int) -> None:
        """Retention has taken the intake records before this offset."""
        admin = AIOKafkaAdminClient(**connection(self.settings))
        await admin.start()
        try:
            at = TopicPartition(topic_name(self.settings, EVENTS), INTAKE)
            await admin.delete_records({at: RecordsToDelete(before_offset=before)})
        finally:
            await admin.close()

    async def get(self, path: str, **params: object) -> httpx.Response:
        """An answer of the API, with a token that may see figures."""
        headers = {"Authorization": f"Bearer {self._bearer}"}
        return await self.http.get(path, params=params, headers=headers)

    async def balance(self) -> dict:
        """The balance of a round that began after this was asked: the second one to end from now."""
        want = await self._rounds() + 2
        async with asyncio.timeout(15):
            while await self._rounds() < want:  # noqa: ASYNC110 - a figure is polled
                await asyncio.sleep(0.05)
        answer = await self.get("/api/v1/balance")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def _rounds(self) -> float:
        return (await self.metrics()).get('toog_balance_rounds_total{result="done"}', 0.0)

    async def metrics(self) -> dict[str, float]:
        """What `/metrics` shows: sample with labels → value."""
        page = (await self.http.get("/metrics")).text
        lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
        return {sample: float(value) for sample, _, value in lines}

    async def counted(self, sample: str, count: float) -> dict[str, float]:
        """What `/metrics` shows, once this sample has come so far."""
        async with asyncio.timeout(15):
            while (shown := await self.metrics()).get(sample, 0) < count:  # noqa: ASYNC110 - a figure is polled
                await asyncio.sleep(0.05)
            return shown

    async def sql(self, statement: str, *values: object) -> list[tuple]:
        """What the database answers."""
        wire = await connect(self.settings)
        try:
            return [tuple(row) for row in await wire.fetch(statement, *values)]
        finally:
            await wire.close()
