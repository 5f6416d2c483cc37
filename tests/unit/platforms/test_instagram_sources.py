"""What we ask Instagram ourselves: rounds of pages, the text behind a mention, and patience."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from toog.contracts.events import Event
from toog.platforms.accounts import Account, Accounts, AccountsError, SourceConfig
from toog.platforms.base import Answer, NotConfiguredError
from toog.platforms.instagram import incoming, sources
from toog.platforms.instagram.sources import Reconciliation

SAMPLES = Path(__file__).parents[2] / "samples" / "instagram"
NOW = datetime(2026, 9, 14, 20, 40, tzinfo=UTC)
SECRETS = {"token": "sleutel"}
BASE = "http://127.0.0.1:1"


def us(*kinds: str) -> Account:
    kinds_ = tuple(SourceConfig(kind) for kind in kinds)
    return Account("instagram", "17841405309211844", "stadpoldem", BASE, (), kinds_)


def made(kind: str) -> Reconciliation:
    (source,) = sources.sources(us("webhook", kind), SECRETS)
    assert isinstance(source, Reconciliation)
    return source


def page(body: Any, **headers: str) -> Answer:
    return Answer(200, headers, json.dumps(body).encode())


def sample(name: str) -> Any:
    return json.loads((SAMPLES / "made" / f"{name}.json").read_bytes())


def natives(items: tuple[bytes, ...]) -> list[str | None]:
    heard = [
        one.event.native
        for item in items
        for one in incoming.parse(
            item, accounts=Accounts([us()]), account=us(), source="x", now=NOW
        ).heard
    ]
    assert None not in heard
    return heard


def post(id_: str, *comments: tuple[str, str], after: str | None = None) -> dict[str, Any]:
    data = [{"id": c, "text": c, "timestamp": at} for c, at in comments]
    edge: dict[str, Any] = {"data": data}
    if after:
        edge["paging"] = {"cursors": {"after": after}, "next": "https://elders.example/?t=geheim"}
    return {"id": id_, "comments": edge}


class TestRounds:
    def test_asks_for_the_posts_with_their_comments_in_one_go(self) -> None:
        source = made("comments")

        request = source.page(None)

        assert request is not None
        assert request.url == f"{BASE}/v25.0/17841405309211844/media"
        assert request.headers == {"authorization": "Bearer sleutel"}
        fields = dict(request.params)["fields"]
        assert fields.startswith("id,timestamp,comments.limit(50){id,text,timestamp,username,from")
        assert source.prepare(None) is None
        assert source.stream(None, NOW) is None

    def test_a_first_page_is_all_and_oldest_first(self) -> None:
        source = made("comments")
        source.page(None)
        found = source.read_page(page(sample("media_comments_page")), None)

        assert natives(found.items) == [
            "17918195224117850",
            "17918195224117851",
            "17918195224117900",
            "17918195224117903",
        ]
        assert (found.cursor, found.more) == ("2026-09-14T20:34:00+00:00", False)

    def test_only_what_is_new_is_told_and_only_once(self) -> None:
        source = made("comments")
        source.page(None)
        since = "2026-09-14T20:30:00+00:00"
        answer = page({"data": [sample("media_comments_page")["data"][0]]})
        first = source.read_page(answer, since)

        assert natives(first.items)[0] == "17918195224117851"
        assert (first.cursor, first.more) == (since, True)

    def test_what_did_not_fit_under_a_post_is_asked_for(self) -> None:
        source = made("comments")
        since = "2026-09-14T20:30:00+00:00"
        source.page(since)
        first = source.read_page(
            page({"data": [post("7", ("2", "2026-09-14T20:35:00+0000"), after="Q2")]}), since
        )
        request = source.page(first.cursor)
        assert request is not None
        rest = [
            {"id": "1", "text": "x", "timestamp": "2026-09-14T20:34:00+0000"},
            {"id": "0", "text": "x", "timestamp": "2026-09-14T10:00:00+0000"},
        ]
        second = source.read_page(page({"data": rest}), since)

        assert (first.cursor, first.more) == (since, True)
        assert request.url == f"{BASE}/v25.0/7/comments"
        assert dict(request.params)["after"] == "Q2"
        assert natives(second.items) == ["1"]
        assert (second.cursor, second.more) == ("2026-09-14T20:35:00+00:00", False)

    def test_older_posts_are_looked_at_too_within_bounds(self) -> None:
        source = made("comments")
        since = "2026-09-14T20:30:00+00:00"
        pages = 0
        more = True
        while more:
            assert source.page(since) is not None
            body = {"data": [], "paging": {"cursors": {"after": "P"}, "next": "x"}}
            more = source.read_page(page(body), since).more
            pages += 1

        assert pages == sources.PAGES

    def test_a_round_that_breaks_off_begins_anew(self) -> None:
        source = made("comments")
        since = "2026-09-14T20:30:00+00:00"
        body = page({"data": [post("7", ("2", "2026-09-14T20:35:00+0000"), after="Q2")]})
        source.page(since)
        source.read_page(body, since)

        source.prepare(None)
        request = source.page(since)

        assert request is not None
        assert request.url.endswith("/media")
        assert natives(source.read_page(body, since).items) == ["2"]

    def test_a_quiet_round_keeps_the_cursor_and_tells_nothing_twice(self) -> None:
        source = made("comments")
        body = page({"data": [post("7", ("2", "2026-09-14T20:35:00+0000"))]})
        source.page(None)
        cursor = source.read_page(body, None).cursor
        source.page(cursor)
        again = source.read_page(body, cursor)

        assert (again.items, again.cursor, again.more) == ((), cursor, False)

    def test_conversations(self) -> None:
        source = made("conversations")
        request = source.page(None)
        found = source.read_page(page(sample("conversations_page")), None)

        assert request is not None
        assert request.url.endswith("/conversations")
        assert dict(request.params)["platform"] == "instagram"
        assert len(natives(found.items)) == 3
        assert found.cursor == "2026-09-14T20:31:02+00:00"

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"data":3}', b'{"data":[3,{"id":[]}]}'])
    def test_odd_answers_hold_nothing(self, body: bytes) -> None:
        source = made("comments")
        source.page("2026-09-14T20:30:00+00:00")
        found = source.read_page(Answer(200, {}, body), "2026-09-14T20:30:00+00:00")

        assert (found.items, found.more) == ((), False)

    def test_goes_slower_when_the_allowance_is_nearly_used_up(self) -> None:
        source = made("comments")
        source.page(None)
        usage = json.dumps({"1": [{"type": "instagram", "call_count": 85}]})
        source.read_page(page({"data": []}, **{"x-business-use-case-usage": usage}), None)
        busy = source.silence_s
        source.page(None)
        source.read_page(page({"data": []}, **{"x-app-usage": '{"call_count":3}'}), None)

        assert (busy, source.silence_s) == (sources.BUSY_POLL_S, sources.POLL_S)


class TestPatience:
    def failed(self, code: int, status: int = 400, **headers: str) -> Answer:
        return Answer(status, headers, json.dumps({"error": {"code": code}}).encode())

    @pytest.mark.parametrize(
        ("code", "status", "failure"),
        [
            (80002, 400, "rate_limited"),
            (4, 400, "rate_limited"),
            (190, 401, "refused"),
            (10, 400, "refused"),
            (100, 400, "refused"),
            (2, 500, "http"),
        ],
    )
    def test_failures_are_told_apart_by_code(self, code: int, status: int, failure: str) -> None:
        assert made("comments").failure(self.failed(code, status)) == failure

    def test_what_has_no_error_body(self) -> None:
        assert made("comments").failure(Answer(429, {}, b"")) == "rate_limited"
        assert made("comments").failure(Answer(503, {}, b"<html>")) == "http"

    def test_waits_as_long_as_meta_says(self) -> None:
        usage = {
            "1": [{"type": "instagram", "call_count": 100, "estimated_time_to_regain_access": 19}]
        }
        answer = self.failed(80002, **{"x-business-use-case-usage": json.dumps(usage)})
        wait = made("comments").backoff_s

        assert wait("rate_limited", 1, answer, NOW) == 19 * 60
        assert wait("rate_limited", 1, self.failed(4), NOW) == 60
        assert wait("rate_limited", 2, self.failed(4), NOW) == 120
        assert wait("rate_limited", 900, None, NOW) == 24 * 3600

    def test_waits_longer_each_time(self) -> None:
        wait = made("comments").backoff_s

        assert [wait("http", n, None, NOW) for n in (1, 2, 99)] == [5, 10, 320]
        assert [wait("refused", n, None, NOW) for n in (1, 2, 99)] == [60, 120, 900]
        assert wait("network", 1, None, NOW) == 0.25


class TestLookUp:
    def event(self, name: str) -> Event:
        body = (SAMPLES / f"{name}.json").read_bytes()
        parsed = incoming.parse(body, accounts=Accounts([us()]), account=None, source="x", now=NOW)
        return parsed.heard[0].event

    def test_of_a_comment(self) -> None:
        request = sources.look_up(self.event("mention_in_comment"), us(), SECRETS)

        assert request is not None
        assert request.url == f"{BASE}/v25.0/17841405309211844"
        assert dict(request.params)["fields"] == (
            "mentioned_comment.comment_id(17887498072083520){id,text,username,timestamp,media{id}}"
        )
        assert request.headers == {"authorization": "Bearer sleutel"}

    def test_of_a_caption(self) -> None:
        request = sources.look_up(self.event("made/mention_in_caption"), us(), SECRETS)

        assert request is not None
        assert "mentioned_media.media_id(17895695668004550){id,caption" in request.params[0][1]

    @pytest.mark.parametrize(
        "name", ["comment_flat_shape", "dm_text", "made/dm_seen", "made/dm_unsent"]
    )
    def test_what_is_complete_needs_none(self, name: str) -> None:
        assert sources.look_up(self.event(name), us(), SECRETS) is None

    def test_an_id_that_is_no_number_is_not_asked_for(self) -> None:
        body = {"media_id": "1", "comment_id": "1){id},x"}
        entry = {"id": us().id, "changes": [{"field": "mentions", "value": body}]}
        parsed = incoming.parse(
            json.dumps({"entry": [entry]}).encode(),
            accounts=Accounts([us()]),
            account=None,
            source="x",
            now=NOW,
        )

        assert sources.look_up(parsed.heard[0].event, us(), SECRETS) is None

    def test_without_a_token_nothing_is_asked(self) -> None:
        with pytest.raises(NotConfiguredError):
            sources.look_up(self.event("mention_in_comment"), us(), {})


class TestConfigured:
    def test_the_webhook_is_none_of_ours_to_open(self) -> None:
        assert sources.sources(us("webhook"), {}) == ()

    def test_pages_need_a_token(self) -> None:
        with pytest.raises(NotConfiguredError):
            sources.sources(us("comments"), {})

    def test_an_unknown_kind_is_refused_with_a_sentence(self) -> None:
        with pytest.raises(AccountsError, match="Instagram has 'webhook', 'comments'"):
            sources.sources(us("stream"), SECRETS)

    def test_an_open_source_without_a_cursor_gets_one(self) -> None:
        assert made("comments").read_item(b"", None, NOW) == (None, NOW.isoformat())
        assert made("comments").read_item(b"", "c", NOW) == (None, "c")
