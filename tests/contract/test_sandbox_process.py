"""The sandbox as a process: it plays a short night over real sockets and tells what it played."""

import asyncio
import base64
import contextlib
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
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from toog.kit.web import listener
from toog.local.accounts import IDS, write_accounts

PLATFORMS = ("x", "facebook", "instagram", "mastodon", "bluesky")
SECRET = "verzonnen-geheim"
TOKEN = "verzonnen-toegang"


class Receiver:
    """What ingest is to the platforms: proves itself, checks signatures, keeps bodies."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[dict[str, Any]]] = {"x": [], "facebook": [], "instagram": []}
        self.forged = 0

    def app(self) -> Starlette:
        async def prove(request: Request) -> Response:
            query = request.query_params
            if request.path_params["platform"] == "x":
                token = _signed_for_x(query["crc_token"].encode())
                return JSONResponse({"response_token": token})
            right = query["hub.verify_token"] == TOKEN
            return Response(query["hub.challenge"] if right else "", 200 if right else 403)

        async def take(request: Request) -> Response:
            platform, body = request.path_params["platform"], await request.body()
            name, sign = _SIGNATURES[platform]
            if request.headers.get(name) != sign(body):
                self.forged += 1
                return Response(status_code=401)
            self.bodies[platform].append(json.loads(body))
            return Response(status_code=200)

        path = "/webhooks/{platform}"
        return Starlette(routes=[Route(path, prove), Route(path, take, methods=["POST"])])

    def counts(self) -> list[int]:
        return [len(bodies) for bodies in self.bodies.values()]


def _signed_for_x(data: bytes) -> str:
    digest = hmac.new(SECRET.encode(), data, hashlib.sha256).digest()
    return f"sha256={base64.b64encode(digest).decode()}"


def _signed_for_meta(data: bytes) -> str:
    return f"sha256={hmac.new(SECRET.encode(), data, hashlib.sha256).hexdigest()}"


_SIGNATURES = {
    "x": ("x-twitter-webhooks-signature", _signed_for_x),
    "facebook": ("x-hub-signature-256", _signed_for_meta),
    "instagram": ("x-hub-signature-256", _signed_for_meta),
}


def write_accounts_and_secrets(folder: Path, platforms: str) -> None:
    """The demo's accounts; the credentials are those that the receiver knows."""
    write_accounts(folder / "accounts.toml", platforms)
    keys = {"consumer_secret": SECRET, "app_secret": SECRET, "identifier": "stadpoldem.test"}
    names = (*keys, "verify_token", "page_token", "token", "bearer", "user_token", "app_password")
    lines = [f'{name} = "{keys.get(name, TOKEN)}"' for name in names]
    tables = [f'["{platform}:{id_}"]\n' + "\n".join(lines) for platform, id_ in IDS.items()]
    (folder / "secrets.toml").write_text("\n".join(tables))


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
    write_accounts_and_secrets(tmp_path, f"http://{bind}")
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
    firehose = asyncio.create_task(_jetstream(http))

    assert (await http.post("/_night/start")).status_code == 202
    assert (await http.post("/_night/start")).status_code == 409
    status = await _done(http)

    assert status["broken"] is None
    assert (status["failed"], status["skipped"]) == (0, 0)
    assert status["acted"] == status["planned"] == 100
    await _settled(receiver[0])
    told = await _notifications(http)
    ledger = (await http.get("/_night/ledger")).json()
    assert receiver[0].forged == 0
    assert {body["data"]["event_type"] for body in receiver[0].bodies["x"]} >= {
        "post.mention.create",
        "dm.received",
    }
    assert {body["object"] for body in receiver[0].bodies["facebook"]} == {"page"}
    assert {body["object"] for body in receiver[0].bodies["instagram"]} == {"instagram"}
    assert "mention" in {one["reason"] for one in told}
    assert ledger["played"] == sorted(set(ledger["played"]))
    assert {event.split(":")[0] for event in ledger["played"]} == set(PLATFORMS)

    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 5) == 0
    assert b"event: notification" in await asyncio.wait_for(stream, 2)
    assert '"commit"' in await asyncio.wait_for(firehose, 2)


async def _listen(http: httpx.AsyncClient) -> bytes:
    """What Mastodon's user stream brought until it ended."""
    heard = b""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    path = "/mastodon/api/v1/streaming/user"
    async with http.stream("GET", path, headers=headers, timeout=None) as response:
        async for chunk in response.aiter_bytes():
            heard += chunk
    return heard


async def _jetstream(http: httpx.AsyncClient) -> str:
    """What Bluesky's firehose brought until it ended."""
    address = f"ws://127.0.0.1:{http.base_url.port}/bluesky/subscribe"
    heard = ""
    async with connect(f"{address}?wantedCollections=app.bsky.feed.post", proxy=None) as firehose:
        with contextlib.suppress(ConnectionClosed):
            while True:
                heard += str(await firehose.recv())
    return heard


async def _notifications(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    """What Bluesky tells our account, signed in as Toog signs in."""
    xrpc = "/bluesky/xrpc"
    who = {"identifier": "stadpoldem.test", "password": TOKEN}
    session = await http.post(f"{xrpc}/com.atproto.server.createSession", json=who)
    answer = await http.get(
        f"{xrpc}/app.bsky.notification.listNotifications",
        params={"limit": 100},
        headers={"Authorization": f"Bearer {session.json()['accessJwt']}"},
    )
    notifications: list[dict[str, Any]] = answer.json()["notifications"]
    return notifications


async def _done(http: httpx.AsyncClient) -> dict[str, Any]:
    for _ in range(100):
        status: dict[str, Any] = (await http.get("/_night/status")).json()
        if status["done"]:
            return status
        await asyncio.sleep(0.1)
    pytest.fail("the night did not end")


async def _settled(receiver: Receiver) -> None:
    """Waits until no webhook is on its way any more."""
    before: list[int] = []
    for _ in range(50):
        if receiver.counts() == before:
            return
        before = receiver.counts()
        await asyncio.sleep(0.5)
    pytest.fail("webhooks keep coming")
