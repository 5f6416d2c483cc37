"""The webhook door: who may enter, what is answered, and that thanks come after Kafka only."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.ingest import api
from services.ingest.api import keys_of, public_app, webhooks_of
from services.ingest.telemetry import IngestMetrics
from toog.contracts import dead, events
from toog.contracts.topics import DEAD, EVENTS
from toog.contracts.wire import header
from toog.kit.errors import UnavailableError
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Account, Accounts, SourceConfig
from toog.platforms.base import Parsed

SAMPLES = Path(__file__).parents[2] / "samples" / "x"
MENTION = (SAMPLES / "xaa_post_mention_create.json").read_bytes()
WEBHOOK = (SourceConfig("activity_webhook"),)
ONE = Account("x", "1111111111111111111", "StadPolDem", "http://x.example", source=WEBHOOK)
TWO = Account("x", "2222222222222222222", "StadPolDemVerkeer", "http://x.example", source=WEBHOOK)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Door:
    """The public listener over a Kafka that is played."""

    def __init__(self, secrets: dict[str, dict[str, str]]) -> None:
        self.written: list[Outgoing] = []
        self.away = False
        self.registry = CollectorRegistry()
        accounts = Accounts([ONE, TWO])
        self.stored: list[Parsed] = []
        webhooks = webhooks_of(
            accounts, secrets, self.put, IngestMetrics(self.registry), self.stored.append
        )
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(public_app(webhooks)), base_url="http://toog"
        )

    async def put(self, records: Sequence[Outgoing]) -> None:
        if self.away:
            raise UnavailableError("Kafka", 1.2)
        self.written += records

    async def post(self, body: bytes, secret: str = "one", **headers: str) -> httpx.Response:
        mac = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        signed = {"x-twitter-webhooks-signature": f"sha256={base64.b64encode(mac).decode()}"}
        return await self.http.post("/webhooks/x", content=body, headers=signed | headers)

    def counted(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def door() -> Door:
    return Door({ONE.name: {"consumer_secret": "one"}, TWO.name: {"consumer_secret": "two"}})


async def test_a_signed_body_is_written_and_thanked_for(door: Door) -> None:
    answer = await door.post(MENTION)

    assert answer.status_code == 200
    (record,) = door.written
    assert record.topic is EVENTS
    assert header(record.headers, "ce_id") == events.decode(record.value).id


@pytest.mark.parametrize("secret", ["one", "two"])
async def test_each_account_may_have_its_own_secret(door: Door, secret: str) -> None:
    assert (await door.post(b"{}", secret)).status_code == 200


async def test_a_wrong_signature_is_401_and_nothing_enters(door: Door) -> None:
    answer = await door.post(MENTION, "guessed")

    assert answer.status_code == 401
    assert door.written == []
    assert door.counted("toog_ingest_rejected_total", reason="forged") == 1


async def test_a_missing_signature_is_401_and_nothing_enters(door: Door) -> None:
    answer = await door.http.post("/webhooks/x", content=MENTION)

    assert answer.status_code == 401
    assert door.written == []


async def test_without_a_secret_the_path_does_not_exist() -> None:
    shut = Door({})

    assert (await shut.post(b"{}")).status_code == 404
    assert (await shut.http.get("/webhooks/x", params={"crc_token": "a"})).status_code == 404
    assert shut.written == []


async def test_a_secret_without_its_webhook_source_opens_nothing() -> None:
    accounts = Accounts([Account("x", "3", "StadPolDem", "http://x.example")])

    assert keys_of("x", accounts, {"x:3": {"consumer_secret": "three"}}) == []


async def test_accounts_of_one_app_share_a_secret_and_each_event_names_its_own() -> None:
    door = Door({ONE.name: {"consumer_secret": "one"}, TWO.name: {"consumer_secret": "one"}})

    await door.post(MENTION)
    await door.post(b'{"who": "is this for"}')

    mine, nobodys = (events.decode(record.value) for record in door.written)
    assert mine.account == ONE.id
    assert nobodys.kind == "signal"
    assert nobodys.account not in {ONE.id, TWO.id}


async def test_what_was_stored_is_told_and_what_was_not_is_not(door: Door) -> None:
    await door.post(MENTION)
    door.away = True
    await door.post(MENTION)

    (parsed,) = door.stored
    assert len(parsed.heard) == 1


@pytest.mark.parametrize("platform", ["facebook", "instagram"])
async def test_a_platform_without_an_account_has_no_door(door: Door, platform: str) -> None:
    assert (await door.http.post(f"/webhooks/{platform}", content=b"{}")).status_code == 404
    assert (await door.http.get(f"/webhooks/{platform}?hub.mode=subscribe")).status_code == 404


async def test_the_challenge_is_answered_with_the_secret(door: Door) -> None:
    answer = await door.http.get("/webhooks/x", params={"crc_token": "token"})

    mac = base64.b64encode(hmac.new(b"one", b"token", hashlib.sha256).digest()).decode()
    assert (answer.status_code, answer.json()) == (200, {"response_token": f"sha256={mac}"})


async def test_a_challenge_without_token_is_a_mistake(door: Door) -> None:
    assert (await door.http.get("/webhooks/x")).status_code == 400
    assert (await door.http.get("/webhooks/x?crc_token=")).status_code == 403


async def test_while_kafka_is_away_x_is_asked_to_come_again(door: Door) -> None:
    door.away = True

    answer = await door.post(MENTION)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert (
        door.counted("toog_ingest_events_total", platform="x", kind="created", door="own") is None
    )


async def test_an_unreadable_body_is_a_dead_letter_thanks_and_an_alert(door: Door) -> None:
    answer = await door.post(b"<html>", "one")

    assert answer.status_code == 200
    (record,) = door.written
    assert record.topic is DEAD
    assert dead.decode(record.value).bytes == b"<html>"
    assert door.counted("toog_ingest_unreadable_total", platform="x") == 1


async def test_a_body_that_is_too_large_is_refused_unread(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "BODY_BYTES", 10)

    async def unannounced() -> object:
        yield b"123456"
        yield b"789012"

    announced = await door.post(b"12345678901")
    streamed = await door.http.post("/webhooks/x", content=unannounced())

    assert (announced.status_code, streamed.status_code) == (413, 413)
    assert door.written == []


async def test_the_trace_from_outside_is_passed_on_and_an_invalid_one_is_not(door: Door) -> None:
    body = MENTION
    await door.post(body, traceparent=TRACE)
    await door.post(body, traceparent="not one")

    first, second = (header(record.headers, "traceparent") for record in door.written)
    assert first == TRACE
    assert second not in {None, TRACE, "not one"}


async def test_the_same_body_twice_gives_the_same_ids(door: Door) -> None:
    for _ in range(2):
        await door.post(MENTION)

    first, second = door.written
    assert header(first.headers, "ce_id") == header(second.headers, "ce_id")
    assert first.key == second.key
