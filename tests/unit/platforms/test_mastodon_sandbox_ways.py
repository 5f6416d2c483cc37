"""The played Mastodon's other ways: the WebSocket, the room, other servers' ids, threads, people."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from toog.contracts.events import Event
from toog.platforms.accounts import Account, Accounts, SourceConfig
from toog.platforms.base import Answer, Heard
from toog.platforms.mastodon import incoming
from toog.platforms.mastodon.sandbox import MastodonSandbox
from toog.platforms.mastodon.sandbox.paging import IdKind, rank
from toog.platforms.mastodon.sources import sources
from toog.platforms.playing import Act, ActKind, Citizen, Ledger

BASE = "http://toot.example/mastodon"
ROOM = SourceConfig("hashtag", hashtags=("Politie247",))
US = Account("mastodon", "110", "stadpoldem", BASE, source=(SourceConfig("user_stream"), ROOM))
ME = Citizen("110", "stadpoldem", "Stadspolitie Demo")
MIA = Citizen("220", "mia@zee.example", "Mia 🌊")
JAN = Citizen("330", "jan@bücherwinkel.example", "Jan")
NOW = datetime(2026, 9, 14, 20, 30, tzinfo=UTC)


def played(
    only: Literal["sse", "websocket"] | None = None, ids: IdKind = "snowflake"
) -> MastodonSandbox:
    one = MastodonSandbox(US, {"token": "geheim"}, ledger=Ledger(), seed=1, only=only, ids=ids)
    one.warned_share = 0.0
    return one


@pytest.fixture
def server() -> MastodonSandbox:
    return played()


@asynccontextmanager
async def calling(server: MastodonSandbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=[Mount("/mastodon", server.app())]))
    headers = {"Authorization": "Bearer geheim"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
        yield client


def act(kind: ActKind, who: Citizen = MIA, text: str = "", target: str | None = None) -> Act:
    return Act(kind, who, text, target=target)


def heard(body: bytes) -> list[Heard]:
    parsed = incoming.parse(body, accounts=Accounts([US]), account=US, source="m", now=NOW)
    assert parsed.unreadable == ()
    return list(parsed.heard)


class Socket:
    """A WebSocket as the server sees it: what was sent, and what is said to it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})

    def say(self, order: object) -> None:
        self._said.put_nowait({"type": "websocket.receive", "text": json.dumps(order)})

    def leave(self) -> None:
        self._said.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def receive(self) -> dict[str, Any]:
        return await self._said.get()

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def frames(self) -> list[dict[str, Any]]:
        await self.settle()
        return [json.loads(m["text"]) for m in self.sent if m["type"] == "websocket.send"]


@asynccontextmanager
async def connected(
    server: MastodonSandbox, query: bytes, token: bytes = b"geheim"
) -> AsyncIterator[Socket]:
    socket = Socket()
    scope = {
        "type": "websocket",
        "path": "/api/v1/streaming",
        "headers": [(b"authorization", b"Bearer " + token)],
        "query_string": query,
        "extensions": {"websocket.http.response": {}},
    }
    task = asyncio.create_task(server.app()(scope, socket.receive, socket.send))
    await socket.settle()
    yield socket
    socket.leave()
    await asyncio.wait_for(task, 2)


async def test_the_websocket_tells_what_the_stream_tells(server: MastodonSandbox) -> None:
    async with connected(server, b"stream=user") as socket:
        native = await server.act(act("mention", text="@stadpoldem rook!"))
        await server.act(act("edit", text="@stadpoldem toch niet", target=native))
        await server.act(act("delete", target=native))
        frames = await socket.frames()

    assert [(f["stream"], f["event"]) for f in frames] == [
        (["user"], "notification"),
        (["user"], "status.update"),
        (["user"], "delete"),
    ]
    assert all(isinstance(frame["payload"], str) for frame in frames)
    told = [found.event for found in heard(json.dumps(frames).encode())]
    assert [event.kind for event in told] == ["created", "edited", "deleted"]
    assert [event.id for event in told] == list(server.ledger.sent_at)


async def test_a_socket_takes_orders(server: MastodonSandbox) -> None:
    async with connected(server, b"") as socket:
        socket.say({"type": "subscribe", "stream": "hashtag", "tag": "Politie247"})
        socket.say({"type": "subscribe", "stream": "niets"})
        socket.say("geen bevel")
        await socket.settle()
        await server.act(act("noise", text="spannend #politie247"))
        await socket.settle()
        socket.say({"type": "unsubscribe", "stream": "hashtag", "tag": "politie247"})
        await socket.settle()
        await server.act(act("noise", text="nog eens #politie247"))
        frames = await socket.frames()

    assert [frame["stream"] for frame in frames] == [["hashtag", "politie247"]]


async def test_a_socket_is_closed_when_the_server_goes(server: MastodonSandbox) -> None:
    async with connected(server, b"stream=user") as socket:
        server.streams.beat()
        server.streams.hang_up()
        await socket.settle()

        assert socket.sent[-1]["type"] == "websocket.close"


@pytest.mark.parametrize(
    ("only", "token", "status"),
    [("sse", b"geheim", 404), (None, b"fout", 401), ("websocket", b"fout", 401)],
)
async def test_a_socket_that_is_not_opened_is_answered(
    only: Literal["sse", "websocket"] | None, token: bytes, status: int
) -> None:
    async with connected(played(only), b"stream=user", token) as socket:
        assert socket.sent[0]["status"] == status


