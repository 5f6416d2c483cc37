"""The filtered stream: rules set, opened and resumed, cursor, and how long to wait."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from toog.platforms.accounts import Account, AccountsError, SourceConfig
from toog.platforms.base import Answer, Failure, NotConfiguredError, Source
from toog.platforms.x import sources

SAMPLES = Path(__file__).parents[2] / "samples" / "x"
NOW = datetime(2026, 9, 14, 20, 30, tzinfo=UTC)
OWN = {"value": "(@StadPolDem OR to:StadPolDem) -from:StadPolDem -is:retweet", "tag": "own"}
ROOM = {"value": "#politie247", "tag": "room:politie247"}


def account(*config: SourceConfig) -> Account:
    return Account("x", "1111", "StadPolDem", "http://127.0.0.1:9/x", source=config)


def stream() -> Source:
    (source,) = sources.sources(
        account(SourceConfig("stream", ("politie247",))), {"bearer": "lezer"}
    )
    return source


def rules(*present: dict[str, str]) -> Answer:
    data = [{"id": str(n), **rule} for n, rule in enumerate(present, 1)]
    body = {"data": data, "meta": {"result_count": len(data)}} if data else {"meta": {}}
    return Answer(200, {}, json.dumps(body).encode())


def ago(**since: float) -> str:
    return (NOW - timedelta(**since)).isoformat()


def test_an_account_without_stream_has_no_source() -> None:
    assert sources.sources(account(SourceConfig("activity_webhook")), {}) == ()


def test_a_stream_without_bearer_cannot_be() -> None:
    with pytest.raises(NotConfiguredError):
        sources.sources(account(SourceConfig("stream")), {"user_token": "x"})


class TestRules:
    def test_missing_ones_are_added(self) -> None:
        source = stream()

        first = source.prepare(None)
        assert first is not None
        assert (first.method, first.url) == (
            "GET",
            "http://127.0.0.1:9/x/2/tweets/search/stream/rules",
        )
        assert first.headers == {"authorization": "Bearer lezer"}
        added = source.prepare(rules())
        assert added is not None
        assert added.method == "POST"
        assert added.json == {"add": [ROOM, OWN]}
        assert source.prepare(Answer(201, {}, b"{}")) is None

    def test_stray_ones_are_deleted_first(self) -> None:
        source = stream()
        source.prepare(None)
        stray = {"value": "#politie247", "tag": "other"}

        deleted = source.prepare(rules(OWN, stray, {"value": "kat"}))
        added = source.prepare(Answer(200, {}, b"{}"))

        assert deleted is not None
        assert deleted.json == {"delete": {"ids": ["2", "3"]}}
        assert added is not None
        assert added.json == {"add": [ROOM]}
        assert source.prepare(Answer(201, {}, b"{}")) is None

    def test_nothing_to_do_and_again_after_a_reconnect(self) -> None:
        source = stream()
        source.prepare(None)
        assert source.prepare(rules(OWN, ROOM)) is None

        source.prepare(None)
        assert source.prepare(rules(OWN)) is not None

    def test_a_refused_rule_is_said_aloud(self) -> None:
        source = stream()
        source.prepare(None)
        source.prepare(rules(OWN))
        refused = {"value": "#politie247", "title": "UnprocessableEntity"}
        known = {"value": "#politie247", "title": "DuplicateRule"}

        with pytest.raises(AccountsError, match="#politie247"):
            source.prepare(Answer(200, {}, json.dumps({"errors": [refused]}).encode()))
        assert source.prepare(Answer(200, {}, json.dumps({"errors": [known]}).encode())) is None


class TestStream:
    def test_first_without_backfill(self) -> None:
        request = stream().stream(None, NOW)

        assert request is not None
        assert request.url == "http://127.0.0.1:9/x/2/tweets/search/stream"
        assert [name for name, _ in request.params] == ["tweet.fields", "expansions", "user.fields"]
        assert request.headers == {"authorization": "Bearer lezer"}

    @pytest.mark.parametrize(
        ("cursor", "minutes"),
        [
            (ago(seconds=-5), "1"),
            (ago(seconds=1), "1"),
            (ago(seconds=60), "1"),
            (ago(seconds=61), "2"),
            (ago(minutes=4, seconds=1), "5"),
            (ago(hours=3), "5"),
        ],
    )
    def test_resumed_with_whole_minutes(self, cursor: str, minutes: str) -> None:
        request = stream().stream(cursor, NOW)

        assert request is not None
        assert ("backfill_minutes", minutes) in request.params

    def test_cursor_follows_the_newest_item_and_never_goes_back(self) -> None:
        source = stream()
        item = b'{"data":{"id":"1","created_at":"2026-09-14T20:29:50.000Z"}}'

        body, cursor = source.read_item(item, ago(minutes=2), NOW)
        assert body == item
        assert cursor == ago(seconds=20)
        older = b'{"data":{"id":"1","created_at":"2026-09-14T20:28:00.000Z"}}'
        assert source.read_item(older, cursor, NOW) == (older, cursor)
        future = b'{"data":{"id":"1","created_at":"2027-01-01T00:00:00.000Z"}}'
        assert source.read_item(future, cursor, NOW) == (future, ago(seconds=10))
        assert source.read_item(b'{"data":{}}', None, NOW) == (b'{"data":{}}', ago(seconds=10))

    def test_a_heartbeat_only_sets_the_first_cursor(self) -> None:
        source = stream()

        assert source.read_item(b"\r\n", None, NOW) == (None, ago(seconds=10))
        assert source.read_item(b"", ago(minutes=2), NOW) == (None, ago(minutes=2))

    def test_control_lines_hold_no_body_and_what_is_no_json_goes_to_the_parser(self) -> None:
        source = stream()
        for entry in json.loads((SAMPLES / "stream_v2_system_lines.json").read_bytes())[1:]:
            assert source.read_item(entry["line"].encode(), "c", NOW) == (None, "c")
        assert source.read_item(b"<html>", "c", NOW) == (b"<html>", "c")

    def test_silence_outlasts_the_heartbeat_and_nothing_is_paged(self) -> None:
        source = stream()

        assert source.silence_s > 20
        assert source.framing == "lines"
        assert source.key == "x:1111:stream"
        assert source.page("c") is None
        assert source.read_page(Answer(200, {}, b""), "c").items == ()


class TestWaiting:
    @pytest.mark.parametrize(
        ("status", "failure"),
        [(401, "refused"), (403, "refused"), (429, "rate_limited"), (409, "http"), (503, "http")],
    )
    def test_failures(self, status: int, failure: Failure) -> None:
        assert stream().failure(Answer(status, {}, b"")) == failure

    @pytest.mark.parametrize(
        ("failure", "waits", "most"),
        [
            ("network", [0, 0.25, 0.5, 0.75], 16),
            ("http", [5, 10, 20, 40], 320),
            ("rate_limited", [60, 120, 240, 480], 900),
            ("refused", [60, 120, 240, 480], 900),
        ],
    )
    def test_backoff(self, failure: Failure, waits: list[float], most: float) -> None:
        source = stream()

        assert [source.backoff_s(failure, n, None, NOW) for n in (1, 2, 3, 4)] == waits
        assert source.backoff_s(failure, 10_000, None, NOW) == most

    def test_the_reset_of_the_limit_counts(self) -> None:
        def wait(**headers: str) -> float:
            named = {f"x-rate-limit-{name}": value for name, value in headers.items()}
            return stream().backoff_s("rate_limited", 1, Answer(429, named, b""), NOW)

        reset = str(int(NOW.timestamp()) + 33)
        assert wait(reset=reset, remaining="0") == 33
        assert wait(reset=reset) == 33
        assert wait(reset=reset, remaining="7") == 60
        assert wait(reset="5") == wait(reset="?") == 60
