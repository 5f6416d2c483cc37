"""The loop that drives a source, against a server that cuts, falls silent and says no."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request as Asked
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from websockets.asyncio.server import ServerConnection, serve

from services.ingest import calls, streams
from services.ingest.framing import Lines
from services.ingest.seen import Seen
from services.ingest.streams import Means, Stream, running
from services.ingest.telemetry import IngestMetrics
from toog.contracts import dead
from toog.contracts.events import Event, Kind
from toog.contracts.topics import DEAD
from toog.contracts.wire import header
from toog.kit.errors import UnavailableError
from toog.kit.stream.produce import Outgoing
from toog.kit.web import listener
from toog.local.ports import free_port
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Answer, Failure, Heard, Page, Parsed, Request

US = Account("x", "1", "StadPolDem", "http://x.example")


class Counting:
    """A source of numbered lines; its cursor is the last number."""

    key = "x:1:counting"
    framing = "lines"

    def __init__(self, base: str, silence_s: float = 2.0) -> None:
        self.base, self.silence_s = base, silence_s
        self.attempts: list[tuple[Failure, int]] = []

    def prepare(self, last: Answer | None) -> Request | None:
        return Request("GET", f"{self.base}/rules") if last is None else None

    def stream(self, cursor: str | None, now: datetime) -> Request | None:
        return Request("GET", f"{self.base}/stream")

    def page(self, cursor: str | None) -> Request | None:
        return Request("GET", f"{self.base}/page", params=[("after", cursor or "0")])

    def read_page(self, answer: Answer, cursor: str | None) -> Page:
        items = tuple(answer.body.split())
        return Page(items, items[-1].decode() if items else cursor, more=bool(items))

    def read_item(
        self, item: bytes, cursor: str | None, now: datetime
    ) -> tuple[bytes | None, str | None]:
        return (item, item.decode()) if item else (None, cursor)

    def failure(self, answer: Answer) -> Failure:
        return "refused" if answer.status == 401 else "http"

    def backoff_s(
        self, failure: Failure, attempt: int, answer: Answer | None, now: datetime
    ) -> float:
        self.attempts.append((failure, attempt))
        return 0.02


class Counted:
    """The parser of those lines."""

    def parse(self, body: bytes, *, source: str, now: datetime, **_: object) -> Parsed:
        event = Event(
            id=body.decode(),
            kind="created",
            platform="x",
            account="1",
            occurred_at=now,
            received_at=now,
            source=source,
            raw=msgspec.Raw(b"1"),
        )
        return Parsed((Heard(event, f"x:1:{body.decode()}"),))


class World:
    """The server and the Kafka that the source meets; `written` is what was confirmed."""

    def __init__(self) -> None:
        self.served: Callable[[], AsyncIterator[bytes]] = self.endless
        self.pages: dict[str, bytes] = {}
        self.status = 200
        self.opened = 0
        self.written: list[Outgoing] = []
        self.noted: list[str | None] = []
        self.away = False
        self.seen = Seen(())
        self.wanted: list[Parsed] = []
        self.registry = CollectorRegistry()
        self.base = f"http://127.0.0.1:{free_port()}"

    async def endless(self) -> AsyncIterator[bytes]:
        yield b"\n"
        await asyncio.sleep(60)

    async def rules(self, _: Asked) -> Response:
        return Response()

    async def page(self, asked: Asked) -> Response:
        return Response(self.pages.get(asked.query_params["after"], b""))

    async def stream(self, _: Asked) -> Response:
        self.opened += 1
        if self.status != 200:
            return Response(status_code=self.status)
        return StreamingResponse(self.served())

    async def send(self, records: Sequence[Outgoing]) -> None:
        if self.away:
            raise UnavailableError("Kafka")
        await asyncio.sleep(0.001)
        self.written += records

    def ids(self) -> list[str | None]:
        return [header(record.headers, "ce_id") for record in self.written]

    def counted(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"source": Counting.key, **labels})

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = Starlette(
            routes=[
                Route("/rules", self.rules),
                Route("/page", self.page),
                Route("/stream", self.stream),
            ]
        )
        async with listener(app, self.base.removeprefix("http://")):
            yield

    @contextlib.asynccontextmanager
    async def driven(
        self, cursor: str | None = None, silence_s: float = 2.0
    ) -> AsyncIterator[tuple[Stream, Counting]]:
        source = Counting(self.base, silence_s)
        async with httpx.AsyncClient(trust_env=False) as http:
            metrics = IngestMetrics(self.registry)
            means = Means(
                http, self.send, self._note, metrics, Accounts([US]), self.wanted.append, self.seen
            )
            stream = Stream(source, US, Counted(), means)
            async with running([stream], {source.key: cursor}):
                yield stream, source

    def _note(self, source: str, position: str | None) -> None:
        assert source == Counting.key
        last = self.written[-1] if self.written else None
        assert position is None or last is None or header(last.headers, "ce_id") == position
        self.noted.append(position)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with made.serving():
        yield made


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - the world is polled
            await asyncio.sleep(0.01)


def numbers(first: int, last: int) -> bytes:
    return b"".join(b"%d\r\n" % number for number in range(first, last + 1))


def lines(
    *chunks: bytes, then: Callable[[], Awaitable[None]] | None = None
) -> Callable[[], AsyncIterator[bytes]]:
    async def served() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
        if then is not None:
            await then()

    return served


async def forever() -> None:
    await asyncio.sleep(60)


async def test_pages_come_first_then_the_stream_and_cursors_follow_what_is_confirmed(
    world: World,
) -> None:
    world.pages = {"5": b"6 7", "7": b"8"}
    world.served = lines(numbers(9, 10), b"1", b"1\r\n", then=forever)

    async with world.driven(cursor="5") as (stream, _):
        await until(lambda: len(world.written) == 6)

        assert stream.state()["connected"] is True
        assert world.counted("toog_source_connected") == 1
    assert world.ids() == ["6", "7", "8", "9", "10", "11"]
    assert world.noted[-1] == "11"
    assert world.counted("toog_source_connected") == 0


async def test_a_stream_that_is_cut_is_opened_again_and_what_was_missed_is_paged(
    world: World,
) -> None:
    world.pages = {"0": b"", "2": b"3 4"}
    world.served = lines(numbers(1, 2), b"3 is cut in the mid")

    async with world.driven():
        await until(lambda: "4" in world.ids())

    assert world.ids()[:4] == ["1", "2", "3", "4"]
    assert (world.counted("toog_source_reconnects_total", why="ended") or 0) >= 1


async def test_silence_is_a_reason_to_open_the_stream_again(world: World) -> None:
    async with world.driven(silence_s=0.2):
        await until(lambda: world.opened >= 2)

    assert (world.counted("toog_source_reconnects_total", why="silence") or 0) >= 1


async def test_a_refused_source_keeps_trying_and_says_so(world: World) -> None:
    world.status = 401

    async with world.driven() as (stream, source):
        await until(lambda: len(source.attempts) >= 3)

        assert stream.state()["connected"] is False
        assert stream.state()["trouble"] == "status 401"
    assert source.attempts[:3] == [("refused", 1), ("refused", 2), ("refused", 3)]


async def test_while_kafka_is_away_the_stream_waits_and_drops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "INBOX_BYTES", 20_000)
    world.away = True
    sent = 0

    async def much() -> AsyncIterator[bytes]:
        nonlocal sent
        for first in range(1, 1_000_001, 10_000):
            sent = first + 9_999
            yield numbers(first, sent)
        await forever()

    world.served = much
    async with world.driven():
        await until(lambda: (world.counted("toog_source_kafka_waits_total") or 0) >= 2)
        held_back = sent
        world.away = False
        await until(lambda: len(world.written) >= 20_000)  # five times what the inbox holds

    assert held_back < 1_000_000, "the server was never held back"
    count = len(world.written)
    assert world.ids() == [str(number) for number in range(1, count + 1)]
    assert world.noted[-1] == str(count)


async def test_stopping_makes_durable_what_was_read(world: World) -> None:
    world.served = lines(numbers(1, 3000), then=forever)

    async with world.driven():
        await until(lambda: len(world.written) > 0)

    assert world.noted[-1] == world.ids()[-1]


async def test_an_overlong_item_is_a_dead_letter_and_the_stream_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "framer", lambda _: Lines(100))
    world.served = lines(b"x" * 500 + b"\r\n", numbers(1, 1), then=forever)

    async with world.driven():
        await until(lambda: len(world.written) == 2)

    # two reads of the socket are one group or two: only in one group the event stands first
    event, letter = sorted(world.written, key=lambda record: record.topic is DEAD)
    assert (letter.topic, dead.decode(letter.value).error) == (DEAD, "Overlong")
    assert dead.decode(letter.value).bytes == b"x" * 100
    assert header(event.headers, "ce_id") == "1"


async def test_a_mistake_in_our_own_code_ends_no_other_door(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> Page:
        raise KeyError("a bug")

    monkeypatch.setattr(Counting, "read_page", mistaken)

    async with world.driven():
        await until(
            lambda: (world.counted("toog_source_reconnects_total", why="KeyError") or 0) >= 2
        )


async def test_a_source_without_a_stream_is_paged_again_and_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counting, "stream", lambda *_: None)
    world.pages = {"0": b"1 2"}

    async with world.driven(silence_s=0.05) as (stream, _):
        await until(lambda: stream.state()["connected"] is True)
        assert world.ids() == ["1", "2"]
        world.pages = {"2": b"3"}  # only who asks a second time finds it
        await until(lambda: len(world.written) == 3)

    assert world.noted[-1] == "3"


async def test_a_websocket_is_a_stream_like_any_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = 0

    async def talk(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        first = connections * 10 + 1
        for number in range(first, first + 2):
            await socket.send(str(number))

    world.pages = {"0": b"5", "12": b"13"}
    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        address = Request("GET", f"http://127.0.0.1:{port}/")
        monkeypatch.setattr(Counting, "framing", "websocket")
        monkeypatch.setattr(Counting, "stream", lambda *_: address)
        async with world.driven():
            await until(lambda: "22" in world.ids())

    assert world.ids()[:6] == ["5", "11", "12", "13", "21", "22"]
    assert (world.counted("toog_source_reconnects_total", why="ended") or 0) >= 1


async def test_of_a_whole_network_only_what_concerns_us_enters_and_the_rest_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(self: Counted, body: bytes, *, source: str, now: datetime, **_: object) -> Parsed:
        number = int(body)
        deletion = number > 100
        heard = parse(self, b"%d" % number, source=source, now=now).heard[0]
        kind: Kind = "deleted" if deletion else "created"
        event = msgspec.structs.replace(heard.event, kind=kind, of=str(number - 100))
        return Parsed((Heard(event, heard.key, if_seen=deletion),))

    parse = Counted.parse
    monkeypatch.setattr(Counted, "parse", told)
    world.seen = Seen({"x"})
    asyncio.get_running_loop().call_later(0.2, world.seen.filled.set)
    world.served = lines(b"1\r\n102\r\n101\r\n2\r\n103\r\n", b"3\r\n", then=forever)

    async with world.driven():
        await until(lambda: "3" in world.ids())

    assert world.ids() == ["1", "101", "2", "3"]
    assert world.counted("toog_source_unseen_total") == 2
