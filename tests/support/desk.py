"""The desk under test: records as the router writes them, on a database of its own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from aiokafka.structs import ConsumerRecord
from pydantic import SecretStr

from services.responder.handlers import Intake
from toog.contracts import activity, events
from toog.contracts.events import Author, Event, Reference
from toog.contracts.ids import edit_id
from toog.contracts.verdicts import About
from toog.contracts.wire import about_headers
from toog.kit.postgres import open_pool
from toog.kit.settings import PostgresSettings
from toog.kit.stream.consume import Rejected

NOW = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
TOPIC = "social.desk.v1"
ACCOUNTS = {"x": "1111111111111111111", "mastodon": "110000000000000001"}

Record = ConsumerRecord


async def pool_of(dsn: str, size: int = 6) -> "asyncpg.Pool[asyncpg.Record]":
    return await open_pool(PostgresSettings(postgres=SecretStr(dsn)), size=size)


def said(
    native: str = "1",
    *,
    author: str | Author | None = "900",
    text: str = "Is de Meir afgesloten?",
    conversation: str | None = "c1",
    to: str | None = None,
    seconds: float = 0,
    platform: str = "x",
    **fields: Any,
) -> Event:
    """A message of a citizen; `to` is the event id that it answers."""
    at = NOW + timedelta(seconds=seconds)
    values = {
        "id": f"{platform}:a:post:{native}",
        "kind": "created",
        "platform": platform,
        "account": ACCOUNTS[platform],
        "occurred_at": at,
        "received_at": at + timedelta(seconds=1),
        "source": "test",
        "native": native,
        "surface": "post",
        "conversation": conversation,
        "author": Author(author, f"burger{author}", "Burger")
        if isinstance(author, str)
        else author,
        "text": text,
        "language": "nl",
        "in_reply_to": Reference(to) if to else None,
    }
    return Event(**{**values, **fields})


def edited(of: Event, text: str, revision: str) -> Event:
    return said(
        of.native or "",
        text=text,
        id=edit_id(of.id, revision),
        of=of.id,
        kind="edited",
        revision=revision,
        conversation=of.conversation,
        author=of.author,
    )


def deleted(of: Event) -> Event:
    return said(
        of.native or "",
        text="",
        id=f"{of.id}:deleted",
        of=of.id,
        kind="deleted",
        author=None,
        conversation=None,
    )


class Log:
    """One partition of the desk topic: every record gets the next offset."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        self.end = 0

    def put(self, value: Event | bytes, headers: dict[str, str] | None = None) -> Record:
        body = value if isinstance(value, bytes) else events.encode(value)
        record = ConsumerRecord(
            topic=TOPIC,
            partition=self.partition,
            offset=self.end,
            timestamp=int(NOW.timestamp() * 1000),
            timestamp_type=0,
            key=b"x:a:900",
            value=body,
            checksum=None,
            serialized_key_size=7,
            serialized_value_size=len(body),
            headers=tuple((k, v.encode()) for k, v in (headers or {}).items()),
        )
        self.end += 1
        return record

    def addressed(
        self, event: Event | bytes, lane: str = "mention", about: About | None = None
    ) -> Record:
        headers = {"ce_outcome": "addressed", "ce_reason": "mention", "ce_lane": lane}
        said = {name: value.decode() for name, value in about_headers(about)} if about else {}
        return self.put(event, {**headers, "ce_rules": "test", "ce_record": "r:0:0", **said})

    def context(self, event: Event, reason: str) -> Record:
        return self.put(event, {"ce_outcome": "context", "ce_reason": reason, "ce_rules": "test"})


class World:
    """A database, an intake on it, and ways to look at what became of things."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.pool = pool
        self.log = Log()
        self.intake = Intake(pool, TOPIC)

    async def take(self, *records: Record) -> list[Rejected]:
        """As the kit would: a batch that a record spoils is halved until it stands alone."""
        try:
            return list(await self.intake(records))
        except (ValueError, asyncpg.DataError):
            if len(records) == 1:
                raise
            half = len(records) // 2
            return [*await self.take(*records[:half]), *await self.take(*records[half:])]

    async def addressed(self, *events: Event, lane: str = "mention") -> list[Rejected]:
        return await self.take(*(self.log.addressed(event, lane) for event in events))

    async def rows(self, table: str) -> Sequence[asyncpg.Record]:
        return await self.pool.fetch(f"SELECT * FROM responder.{table} ORDER BY 1")

    async def one(self, table: str) -> asyncpg.Record:
        (row,) = await self.rows(table)
        return row

    async def told(self) -> list[activity.Activity]:
        """The outbox, in order."""
        return [activity.decode(row["value"]) for row in await self.rows("outbox")]

    async def kinds(self) -> list[str]:
        return [a.kind for a in await self.told() if a.kind != "desk_progress"]

    async def counts(self) -> tuple[int, int, int]:
        """Stored, duplicates, applied: as kept, and held against what was told."""
        kept = await self.pool.fetchrow(
            "SELECT sum(stored)::int, sum(duplicates)::int, sum(applied)::int "
            "FROM responder.desk_progress"
        )
        told = [a.progress for a in await self.told() if a.progress is not None]
        figures = (
            sum(p.stored for p in told),
            sum(p.duplicates for p in told),
            sum(p.applied for p in told),
        )
        assert figures == tuple(kept or ())
        return figures
