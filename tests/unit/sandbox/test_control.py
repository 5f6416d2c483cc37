"""The control routes: start once, look, read the ledger, act by hand, from this machine only."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from toog.platforms.playing import Act, Citizen, Ledger, Played
from toog.sandbox.control import control
from toog.sandbox.misbehaviour import Behaviour
from toog.sandbox.plan import Desk
from toog.sandbox.show import Programme, Show

DESKS = {"x": Desk(Citizen("1111", "StadPolDem", "Stadspolitie Demo"), "politie247")}


class Recorder:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.acts: list[Act] = []

    def app(self) -> Starlette:
        return Starlette()

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def act(self, act: Act) -> str | None:
        self.acts.append(act)
        self.ledger.played.add(f"x:1111:post:{len(self.acts)}")
        return str(len(self.acts))


@pytest.fixture
async def show() -> AsyncIterator[Show]:
    ledger = Ledger()
    played: dict[str, Played] = {"x": Recorder(ledger)}
    one = Show(played, ledger, DESKS)
    programme, behaviours = Programme(1, 50.0, 0.3), {"x": Behaviour("x")}
    one.app = Starlette(routes=[control(one, programme, ledger, played, behaviours)])
    yield one
    await one.stop()


def client(show: Show, caller: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(show.app, client=(caller, 40_000))
    return httpx.AsyncClient(transport=transport, base_url="http://sandbox/_night")


async def test_a_night_is_started_once_and_ends_by_itself(show: Show) -> None:
    async with client(show) as http:
        assert (await http.get("/status")).json()["phase"] == "voor"
        assert (await http.post("/start")).status_code == 202
        assert (await http.post("/start")).status_code == 409
        for _ in range(40):
            status = (await http.get("/status")).json()
            if status["done"]:
                break
            await asyncio.sleep(0.02)

        assert status["done"]
        assert status["acted"] == status["planned"] > 0
        assert status["phase"] == "na"
        ledger = (await http.get("/ledger")).json()
        assert ledger["played"] == sorted(ledger["played"])
        assert len(ledger["played"]) == status["acted"]
        assert (await http.post("/start")).status_code == 202


async def test_a_start_may_change_the_programme(show: Show) -> None:
    async with client(show) as http:
        status = (await http.post("/start", json={"seed": 9, "seconds": 60, "rate": 2})).json()
        wrong = await http.post("/start", json={"sed": 9})

    assert (status["seed"], status["planned"], status["running"]) == (9, 120, True)
    assert wrong.status_code == 422


async def test_one_act_by_hand(show: Show) -> None:
    body = {
        "platform": "x",
        "kind": "mention",
        "citizen": {"id": "5", "handle": "tine_fietsbel", "name": "Tine"},
        "text": "@StadPolDem hallo",
    }
    async with client(show) as http:
        assert (await http.post("/act", json=body)).json() == {"id": "1"}
        assert (await http.post("/act", json={**body, "platform": "z"})).status_code == 404
        assert (await http.post("/act", json={**body, "kind": "shout"})).status_code == 422


async def test_another_machine_sees_nothing(show: Show) -> None:
    async with client(show, "192.0.2.7") as http:
        assert (await http.get("/status")).status_code == 404
        assert (await http.post("/start")).status_code == 404


async def test_misbehaviour_is_asked_for_and_shown_until_it_ends(show: Show) -> None:
    body = {"platform": "x", "error_5xx": 0.5, "duration_s": 0.15}
    async with client(show) as http:
        asked = await http.post("/misbehave", json=body)
        status = (await http.get("/status")).json()["misbehaviour"]
        wrong = [
            (await http.post("/misbehave", json={**body, **bad})).status_code
            for bad in ({"platform": "z"}, {"error_5xx": 1.5}, {"duration_s": 0}, {"cutt": 1})
        ]
        await asyncio.sleep(0.2)
        later = (await http.get("/status")).json()["misbehaviour"]

    assert asked.status_code == 202
    assert status["x"]["asked"] == {"duration_s": 0.15, "seed": 1, "error_5xx": 0.5}
    assert 0 < status["x"]["left_s"] <= 0.2
    assert wrong == [404, 422, 422, 422]
    assert later == {}
