"""The played Mastodon: what it tells, what it gives again, what it takes, and that Toog reads it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from toog.contracts.events import Event, Mention, Reference
from toog.platforms.accounts import Account, Accounts, SourceConfig
from toog.platforms.base import Answer, Reply, Request, Sent
from toog.platforms.mastodon import incoming, outgoing
from toog.platforms.mastodon.sandbox import MastodonSandbox
from toog.platforms.mastodon.sandbox import streams as sandbox_streams
from toog.platforms.mastodon.sources import sources
from toog.platforms.playing import Act, ActKind, Citizen, Ledger

BASE = "http://toot.example/mastodon"
SECRETS = {"token": "geheim"}
US = Account("mastodon", "110", "stadpoldem", BASE, source=(SourceConfig("user_stream"),))
ME = Citizen("110", "stadpoldem", "Stadspolitie Demo")
MIA = Citizen("220", "mia@zee.example", "Mia 🌊")
JAN = Citizen("330", "jan", "Jan")
NOW = datetime(2026, 9, 14, 20, 30, tzinfo=UTC)


@pytest.fixture
def server() -> MastodonSandbox:
    played = MastodonSandbox(US, SECRETS, ledger=Ledger(), seed=1)
    played.warned_share = 0.0
    return played


@pytest.fixture
async def http(server: MastodonSandbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=[Mount("/mastodon", server.app())]))
    headers = {"Authorization": "Bearer geheim"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
        yield client


class Open:
    """A stream that is being read: what came so far."""

    def __init__(self) -> None:
        self.bytes = b""
        self.gone = asyncio.Event()
        self.beaten = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.bytes += message.get("body", b"")
        if b":thump" in self.bytes:
            self.beaten.set()

    async def events(self) -> list[Event]:
        for _ in range(5):
            await asyncio.sleep(0)
        return parse(self.bytes)


@asynccontextmanager
async def listening(server: MastodonSandbox, path: str = "/user") -> AsyncIterator[Open]:
    stream = Open()
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api/v1/streaming{path}",
        "headers": [(b"authorization", b"Bearer geheim")],
        "query_string": b"",
    }
    task = asyncio.create_task(server.app()(scope, stream.receive, stream.send))
    await stream.events()
    yield stream
    stream.gone.set()
    await task


def parse(body: bytes) -> list[Event]:
    parsed = incoming.parse(body, accounts=Accounts([US]), account=US, source="m", now=NOW)
    assert parsed.unreadable == ()
    return [heard.event for heard in parsed.heard]


def act(kind: ActKind, who: Citizen = MIA, text: str = "", target: str | None = None) -> Act:
    return Act(kind, who, text, target=target)


async def ask(http: httpx.AsyncClient, request: Request) -> Answer:
    path = request.url.removeprefix(BASE)
    said = await http.request(
        request.method,
        path,
        params=list(request.params),
        headers=request.headers,
        data=request.form,
    )
    return Answer(said.status_code, {k.lower(): v for k, v in said.headers.items()}, said.content)


async def paged(
    http: httpx.AsyncClient, cursor: str | None = None
) -> tuple[list[Event], str | None]:
    """What Toog's own source pages, all pages of it."""
    (source,) = sources(US, SECRETS)
    events: list[Event] = []
    more = True
    while more:
        request = source.page(cursor)
        assert request is not None
        page = source.read_page(await ask(http, request), cursor)
        events += [event for item in page.items for event in parse(item)]
        cursor, more = page.cursor, page.more
    return events, cursor


def event_of(native: str | None) -> str:
    return f"mastodon:110:status:{native}"


