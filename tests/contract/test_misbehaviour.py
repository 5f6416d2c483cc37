"""Every kind of misbehaviour over real sockets; whatever goes wrong, the ledger says what happened."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from toog.kit.web import listener
from toog.platforms.accounts import Account
from toog.platforms.mastodon.sandbox import MastodonSandbox
from toog.platforms.playing import Act, Citizen, Ledger
from toog.platforms.x.sandbox import XSandbox
from toog.sandbox.misbehaving import Misbehaving
from toog.sandbox.misbehaviour import Asked, Behaviour
from toog.sandbox.relay import PATH, Relay

TINE = Citizen("1800000000000000001", "tine_fietsbel", "Tine Fietsbel")
SECRETS = {"consumer_secret": "verzonnen", "bearer": "drager", "user_token": "gebruiker"}
AUTH = {"Authorization": "Bearer gebruiker"}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def ask(behaviour: Behaviour, **asked: object) -> None:
    behaviour.ask(msgspec.convert(asked, Asked), time.monotonic())


class Stage:
    """X and Mastodon, played behind the middleware, and X's webhooks behind the relay."""

    def __init__(self, base: str, target: str) -> None:
        self.ledger = Ledger()
        self.behaviours = {name: Behaviour(name) for name in ("x", "mastodon", "facebook")}
        targets = {"x": f"{target}/webhooks/x", "facebook": f"{target}/webhooks/facebook"}
        self.relay = Relay(targets, self.behaviours, {"facebook": "app-geheim"})
        x = Account("x", "1111111111111111111", "StadPolDem", f"{base}/x")
        mastodon = Account("mastodon", "110000000000000001", "stadpoldem", f"{base}/mastodon")
        url = f"{base}{PATH}/x"
        self.x = XSandbox(x, SECRETS, webhook_url=url, ledger=self.ledger, seed=1)
        self.mastodon = MastodonSandbox(mastodon, {"token": "t"}, ledger=self.ledger, seed=1)

    def app(self) -> Starlette:
        wrapped = {
            "x": Misbehaving(self.x.app(), self.behaviours["x"], "1111111111111111111"),
            "mastodon": Misbehaving(self.mastodon.app(), self.behaviours["mastodon"], "1"),
            "facebook": Misbehaving(_echo(), self.behaviours["facebook"], "1"),
        }
        mounts = [Mount(f"/{name}", app=app) for name, app in wrapped.items()]
        return Starlette(routes=[self.relay.mount(), *mounts])


def _echo() -> Starlette:
    """A WebSocket that sends numbers without end, as a firehose does."""

    async def firehose(socket: WebSocket) -> None:
        await socket.accept()
        for number in range(100):
            await socket.send_text(json.dumps({"number": number, "text": "x" * 50}))
        await socket.close()

    return Starlette(routes=[WebSocketRoute("/firehose", firehose)])


class Toog:
    """What ingest is to the platforms: takes webhooks, keeps their bodies and headers."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []

    def app(self) -> Starlette:
        async def take(request: Request) -> Response:
            self.bodies.append(await request.body())
            self.headers.append(dict(request.headers))
            return Response(status_code=200)

        async def crc(request: Request) -> Response:
            token = request.query_params["crc_token"].encode()
            mac = hmac.new(b"verzonnen", token, hashlib.sha256).digest()
            answer = {"response_token": "sha256=" + _base64(mac)}
            return Response(json.dumps(answer), media_type="application/json")

        path = "/webhooks/{platform}"
        return Starlette(routes=[Route(path, crc), Route(path, take, methods=["POST"])])


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.fixture
async def played() -> AsyncIterator[tuple[Stage, Toog, httpx.AsyncClient]]:
    base, target = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    stage, toog = Stage(f"http://{base}", f"http://{target}"), Toog()
    async with (
        listener(toog.app(), target),
        listener(stage.app(), base),
        stage.relay.running(),
        httpx.AsyncClient(base_url=f"http://{base}", trust_env=False) as http,
    ):
        task = asyncio.create_task(stage.x.run())
        yield stage, toog, http
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


Played = tuple[Stage, Toog, httpx.AsyncClient]


async def asked_something(stage: Stage) -> str:
    """The id of a citizen's post that waits for an answer."""
    native = await stage.x.act(Act("mention", TINE, "@StadPolDem waar is dat?"))
    assert native is not None
    return native


