"""The sandbox as a process: it plays a short night over real sockets and tells what it played."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from toog.kit.web import listener

SECRET = "verzonnen-geheim"
ACCOUNTS = """
[[account]]
platform = "x"
id = "1111111111111111111"
handle = "StadPolDem"
base_url = "{base}/x"
[[account.source]]
kind = "activity_webhook"
[[account.source]]
kind = "stream"
hashtags = ["politie247"]

[[account]]
platform = "mastodon"
id = "110000000000000001"
handle = "stadpoldem"
base_url = "{base}/mastodon"
[[account.source]]
kind = "user_stream"
"""
SECRETS = f"""
["x:1111111111111111111"]
consumer_secret = "{SECRET}"
bearer = "drager"
user_token = "gebruiker"
["mastodon:110000000000000001"]
token = "toot"
"""


class Receiver:
    """What ingest is to X: proves itself, checks signatures, keeps bodies."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.forged = 0

    def app(self) -> Starlette:
        async def crc(request: Request) -> Response:
            token = _sign(request.query_params["crc_token"].encode())
            return JSONResponse({"response_token": token})

        async def take(request: Request) -> Response:
            body = await request.body()
            if request.headers.get("x-twitter-webhooks-signature") != _sign(body):
                self.forged += 1
                return Response(status_code=401)
            self.bodies.append(json.loads(body))
            return Response(status_code=200)

        return Starlette(
            routes=[Route("/webhooks/x", crc), Route("/webhooks/x", take, methods=["POST"])]
        )


def _sign(data: bytes) -> str:
    digest = hmac.new(SECRET.encode(), data, hashlib.sha256).digest()
    return f"sha256={base64.b64encode(digest).decode()}"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    one, bind = Receiver(), f"127.0.0.1:{free_port()}"
    async with listener(one.app(), bind):
        yield one, f"http://{bind}"


@pytest.fixture
async def sandbox(
    receiver: tuple[Receiver, str], tmp_path: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    bind = f"127.0.0.1:{free_port()}"
    (tmp_path / "accounts.toml").write_text(ACCOUNTS.format(base=f"http://{bind}"))
    (tmp_path / "secrets.toml").write_text(SECRETS)
    settings = {
        "TOOG_SANDBOX_BIND": bind,
        "TOOG_SANDBOX_WEBHOOKS": receiver[1],
        "TOOG_SANDBOX_SEED": "3",
        "TOOG_SANDBOX_RATE": "20",
        "TOOG_SANDBOX_SECONDS": "5",
        "TOOG_ACCOUNTS": str(tmp_path / "accounts.toml"),
        "TOOG_SECRETS_FILE": str(tmp_path / "secrets.toml"),
    }
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TOOG_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "toog.sandbox", env={**clean, **settings}
    )
    async with httpx.AsyncClient(base_url=f"http://{bind}") as http:
        await _up(http)
        yield process, http
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _up(http: httpx.AsyncClient) -> None:
    for _ in range(200):
        try:
            if (await http.get("/livez")).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        await asyncio.sleep(0.05)
    pytest.fail("the sandbox did not come up")


async def test_a_short_night_over_real_sockets(
    receiver: tuple[Receiver, str],
    sandbox: tuple[asyncio.subprocess.Process, httpx.AsyncClient],
) -> None:
    """Webhooks are signed, what was played is in the ledger, SIGTERM ends all cleanly."""
    process, http = sandbox
    stream = asyncio.create_task(_listen(http))

    assert (await http.post("/_night/start")).status_code == 202
    assert (await http.post("/_night/start")).status_code == 409
    status = await _done(http)

    assert status["broken"] is None
    assert (status["failed"], status["skipped"]) == (0, 0)
    assert status["acted"] == status["planned"] == 100
    ledger = await _settled(http, receiver[0])
    assert receiver[0].forged == 0
    assert {body["data"]["event_type"] for body in receiver[0].bodies} >= {
        "post.mention.create",
        "dm.received",
    }
    assert ledger["played"] == sorted(set(ledger["played"]))
    assert {event.split(":")[0] for event in ledger["played"]} == {"x", "mastodon"}

    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 5) == 0
    assert b"event: notification" in await asyncio.wait_for(stream, 2)


async def _listen(http: httpx.AsyncClient) -> bytes:
    """What Mastodon's user stream brought until it ended."""
    heard = b""
    headers = {"Authorization": "Bearer toot"}
    path = "/mastodon/api/v1/streaming/user"
    async with http.stream("GET", path, headers=headers, timeout=None) as response:
        async for chunk in response.aiter_bytes():
            heard += chunk
    return heard


async def _done(http: httpx.AsyncClient) -> dict[str, Any]:
    for _ in range(100):
        status: dict[str, Any] = (await http.get("/_night/status")).json()
        if status["done"]:
            return status
        await asyncio.sleep(0.1)
    pytest.fail("the night did not end")


async def _settled(http: httpx.AsyncClient, receiver: Receiver) -> dict[str, Any]:
    """The ledger once no webhook is on its way any more."""
    before = -1
    for _ in range(50):
        if len(receiver.bodies) == before:
            break
        before = len(receiver.bodies)
        await asyncio.sleep(0.3)
    ledger: dict[str, Any] = (await http.get("/_night/ledger")).json()
    return ledger
