"""What was told by id only is asked for once, with patience, and enters as an edit."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.ingest import look_ups
from services.ingest.look_ups import TRIES, LookUps
from services.ingest.telemetry import IngestMetrics
from toog.contracts.events import Event
from toog.contracts.wire import header
from toog.kit.errors import UnavailableError
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard, NotConfiguredError, Parsed, Request

NOW = datetime(2026, 5, 4, tzinfo=UTC)
US = Account("x", "1", "StadPolDem", "http://x.example")


def event(*, incomplete: bool, id_: str = "x:1:post:5", source: str = "x:webhook") -> Event:
    return Event(
        id=id_,
        kind="created",
        platform="x",
        account="1",
        native="5",
        occurred_at=NOW,
        received_at=NOW,
        source=source,
        incomplete=incomplete,
    )


class World:
    """A platform that answers as told, and a Kafka that may be away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[int] = []
        self.asked = 0
        self.configured = True
        self.away = 0
        self.sources: list[str] = []
        self.written: list[Outgoing] = []
        self.registry = CollectorRegistry()
        platform = SimpleNamespace(incoming=self, sources=self)
        monkeypatch.setattr(look_ups, "PLATFORMS", {"x": platform})
        monkeypatch.setattr(look_ups, "WAITS_S", (0.001, 0.002))
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))
        metrics = IngestMetrics(self.registry)
        self.look_ups = LookUps(self.http, self.send, metrics, Accounts([US]), {})

    def look_up(self, asked: Event, account: Account, _: object) -> Request | None:
        if not self.configured:
            raise NotConfiguredError("no token")
        return Request("GET", f"{account.base_url}/{asked.native}")

    def answer(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(self.answers.pop(0) if self.answers else 200, content=b"{}")

    def parse(self, body: bytes, *, source: str, **_: Any) -> Parsed:
        self.sources.append(source)
        edit = event(incomplete=True, id_="x:1:post:5:edit:enriched", source=source)
        return Parsed((Heard(edit, "x:1:77"),))

    async def send(self, records: Sequence[Outgoing]) -> None:
        if self.away:
            self.away -= 1
            raise UnavailableError("Kafka")
        self.written += records

    async def until(self, result: str) -> None:
        async with self.look_ups.run(), asyncio.timeout(0.9):
            while not self.registry.get_sample_value(  # noqa: ASYNC110 - a counter is polled
                "toog_ingest_look_ups_total", {"platform": "x", "result": result}
            ):
                await asyncio.sleep(0.002)
        await self.http.aclose()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


WANTED = Parsed((Heard(event(incomplete=True), "x:1:77"),))


async def test_an_incomplete_event_is_asked_for_once_and_its_answer_enters(world: World) -> None:
    world.look_ups.want(WANTED)

    await world.until("found")

    (record,) = world.written
    assert header(record.headers, "ce_id") == "x:1:post:5:edit:enriched"
    assert world.sources == ["x:look_up"]
    assert world.asked == 1  # although the answer is incomplete, too


async def test_a_complete_event_is_not_asked_for(world: World) -> None:
    world.look_ups.want(Parsed((Heard(event(incomplete=False), "x:1:77"),)))
    world.look_ups.want(WANTED)

    await world.until("found")

    assert world.asked == 1


@pytest.mark.parametrize("answers", [[500], [429, 503]])
async def test_what_may_pass_is_asked_again(world: World, answers: list[int]) -> None:
    world.answers = answers
    world.look_ups.want(WANTED)

    await world.until("found")

    assert len(world.written) == 1


async def test_an_absent_kafka_is_waited_for(world: World) -> None:
    world.away = 2
    world.look_ups.want(WANTED)

    await world.until("found")

    assert len(world.written) == 1


async def test_patience_ends(world: World) -> None:
    world.answers = [500] * 99
    world.look_ups.want(WANTED)

    await world.until("given_up")

    assert world.asked == TRIES


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_no_is_a_no(world: World, status: int) -> None:
    world.answers = [status]
    world.look_ups.want(WANTED)

    await world.until("refused")

    assert (world.asked, world.written) == (1, [])


async def test_without_credentials_nothing_is_asked(world: World) -> None:
    world.configured = False
    world.look_ups.want(WANTED)

    await world.until("not_possible")

    assert world.asked == 0


async def test_a_queue_that_is_full_gives_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    many: Callable[[int], Parsed] = lambda n: Parsed(WANTED.heard * n)  # noqa: E731 - one expression

    world.look_ups.want(many(look_ups.WAITING + 1))

    await world.until("given_up")
