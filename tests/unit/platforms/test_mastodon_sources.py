"""What to ask Mastodon next: the stream's address, the gap's pages, the cursor, the patience."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from toog.contracts.events import Event
from toog.platforms.accounts import Account, AccountsError, SourceConfig
from toog.platforms.base import Answer, Failure, NotConfiguredError
from toog.platforms.mastodon.sources import HashtagStream, UserStream, look_up, sources

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
    for kind in ("webhook", "hashtag"):
        with pytest.raises(AccountsError, match=kind):
            sources(account(kind), {"token": "geheim"})


@pytest.mark.parametrize(
    ("said", "used"),
    [
        (instance("wss://streaming.toot.example"), "https://streaming.toot.example"),
        (instance("https://toot.example/deep/"), "https://toot.example/deep"),
        (instance("ws://weak.example"), BASE),
        (instance("nonsense"), BASE),
        (answer({"configuration": None}), BASE),
        (answer(b"<html>"), BASE),
        (answer({}, 404), BASE),
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


def way(source: UserStream) -> str:
    return source.framing


def refuse(source: UserStream | HashtagStream, status: int) -> Failure:
    source.prepare(None)
    assert source.stream(None, NOW) is not None
    return source.failure(answer({}, status))


@pytest.mark.parametrize("status", [404, 405, 410, 426])
def test_a_server_without_one_way_is_asked_by_the_other(stream: UserStream, status: int) -> None:
    stream.prepare(instance("wss://streaming.toot.example"))

    assert refuse(stream, status) == "http"
    opened = stream.stream(None, NOW)

    assert opened is not None
    assert stream.framing == "websocket"
    assert opened.url == "wss://streaming.toot.example/api/v1/streaming?stream=user"
    assert opened.headers == {"Authorization": "Bearer geheim"}
    assert refuse(stream, 404) == "http"
    assert way(stream) == "sse"


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_other_trouble_changes_no_way(stream: UserStream, status: int) -> None:
    refuse(stream, status)

    assert stream.framing == "sse"


def test_a_page_that_is_missing_changes_no_way(stream: UserStream) -> None:
    stream.stream(None, NOW)
    stream.page(None)

    assert stream.failure(answer({}, 404)) == "refused"
    assert stream.framing == "sse"


def test_the_websocket_alone_where_accounts_say_so() -> None:
    (source,) = sources(account("user_websocket"), {"token": "geheim"})

    assert (source.key, source.framing) == ("mastodon:110:user_websocket", "websocket")
    opened = source.stream(None, NOW)
    assert opened is not None
    assert opened.url == "wss://toot.example/api/v1/streaming?stream=user"
    assert source.failure(answer({}, 404)) == "refused"
    assert source.framing == "websocket"


@pytest.mark.parametrize(
    ("frame", "taken", "cursor"),
    [
        ({"event": "notification", "payload": json.dumps({"id": "3", "type": "mention"})}, 1, "3"),
        ({"event": "notification", "payload": json.dumps({"id": "3", "type": "quote"})}, 1, "3"),
        ({"event": "notification", "payload": {"id": "3", "type": "mention"}}, 1, "3"),
        ({"event": "notification", "payload": json.dumps({"id": "3", "type": "poll"})}, 1, "2"),
        ({"event": "filters_changed"}, 0, "2"),
        ({"event": "delete", "payload": "5"}, 1, "2"),
        ({"error": "unknown"}, 1, "2"),
        ([], 1, "2"),
    ],
)
def test_frames_move_the_cursor_as_events_do(frame: Any, taken: int, cursor: str) -> None:
    (source,) = sources(account("user_websocket"), {"token": "geheim"})
    item = json.dumps(frame).encode()

    assert (item if taken else None, cursor) == source.read_item(item, "2", NOW)


@pytest.mark.parametrize(
    "item", [b"[" * 20_000, b'{"x":' + b"[" * 20_000, b"\xff", b"", b'{"event": 5}']
)
def test_an_odd_frame_is_handed_on(item: bytes) -> None:
    (source,) = sources(account("user_websocket"), {"token": "geheim"})

    assert (item or None, "2") == source.read_item(item, "2", NOW)


def room() -> HashtagStream:
    config = SourceConfig("hashtag", hashtags=("#Politie247",))
    ours = Account("mastodon", "110", "stadpoldem", BASE, source=(config,))
    (source,) = sources(ours, {"token": "geheim"})
    assert isinstance(source, HashtagStream)
    return source


def test_the_room_is_a_stream_for_each_hashtag() -> None:
    source = room()

    opened, page = source.stream(None, NOW), source.page("7")

    assert source.key == "mastodon:110:hashtag:politie247"
    assert opened is not None
    assert opened.url == f"{BASE}/api/v1/streaming/hashtag"
    assert opened.params == (("tag", "Politie247"),)
    assert page is not None
    assert page.url == f"{BASE}/api/v1/timelines/tag/Politie247"
    assert page.params == [("limit", "40"), ("min_id", "7")]
    refuse(source, 404)
    again = source.stream(None, NOW)
    assert again is not None
    assert again.url == "wss://toot.example/api/v1/streaming?stream=hashtag&tag=Politie247"


def test_what_the_room_brings_names_its_stream() -> None:
    source = room()
    assert source.read_item(b"event: filters_changed\ndata: undefined", "2", NOW) == (None, "2")
    for odd in (b"event: update\ndata: {", b"event: delete\ndata: 5"):
        assert source.read_item(odd, "2", NOW)[1] == "2"
    status = {"id": "9", "account": {"id": "220"}}
    frame = {"stream": ["hashtag", "Politie247"], "event": "update", "payload": json.dumps(status)}
    sse = b"event: update\ndata: " + json.dumps(status).encode() + b"\n"

    body, cursor = source.read_item(sse, "2", NOW)
    page = source.read_page(answer([status]), "2")
    source.framing = "websocket"
    unnamed, _ = source.read_item(json.dumps(frame | {"stream": None}).encode(), "2", NOW)

    assert body is not None
    assert unnamed == body
    assert [frame] == json.loads(body)
    assert cursor == "9"
    assert [frame] == [json.loads(item) for item in page.items]
    assert (page.cursor, page.more) == ("9", True)


def gotosocial_page() -> Answer:
    page = json.loads((SAMPLES / "made" / "gotosocial_notifications_page.json").read_bytes())
    return answer(page["json"], **page["headers"])


def test_ids_that_are_no_numbers_page_as_well(stream: UserStream) -> None:
    page = stream.read_page(gotosocial_page(), "01J9")

    assert (page.cursor, page.more) == ("01J9ZCC1B0Q2R4S6T8V0W2X4Y6", True)
    asked = stream.page(page.cursor)
    assert asked is not None
    assert ("min_id", "01J9ZCC1B0Q2R4S6T8V0W2X4Y6") in asked.params


def test_a_status_is_looked_up_by_its_id() -> None:
    at = datetime(2026, 9, 14, tzinfo=UTC)
    event = Event(
        id="m", kind="created", platform="mastodon", account="110", occurred_at=at,
        received_at=at, source="m", native="01J9/Z",
    )  # fmt: skip

    asked = look_up(event, account(), {"token": "geheim"})

    assert asked is not None
    assert asked.url == f"{BASE}/api/v1/statuses/01J9%2FZ"
    assert asked.headers == {"Authorization": "Bearer geheim"}
    with pytest.raises(NotConfiguredError):
        look_up(event, account(), {})
    unnamed = msgspec.structs.replace(event, native=None)
    assert look_up(unnamed, account(), {"token": "geheim"}) is None