async def test_a_mention_comes_by_stream_and_by_page_as_one_event(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    async with listening(server) as stream:
        text = "@stadpoldem zie https://foto.example/een-heel-lange-weg-naar-een-foto #Politie247"
        native = await server.act(act("mention", text=text))
        (streamed,) = await stream.events()
    (given_again,), _ = await paged(http)

    assert {event_of(native)} == {streamed.id, given_again.id} == server.ledger.played
    assert streamed.text == text
    assert streamed.links == ("https://foto.example/een-heel-lange-weg-naar-een-foto",)
    assert streamed.hashtags == ("Politie247",)
    assert streamed.mentions == (Mention("stadpoldem", "110"),)
    assert streamed.author is not None
    assert (streamed.author.handle, streamed.author.name) == ("mia@zee.example", "Mia 🌊")
    assert set(server.ledger.sent_at) == server.ledger.played


async def test_nothing_has_left_while_nobody_listens(server: MastodonSandbox) -> None:
    native = await server.act(act("mention", text="@stadpoldem dag"))

    assert server.ledger.played == {event_of(native)}
    assert server.ledger.sent_at == {}


async def test_the_gap_is_filled_page_by_page(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    first = await server.act(act("mention", text="@stadpoldem een"))
    _, cursor = await paged(http)
    later = [await server.act(act("mention", text=f"@stadpoldem {n}")) for n in range(170)]

    events, cursor = await paged(http, cursor)

    assert [event.native for event in events] == later
    assert first not in later
    assert ([], cursor) == await paged(http, cursor)


async def test_a_dm_names_us_and_is_direct(server: MastodonSandbox) -> None:
    async with listening(server) as stream:
        await server.act(act("dm", text="kan ik iemand spreken?"))
        (event,) = await stream.events()

    assert (event.surface, event.visibility) == ("dm", "direct")
    assert event.text == "@stadpoldem kan ik iemand spreken?"


async def test_a_reply_and_a_bystander_carry_the_forms_mentions(server: MastodonSandbox) -> None:
    async with listening(server, "/user/notification") as stream:
        post = await server.act(act("own_post", ME, "Goedenavond!"))
        reply = await server.act(act("reply", MIA, "avond", post))
        await server.act(act("bystander", JAN, "wat bedoel je?", reply))
        answer, bystander = await stream.events()

    assert answer.in_reply_to is not None
    assert (answer.in_reply_to.id, answer.in_reply_to.author) == (event_of(post), "110")
    assert answer.reply_prefix == (Mention("stadpoldem", "110"),)
    assert bystander.reply_prefix == (
        Mention("mia@zee.example", "220"),
        Mention("stadpoldem", "110"),
    )
    assert bystander.mentions == ()
    assert bystander.text == "@mia @stadpoldem wat bedoel je?"


async def test_edits_deletions_and_own_posts_reach_the_stream_but_are_not_owed(
    server: MastodonSandbox,
) -> None:
    async with listening(server) as stream:
        native = await server.act(act("mention", text="@stadpoldem fout"))
        assert native == await server.act(act("edit", text="@stadpoldem goed", target=native))
        assert native == await server.act(act("delete", target=native))
        own = await server.act(act("own_post", ME, "Wij zijn er."))
        assert own == await server.act(act("own_delete", ME, target=own))
        events = await stream.events()

    assert [e.kind for e in events] == ["created", "edited", "deleted", "created", "deleted"]
    assert events[1].text == "@stadpoldem goed"
    assert events[3].own
    assert [event.id for event in events] == list(server.ledger.sent_at)
    assert server.ledger.played == set()


async def test_a_mention_that_surely_arrived_stays_owed_after_its_deletion(
    server: MastodonSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_streams, "SURE_AFTER_S", 0.0)
    async with listening(server) as stream:
        native = await server.act(act("mention", text="@stadpoldem dag"))
        await stream.events()
        await server.act(act("delete", target=native))

    assert server.ledger.played == {event_of(native)}


async def test_a_deleted_mention_is_given_by_no_page(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    native = await server.act(act("mention", text="@stadpoldem dag"))
    await server.act(act("delete", target=native))

    assert await paged(http) == ([], None)
    assert server.ledger.played == set()


async def test_noise_and_what_concerns_others_is_not_delivered(server: MastodonSandbox) -> None:
    async with listening(server) as stream:
        await server.act(act("noise", text="spannend #politie247"))
        other = await server.act(act("mention", MIA, "dag @niemand"))
        await server.act(act("edit", MIA, "dag", other))
        await server.act(act("delete", MIA, target=other))

        assert await stream.events() == []
    assert server.ledger.played == set()


@pytest.mark.parametrize("kind", ["reply", "bystander", "quote", "repost", "edit", "delete"])
async def test_what_refers_to_nothing_makes_nothing(server: MastodonSandbox, kind: ActKind) -> None:
    assert await server.act(act(kind, text="?", target="1")) is None


async def test_nobody_changes_what_is_not_theirs(server: MastodonSandbox) -> None:
    native = await server.act(act("mention", MIA, "@stadpoldem dag"))

    for kind in ("edit", "delete", "own_delete"):
        assert await server.act(act(kind, JAN, "x", native)) is None


async def test_a_boost_of_ours_is_a_signal_on_the_stream_only(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    async with listening(server) as stream:
        post = await server.act(act("own_post", ME, "Goedenavond!"))
        assert await server.act(act("repost", MIA, target=post)) is None
        signals = [event.signal for event in await stream.events()]
    events, _ = await paged(http)

    assert signals == [None, "reblog"]
    assert events == []


async def test_a_quote_of_ours_comes_by_stream_and_by_page(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    async with listening(server) as stream:
        post = await server.act(act("own_post", ME, "Goedenavond!"))
        native = await server.act(act("quote", MIA, "lees dit", post))
        _, streamed = await stream.events()
    (given_again,), _ = await paged(http)

    assert {event_of(native)} == {streamed.id, given_again.id} == server.ledger.played
    assert (streamed.surface, streamed.text) == ("quote", "lees dit")
    assert streamed.quotes == Reference(event_of(post), "110")


async def test_our_reply_is_taken_once_and_comes_back(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    native = await server.act(act("dm", text="hallo"))
    assert native is not None
    reply = Reply("r1", "Dag!", "dm", native, "220", "mia@zee.example", "direct", "nl")
    request = outgoing.request(reply, US, SECRETS)
    async with listening(server) as stream:
        first, second = [outgoing.read(await ask(http, request), reply, US) for _ in range(2)]
        (event,) = await stream.events()

    assert isinstance(first, Sent)
    assert first == second
    assert (event.id, event.own, event.surface) == (first.event_id, True, "dm")
    assert event.conversation == "220"
    (seen,) = server.ledger.replies
    assert (seen.accepted, seen.native_id, seen.in_reply_to) == (True, first.native_id, native)
    assert server.ledger.counts["mastodon_idempotent"] == 1


REFUSED = [
    ({"status": " ", "in_reply_to_id": "{native}"}, 422, "Validation failed: Text can't be blank"),
    ({"status": "x" * 501, "in_reply_to_id": "{native}"}, 422, "Validation failed: Text character"),
    ({"status": "dag", "in_reply_to_id": "{native}", "visibility": "allen"}, 422, "'allen'"),
    ({"status": "dag", "in_reply_to_id": "404"}, 404, "The post you are trying"),
]


@pytest.mark.parametrize(("form", "status", "error"), REFUSED)
async def test_a_refused_reply_is_seen_as_refused(
    server: MastodonSandbox, http: httpx.AsyncClient, form: dict[str, str], status: int, error: str
) -> None:
    native = await server.act(act("mention", text="@stadpoldem dag"))
    body = {name: value.replace("{native}", native or "") for name, value in form.items()}

    said = await http.post("/api/v1/statuses", json=body, headers={"Idempotency-Key": "r1"})

    assert said.status_code == status
    assert said.json()["error"].startswith(error)
    assert [reply.accepted for reply in server.ledger.replies] == [False]


async def test_addresses_and_remote_names_count_short(http: httpx.AsyncClient) -> None:
    text = f"@mia@{'zee' * 30}.example https://x.example/{'y' * 400} " + "z" * 460

    assert (await http.post("/api/v1/statuses", data={"status": text})).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["notifications", "accounts/verify_credentials", "streaming/user", "conversations"],
)
async def test_a_wrong_token_is_refused(http: httpx.AsyncClient, path: str) -> None:
    said = await http.get(f"/api/v1/{path}", headers={"Authorization": "Bearer fout"})

    assert said.status_code == 401
    assert said.json() == {"error": "The access token is invalid"}


async def test_a_reply_without_the_right_token_is_seen_as_refused(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    said = await http.post(
        "/api/v1/statuses",
        data={"status": "x", "in_reply_to_id": "1"},
        headers={"Authorization": "Bearer fout"},
    )

    assert said.status_code == 401
    assert [reply.accepted for reply in server.ledger.replies] == [False]


async def test_the_limit_is_told_and_kept(server: MastodonSandbox, http: httpx.AsyncClient) -> None:
    server.limit = 2
    said = [await http.get("/api/v1/accounts/110") for _ in range(3)]

    assert [answer.status_code for answer in said] == [200, 200, 429]
    assert [a.headers["x-ratelimit-remaining"] for a in said] == ["1", "0", "0"]
    assert datetime.fromisoformat(said[2].headers["x-ratelimit-reset"]) > datetime.now(UTC)


async def test_pages_are_newest_first_and_linked_both_ways(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    natives = [await server.act(act("mention", text=f"@stadpoldem {n}")) for n in range(5)]
    ids = [told["id"] for told in (await http.get("/api/v1/notifications")).json()][::-1]

    async def page(**query: str) -> list[str]:
        answer = await http.get("/api/v1/notifications", params={"limit": "2", **query})
        return [told["status"]["id"] for told in answer.json()]

    assert await page() == natives[4:2:-1]
    assert await page(min_id=ids[0]) == natives[2:0:-1]
    assert await page(since_id=ids[0]) == natives[4:2:-1]
    assert await page(max_id=ids[2]) == natives[1::-1]
    answer = await http.get("/api/v1/notifications", params={"limit": "2", "types[]": "mention"})
    assert answer.links["prev"]["url"].startswith("http://toot.example/mastodon/api/v1/notif")
    older = await http.get(answer.links["next"]["url"])
    assert [told["status"]["id"] for told in older.json()] == natives[2:0:-1]
    assert await page(**{"exclude_types[]": "mention"}) == []


async def test_statuses_are_read_changed_and_taken_back(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    mine = (await http.post("/api/v1/statuses", data={"status": "eerst"})).json()["id"]
    theirs = await server.act(act("mention", text="@stadpoldem dag"))
    secret = await server.act(act("dm", JAN, "voor jullie"))

    changed = await http.put(f"/api/v1/statuses/{mine}", data={"status": "later"})
    assert (changed.json()["content"], changed.status_code) == ("<p>later</p>", 200)
    assert (await http.put(f"/api/v1/statuses/{mine}", data={})).status_code == 422
    assert (await http.put(f"/api/v1/statuses/{theirs}", data={"status": "x"})).status_code == 404
    assert (await http.delete(f"/api/v1/statuses/{theirs}")).status_code == 404
    assert (await http.get(f"/api/v1/statuses/{secret}")).status_code == 200
    listed = await http.get("/api/v1/accounts/110/statuses")
    assert [status["id"] for status in listed.json()] == [mine]
    assert (await http.delete(f"/api/v1/statuses/{mine}")).json()["text"] == "later"
    assert (await http.get(f"/api/v1/statuses/{mine}")).status_code == 404
    assert (await http.get("/api/v1/accounts/999/statuses")).status_code == 404
    assert (await http.get("/api/v1/lists")).json() == {"error": "Not Found"}


async def test_conversations_show_the_last_word_of_each(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    await server.act(act("dm", MIA, "een"))
    jan = await server.act(act("dm", JAN, "twee"))
    mia = await server.act(act("dm", MIA, "drie"))

    talks = (await http.get("/api/v1/conversations")).json()

    assert [talk["last_status"]["id"] for talk in talks] == [mia, jan]
    assert [talk["accounts"][0]["acct"] for talk in talks] == ["mia@zee.example", "jan"]


async def test_a_cut_loses_what_was_waiting_and_the_page_gives_it(
    server: MastodonSandbox, http: httpx.AsyncClient
) -> None:
    async with listening(server) as stream:
        native = await server.act(act("mention", text="@stadpoldem dag"))
        server.streams.hang_up()

        assert await stream.events() == []
    events, _ = await paged(http)

    assert [event.native for event in events] == [native]


async def test_a_reader_that_falls_far_behind_is_cut_off(
    server: MastodonSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_streams, "BACKLOG", 3)
    async with listening(server) as stream:
        for n in range(4):
            await server.act(act("mention", text=f"@stadpoldem {n}"))

        assert await stream.events() == []


async def test_the_stream_beats_and_ends_with_the_server(server: MastodonSandbox) -> None:
    server.heartbeat_s = 0.01
    running = asyncio.create_task(server.run())
    async with listening(server) as stream:
        async with asyncio.timeout(1):
            await stream.beaten.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await stream.events()

    assert stream.bytes.startswith(b":)\n:thump\n")


async def test_the_instance_says_where_its_stream_is(http: httpx.AsyncClient) -> None:
    (source,) = sources(US, SECRETS)
    request = source.prepare(None)
    assert request is not None

    source.prepare(await ask(http, request))
    opened = source.stream(None, NOW)

    assert opened is not None
    assert opened.url == f"{BASE}/api/v1/streaming/user"
    assert (await http.get("/api/v1/streaming/health")).text == "OK"


async def test_the_same_night_has_the_same_visibilities() -> None:
    nights = []
    for _ in range(2):
        server = MastodonSandbox(US, SECRETS, ledger=Ledger(), seed=7)
        natives = [await server.act(act("mention", text="@stadpoldem")) for _ in range(40)]
        nights.append([server.world.statuses[native or ""].visibility for native in natives])

    assert nights[0] == nights[1]
    assert set(nights[0]) == {"public", "unlisted"}


async def test_shapes_are_those_of_the_recorded_exchange(
    server: MastodonSandbox, http: httpx.AsyncClient, request: pytest.FixtureRequest
) -> None:
    recorded = request.config.rootpath / "tests/samples/mastodon/notifications_mention_page.json"
    real = json.loads(recorded.read_bytes())["json"][0]
    await server.act(act("mention", text="@stadpoldem dag"))
    (played,) = (await http.get("/api/v1/notifications")).json()

    unplayed = {"avatar_description", "header_description", "hide_collections", "show_media"}
    unplayed |= {"show_media_replies", "show_featured", "noindex", "feature_approval"}
    assert set(real) == set(played)
    assert set(real["account"]) - set(played["account"]) == unplayed
    assert set(real["status"]) - set(played["status"]) == {"tagged_collections", "quote_approval"}
    assert set(real["status"]["mentions"][0]) == set(played["status"]["mentions"][0])
