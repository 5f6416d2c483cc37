"""The played Facebook's webhooks over real sockets: checked, signed, batched, tried again."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import ForgedError
from toog.platforms.facebook import incoming
from toog.platforms.facebook.sandbox import FacebookSandbox
from toog.platforms.playing import Act, Citizen, Ledger

US = Account("facebook", "1029384756102938", "stadpoldem", "http://127.0.0.1:1")
SECRETS = {"app_secret": "geheim", "verify_token": "teken", "page_token": "schrijver"}
AN = Citizen("24500000000000001", "an", "An Verzonnen")


class Desk:
    """Takes webhooks as Toog does; the first few deliveries it does not take."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.heard: list[str] = []
        self.bodies = 0

    async def check(self, request: Request) -> Response:
        try:
            answer = incoming.handshake(dict(request.query_params), SECRETS)
        except ForgedError:
            return Response(status_code=403)
        return Response(answer.body, media_type=answer.media_type)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        incoming.verify(request.headers, body, SECRETS)
        if self.failures:
            self.failures -= 1
            return Response(status_code=503)
        parsed = incoming.parse(
            body, accounts=Accounts([US]), account=None, source="t", now=datetime.now(UTC)
        )
        assert parsed.unreadable == ()
        self.heard += [heard.event.id for heard in parsed.heard]
        self.bodies += 1
        return Response()


@pytest.fixture
async def desk() -> AsyncIterator[tuple[Desk, str]]:
    desk = Desk(failures=2)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        routes = [Route("/", desk.check, methods=["GET"]), Route("/", desk.take, methods=["POST"])]
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[sock]))
        while not server.started:  # noqa: ASYNC110 (uvicorn offers no event for it)
            await asyncio.sleep(0.01)
        yield desk, f"http://127.0.0.1:{sock.getsockname()[1]}/"
        server.should_exit = True
        await running


async def test_all_that_was_played_arrives_in_batches(desk: tuple[Desk, str]) -> None:
    taking, url = desk
    played = FacebookSandbox(US, SECRETS, webhook_url=url, ledger=Ledger(), seed=3)
    post = await played.act(Act("own_post", AN, "De ring is weer open."))
    for n in range(60):
        await played.act(Act("reply", AN, f"reactie {n} 👍", target=post))
        await played.act(Act("dm", AN, f"vraag {n}"))
    running = asyncio.create_task(played.run())
    async with asyncio.timeout(20):
        while len(played.ledger.played) < 121:  # noqa: ASYNC110 (nothing tells when it has delivered)
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert set(taking.heard) == played.ledger.played == set(played.ledger.sent_at)
    assert taking.bodies < 60
    assert played.ledger.counts["webhook_retried"] == 2


async def test_an_address_with_another_token_gets_nothing(desk: tuple[Desk, str]) -> None:
    taking, url = desk
    secrets = SECRETS | {"verify_token": "een ander"}
    played = FacebookSandbox(US, secrets, webhook_url=url, ledger=Ledger(), seed=3)
    await played.act(Act("dm", AN, "vraag"))
    running = asyncio.create_task(played.run())
    async with asyncio.timeout(10):
        while played.ledger.counts.get("webhook_check_failed", 0) < 2:  # noqa: ASYNC110 (same)
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert taking.heard == []
    assert played.ledger.sent_at == {}
