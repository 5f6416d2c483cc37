"""What a page asks Graph for, round by round, and how patiently; driven against the played Graph."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from toog.platforms.accounts import Account, Accounts, AccountsError, SourceConfig
from toog.platforms.base import Answer, NotConfiguredError, Request
from toog.platforms.facebook import incoming, sources
from toog.platforms.facebook.sandbox import FacebookSandbox
from toog.platforms.facebook.sources import COMMENTS, CONVERSATIONS, Paging
from toog.platforms.playing import Act, Citizen, Ledger

NOW = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
US = Account(
    "facebook",
    "1234",
    "stadpoldem",
    "http://graph",
    (),
    (SourceConfig("webhook"), SourceConfig(COMMENTS), SourceConfig(CONVERSATIONS)),
)
SECRETS = {"app_secret": "geheim", "verify_token": "teken", "page_token": "schrijver"}
AN = Citizen("6101", "an", "An Verzonnen")
BO = Citizen("6102", "bo", "Bo Verzonnen")


@dataclass
class Desk:
    """One source on a played page, asked as the loop in ingest asks it."""

    played: FacebookSandbox
    http: httpx.AsyncClient
    source: Paging
    cursor: str | None = None
    asked: list[str] = field(default_factory=list)

    async def round(self) -> list[str]:
        """All texts of one round, in the order in which they were told."""
        texts: list[str] = []
        for _ in range(500):
            request = self.source.page(self.cursor)
            assert request is not None
            answer = await self.ask(request)
            assert answer.status == 200, answer.body
            page = self.source.read_page(answer, self.cursor)
            self.cursor = page.cursor
            for item in page.items:
                parsed = incoming.parse(
                    item, accounts=Accounts([US]), account=US, source="t", now=NOW
                )
                assert parsed.unreadable == ()
                texts += [heard.event.text for heard in parsed.heard]
            if not page.more:
                return texts
        pytest.fail("a round without end")

    async def ask(self, request: Request) -> Answer:
        self.asked.append(request.url)
        got = await self.http.get(
            request.url, params=list(request.params), headers=dict(request.headers)
        )
        return Answer(got.status_code, {k.lower(): v for k, v in got.headers.items()}, got.content)


@pytest.fixture
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    played = FacebookSandbox(US, SECRETS, webhook_url=None, ledger=Ledger(), seed=1)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(played.app()), base_url="http://graph"
    ) as http:
        yield Desk(played, http, Paging(US, request.param, "schrijver"))


def clock(monkeypatch: pytest.MonkeyPatch, at: float) -> None:
    monkeypatch.setattr("toog.platforms.facebook.sandbox.world.time.time", lambda: at)


@pytest.mark.parametrize("desk", [COMMENTS], indirect=True)
async def test_comments_and_visitor_posts_since_the_last_round(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = NOW.timestamp()
    clock(monkeypatch, began - 86_400)
    quiet = await desk.played.act(Act("own_post", AN, "gisteren"))
    await desk.played.act(Act("reply", AN, "oude reactie", target=quiet))
    clock(monkeypatch, began)
    ours = await desk.played.act(Act("own_post", AN, "vandaag"))
    first = await desk.played.act(Act("reply", AN, "eerste", target=ours))

    assert await desk.round() == ["vandaag", "eerste"]

    clock(monkeypatch, began + 300)
    await desk.played.act(Act("reply", BO, "tweede", target=first))
    await desk.played.act(Act("reply", BO, "late reactie", target=quiet))
    await desk.played.act(Act("visitor_post", BO, "glas op de brug"))
    texts = await desk.round()

    assert sorted(texts) == ["eerste", "glas op de brug", "late reactie", "tweede", "vandaag"]
    again = await desk.round()
    assert sorted(again) == ["glas op de brug", "late reactie", "tweede"]


@pytest.mark.parametrize("desk", [COMMENTS], indirect=True)
async def test_many_comments_come_page_by_page(desk: Desk) -> None:
    ours = await desk.played.act(Act("own_post", AN, "vandaag"))
    said = [f"reactie {n}" for n in range(250)]
    for text in said:
        await desk.played.act(Act("reply", AN, text, target=ours))

    texts = await desk.round()

    assert sorted(texts) == sorted(["vandaag", *said])
    assert len(desk.asked) == 4


@pytest.mark.parametrize("desk", [CONVERSATIONS], indirect=True)
async def test_messages_of_all_conversations(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock(monkeypatch, NOW.timestamp())
    for n in range(130):
        citizen = Citizen(f"62{n:04}", "x", f"Iemand {n}")
        await desk.played.act(Act("dm", citizen, f"vraag {n}"))

    assert sorted(await desk.round()) == sorted(f"vraag {n}" for n in range(130))
    assert sum(url.endswith("/conversations") for url in desk.asked) == 2

    clock(monkeypatch, NOW.timestamp() + 300)
    await desk.played.act(Act("dm", AN, "nieuw"))
    assert "nieuw" in await desk.round()
    assert await desk.round() == ["nieuw"]


@pytest.mark.parametrize("desk", [COMMENTS], indirect=True)
async def test_a_post_that_is_gone_is_left_out(desk: Desk) -> None:
    gone = await desk.played.act(Act("visitor_post", AN, "weg"))
    ours = await desk.played.act(Act("own_post", AN, "vandaag"))
    await desk.played.act(Act("reply", AN, "hallo", target=ours))
    listing = desk.source.page(None)
    assert listing is not None
    desk.cursor = desk.source.read_page(await desk.ask(listing), None).cursor
    await desk.played.act(Act("delete", AN, target=gone))
    for _ in range(2):
        request = desk.source.page(desk.cursor)
        assert request is not None
        answer = await desk.ask(request)
        if answer.status != 200:
            assert desk.source.failure(answer) == "http"
        else:
            desk.cursor = desk.source.read_page(answer, desk.cursor).cursor

    assert "weg" not in await desk.round()


@pytest.mark.parametrize("desk", [COMMENTS], indirect=True)
async def test_a_busy_page_is_asked_more_slowly(desk: Desk) -> None:
    ours = await desk.played.act(Act("own_post", AN, "vandaag"))
    await desk.played.act(Act("reply", AN, "hallo", target=ours))
    request = desk.source.page(None)
    assert request is not None
    answer = await desk.ask(request)
    usage = {"x-app-usage": '{"call_count":81,"total_cputime":1,"total_time":1}'}

    page = desk.source.read_page(Answer(200, usage, answer.body), None)

    assert not page.more
    assert desk.source.silence_s == 600.0
    desk.cursor = page.cursor
    assert await desk.round() == ["hallo"]
    assert desk.source.silence_s == 60.0


class TestPatience:
    SOURCE = Paging(US, COMMENTS, "schrijver")

    def answer(self, code: int, minutes: int = 0, status: int = 400) -> Answer:
        case: dict[str, Any] = {"estimated_time_to_regain_access": minutes}
        headers = {"x-business-use-case-usage": json.dumps({"1": [case]})} if minutes else {}
        return Answer(status, headers, json.dumps({"error": {"code": code}}).encode())

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            (4, "rate_limited"),
            (80001, "rate_limited"),
            (190, "refused"),
            (200, "refused"),
            (100, "refused"),
            (1, "http"),
            (2, "http"),
        ],
    )
    def test_failures_by_code(self, code: int, expected: str) -> None:
        assert Paging(US, COMMENTS, "x").failure(self.answer(code)) == expected
        assert self.SOURCE.failure(Answer(429, {}, b"")) == "rate_limited"
        assert self.SOURCE.failure(Answer(502, {}, b"<html>")) == "http"

    def test_waits(self) -> None:
        backoff = self.SOURCE.backoff_s

        assert backoff("rate_limited", 1, self.answer(4), NOW) == 60
        assert backoff("rate_limited", 3, None, NOW) == 240
        assert backoff("rate_limited", 1, self.answer(4, minutes=5), NOW) == 300
        assert backoff("rate_limited", 9, self.answer(4, minutes=500), NOW) == 900
        assert backoff("refused", 1, self.answer(190), NOW) == 300
        assert [backoff("http", n, None, NOW) for n in (1, 2, 99)] == [5, 10, 300]
        assert [backoff("network", n, None, NOW) for n in (1, 2, 99)] == [1, 2, 60]


def test_the_sources_of_a_page() -> None:
    assert [one.key for one in sources.sources(US, SECRETS)] == [
        "facebook:1234:comments",
        "facebook:1234:conversations",
    ]
    with pytest.raises(NotConfiguredError):
        sources.sources(US, {"app_secret": "geheim"})
    odd = Account("facebook", "1", "x", "http://graph", (), (SourceConfig("stream"),))
    with pytest.raises(AccountsError, match="'stream'"):
        sources.sources(odd, SECRETS)
    webhook = Account("facebook", "1", "x", "http://graph", (), (SourceConfig("webhook"),))
    assert sources.sources(webhook, {}) == ()


def test_there_is_no_stream_and_an_odd_cursor_begins_anew() -> None:
    source = Paging(US, COMMENTS, "schrijver")

    assert source.prepare(None) is None
    assert source.stream(None, NOW) is None
    assert source.read_item(b"x", "c", NOW) == (None, "c")
    for odd in ("x", "[]", '{"left":7}', "null"):
        assert source.page(odd) == source.page(None)
    request = source.page(None)
    assert request is not None
    assert request.url == "http://graph/v25.0/1234/feed"
    assert request.headers == {"authorization": "Bearer schrijver"}


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"data":7}', b'{"error":{"code":1}}'])
def test_an_odd_page_is_handed_on_whole(body: bytes) -> None:
    page = Paging(US, COMMENTS, "schrijver").read_page(Answer(200, {}, body), None)

    assert (page.items, page.more) == ((body,), False)
