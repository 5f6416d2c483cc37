"""What to ask Mastodon next: the stream's address, the gap's pages, the cursor, the patience."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from toog.platforms.accounts import Account, AccountsError, SourceConfig
from toog.platforms.base import Answer, Failure, NotConfiguredError
from toog.platforms.mastodon.sources import UserStream, sources

SAMPLES = Path(__file__).parents[2] / "samples" / "mastodon"
NOW = datetime(2026, 8, 1, 13, 54, tzinfo=UTC)
BASE = "https://toot.example"


def account(*kinds: str) -> Account:
    return Account("mastodon", "110", "stadpoldem", BASE, source=tuple(map(SourceConfig, kinds)))


@pytest.fixture
def stream() -> UserStream:
    return UserStream(account(), "geheim")


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, headers, data)


def instance(streaming: str) -> Answer:
    return answer({"configuration": {"urls": {"streaming": streaming}}})


def recorded_page() -> Answer:
    page = json.loads((SAMPLES / "notifications_mention_page.json").read_bytes())
    return answer(page["json"], **page["headers"])


def test_sources_come_from_the_accounts_own_list() -> None:
    (one,) = sources(account("user_stream"), {"token": "geheim"})

    assert (one.key, one.framing) == ("mastodon:110:user_stream", "sse")
    assert sources(account(), {}) == ()


def test_a_source_without_token_or_meaning_is_refused() -> None:
    with pytest.raises(NotConfiguredError):
        sources(account("user_stream"), {})
    with pytest.raises(AccountsError, match="user_stream"):
        sources(account("webhook"), {"token": "geheim"})


@pytest.mark.parametrize(
    ("said", "used"),
    [
        (instance("wss://streaming.toot.example"), "https://streaming.toot.example"),
        (instance("https://toot.example/deep/"), "https://toot.example/deep"),
        (instance("ws://weak.example"), BASE),
        (instance("nonsense"), BASE),
        (answer({"configuration": None}), BASE),
        (answer(b"<html>"), BASE),
        (answer({}, 503), BASE),
    ],
)
def test_the_stream_is_where_the_instance_says(stream: UserStream, said: Answer, used: str) -> None:
    asked = stream.prepare(None)
    assert asked is not None
    assert f"{BASE}/api/v2/instance" == asked.url

    assert stream.prepare(said) is None
    opened = stream.stream("20", NOW)

    assert opened is not None
    assert f"{used}/api/v1/streaming/user" == opened.url
    assert opened.headers["Authorization"] == "Bearer geheim"


@pytest.mark.parametrize("cursor", [None, "20"])
def test_a_page_asks_for_mentions_after_the_cursor(stream: UserStream, cursor: str | None) -> None:
    asked = stream.page(cursor)

    assert asked is not None
    usual = [("types[]", "mention"), ("types[]", "quote"), ("include_filtered", "true")]
    usual.append(("limit", "80"))
    assert usual + ([("min_id", cursor)] if cursor else []) == asked.params


def test_the_recorded_page_moves_the_cursor(stream: UserStream) -> None:
    page = stream.read_page(recorded_page(), "11")

    assert (page.cursor, page.more) == ("20", True)
    assert [json.loads(item)["id"] for item in page.items] == ["20"]


def test_a_fresh_desk_takes_one_page(stream: UserStream) -> None:
    page = stream.read_page(recorded_page(), None)

    assert (page.cursor, page.more, len(page.items)) == ("20", False, 1)


def test_items_are_oldest_first_and_the_newest_id_serves_without_links(stream: UserStream) -> None:
    told = [{"id": id_, "type": "mention"} for id_ in ("zz", "b", "a")]
    page = stream.read_page(answer(told), "a")

    assert [json.loads(item)["id"] for item in page.items] == ["a", "b", "zz"]
    assert (page.cursor, page.more) == ("zz", True)


def test_an_empty_page_ends_it(stream: UserStream) -> None:
    page = stream.read_page(answer([]), "20")

    assert (page.items, page.cursor, page.more) == ((), "20", False)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"\xff", b"[" * 20_000])
def test_a_body_that_is_no_page_is_handed_on_and_asked_no_further(
    stream: UserStream, body: bytes
) -> None:
    page = stream.read_page(answer(body), "20")

    assert ((body,), "20", False) == (page.items, page.cursor, page.more)


def test_a_cursor_that_stands_still_ends_it(stream: UserStream) -> None:
    assert not stream.read_page(recorded_page(), "20").more


MENTION = b'event: notification\ndata: {"id":"31","type":"mention"}\n\n'


@pytest.mark.parametrize(
    ("item", "body", "cursor"),
    [
        (b":thump\n", None, "20"),
        (b"event: filters_changed\ndata: undefined\n\n", None, "20"),
        (MENTION, MENTION, "31"),
        (b"event: delete\ndata: 5\n\n", b"event: delete\ndata: 5\n\n", "20"),
        (
            b'event: notification\ndata: {"id":"32","type":"follow"}\n',
            b'event: notification\ndata: {"id":"32","type":"follow"}\n',
            "20",
        ),
        (b"event: notification\ndata: {\n", b"event: notification\ndata: {\n", "20"),
    ],
)
def test_only_a_mention_moves_the_cursor(
    stream: UserStream, item: bytes, body: bytes | None, cursor: str
) -> None:
    assert (body, cursor) == stream.read_item(item, "20", NOW)


@pytest.mark.parametrize(
    ("status", "failure"),
    [(429, "rate_limited"), (401, "refused"), (404, "refused"), (500, "http"), (503, "http")],
)
def test_failures_are_told_apart(stream: UserStream, status: int, failure: Failure) -> None:
    assert failure == stream.failure(answer({}, status))


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (6, 32), (7, 60), (5000, 60)])
@pytest.mark.parametrize("failure", ["network", "http"])
def test_patience_doubles_to_a_minute(
    stream: UserStream, failure: Failure, attempt: int, seconds: float
) -> None:
    assert seconds == stream.backoff_s(failure, attempt, None, NOW)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("2026-08-01T13:55:00.248623Z", 60.248623),
        ("2026-08-01T13:55:00", 60),
        ("2026-08-01T13:00:00Z", 1),
        ("2026-08-02T13:00:00Z", 900),
        ("soon", 60),
    ],
)
def test_a_limit_is_waited_out(stream: UserStream, reset: str, seconds: float) -> None:
    limited = answer({}, 429, **{"x-ratelimit-reset": reset})

    assert seconds == pytest.approx(stream.backoff_s("rate_limited", 1, limited, NOW))
    assert stream.backoff_s("rate_limited", 1, None, NOW) == 60
    assert stream.backoff_s("refused", 1, limited, NOW) == 60
