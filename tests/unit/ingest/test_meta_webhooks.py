"""Facebook and Instagram deliver by the same door as X, each with its own check and signature."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.api import public_app, webhooks_of
from services.ingest.telemetry import IngestMetrics
from toog.contracts import events
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Account, Accounts, SourceConfig

SAMPLES = Path(__file__).parents[2] / "samples"
WEBHOOK = (SourceConfig("webhook"),)
PAGE = Account("facebook", "1234567890321", "stadpoldem", "http://fb.example", source=WEBHOOK)
OTHER = Account("facebook", "12345654332", "stadpolverkeer", "http://fb.example", source=WEBHOOK)
INSTA = Account("instagram", "17841405309211844", "stadpoldem", "http://ig.example", source=WEBHOOK)
SECRETS = {
    PAGE.name: {"app_secret": "one", "verify_token": "v1", "page_token": "p1"},
    OTHER.name: {"app_secret": "two", "verify_token": "v2", "page_token": "p2"},
    INSTA.name: {"app_secret": "ig", "verify_token": "v3", "token": "t"},
}


class Doors:
    """The public listener with accounts on both platforms."""

    def __init__(self, secrets: dict[str, dict[str, str]] = SECRETS) -> None:
        self.written: list[Outgoing] = []
        metrics = IngestMetrics(CollectorRegistry())
        accounts = Accounts([PAGE, OTHER, INSTA])
        app = public_app(webhooks_of(accounts, secrets, self.put, metrics))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://toog")

    async def put(self, records: Sequence[Outgoing]) -> None:
        self.written += records

    async def post(self, platform: str, body: bytes, secret: str) -> int:
        mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={mac}"}
        answer = await self.http.post(f"/webhooks/{platform}", content=body, headers=headers)
        return answer.status_code

    async def ask(self, platform: str, token: str) -> httpx.Response:
        params = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"}
        return await self.http.get(f"/webhooks/{platform}", params=params)

    def accounts(self) -> list[str]:
        return [events.decode(record.value).account for record in self.written]


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.mark.parametrize(
    ("platform", "name", "secret", "account"),
    [
        ("facebook", "feed_comment_add", "one", PAGE.id),
        ("facebook", "messenger_text", "two", OTHER.id),
        ("instagram", "comment_flat_shape", "ig", INSTA.id),
        ("instagram", "story_reply", "ig", INSTA.id),
    ],
)
async def test_a_signed_body_is_written_for_its_account(
    doors: Doors, platform: str, name: str, secret: str, account: str
) -> None:
    body = (SAMPLES / platform / f"{name}.json").read_bytes()

    assert await doors.post(platform, body, secret) == 200
    assert doors.accounts() == [account]


async def test_a_batch_for_several_pages_is_told_apart(doors: Doors) -> None:
    one, two = (
        json.loads((SAMPLES / "facebook" / f"{name}.json").read_bytes())["entry"]
        for name in ("feed_comment_add", "messenger_text")
    )
    body = json.dumps({"object": "page", "entry": [*one, *two]}).encode()

    assert await doors.post("facebook", body, "one") == 200
    assert doors.accounts() == [PAGE.id, OTHER.id]


async def test_the_secret_of_the_other_platform_opens_nothing(doors: Doors) -> None:
    assert await doors.post("facebook", b"{}", "ig") == 401
    assert await doors.post("instagram", b"{}", "one") == 401
    assert doors.written == []


@pytest.mark.parametrize(
    ("platform", "token"), [("facebook", "v1"), ("facebook", "v2"), ("instagram", "v3")]
)
async def test_the_challenge_goes_back_to_who_knows_a_token(
    doors: Doors, platform: str, token: str
) -> None:
    answer = await doors.ask(platform, token)

    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("token", ["v3", "", "V1"])
async def test_another_token_gets_no_challenge(doors: Doors, token: str) -> None:
    answer = await doors.ask("facebook", token)

    assert answer.status_code == 403
    assert "1158201444" not in answer.text


async def test_without_secrets_the_paths_do_not_exist() -> None:
    shut = Doors({})

    assert await shut.post("facebook", b"{}", "one") == 404
    assert (await shut.ask("instagram", "v3")).status_code == 404
