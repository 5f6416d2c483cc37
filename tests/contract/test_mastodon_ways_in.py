"""Ingest's own loop against the played Mastodon over real sockets, by each way that it can be."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal

import httpx
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from services.ingest.streams import Means, Stream, running
from services.ingest.telemetry import IngestMetrics
from toog.contracts import events
from toog.contracts.topics import ROOM
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Account, Accounts, SourceConfig
from toog.platforms.mastodon import incoming
from toog.platforms.mastodon.sandbox import MastodonSandbox
from toog.platforms.mastodon.sandbox.paging import IdKind
from toog.platforms.mastodon.sources import sources
from toog.platforms.playing import Act, Citizen, Ledger

MIA = Citizen("220", "mia@zee.example", "Mia")
SECRETS = {"token": "geheim"}
Way = Literal["sse", "websocket"]


class Desk:
    """One played server, and what ingest made durable of it."""

    def __init__(self, port: int, kind: str, only: Way | None, ids: IdKind) -> None:
        config = SourceConfig(kind, hashtags=("politie247",) if kind == "hashtag" else ())
        base = f"http://127.0.0.1:{port}/mastodon"
        self.account = Account("mastodon", "110", "stadpoldem", base, source=(config,))
        self.server = MastodonSandbox(
            self.account, SECRETS, ledger=Ledger(), seed=1, only=only, ids=ids
        )
        self.records: list[Outgoing] = []
        self.grown = asyncio.Event()
        self.paged = asyncio.Event()

    async def take(self, records: Sequence[Outgoing]) -> None:
        self.records += records
        self.grown.set()

    async def answered(self, answer: httpx.Response) -> None:
        """Notes that the page is there which is asked for once the stream is open."""
        if "/notifications" in answer.url.path or "/timelines/" in answer.url.path:
            self.paged.set()

    def ids(self) -> list[str]:
        return [events.decode(record.value).id for record in self.records]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                self.grown.clear()
                await self.grown.wait()


def app(desk: Desk, *, instance: bool) -> Starlette:
    async def nothing(_: object) -> JSONResponse:
        return JSONResponse({"error": "Not Found"}, 404)

    hidden = [] if instance else [Route("/mastodon/api/v2/instance", nothing)]
    return Starlette(routes=[*hidden, Mount("/mastodon", desk.server.app())])


@contextlib.asynccontextmanager
async def listening(
    kind: str, only: Way | None = None, ids: IdKind = "snowflake", *, instance: bool = True
) -> AsyncIterator[tuple[Desk, Stream]]:
    """The server on a free port, and ingest's stream of this kind driven against it."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        desk = Desk(sock.getsockname()[1], kind, only, ids)
        config = uvicorn.Config(app(desk, instance=instance), log_config=None, lifespan="off")
        listener = uvicorn.Server(config)
        serving = asyncio.create_task(listener.serve(sockets=[sock]))
        while not listener.started:  # noqa: ASYNC110 (uvicorn offers no event for it)
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(event_hooks={"response": [desk.answered]}) as http:
            means = Means(
                http=http,
                send=desk.take,
                note=lambda _key, _cursor: None,
                metrics=IngestMetrics(CollectorRegistry()),
                accounts=Accounts([desk.account]),
            )
            (source,) = sources(desk.account, SECRETS)
            stream = Stream(source, desk.account, incoming, means)
            async with running([stream], {}):
                yield desk, stream
        desk.server.streams.hang_up()
        listener.should_exit = True
        await serving


async def connected(desk: Desk, stream: Stream) -> None:
    """The stream is open, and what is said from now on stands on no page: it comes once."""
    async with asyncio.timeout(10):
        await desk.paged.wait()
    assert stream.state()["connected"]


WAYS: list[tuple[str, Way | None, IdKind]] = [
    ("user_stream", None, "snowflake"),
    ("user_stream", "sse", "snowflake"),
    ("user_stream", "websocket", "ulid"),
    ("user_websocket", None, "snowflake"),
    ("user_websocket", "websocket", "flake"),
]


@pytest.mark.parametrize(("kind", "only", "ids"), WAYS)
async def test_whatever_way_the_server_knows_all_arrives(
    kind: str, only: Way | None, ids: IdKind
) -> None:
    async with listening(kind, only, ids) as (desk, stream):
        await connected(desk, stream)
        for n in range(3):
            await desk.server.act(Act("mention", MIA, f"@stadpoldem {n}"))
        await desk.server.act(Act("dm", MIA, "kan ik iemand spreken?"))
        await desk.until(lambda: desk.server.ledger.played <= set(desk.ids()))

    assert len(desk.ids()) == 4


async def test_what_a_cut_loses_the_page_gives() -> None:
    async with listening("user_stream", "websocket", "flake") as (desk, stream):
        await connected(desk, stream)
        await desk.server.act(Act("mention", MIA, "@stadpoldem een"))
        await desk.until(lambda: len(desk.ids()) == 1)
        desk.server.streams.hang_up()
        await desk.server.act(Act("mention", MIA, "@stadpoldem twee"))
        await desk.until(lambda: desk.server.ledger.played <= set(desk.ids()))


async def test_a_server_that_does_not_describe_itself_streams_at_its_api() -> None:
    async with listening("user_stream", instance=False) as (desk, stream):
        await connected(desk, stream)
        await desk.server.act(Act("mention", MIA, "@stadpoldem dag"))
        await desk.until(lambda: desk.server.ledger.played <= set(desk.ids()))


@pytest.mark.parametrize("only", ["sse", "websocket"])
async def test_the_room_goes_its_own_way(only: Way) -> None:
    async with listening("hashtag", only) as (desk, stream):
        await connected(desk, stream)
        await desk.server.act(Act("noise", MIA, "spannend #Politie247"))
        await desk.server.act(Act("mention", MIA, "@stadpoldem wie was dat? #politie247"))
        await desk.until(lambda: desk.server.ledger.played <= set(desk.ids()))

    assert [record.topic == ROOM for record in desk.records] == [True, False]
