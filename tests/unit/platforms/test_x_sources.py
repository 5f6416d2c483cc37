"""What we ask X: both streams, mentions by paging, look-ups; cursors, and how long to wait."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from toog.contracts.events import Event
from toog.platforms.accounts import Account, Accounts, AccountsError, SourceConfig
from toog.platforms.base import Answer, Failure, NotConfiguredError, Source
from toog.platforms.x import incoming, sources

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
        former = {"value": "#oudprogramma", "tag": "room:oudprogramma"}
        renamed = {"value": "(@PolDem OR to:PolDem)", "tag": "own"}

        deleted = source.prepare(rules(OWN, former, renamed))
        added = source.prepare(Answer(200, {}, b"{}"))

        assert deleted is not None
        assert deleted.json == {"delete": {"ids": ["2", "3"]}}
        assert added is not None
        assert added.json == {"add": [ROOM]}
        assert source.prepare(Answer(201, {}, b"{}")) is None

    def test_rules_that_cannot_be_read_are_added_again(self) -> None:
        source = stream()
        source.prepare(None)

        added = source.prepare(Answer(200, {}, b"<html>"))

        assert added is not None
        assert added.json == {"add": [ROOM, OWN]}
        assert source.prepare(Answer(201, {}, b"<html>")) is None

    def test_rules_of_other_programs_of_the_app_stay(self) -> None:
        source = stream()
        source.prepare(None)
        others = (
            {"value": "kat", "tag": "owner"},
            {"value": "hond"},
            {"value": "a", "tag": "Room:"},
        )

        assert source.prepare(rules(OWN, ROOM, *others)) is None

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


def other(kind: str) -> Source:
    (source,) = sources.sources(account(SourceConfig(kind)), {"bearer": "lezer"})
    return source


@pytest.mark.parametrize("kind", ["activity_stream", "mentions"])
def test_each_way_in_needs_the_bearer(kind: str) -> None:
    with pytest.raises(NotConfiguredError):
        sources.sources(account(SourceConfig(kind)), {})


class TestActivityStream:
    def test_it_is_opened_without_rules_or_fields(self) -> None:
        source = other("activity_stream")

        assert source.prepare(None) is None
        request = source.stream(None, NOW)
        assert request is not None
        assert (request.url, list(request.params)) == (
            "http://127.0.0.1:9/x/2/activity/stream",
            [],
        )
        assert request.headers == {"authorization": "Bearer lezer"}
        assert (source.key, source.framing) == ("x:1111:activity_stream", "lines")
        assert source.page("c") is None

    def test_it_is_resumed_by_minutes(self) -> None:
        request = other("activity_stream").stream(ago(seconds=90), NOW)

        assert request is not None
        assert list(request.params) == [("backfill_minutes", "2")]

    def test_a_line_without_a_time_came_now(self) -> None:
        line = (SAMPLES / "xaa_dm_received.json").read_bytes()

        body, cursor = other("activity_stream").read_item(line, ago(minutes=2), NOW)

        assert (body, cursor) == (line, ago(seconds=10))


def page(*newest_first: str, token: str | None = None) -> Answer:
    meta: dict[str, Any] = {"result_count": len(newest_first)}
    if newest_first:
        meta |= {"newest_id": newest_first[0], "oldest_id": newest_first[-1]}
    if token:
        meta["next_token"] = token
    body = {"data": [{"id": id_, "text": id_} for id_ in newest_first], "meta": meta}
    return Answer(200, {}, json.dumps(body).encode())


def asked(source: Source, cursor: str | None) -> dict[str, str]:
    request = source.page(cursor)
    assert request is not None
    assert request.url == "http://127.0.0.1:9/x/2/users/1111/mentions"
    names = {"since_id", "pagination_token", "max_results"}
    return {name: value for name, value in request.params if name in names}


def ids_of(item: bytes) -> list[str]:
    return [post["id"] for post in json.loads(item)["data"]]


class TestMentions:
    def test_it_has_pages_only(self) -> None:
        source = other("mentions")

        assert source.prepare(None) is None
        assert source.stream("9", NOW) is None
        assert source.read_item(b"", "9", NOW) == (None, "9")
        assert source.silence_s == 60
        assert source.key == "x:1111:mentions"

    def test_the_first_time_the_newest_page_is_enough(self) -> None:
        source = other("mentions")

        assert asked(source, None) == {"max_results": "100"}
        first = source.read_page(page("9", "8", token="t"), None)

        assert (first.cursor, first.more) == ("9", False)
        assert [ids_of(item) for item in first.items] == [["8", "9"]]
        assert asked(source, "9") == {"max_results": "100", "since_id": "9"}

    def test_the_cursor_moves_when_all_pages_are_read(self) -> None:
        source = other("mentions")

        first = source.read_page(page("9", "8", token="t"), "5")
        assert (first.cursor, first.more) == ("5", True)
        assert asked(source, "5") == {
            "max_results": "100",
            "since_id": "5",
            "pagination_token": "t",
        }
        last = source.read_page(page("7", "6"), "5")
        assert (last.cursor, last.more) == ("9", False)
        assert asked(source, "9") == {"max_results": "100", "since_id": "9"}

    def test_after_a_failure_the_pages_are_begun_anew(self) -> None:
        source = other("mentions")
        source.read_page(page("9", token="t"), "5")

        source.prepare(None)

        assert "pagination_token" not in asked(source, "5")
        again = source.read_page(page("9"), "5")
        assert (again.cursor, again.more) == ("9", False)

    def test_nothing_new_keeps_the_cursor(self) -> None:
        body = (SAMPLES / "made" / "mentions_page_empty.json").read_bytes()

        empty = other("mentions").read_page(Answer(200, {}, body), "5")

        assert (empty.items, empty.cursor, empty.more) == ((), "5", False)

    def test_pages_end_somewhere(self) -> None:
        source = other("mentions")
        pages = [source.read_page(page("9", token="t"), "5") for _ in range(50)]

        assert [one.more for one in pages] == [True] * 49 + [False]

    def test_what_is_no_page_goes_to_the_parser(self) -> None:
        odd = other("mentions").read_page(Answer(200, {}, b"<html>"), "5")

        assert (odd.items, odd.cursor, odd.more) == ((b"<html>",), "5", False)

    def test_a_page_is_read_oldest_first_with_its_authors(self) -> None:
        us = Account("x", "1111111111111111111", "StadPolDem", "http://127.0.0.1:9/x")
        body = (SAMPLES / "made" / "mentions_page.json").read_bytes()

        read = other("mentions").read_page(Answer(200, {}, body), None)
        parsed = incoming.parse(
            read.items[0], accounts=Accounts([us]), account=us, source="x:t", now=NOW
        )

        assert read.cursor == "2091000000000000021"
        assert [heard.event.text for heard in parsed.heard] == [
            "@StadPolDem eerste vraag",
            "@StadPolDem tweede <vraag>",
        ]
        assert {h.event.author.handle for h in parsed.heard if h.event.author} == {"burger_jan1"}

    def test_it_waits_as_the_streams_do(self) -> None:
        source = other("mentions")

        assert source.failure(Answer(429, {}, b"")) == "rate_limited"
        assert source.backoff_s("http", 2, None, NOW) == 10


class TestLookUp:
    SECRETS = {"bearer": "lezer"}  # noqa: RUF012 - read only

    def event(self, **values: Any) -> Event:
        given = {
            "id": "x:1111:post:50",
            "kind": "created",
            "platform": "x",
            "account": "1111",
            "occurred_at": NOW,
            "received_at": NOW,
            "source": "t",
            "native": "50",
            "surface": "post",
        }
        return Event(**given | values)

    def test_a_post_without_author_is_asked_for(self) -> None:
        request = sources.look_up(self.event(), account(), self.SECRETS)

        assert request is not None
        assert request.url == "http://127.0.0.1:9/x/2/tweets"
        assert dict(request.params)["ids"] == "50"
        assert dict(request.params)["user.fields"] == "username,name,protected,verified"
        assert request.headers == {"authorization": "Bearer lezer"}

    @pytest.mark.parametrize(
        "values", [{"surface": "dm"}, {"kind": "signal"}, {"kind": "deleted"}, {"native": None}]
    )
    def test_what_cannot_be_asked_for(self, values: dict[str, Any]) -> None:
        assert sources.look_up(self.event(**values), account(), self.SECRETS) is None

    def test_it_needs_the_bearer(self) -> None:
        with pytest.raises(NotConfiguredError):
            sources.look_up(self.event(), account(), {})

    def test_at_most_a_hundred_at_once(self) -> None:
        request = sources.look_up_ids(["1", "2"], account(), self.SECRETS)

        assert dict(request.params)["ids"] == "1,2"
        for natives in ([], ["1"] * 101):
            with pytest.raises(ValueError, match="1 to 100"):
                sources.look_up_ids(natives, account(), self.SECRETS)
