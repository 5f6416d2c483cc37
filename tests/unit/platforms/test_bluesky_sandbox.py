"""The played Bluesky: what it tells, what it gives again, what it takes, and that Toog reads it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from toog.contracts.events import Event, Mention, Reference
from toog.platforms.accounts import Account, Accounts, SourceConfig
from toog.platforms.base import Answer, Refused, Reply, Request, Sent, Source, Unsure
from toog.platforms.bluesky import incoming, outgoing, session
from toog.platforms.bluesky.sandbox import BlueskySandbox
from toog.platforms.bluesky.sources import CHAT_PROXY, sources
from toog.platforms.playing import Act, ActKind, Citizen, Ledger

BASE = "http://bsky.example/bluesky"
SECRETS = {"identifier": "stadpoldem.test", "app_password": "geheim"}
KINDS = ("notifications", "jetstream", "chat")
US = Account(
    "bluesky",
    "did:plc:stadpoldem2demo2demo2dem",
    "stadpoldem.test",
    BASE,
    source=tuple(SourceConfig(kind) for kind in KINDS),
)
MIA = Citizen("did:plc:kbwvo3tu5gsegorseggojg5e", "mia.test", "Mia 🌊")
JAN = Citizen("did:plc:jan2jan2jan2jan2jan2jan2", "jan.test", "Jan")
NOW = datetime(2026, 9, 14, 20, 30, tzinfo=UTC)


@pytest.fixture
def server() -> BlueskySandbox:
    return BlueskySandbox(US, SECRETS, ledger=Ledger(), seed=1)


@pytest.fixture
async def http(server: BlueskySandbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=[Mount("/bluesky", server.app())]))
    async with httpx.AsyncClient(transport=transport, base_url="http://bsky.example") as client:
        yield client


async def ask(http: httpx.AsyncClient, request: Request) -> Answer:
    said = await http.request(
        request.method,
        request.url,
        params=list(request.params),
        headers=dict(request.headers),
        json=request.json,
    )
    return Answer(said.status_code, {k.lower(): v for k, v in said.headers.items()}, said.content)


def parse(body: bytes) -> list[Event]:
    parsed = incoming.parse(body, accounts=Accounts([US]), account=US, source="b", now=NOW)
    assert parsed.unreadable == ()
    return [heard.event for heard in parsed.heard]


async def prepared(http: httpx.AsyncClient, kind: str) -> Source:
    source = next(s for s in sources(US, SECRETS) if s.key.endswith(kind))
    request = source.prepare(None)
    while request is not None:
        request = source.prepare(await ask(http, request))
    return source


async def paged(http: httpx.AsyncClient, source: Source, cursor: str | None) -> list[Event]:
    events: list[Event] = []
    more = True
    while more and (request := source.page(cursor)) is not None:
        page = source.read_page(await ask(http, request), cursor)
        events += [event for item in page.items for event in parse(item)]
        cursor, more = page.cursor, page.more
    return events


async def notified(http: httpx.AsyncClient) -> list[Event]:
    return await paged(http, await prepared(http, "notifications"), None)


async def logged(http: httpx.AsyncClient) -> list[Event]:
    return await paged(http, await prepared(http, "chat"), None)


class Socket:
    """A Jetstream socket that is being read: what came so far."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.closed = asyncio.Event()
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._in.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> dict[str, Any]:
        return await self._in.get()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self.lines.append(message["text"].encode())
        elif message["type"] == "websocket.close":
            self.closed.set()

    def leave(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def events(self) -> list[Event]:
        for _ in range(10):
            await asyncio.sleep(0)
        source = next(s for s in sources(US, SECRETS) if s.key.endswith("jetstream"))
        handed = [source.read_item(line, None, NOW)[0] for line in self.lines]
        return [event for body in handed if body is not None for event in parse(body)]


@asynccontextmanager
async def listening(server: BlueskySandbox, query: str = "") -> AsyncIterator[Socket]:
    socket = Socket()
    scope = {
        "type": "websocket",
        "path": "/subscribe",
        "headers": [],
        "query_string": f"wantedCollections=app.bsky.feed.post&{query}".encode(),
        "subprotocols": [],
    }
    task = asyncio.create_task(server.app()(scope, socket.receive, socket.send))
    await socket.events()
    yield socket
    socket.leave()
    await task


def act(kind: ActKind, who: Citizen = MIA, text: str = "dag", target: str | None = None) -> Act:
    return Act(kind, who, text, target=target)


def post_event(uri: str | None) -> str:
    return f"bluesky:{US.id}:post:{uri}"


async def test_a_mention_is_told_twice_and_is_one(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    async with listening(server) as socket:
        uri = await server.act(
            act("mention", text="🚒 @stadpoldem.test #politie247 https://a.example/x")
        )
        (streamed,) = await socket.events()
    (told,) = await notified(http)

    assert streamed.id == told.id == post_event(uri)
    assert server.ledger.played == {told.id} == set(server.ledger.sent_at)
    assert told.mentions == streamed.mentions == (Mention("stadpoldem.test", US.id),)
    assert (told.hashtags, told.links) == (("politie247",), ("https://a.example/x",))
    assert told.author is not None
    assert (told.author.handle, told.author.name) == ("mia.test", "Mia 🌊")


async def test_replies_quotes_and_bystanders_find_us(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    own = await server.act(act("own_post", text="Wij zijn er."))
    reply = await server.act(act("reply", text="fijn", target=own))
    bystander = await server.act(act("bystander", JAN, "welnee", target=reply))
    quote = await server.act(act("quote", JAN, "kijk", target=own))

    told = {event.id: event for event in await notified(http)}

    assert set(told) == {post_event(uri) for uri in (reply, bystander, quote)}
    assert told[post_event(reply)].in_reply_to == Reference(post_event(own), US.id)
    aside = told[post_event(bystander)]
    assert (aside.root_author, aside.conversation) == (US.id, own)
    assert aside.in_reply_to == Reference(post_event(reply), MIA.id)
    assert told[post_event(quote)].quotes == Reference(post_event(own), US.id)
    assert server.ledger.played == set(told)


async def test_reposts_are_signals_and_noise_stays_away(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    own = await server.act(act("own_post"))
    async with listening(server) as socket:
        assert await server.act(act("repost", target=own)) is None
        assert await server.act(act("noise", text="wat een tv #politie247")) is not None
        assert await socket.events() == []
    token = server.sessions.create("stadpoldem.test", "geheim")["accessJwt"]
    page = await http.get(
        "/bluesky/xrpc/app.bsky.notification.listNotifications",
        headers={"Authorization": f"Bearer {token}"},
    )

    (signal,) = parse(page.content)
    assert (signal.kind, signal.signal) == ("signal", "repost")
    assert server.ledger.played == set()


async def test_edits_and_deletions_come_by_jetstream(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    async with listening(server) as socket:
        uri = await server.act(act("mention", text="@stadpoldem.test brand?"))
        assert await server.act(act("edit", text="@stadpoldem.test toch niet", target=uri)) == uri
        assert await server.act(act("edit", JAN, "niet van mij", target=uri)) is None
        (told,) = await notified(http)
        assert await server.act(act("delete", JAN, target=uri)) is None
        assert await server.act(act("delete", target=uri)) == uri
        created, edit, deletion = await socket.events()

    assert (told.id, told.text) == (created.id, "@stadpoldem.test toch niet")
    assert (edit.of, deletion.of) == (created.id, created.id)
    assert edit.id in server.ledger.sent_at
    assert deletion.id in server.ledger.sent_at
    assert server.ledger.played == set()
    assert await notified(http) == []


async def test_jetstream_begins_at_the_cursor_or_now(server: BlueskySandbox) -> None:
    await server.act(act("mention", text="@stadpoldem.test een"))
    async with listening(server) as socket:
        uri = await server.act(act("mention", text="@stadpoldem.test twee"))
        assert [e.native for e in await socket.events()] == [uri]
    cursor = json.loads(socket.lines[0])["time_us"]

    async with listening(server, f"cursor={cursor}") as again:
        assert [e.native for e in await again.events()] == [uri]
    async with listening(server, "cursor=0") as all_:
        assert len(await all_.events()) == 2
    async with listening(server, "wantedDids=did:plc:other&cursor=0") as none:
        assert await none.events() == []


async def test_jetstream_beats_and_is_hung_up(server: BlueskySandbox) -> None:
    server.heartbeat_s = 0.01
    running = asyncio.create_task(server.run())
    async with listening(server) as socket:
        await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.wait_for(socket.closed.wait(), 1)

    assert {json.loads(line)["kind"] for line in socket.lines} == {"identity"}


async def test_a_chat_is_told_with_our_own_part_and_deletions(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    asked = await server.act(act("dm", text="Kan ik iets melden?"))
    gone = await server.act(act("dm", text="vergeet het"))
    assert await server.act(act("delete", target=gone)) == gone
    assert await server.act(act("edit", target=asked)) is None

    told = await logged(http)

    assert [(e.kind, e.native) for e in told] == [
        ("created", asked),
        ("deleted", gone),
        ("deleted", gone),
    ]
    assert (told[0].surface, told[0].text) == ("dm", "Kan ik iets melden?")
    assert server.ledger.played == {told[0].id}


async def send(
    http: httpx.AsyncClient, event: Event, text: str = "We komen.", **changes: Any
) -> object:
    reply = Reply(
        id="r1",
        text=text,
        surface=event.surface or "",
        to_message=event.native or "",
        to_citizen=event.author.id if event.author else "",
        to_handle=event.author.handle if event.author else None,
        language="nl",
        context=event.reply_context,
        at=NOW,
    )
    reply = replace(reply, **changes)
    got = session.read(await ask(http, session.request(US, SECRETS)))
    assert not isinstance(got, Refused)
    return outgoing.read(await ask(http, outgoing.request(reply, US, got)), reply, US)


async def test_our_reply_is_taken_once_and_comes_back(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    async with listening(server) as socket:
        uri = await server.act(act("mention", text="@stadpoldem.test help"))
        (told,) = await notified(http)
        result = await send(http, told)
        again = await send(http, told)
        _, own = await socket.events()

    assert isinstance(result, Sent)
    assert isinstance(again, Unsure)
    assert (own.id, own.own, own.text) == (result.event_id, True, "We komen.")
    assert own.in_reply_to == Reference(told.id, MIA.id)
    (seen,) = server.ledger.replies
    assert (seen.in_reply_to, seen.native_id, seen.event_id, seen.accepted) == (
        uri,
        result.native_id,
        result.event_id,
        True,
    )
    assert await server.act(act("reply", text="dank", target=result.native_id)) is not None


async def test_our_reply_in_a_thread_keeps_its_root(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    own = await server.act(act("own_post"))
    await server.act(act("reply", text="is dat zo?", target=own))
    (told,) = await notified(http)
    result = await send(http, told)

    assert isinstance(result, Sent)
    assert server.world.records[result.native_id].reply["root"]["uri"] == own


async def test_our_chat_message_is_taken_and_comes_back(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    asked = await server.act(act("dm", text="Kan ik iets melden?"))
    (told,) = await logged(http)
    result = await send(http, told, "Ja, vertel.")

    assert isinstance(result, Sent)
    own = (await logged(http))[1]
    assert (own.id, own.own, own.conversation) == (result.event_id, True, told.conversation)
    (seen,) = server.ledger.replies
    assert (seen.in_reply_to, seen.native_id, seen.accepted) == (asked, result.native_id, True)
    assert await server.act(act("reply", text="dank", target=result.native_id)) is not None


async def test_too_long_a_reply_is_refused_and_remembered(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    await server.act(act("mention", text="@stadpoldem.test help"))
    (told,) = await notified(http)

    result = await send(http, told, "x" * 301)

    assert result == Refused("InvalidRequest", permanent=True)
    assert [seen.accepted for seen in server.ledger.replies] == [False]


async def call(http: httpx.AsyncClient, name: str, token: object = None, **params: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await http.get(f"/bluesky/xrpc/{name}", params=params, headers=headers)


async def test_doors_are_closed_without_a_session(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    name = "app.bsky.notification.listNotifications"
    tokens = server.sessions.create("@StadPolDem.test", "geheim")
    missing, wrong = await call(http, name), await call(http, name, "fout")
    refresh = await call(http, name, tokens["refreshJwt"])
    server.sessions.expire()
    late = await call(http, name, tokens["accessJwt"])

    assert [(one.status_code, one.json()["error"]) for one in (missing, wrong, refresh, late)] == [
        (401, "AuthMissing"),
        (400, "InvalidToken"),
        (400, "InvalidToken"),
        (400, "ExpiredToken"),
    ]


async def test_an_expired_session_is_renewed_by_toogs_own_source(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    source = await prepared(http, "notifications")
    server.sessions.expire()
    request = source.page(None)
    assert request is not None
    refused = await ask(http, request)

    assert source.failure(refused) == "http"
    renewal = source.prepare(None)
    assert renewal is not None
    assert renewal.url.endswith("refreshSession")
    assert source.prepare(await ask(http, renewal)) is None
    request = source.page(None)
    assert request is not None
    assert (await ask(http, request)).status == 200
    used_up = await ask(http, renewal)
    assert (used_up.status, json.loads(used_up.body)["error"]) == (400, "InvalidToken")


async def test_the_wrong_password_and_too_many_logins_are_refused(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    wrong = session.request(US, {**SECRETS, "app_password": "fout"})
    answers = [await ask(http, wrong) for _ in range(31)]

    assert {one.status for one in answers[:30]} == {401}
    assert answers[30].status == 429
    assert json.loads(answers[30].body)["error"] == "RateLimitExceeded"
    assert answers[30].headers["ratelimit-limit"] == "30"
    assert int(answers[30].headers["retry-after"]) <= 300


async def test_limits_are_told_and_kept(server: BlueskySandbox, http: httpx.AsyncClient) -> None:
    server.limit.most = 2
    first = await call(http, "com.atproto.server.describeServer")
    await call(http, "com.atproto.server.describeServer")
    last = await call(http, "com.atproto.server.describeServer")

    assert (first.headers["ratelimit-remaining"], first.headers["ratelimit-policy"]) == (
        "1",
        "2;w=300",
    )
    assert (last.status_code, last.headers["ratelimit-remaining"]) == (429, "0")


async def test_the_chat_needs_its_proxy_and_what_is_unknown_is_not_there(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    token = server.sessions.create("stadpoldem.test", "geheim")["accessJwt"]

    assert (await call(http, "chat.bsky.convo.getLog", token)).status_code == 501
    assert (await call(http, "app.bsky.of.tomorrow", token)).status_code == 501


async def test_records_convos_threads_and_profiles_can_be_looked_up(
    server: BlueskySandbox, http: httpx.AsyncClient
) -> None:
    token = server.sessions.create("stadpoldem.test", "geheim")["accessJwt"]
    own = await server.act(act("own_post", text="Wij zijn er."))
    reply = await server.act(act("reply", text="fijn", target=own))
    await server.act(act("dm"))

    looked = await call(http, "app.bsky.feed.getPosts", token, uris=[reply, "at://gone"])
    thread = (await call(http, "app.bsky.feed.getPostThread", token, uri=own)).json()["thread"]
    listed = await call(
        http, "com.atproto.repo.listRecords", repo=US.id, collection="app.bsky.feed.post"
    )
    feed = await call(http, "app.bsky.feed.getAuthorFeed", token, actor=US.handle)
    resolved = await call(http, "com.atproto.identity.resolveHandle", handle="mia.test")
    headers = {"Authorization": f"Bearer {token}", "atproto-proxy": CHAT_PROXY}
    convos = (await http.get("/bluesky/xrpc/chat.bsky.convo.listConvos", headers=headers)).json()

    assert [e.id for e in parse(looked.content)] == [post_event(reply)]
    assert [r["post"]["uri"] for r in thread["replies"]] == [reply]
    assert [e.id for e in parse(listed.content)] == [post_event(own)]
    assert [p["post"]["uri"] for p in feed.json()["feed"]] == [own]
    assert resolved.json() == {"did": MIA.id}
    assert [convo["lastMessage"]["text"] for convo in convos["convos"]] == ["dag"]


@pytest.mark.parametrize("kind", ["visitor_post", "story_reply", "story_mention", "reply", "quote"])
async def test_what_refers_to_nothing_makes_nothing(server: BlueskySandbox, kind: ActKind) -> None:
    assert await server.act(act(kind, target="at://gone")) is None
