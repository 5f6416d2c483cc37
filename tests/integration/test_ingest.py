"""The webhook door on a real broker: what was thanked for is there, nothing else is."""

import asyncio
import base64
import hashlib
import hmac
import signal
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from support.ingest import CONSUMER_SECRET, Ingest, mention, mention_id

from toog.contracts import dead, events
from toog.contracts.ids import partition_of
from toog.contracts.topics import DEAD, EVENTS, ROOM
from toog.contracts.wire import header
from toog.local.kafka import Kafka

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def ingest(kafka: Kafka, prefix: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with Ingest(kafka.bootstrap, prefix, tmp_path) as made:
        yield made


async def test_a_signed_webhook_is_a_record_with_id_key_headers_and_time(ingest: Ingest) -> None:
    answer = await ingest.post(mention(501), traceparent=TRACE)

    assert answer.status_code == 200
    (record,) = await ingest.records(EVENTS)
    event = events.decode(record.value)
    assert event.id == header(record.headers, "ce_id") == mention_id(501)
    assert record.key == b"x:1111111111111111111:77"
    assert record.partition == partition_of(record.key, EVENTS.partitions)
    assert record.timestamp == int(event.received_at.timestamp() * 1000)
    assert header(record.headers, "ce_type") == "social.event.v1"
    assert header(record.headers, "traceparent") == TRACE
    assert datetime.fromisoformat(header(record.headers, "ce_time") or "") == event.occurred_at
    assert await ingest.records(ROOM) == []


async def test_the_same_body_twice_is_two_records_with_one_id(ingest: Ingest) -> None:
    for _ in range(2):
        assert (await ingest.post(mention(502))).status_code == 200

    assert await ingest.ids() == [mention_id(502), mention_id(502)]


async def test_what_is_forged_is_401_and_what_is_unreadable_is_a_dead_letter(
    ingest: Ingest,
) -> None:
    forged = await ingest.post(mention(503), "guessed")
    unsigned = await ingest.http.post(ingest.webhook, content=mention(503))
    for _ in range(2):
        assert (await ingest.post(b"<html>\x00")).status_code == 200

    assert (forged.status_code, unsigned.status_code) == (401, 401)
    assert await ingest.ids() == []
    first, second = await ingest.records(DEAD)
    letter = dead.decode(first.value)
    assert (letter.stage, letter.bytes) == ("ingest", b"<html>\x00")
    assert header(first.headers, "ce_id") == header(second.headers, "ce_id")
    assert await ingest.metric('toog_ingest_unreadable_total{platform="x"}') == 2
    assert await ingest.metric('toog_ingest_rejected_total{reason="forged"}') == 2


async def test_the_challenge_is_answered(ingest: Ingest) -> None:
    answer = await ingest.http.get(ingest.webhook, params={"crc_token": "t0ken"})

    mac = hmac.new(CONSUMER_SECRET.encode(), b"t0ken", hashlib.sha256).digest()
    expected = f"sha256={base64.b64encode(mac).decode()}"
    assert (answer.status_code, answer.json()["response_token"]) == (200, expected)


async def test_without_a_secret_there_is_no_webhook(
    kafka: Kafka, prefix: str, tmp_path: Path
) -> None:
    async with Ingest(kafka.bootstrap, prefix, tmp_path, secrets="") as shut:
        posted = await shut.post(mention(504))
        asked = await shut.http.get(shut.webhook, params={"crc_token": "t"})

        assert (posted.status_code, asked.status_code) == (404, 404)
        assert await shut.ids() == []


async def test_while_the_broker_is_away_webhooks_are_503_and_after_its_return_200(
    ingest: Ingest, kafka: Kafka
) -> None:
    assert (await ingest.post(mention(505))).status_code == 200
    await asyncio.to_thread(kafka.stop)
    refused = await ingest.post(mention(506))
    alive = await ingest.probe("livez")
    ready = await ingest.probe("readyz")
    await asyncio.to_thread(kafka.start)
    async with asyncio.timeout(15):
        while (await ingest.post(mention(506))).status_code != 200:  # noqa: ASYNC110 - X tries again
            await asyncio.sleep(0.2)

    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert (alive, ready) == (200, 503)
    assert set(await ingest.ids()) == {mention_id(505), mention_id(506)}
    assert await ingest.probe("readyz") == 200


async def test_sigterm_under_load_loses_nothing_that_was_thanked_for(ingest: Ingest) -> None:
    thanked: list[int] = []

    async def citizen(numbers: range) -> None:
        for number in numbers:
            try:
                answer = await ingest.post(mention(number, author=str(number % 7)))
            except httpx.TransportError:
                return
            if answer.status_code == 200:
                thanked.append(number)

    citizens = [
        asyncio.create_task(citizen(range(start, start + 4000))) for start in range(0, 64_000, 4000)
    ]
    async with asyncio.timeout(15):
        while len(thanked) <= 100:  # noqa: ASYNC110 - the load is under way
            await asyncio.sleep(0.01)
    began = time.monotonic()
    code = await ingest.end(signal.SIGTERM)
    took = time.monotonic() - began
    await asyncio.gather(*citizens)

    assert (code, took < 10) == (0, True), ingest.log
    assert {mention_id(number) for number in thanked} <= set(await ingest.ids())


async def test_sigterm_while_the_broker_is_away_is_answered_in_time(
    ingest: Ingest, kafka: Kafka
) -> None:
    await asyncio.to_thread(kafka.stop)
    waiting = asyncio.create_task(ingest.post(mention(507)))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    code = await ingest.end(signal.SIGTERM)

    assert (code, time.monotonic() - began < 10) == (0, True), ingest.log
    assert (await waiting).status_code == 503


async def test_a_missing_topic_refuses_the_start_with_one_sentence(
    kafka: Kafka, prefix: str, tmp_path: Path
) -> None:
    unprepared = Ingest(kafka.bootstrap, prefix, tmp_path)
    with pytest.raises(AssertionError, match="run `toog topics` first"):
        await unprepared.start()

    assert await unprepared.ended() == 2
    await unprepared.http.aclose()