async def test_a_server_of_websockets_alone_has_no_other_stream() -> None:
    async with calling(played("websocket")) as http:
        said = await http.get("/api/v1/streaming/user")
        instance = (await http.get("/api/v2/instance")).json()

    assert said.status_code == 404
    assert instance["configuration"]["urls"]["streaming"] == "ws://toot.example/mastodon"


@pytest.mark.parametrize("ids", ["snowflake", "ulid", "flake"])
async def test_pages_go_by_ids_of_any_kind(ids: IdKind) -> None:
    server = played(ids=ids)
    (source, _) = sources(US, {"token": "geheim"})
    first = await server.act(act("mention", text="@stadpoldem een"))
    natives = [await server.act(act("mention", text=f"@stadpoldem {n}")) for n in range(90)]
    cursor = server.world.notifications[0].id
    found: list[Event] = []
    async with calling(server) as http:
        for _ in range(3):
            asked = source.page(cursor)
            assert asked is not None
            path = asked.url.removeprefix(BASE)
            said = await http.get(path, params=list(asked.params))
            page = source.read_page(_answer(said), cursor)
            found += [one.event for item in page.items for one in heard(item)]
            cursor = page.cursor or cursor

    assert [event.native for event in found] == natives
    assert sorted([*natives, first], key=lambda native: rank(native or "")) == [first, *natives]


def _answer(said: httpx.Response) -> Answer:
    return Answer(said.status_code, {k.lower(): v for k, v in said.headers.items()}, said.content)


async def test_the_room_is_heard_by_stream_and_given_again_by_page(
    server: MastodonSandbox,
) -> None:
    (_, room) = sources(US, {"token": "geheim"})
    async with connected(server, b"stream=hashtag&tag=politie247") as socket, calling(server) as h:
        noise = await server.act(act("noise", text="spannend #Politie247"))
        mention = await server.act(act("mention", text="@stadpoldem wie was dat? #politie247"))
        await server.act(act("dm", text="stil #politie247"))
        await server.act(act("noise", text="iets anders #koken"))
        frames = await socket.frames()
        said = await h.get("/api/v1/timelines/tag/Politie247")
    streamed = heard(json.dumps(frames).encode())
    paged = [one for item in room.read_page(_answer(said), None).items for one in heard(item)]

    assert [(one.event.native, one.room) for one in streamed] == [(noise, True), (mention, False)]
    assert [one.event.id for one in paged] == [one.event.id for one in streamed]
    assert {one.event.id for one in paged} <= server.ledger.played
    assert len(server.ledger.played) == 3


async def test_the_room_forgets_its_oldest(
    server: MastodonSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toog.platforms.mastodon.sandbox.ROOM_KEEPS", 3)
    natives = [await server.act(act("noise", text=f"{n} #politie247")) for n in range(5)]

    assert list(server.world.statuses) == natives[2:]
    assert len(server.ledger.played) == 3


async def test_a_thread_is_shown_both_ways(server: MastodonSandbox) -> None:
    post = await server.act(act("own_post", ME, "Goedenavond!"))
    reply = await server.act(act("reply", MIA, "avond", post))
    below = await server.act(act("reply", JAN, "dag Mia", reply))
    await server.act(act("own_post", ME, "iets anders"))

    async with calling(server) as http:
        context = (await http.get(f"/api/v1/statuses/{reply}/context")).json()
        missing = await http.get("/api/v1/statuses/404/context")
        home = (await http.get("/api/v1/timelines/home", params={"limit": "2"})).json()

    assert [status["id"] for status in context["ancestors"]] == [post]
    assert [status["id"] for status in context["descendants"]] == [below]
    assert missing.status_code == 404
    assert len(home) == 2


async def test_people_are_found_by_handle_and_name(server: MastodonSandbox) -> None:
    await server.act(act("mention", MIA, "@stadpoldem dag"))
    await server.act(act("mention", JAN, "@stadpoldem dag"))

    async with calling(server) as http:
        by_handle = (await http.get("/api/v1/accounts/search", params={"q": "@mia@zee"})).json()
        by_name = (await http.get("/api/v2/search", params={"q": "jan"})).json()
        looked_up = await http.get("/api/v1/accounts/lookup", params={"acct": "MIA@zee.example"})
        nobody = await http.get("/api/v1/accounts/lookup", params={"acct": "niemand"})

    assert [person["id"] for person in by_handle] == ["220"]
    assert [person["acct"] for person in by_name["accounts"]] == ["jan@bücherwinkel.example"]
    assert looked_up.json()["id"] == "220"
    assert nobody.status_code == 404


async def test_some_warn_before_they_speak(server: MastodonSandbox) -> None:
    server.warned_share = 1.0
    native = await server.act(act("mention", text="@stadpoldem bloed"))

    async with calling(server) as http:
        status = (await http.get(f"/api/v1/statuses/{native}")).json()
    (found,) = heard(json.dumps(status).encode())

    assert status["spoiler_text"]
    assert found.event.text == f"{status['spoiler_text']}\n@stadpoldem bloed"


async def test_a_domain_of_other_letters_is_ascii_in_addresses(server: MastodonSandbox) -> None:
    native = await server.act(act("mention", JAN, "@stadpoldem dag"))

    async with calling(server) as http:
        account = (await http.get(f"/api/v1/statuses/{native}")).json()["account"]

    assert account["acct"] == "jan@bücherwinkel.example"
    assert account["url"].isascii()
