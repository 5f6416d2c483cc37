"""A platform's WebSocket: frames are items; silence, refusals and floods are told apart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request as Asked
from websockets.http11 import Response

from services.ingest import sockets
from services.ingest.framing import Item
from services.ingest.sockets import BrokenSocketError, SilenceError
from toog.platforms.base import Answer, Request

Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(handler: Handler, *, refuse: bool = False) -> AsyncIterator[Request]:
    def check(connection: ServerConnection, asked: Asked) -> Response | None:
        if refuse or asked.headers.get("authorization") != "Bearer t":
            response = connection.respond(HTTPStatus.UNAUTHORIZED, "no")
            response.headers["X-Reason"] = "token"
            return response
        return None

    server: Server
    async with serve(handler, "127.0.0.1", 0, process_request=check, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Request(
            "GET",
            f"http://127.0.0.1:{port}/stream",
            params=[("cursor", "5"), ("wanted", "a b")],
            headers={"Authorization": "Bearer t"},
        )


async def read(request: Request, silence_s: float = 2.0, most: int = 99) -> list[Item]:
    items: list[Item] = []
    async with sockets.opened(request, silence_s, 5) as coming:
        assert not isinstance(coming, Answer)
        async for some in coming:
            items += some
            if len(items) >= most:
                break
    return items


async def test_each_frame_is_an_item_and_the_parameters_are_told() -> None:
    asked: list[str] = []

    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        asked.append(socket.request.path)
        await socket.send('{"a": "é"}')
        await socket.send(b"[1]")
        await socket.send([b"[2", b"]"])

    async with serving(handler) as request:
        assert await read(request) == ['{"a": "é"}'.encode(), b"[1]", b"[2]"]
    assert asked == ["/stream?cursor=5&wanted=a+b"]


async def test_a_refusal_is_an_answer_like_any_other() -> None:
    async def handler(_: ServerConnection) -> None:
        """Nobody gets here."""

    async with serving(handler, refuse=True) as request, sockets.opened(request, 1, 5) as answer:
        assert isinstance(answer, Answer)
        assert (answer.status, answer.headers["x-reason"]) == (401, "token")


async def test_a_quiet_server_that_is_there_is_not_silent() -> None:
    async def handler(socket: ServerConnection) -> None:
        await asyncio.sleep(1.2)
        await socket.send("late")

    async with serving(handler) as request:
        assert await read(request, silence_s=1.0) == [b"late"]  # half of it for a pong


async def test_a_server_that_says_nothing_at_all_is_silent() -> None:
    async def handler(socket: ServerConnection) -> None:
        socket.transport.pause_reading()  # so that it answers no ping
        await asyncio.sleep(3)

    async with serving(handler) as request:
        with pytest.raises(SilenceError):
            await read(request, silence_s=0.2)


async def test_a_cut_is_no_good_bye() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send("one")
        await asyncio.sleep(0.05)
        socket.transport.abort()

    async with serving(handler) as request:
        with pytest.raises(BrokenSocketError, match="closed"):
            await read(request)


async def test_a_frame_that_is_too_long_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "ITEM_BYTES", 1000)

    async def handler(socket: ServerConnection) -> None:
        await socket.send("x" * 2000)
        await socket.wait_closed()

    async with serving(handler) as request:
        with pytest.raises(BrokenSocketError, match="overlong"):
            await read(request)


async def test_a_flood_waits_at_the_server_until_it_is_taken() -> None:
    sent = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal sent
        for _ in range(2000):
            await socket.send("x" * 20_000)
            sent += 1

    async with serving(handler) as request:
        async with sockets.opened(request, 5, 5) as coming:
            assert not isinstance(coming, Answer)
            await asyncio.sleep(0.5)
            assert sent < 1500
            got = 0
            async for some in coming:
                got += len(some)
        assert got == 2000


async def test_an_address_that_speaks_no_websocket_is_a_broken_socket() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-nothing\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokenSocketError):
            await read(Request("GET", f"ws://127.0.0.1:{port}/"))


async def test_a_ping_of_the_server_is_answered() -> None:
    answered = asyncio.Event()

    async def handler(socket: ServerConnection) -> None:
        await (await socket.ping(b"are you there"))
        answered.set()

    async with serving(handler) as request:
        assert await read(request) == []
    assert answered.is_set()
