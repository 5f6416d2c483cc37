"""What to ask Bluesky next: sessions, notifications down to the watermark, Jetstream, the chat log."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from toog.platforms.accounts import Account, AccountsError, SourceConfig
from toog.platforms.base import Answer, Failure, NotConfiguredError, Request, Source
from toog.platforms.bluesky.sources import CHAT_PROXY, MOST_PAGES, sources

SAMPLES = Path(__file__).parents[2] / "samples" / "bluesky"
NOW = datetime(2026, 5, 25, 14, 30, tzinfo=UTC)
BASE = "https://pds.example"
US = "did:plc:stadpoldem2demo2demo2dem"
SECRETS = {"identifier": "stadpoldem.test", "app_password": "geheim"}
START = datetime(2026, 5, 25, 14, 0, tzinfo=UTC)


def source(kind: str, **more: Any) -> Source:
    ways_in = (SourceConfig(kind, **more),)
    (one,) = sources(Account("bluesky", US, "stadpoldem.test", BASE, source=ways_in), SECRETS)
    return one


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def error(name: str) -> Answer:
    said = json.loads((SAMPLES / "made" / "http_errors.json").read_bytes())[name]
    return answer(said["json"], said["status"], **said.get("headers", {}))


def signed_in(kind: str) -> Source:
    one = source(kind)
    asked = one.prepare(None)
    assert asked is not None
    assert one.prepare(answer({"accessJwt": "toegang", "refreshJwt": "opnieuw"})) is None
    return one


def asked(one: Source, cursor: str | None) -> Request:
    request = one.page(cursor)
    assert request is not None
    return request


def told(minute: float, name: str = "") -> dict[str, Any]:
    at = START + timedelta(minutes=minute)
    uri = f"at://did:plc:mia/app.bsky.feed.post/{name or minute}"
    return {"uri": uri, "cid": "c", "reason": "mention", "indexedAt": at.isoformat()}


def page(*minutes: float, cursor: str | None = None) -> Answer:
    items = [told(minute) for minute in minutes]
    return answer({"notifications": items} | ({"cursor": cursor} if cursor else {}))


def names(items: tuple[bytes, ...]) -> list[str]:
    return [json.loads(item)["uri"].rpartition("/")[2] for item in items]


def mark(minute: float) -> str:
    return (START + timedelta(minutes=minute)).isoformat()


def test_sources_come_from_the_accounts_own_list() -> None:
    kinds = ("notifications", "jetstream", "chat")
    account = Account("bluesky", US, "s", BASE, source=tuple(map(SourceConfig, kinds)))

    found = sources(account, SECRETS)

    assert [one.key for one in found] == [f"bluesky:{US}:{kind}" for kind in kinds]
    assert [one.framing for one in found] == ["lines", "websocket", "lines"]


@pytest.mark.parametrize("kind", ["notifications", "chat"])
@pytest.mark.parametrize("secrets", [{}, {"identifier": "x"}, {"app_password": "x"}])
def test_a_source_without_credentials_is_refused(kind: str, secrets: dict[str, str]) -> None:
    account = Account("bluesky", US, "s", BASE, source=(SourceConfig(kind),))
    with pytest.raises(NotConfiguredError):
        sources(account, secrets)


def test_a_source_that_bluesky_has_not_is_refused() -> None:
    with pytest.raises(AccountsError, match="jetstream"):
        source("user_stream")


def test_a_session_comes_first_and_is_asked_for_once() -> None:
    one = source("notifications")

    first = one.prepare(None)
    assert first is not None
    assert first.url == f"{BASE}/xrpc/com.atproto.server.createSession"
    assert first.json == {"identifier": "stadpoldem.test", "password": "geheim"}
    assert one.prepare(answer({"accessJwt": "toegang", "refreshJwt": "opnieuw"})) is None

    assert one.prepare(None) is None
    assert asked(one, None).headers["Authorization"] == "Bearer toegang"


@pytest.mark.parametrize("name", ["ExpiredToken", "InvalidToken"])
def test_a_token_that_ran_out_is_renewed(name: str) -> None:
    one = signed_in("chat")

    assert one.failure(error(name)) == "http"
    renewal = one.prepare(None)

    assert renewal is not None
    assert renewal.url.endswith("com.atproto.server.refreshSession")
    assert renewal.headers["Authorization"] == "Bearer opnieuw"
    assert one.prepare(answer({"accessJwt": "nieuw", "refreshJwt": "later"})) is None
    assert asked(one, None).headers["Authorization"] == "Bearer nieuw"


def test_a_refresh_that_is_refused_begins_a_new_session() -> None:
    one = signed_in("chat")
    one.failure(error("ExpiredToken"))
    one.prepare(None)

    assert one.failure(error("ExpiredToken")) == "http"
    again = one.prepare(None)

    assert again is not None
    assert again.url.endswith("createSession")


def test_a_wrong_password_is_refused_and_a_limit_on_logins_waited_out() -> None:
    one = source("chat")
    one.prepare(None)

    assert one.failure(answer({"error": "AuthenticationRequired"}, 401)) == "refused"
    assert one.failure(error("RateLimitExceeded")) == "rate_limited"


@pytest.mark.parametrize("body", [b"", b"[", b"{}", b'{"accessJwt": 3}'])
def test_a_session_that_cannot_be_read_is_none(body: bytes) -> None:
    one = source("chat")
    one.prepare(None)

    assert one.prepare(answer(body)) is None
    assert "Authorization" not in asked(one, None).headers


def test_a_fresh_desk_takes_one_page_oldest_first() -> None:
    one = signed_in("notifications")

    first = asked(one, None)
    said = one.read_page(page(3, 2, 1, cursor="x"), None)

    assert first.url == f"{BASE}/xrpc/app.bsky.notification.listNotifications"
    reasons = [("reasons", "mention"), ("reasons", "reply"), ("reasons", "quote")]
    assert list(first.params) == [("limit", "100"), *reasons]
    assert (names(said.items), said.cursor, said.more) == (["1", "2", "3"], mark(3), False)


def test_the_recorded_page_is_read() -> None:
    body = (SAMPLES / "list_notifications_mention_reply.json").read_bytes()

    said = signed_in("notifications").read_page(answer(body), None)

    assert len(said.items) == 3


def test_pages_go_back_to_the_watermark_and_come_out_oldest_first() -> None:
    one = signed_in("notifications")

    first = one.read_page(page(30, 20, cursor="c1"), mark(10))
    following = asked(one, first.cursor)
    second = one.read_page(page(11, 1, cursor="c2"), first.cursor)

    assert (first.items, first.cursor, first.more) == ((), mark(10), True)
    assert ("cursor", "c1") in list(following.params)
    assert (names(second.items), second.cursor, second.more) == (
        ["11", "20", "30"],
        mark(30),
        False,
    )
    assert ("cursor", "c1") not in list(asked(one, second.cursor).params)


def test_a_slow_clock_lands_below_the_watermark_and_is_still_found_once() -> None:
    one = signed_in("notifications")
    one.read_page(page(10, cursor="c"), None)

    late = one.read_page(page(10, 9.5, 1, cursor="c"), mark(10))
    again = one.read_page(page(10, 9.5, 1, cursor="c"), late.cursor)

    assert (names(late.items), late.cursor) == (["9.5"], mark(10))
    assert again.items == ()


def test_a_descent_that_broke_off_begins_again() -> None:
    one = signed_in("notifications")
    one.read_page(page(30, cursor="c1"), mark(10))

    assert one.prepare(None) is None
    said = one.read_page(page(30, 1), mark(10))

    assert names(said.items) == ["30"]


def test_a_long_descent_is_handed_on_in_parts_and_ends_somewhere() -> None:
    one = signed_in("notifications")
    handed, cursor, more, pages = 0, mark(0), True, 0
    while more:
        many = [told(10, f"{pages}-{n}") for n in range(100)]
        body = answer({"notifications": many, "cursor": f"c{pages}"})
        said = one.read_page(body, cursor)
        handed, pages, more = handed + len(said.items), pages + 1, said.more
        assert said.cursor == (cursor if more else mark(10))

    assert (pages, handed) == (MOST_PAGES, MOST_PAGES * 100)


@pytest.mark.parametrize("last", [page(30, 20), answer({"notifications": [], "cursor": "c1"})])
def test_the_list_may_end_before_the_watermark(last: Answer) -> None:
    one = signed_in("notifications")
    one.read_page(page(40, cursor="c0"), mark(10))

    said = one.read_page(last, mark(10))

    assert (said.cursor, said.more, names(said.items)[-1]) == (mark(40), False, "40")


@pytest.mark.parametrize("kind", ["notifications", "chat"])
@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"[" * 50_000])
def test_a_body_that_is_no_page_is_handed_on(kind: str, body: bytes) -> None:
    said = signed_in(kind).read_page(answer(body), "5")

    assert (said.items, said.cursor, said.more) == ((body,), "5", False)


def test_odd_items_are_handed_on_once() -> None:
    one = signed_in("notifications")
    body = answer({"notifications": [3, {"uri": 3}], "cursor": "c"})

    assert len(one.read_page(body, None).items) == 2
    assert one.read_page(body, mark(0)).items == ()


def test_the_chat_log_goes_on_from_its_cursor() -> None:
    one = signed_in("chat")
    body = (SAMPLES / "made" / "chat_get_log.json").read_bytes()

    first, later = asked(one, None), asked(one, "22")
    said = one.read_page(answer(body), "22")
    end = one.read_page(answer({"logs": [], "cursor": said.cursor}), said.cursor)

    assert first.url == f"{BASE}/xrpc/chat.bsky.convo.getLog"
    assert first.headers["atproto-proxy"] == CHAT_PROXY
    assert (list(first.params), list(later.params)) == ([], [("cursor", "22")])
    assert (len(said.items), said.cursor, said.more) == (8, "2222222a3kfd9", True)
    assert (end.cursor, end.more) == ("2222222a3kfd9", False)


@pytest.mark.parametrize("kind", ["notifications", "chat"])
def test_what_pages_has_no_stream(kind: str) -> None:
    one = signed_in(kind)

    assert one.stream("5", NOW) is None
    assert one.read_item(b"", "5", NOW) == (None, "5")


def test_jetstream_is_opened_a_little_before_the_cursor() -> None:
    one = source("jetstream")

    fresh, resumed = one.stream(None, NOW), one.stream("1779719009157119", NOW)

    assert one.prepare(None) is None
    assert one.page("5") is None
    assert fresh is not None
    assert resumed is not None
    assert fresh.url == "wss://pds.example/subscribe"
    assert list(fresh.params) == [("wantedCollections", "app.bsky.feed.post")]
    assert ("cursor", "1779719004157119") in list(resumed.params)


def test_jetstream_may_be_elsewhere() -> None:
    request = source("jetstream", url="wss://jetstream.example/subscribe").stream(None, NOW)

    assert request is not None
    assert request.url == "wss://jetstream.example/subscribe"


def handed_on(one: Source) -> list[int]:
    lines = (SAMPLES / "made" / "jetstream.jsonl").read_bytes().splitlines()
    return [n for n, line in enumerate(lines) if one.read_item(line, None, NOW)[0] is not None]


def test_only_what_concerns_us_is_handed_on() -> None:
    assert handed_on(source("jetstream")) == [0, 1, 2, 3, 4, 5]
    assert handed_on(source("jetstream", hashtags=("#Politie247",))) == [0, 1, 2, 3, 4, 5, 10]


def test_a_reply_and_a_quote_of_ours_are_our_business() -> None:
    one = source("jetstream")
    reply = json.loads((SAMPLES / "jetstream_post_reply.json").read_bytes())
    quote = json.loads((SAMPLES / "made" / "list_notifications.json").read_bytes())
    quoting = json.loads(json.dumps(reply))
    quoting["commit"]["record"] = quote["notifications"][2]["record"]

    for line in (reply, quoting):
        assert one.read_item(json.dumps(line).encode(), None, NOW)[0] is not None


def test_the_cursor_of_jetstream_is_its_newest_time() -> None:
    one = source("jetstream")
    line = (SAMPLES / "jetstream_post_reply.json").read_bytes()

    assert one.read_item(line, None, NOW)[1] == "1779719009157119"
    assert one.read_item(line, "1779719009999999", NOW)[1] == "1779719009999999"
    assert one.read_item(b"", "5", NOW) == (None, "5")


@pytest.mark.parametrize(
    "item",
    [
        b"{half",
        b'{"did":"d","kind":"commit","time_us":"x"}',
        b'{"did":"d","kind":"new","time_us":1}',
        (
            b'{"did":"d","kind":"commit","time_us":1,"commit":{"operation":"create","rkey":"1",'
            b'"collection":"app.bsky.feed.post","record":{"text":3,"x":"did:plc:stadpoldem2demo2demo2dem"}}}'
        ),
    ],
)
def test_what_cannot_be_read_is_handed_on(item: bytes) -> None:
    assert source("jetstream").read_item(item, None, NOW)[0] == item


@pytest.mark.parametrize(
    ("status", "failure"),
    [(429, "rate_limited"), (401, "refused"), (404, "refused"), (500, "http"), (502, "http")],
)
@pytest.mark.parametrize("kind", ["notifications", "jetstream", "chat"])
def test_failures_are_told_apart(kind: str, status: int, failure: Failure) -> None:
    assert source(kind).failure(answer({}, status)) == failure


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (6, 32), (7, 60), (5000, 60)])
@pytest.mark.parametrize("failure", ["network", "http"])
def test_patience_doubles_to_a_minute(failure: Failure, attempt: int, seconds: float) -> None:
    for kind in ("notifications", "jetstream"):
        assert source(kind).backoff_s(failure, attempt, None, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": "soon", "ratelimit-reset": str(int(NOW.timestamp()) + 30)}, 30),
        ({"ratelimit-reset": "1"}, 1),
        ({"ratelimit-reset": "9999999999"}, 900),
        ({"ratelimit-reset": "9" * 40}, 60),
        ({}, 60),
    ],
)
def test_a_limit_is_waited_out(headers: dict[str, str], seconds: float) -> None:
    one = source("chat")

    assert one.backoff_s("rate_limited", 1, answer({}, 429, **headers), NOW) == seconds
    assert one.backoff_s("rate_limited", 1, None, NOW) == 60
    assert one.backoff_s("refused", 1, None, NOW) == 60
