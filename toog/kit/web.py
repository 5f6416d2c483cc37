"""Two listeners per service, probes, problem answers, and stopping in order."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toog.kit.errors import StartError

Check = Callable[[], Awaitable[str | None]]
"""None when well, else a short word on what is wrong."""

CHECK_TIMEOUT_S = 2.0


class Health:
    """What `/livez` and `/readyz` answer.

    `alive` checks look at this process only, never at a dependency: a restart mends nothing
    outside. `ready` checks name each thing that is not ready. `stopping` is set first on SIGTERM.
    """

    def __init__(self) -> None:
        self.alive: dict[str, Check] = {}
        self.ready: dict[str, Check] = {}
        self.stopping = False

    async def failing(self, checks: dict[str, Check]) -> dict[str, str]:
        """What is wrong, by name; empty when all is well."""
        answers = await asyncio.gather(*(_ask(check) for check in checks.values()))
        return {name: word for name, word in zip(checks, answers, strict=True) if word}


async def _ask(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check()
    except TimeoutError:
        return "no answer"
    except Exception as error:  # noqa: BLE001 - a probe reports whatever is wrong, it never fails
        return type(error).__name__


def internal_app(
    health: Health, metrics: CollectorRegistry, routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """The app of the internal listener: probes, metrics and the given operator routes."""

    async def livez(_: Request) -> Response:
        wrong = await health.failing(health.alive)
        return JSONResponse({"alive": not wrong, **wrong}, 503 if wrong else 200)

    async def readyz(_: Request) -> Response:
        wrong = await health.failing(health.ready)
        if health.stopping:
            wrong["process"] = "stopping"
        return JSONResponse({"ready": not wrong, **wrong}, 503 if wrong else 200)

    async def metrics_page(_: Request) -> Response:
        return PlainTextResponse(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    own = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics_page)]
    return Starlette(routes=[*own, *routes])


def problem(
    status: int, title: str, detail: str = "", headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error answer as RFC 9457 has it; `detail` says what to do."""
    body = {"type": "about:blank", "status": status, "title": title, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


class BodyLimit:
    """Answers 413 to a body of more than `limit` bytes; reads a smaller one before the app does.

    Before, because a framework that parses inside would turn our refusal into one of its own.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts what comes in, whatever its headers promise."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # the caller is gone
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._limit:
                detail = f"send at most {self._limit // 1024} KiB"
                await problem(413, "The body is too large", detail)(scope, receive, send)
                return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replayed, send)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the service decides the order of stopping."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def listener(app: ASGIApp, bind: str) -> AsyncIterator[None]:
    """Serves the app at `host:port` inside the block; finishes open requests when leaving.

    Raises StartError where the address is taken.
    """
    host, _, port = bind.rpartition(":")
    try:
        sock = socket.create_server((host, int(port)), backlog=2048, reuse_port=False)
    except OSError as error:
        raise StartError(
            f"{bind} cannot be used ({error.strerror}): free it or choose another bind address"
        ) from None
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]), name=f"listener {bind}")
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await task
        sock.close()


async def until_told_to_stop(*watched: asyncio.Task[None]) -> None:
    """Waits for SIGTERM or SIGINT; an unexpected end of a watched task ends it with that error."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    waiting = asyncio.create_task(stop.wait(), name="signal")
    done, _ = await asyncio.wait({waiting, *watched}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done - {waiting}:
        await task