def reply_to(native: str, text: str = "Dag Tine") -> dict[str, Any]:
    return {"text": text, "reply": {"in_reply_to_tweet_id": native}}


async def test_latency_makes_an_answer_wait(played: Played) -> None:
    stage, _, http = played
    ask(stage.behaviours["x"], latency_ms=200)
    begun = time.monotonic()

    answer = await http.get("/x/2/users/me", headers=AUTH)

    assert answer.status_code == 200
    assert time.monotonic() - begun >= 0.1


async def test_a_429_has_the_platform_s_own_headers_and_takes_nothing(played: Played) -> None:
    stage, _, http = played
    native = await asked_something(stage)
    for behaviour in stage.behaviours.values():
        ask(behaviour, error_429=1)

    x = await http.post("/x/2/tweets", headers=AUTH, json=reply_to(native))
    mastodon = await http.get("/mastodon/api/v1/notifications")

    assert (x.status_code, x.headers["x-rate-limit-remaining"]) == (429, "0")
    assert x.json() == {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}
    assert (mastodon.status_code, mastodon.headers["x-ratelimit-limit"]) == (429, "300")
    assert stage.ledger.replies == []


async def test_a_5xx_is_in_the_ledger_when_the_reply_was_taken(played: Played) -> None:
    stage, _, http = played
    native = await asked_something(stage)
    ask(stage.behaviours["x"], error_5xx=1)

    answers = [
        await http.post("/x/2/tweets", headers=AUTH, json=reply_to(native, f"Antwoord {n}"))
        for n in range(20)
    ]

    assert {answer.status_code for answer in answers} <= {502, 503}
    assert "text/html" in {answer.headers["content-type"] for answer in answers}
    taken = {reply.text for reply in stage.ledger.replies if reply.accepted}
    assert 0 < len(taken) < 20
    assert taken == {p.text.split(" ", 1)[1] for p in _ours(stage)}


def _ours(stage: Stage) -> Sequence[Any]:
    return [p for p in stage.x.world.newest_first() if p.author.id == stage.x.us.id]


async def test_a_cut_answer_was_taken_and_nobody_knows(played: Played) -> None:
    stage, _, http = played
    native = await asked_something(stage)
    ask(stage.behaviours["x"], cut=1)

    with pytest.raises(httpx.RemoteProtocolError):
        await http.post("/x/2/tweets", headers=AUTH, json=reply_to(native))

    assert [reply.accepted for reply in stage.ledger.replies] == [True]
    assert stage.behaviours["x"].done["cut"] == 1


async def test_half_an_answer_looks_whole_and_cannot_be_read(played: Played) -> None:
    stage, _, http = played
    native = await asked_something(stage)
    ask(stage.behaviours["x"], half=1)

    answer = await http.post("/x/2/tweets", headers=AUTH, json=reply_to(native))

    assert answer.status_code == 201
    assert answer.content.startswith(b'{"data"')
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert [reply.accepted for reply in stage.ledger.replies] == [True]


@pytest.mark.parametrize("wrong", ["cut", "half"])
async def test_a_stream_breaks_off_and_can_be_opened_again(played: Played, wrong: str) -> None:
    stage, _, http = played
    stage.mastodon.heartbeat_s = 0.01
    beating = asyncio.create_task(stage.mastodon.run())
    ask(stage.behaviours["mastodon"], **{wrong: 1})
    for _ in range(3):
        with contextlib.suppress(httpx.RemoteProtocolError):
            headers = {"Authorization": "Bearer t"}
            path = "/mastodon/api/v1/streaming/user"
            async with http.stream("GET", path, headers=headers, timeout=5) as response:
                assert response.status_code == 200
                async for _ in response.aiter_bytes():
                    pass
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)

    # counted when the app has ended, which may be after its answer
    await until(lambda: stage.behaviours["mastodon"].done[wrong] == 3)


