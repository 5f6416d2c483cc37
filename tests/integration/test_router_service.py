"""Routers as processes on a real broker: nothing lost by a kill, and what they write is the contract."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from zlib import crc32

import asyncpg
import pytest
from pydantic import SecretStr
from support.crowd import PRESS, expected, policy, unreadable
from support.router import Flow
from support.watch import Record, letters

from services.responder.handlers import Intake
from toog.contracts import about, activity, events
from toog.contracts.events import Event
from toog.contracts.ids import digest, partition_of
from toog.contracts.ledger import LINES, PAGE_TYPE, Line
from toog.contracts.topics import DESK, DROPPED, EVENTS, record_of
from toog.contracts.verdicts import (
    AddressedReason,
    ContextReason,
    DroppedReason,
    Reason,
    Verdict,
)
from toog.contracts.wire import header
from toog.kit.postgres import open_pool
from toog.kit.settings import PostgresSettings
from toog.kit.stream.client import topic_name
from toog.kit.stream.valve import IN_A_ROW
from toog.local.kafka import Kafka

pytestmark = pytest.mark.timeout(90)

REASONS = {*get_args(AddressedReason), *get_args(ContextReason), *get_args(DroppedReason)}


@pytest.fixture
async def flow(kafka: Kafka, prefix: str, tmp_path: Path) -> AsyncIterator[Flow]:
    async with Flow(kafka.bootstrap, prefix, tmp_path) as made:
        yield made


async def taken_in(flow: Flow, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """The desk takes everything in, as the responder does: partition by partition, in batches."""
    intake = Intake(pool, topic_name(flow.settings, DESK))
    for partition in range(DESK.partitions):
        records = flow.watch.logs[DESK.name, partition]
        for begin in range(0, len(records), 500):
            assert not list(await intake(records[begin : begin + 500]))


async def test_a_killed_router_loses_nothing_and_the_desk_opens_each_case_once(
    flow: Flow, database: str
) -> None:
    first, _ = await flow.routers("router-1", "router-2")
    load = asyncio.create_task(flow.load(500, 4))
    await asyncio.sleep(1)
    await flow.send(flow.crowd.records(2_000))  # so that it has a batch in hand
    first.kill()
    first.start()
    await load
    await flow.caught_up()
    await flow.whole()

    messages = {
        event.of or event.id
        for record in flow.watch.intake.values()
        if (
            verdict := expected(record.topic.removeprefix(flow.settings.kafka_prefix), record.value)
        )
        and verdict.outcome == "addressed"
        and (event := events.decode(record.value or b""))
    }
    pool = await open_pool(PostgresSettings(postgres=SecretStr(database)), size=2)
    try:
        await taken_in(flow, pool)
        await taken_in(flow, pool)  # as after a kill of the responder
        stored = await pool.fetchrow(
            "SELECT sum(stored)::int, sum(stored + duplicates + applied)::int "
            "FROM responder.desk_progress"
        )
        opened = [
            told.case
            for row in await pool.fetch("SELECT value FROM responder.outbox")
            if (told := activity.decode(row["value"])).kind == "case_opened"
        ]
        cases = await pool.fetchval("SELECT count(*) FROM responder.cases")
    finally:
        await pool.close()

    assert tuple(stored or ()) == (len(messages), len(list(flow.watch.of(DESK))))
    assert len(opened) == len(set(opened)) == cases


def of_the_intake(flow: Flow, place: str) -> tuple[Record, Verdict, Event]:
    """The intake record at these coordinates, with what the rules say of it."""
    source = flow.watch.intake[place]
    verdict = expected(place.partition(":")[0], source.value)
    assert verdict is not None
    return source, verdict, events.decode(source.value or b"")


async def test_every_verdict_stands_on_the_wire_as_the_contract_says(flow: Flow) -> None:
    (router,) = await flow.routers("router-1")
    await flow.send([*flow.crowd.records(2_000), unreadable(3)])
    await flow.whole()
    reasons = {at_the_desk(flow, record) for record in flow.watch.of(DESK)}
    for record in flow.watch.of(DROPPED):
        reasons |= in_the_ledger(flow, record)

    assert reasons == REASONS - {"revived", "rejudged"}
    (letter,) = letters(flow.watch).values()
    assert (letter.stage, letter.bytes) == ("router", unreadable(3).value)
    assert await router.leave() == 0


def at_the_desk(flow: Flow, record: Record) -> Reason:
    place = header(record.headers, "ce_record") or ""
    source, verdict, event = of_the_intake(flow, place)
    assert (record.key, record.value, record.timestamp) == (
        source.key,
        source.value,
        source.timestamp,
    )
    assert tuple(record.headers[: len(source.headers)]) == tuple(source.headers)
    added = {name: value.decode() for name, value in record.headers[len(source.headers) :]}
    lane = {"ce_lane": verdict.lane} if verdict.lane else {}
    said = {"ce_outcome": verdict.outcome, "ce_reason": verdict.reason, "ce_record": place}
    assert {name: value for name, value in added.items() if name not in about.NAMES} == {
        **said,
        **lane,
        "ce_rules": policy().rules,
    }
    heard = about.heard(record.headers)
    if verdict.outcome == "context":
        assert heard == about.NOTHING
        return verdict.reason
    assert heard.kind is not None
    assert heard.sentiment is not None
    assert not heard.wrong
    assert heard.language == event.language or event.language is None
    by_press = event.author is not None and event.author.id == PRESS
    assert heard.tag == ("press" if by_press else None)
    return verdict.reason


def in_the_ledger(flow: Flow, record: Record) -> set[Reason]:
    page = json.loads(record.value or b"")
    place, lines = f"{page['topic']}:{page['partition']}", page["lines"]
    assert page.keys() == {"topic", "partition", "rules", "lines"}
    assert page["rules"] == policy().rules
    assert record.key == place.encode()
    assert 1 <= len(lines) <= LINES
    for line in lines:
        _as_the_contract_says(flow, f"{place}:{line['offset']}", line)
    assert record.timestamp == max(line["received_ms"] for line in lines)
    headers = {name: value.decode() for name, value in record.headers}
    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": f"{place}:{lines[0]['offset']}-{lines[-1]['offset']}",
        "ce_source": "/router",
        "ce_type": PAGE_TYPE,
        "ce_time": datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(),
    }
    return {line["reason"] for line in lines}


def _as_the_contract_says(flow: Flow, place: str, line: dict) -> None:
    source, verdict, event = of_the_intake(flow, place)
    assert (
        line.items()
        >= {
            "event": digest(event.id),
            "reason": verdict.reason,
            "platform": event.platform,
            "received_ms": source.timestamp,
        }.items()
    )
    assert set(line) <= set(Line.__struct_fields__)
    sampled = crc32(event.id.encode()) % 10 == 0 and verdict.reason not in {"signal", "own_post"}
    assert ("sentiment" in line) == sampled


async def test_a_series_that_stays_unreadable_is_set_aside_once_it_is_resumed(flow: Flow) -> None:
    (router,) = await flow.routers("router-1")
    key = b"x:1:broken"
    partition = partition_of(key, EVENTS.partitions)
    await flow.send([unreadable(n, key) for n in range(IN_A_ROW)])
    async with asyncio.timeout(20):
        while "valve" not in str(await router.ask("readyz")):  # noqa: ASYNC110 - a probe is polled
            await asyncio.sleep(0.05)
    await flow.send(flow.crowd.records(500))

    assert (await router.ask("livez"))[0] == 200
    assert await router.ask("resume", "POST") == (200, {"opened": [flow.at(partition)]})
    await flow.whole()
    assert set(letters(flow.watch)) == {
        record_of(EVENTS.name, partition, n) for n in range(IN_A_ROW)
    }
    assert (await router.ask("readyz"))[0] == 200