async def test_a_websocket_is_closed_between_two_whole_messages(played: Played) -> None:
    stage, _, http = played
    address = f"ws://127.0.0.1:{http.base_url.port}/facebook/firehose"
    ask(stage.behaviours["facebook"], cut=1)
    got: list[str | bytes] = []

    async with connect(address, proxy=None) as firehose:
        with contextlib.suppress(ConnectionClosed):
            while len(got) < 100:
                got.append(await firehose.recv())

    assert 1 <= len(got) <= 5
    assert [json.loads(one)["number"] for one in got] == list(range(len(got)))

    ask(stage.behaviours["facebook"], error_5xx=1)
    with pytest.raises(InvalidHandshake):
        async with connect(address, proxy=None):
            pass


async def until(true: Any, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for is another task's bookkeeping
            await asyncio.sleep(0.02)


async def test_a_webhook_comes_as_it_was_signed(played: Played) -> None:
    stage, toog, _ = played
    await asked_something(stage)
    await until(lambda: stage.ledger.played)

    mac = hmac.new(b"verzonnen", toog.bodies[0], hashlib.sha256).digest()
    assert toog.headers[0]["x-twitter-webhooks-signature"] == "sha256=" + _base64(mac)


async def test_a_swallowed_webhook_is_not_played(played: Played) -> None:
    stage, toog, _ = played
    ask(stage.behaviours["x"], swallow=1)
    await asked_something(stage)
    await until(lambda: stage.ledger.counts.get("webhook_failed"))

    assert toog.bodies == []
    assert stage.ledger.played == set()
    assert stage.behaviours["x"].done["swallow"] >= 1


async def test_a_doubled_webhook_comes_twice(played: Played) -> None:
    stage, toog, _ = played
    ask(stage.behaviours["x"], duplicates=1)
    await asked_something(stage)
    await until(lambda: len(toog.bodies) >= 2 and stage.ledger.played)

    assert len(set(toog.bodies)) == 1
    assert len(stage.ledger.played) == 1


async def test_held_back_webhooks_are_overtaken(played: Played) -> None:
    stage, toog, _ = played
    ask(stage.behaviours["x"], reorder=0.5, seed=2)
    said = [await stage.x.act(Act("mention", TINE, f"@StadPolDem vraag {n}")) for n in range(8)]
    await until(lambda: len(stage.ledger.played) == 8)

    came = [json.loads(body)["data"]["payload"]["id"] for body in toog.bodies]
    assert set(came) == set(said)
    assert list(dict.fromkeys(came)) != said


async def test_meta_s_bodies_hold_a_thousand_updates_signed_as_one(played: Played) -> None:
    stage, toog, http = played
    ask(stage.behaviours["facebook"], batch=1_000)
    entries = [
        {"id": "1", "time": n, "changes": [{"field": "feed", "value": {"comment_id": str(n)}}]}
        for n in range(3)
    ]
    bodies = [msgspec.json.encode({"object": "page", "entry": [one]}) for one in entries]

    headers = {"x-hub-signature-256": "sha256=van-een"}
    posts = (http.post(f"{PATH}/facebook", content=body, headers=headers) for body in bodies)
    answers = await asyncio.gather(*posts)

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    (body,) = toog.bodies
    updates = [c for entry in json.loads(body)["entry"] for c in entry["changes"]]
    assert len(updates) == 1_000
    assert {c["value"].get("comment_id") for c in updates[:3]} == {"0", "1", "2"}
    mac = hmac.new(b"app-geheim", body, hashlib.sha256).hexdigest()
    assert toog.headers[0]["x-hub-signature-256"] == f"sha256={mac}"


async def test_a_target_that_is_away_is_told_to_the_platform(played: Played) -> None:
    stage, _, http = played
    stage.relay._targets = {"x": f"http://127.0.0.1:{free_port()}/webhooks/x"}

    assert (await http.post(f"{PATH}/x", content=b"{}")).status_code == 502
    assert (await http.post(f"{PATH}/mastodon", content=b"{}")).status_code == 404
