"""Robot agents against an API played by a handler: they answer, close, lose races and wait."""

import asyncio
import json
from collections.abc import Callable
from random import Random
from typing import Any

import httpx

from toog.sandbox.corpus import MAX_WEIGHT, load_corpus, weight
from toog.sandbox.robots import Manner, Stats, answer_text, work

QUICK = Manner(think_s=(0.0, 0.001), closes=0.0, pause_s=0.001, after_error_s=(0.01, 0.02))
CORPORA = load_corpus()


def case(number: int, language: str | None = "nl") -> dict[str, Any]:
    messages = [{"text": "Dag", "author_handle": "tine", "language": language}]
    return {"id": f"0199-aaaa-{number:012}", "version": 1, "platform": "x", "messages": messages}


class Desk:
    """The responder's API: gives each case once, keeps what was asked."""

    def __init__(self, cases: int, settle: Callable[[int], httpx.Response] | None = None) -> None:
        self.waiting = [case(n) for n in range(cases)]
        self.asked: list[httpx.Request] = []
        self.settle = settle or (lambda _: httpx.Response(201, json={}))
        self.stop = asyncio.Event()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/cases/next"):
            if self.waiting:
                return httpx.Response(200, json=self.waiting.pop(0))
            self.stop.set()
            return httpx.Response(204)
        self.asked.append(request)
        return self.settle(len(self.asked))

    async def serve(self, manner: Manner = QUICK, tokens: tuple[str, ...] = ("a", "b")) -> Stats:
        transport = httpx.MockTransport(self)
        async with asyncio.timeout(5):
            return await work(
                "http://desk", tokens, seed=1, stop=self.stop, manner=manner, transport=transport
            )


async def test_every_case_is_answered_with_a_text_of_its_own() -> None:
    desk = Desk(12)
    stats = await desk.serve()
    bodies = [json.loads(request.content) for request in desk.asked]

    assert stats.answered == 12
    assert len({body["text"] for body in bodies}) == 12
    assert {body["version"] for body in bodies} == {1}
    assert len({request.headers["idempotency-key"] for request in desk.asked}) == 12
    assert {request.headers["authorization"] for request in desk.asked} == {"Bearer a", "Bearer b"}


async def test_some_cases_are_closed_without_an_answer() -> None:
    desk = Desk(3)
    stats = await desk.serve(Manner(think_s=(0, 0), closes=1.0, pause_s=0.001))

    assert (stats.closed, stats.answered) == (3, 0)
    assert {request.url.path.rsplit("/", 1)[1] for request in desk.asked} == {"close"}
    assert json.loads(desk.asked[0].content)["reason"] == "no_answer_needed"


async def test_a_lost_race_is_counted_and_the_case_given_back() -> None:
    desk = Desk(2, lambda _: httpx.Response(409))
    stats = await desk.serve()

    assert (stats.conflicts, stats.answered) == (2, 0)
    assert [r.url.path.rpartition("/")[2] for r in desk.asked].count("release") == 2


async def test_while_the_api_is_away_it_waits_and_tries_again_with_the_same_key() -> None:
    def settle(nth: int) -> httpx.Response:
        if nth == 1:
            return httpx.Response(503, headers={"Retry-After": "0.1"})
        return httpx.Response(201, json={})

    desk = Desk(1, settle)
    stats = await desk.serve(tokens=("a",))

    assert (stats.waited, stats.answered) == (1, 1)
    assert desk.asked[0].headers["idempotency-key"] == desk.asked[1].headers["idempotency-key"]


async def test_errors_of_the_api_are_counted_and_never_raised() -> None:
    desk = Desk(1, lambda _: httpx.Response(500))
    stats = await desk.serve(tokens=("a",))

    assert (stats.errors, stats.answered) == (1, 0)


def test_the_answer_is_in_the_citizens_language_and_fits_x() -> None:
    for language, word in (("nl", "ref."), ("fr", "réf."), ("en", "ref."), (None, "ref.")):
        text = answer_text(case(7, language), CORPORA, Random(1))

        assert f"({word} 000000000007/1)" in text
        assert weight(text) <= MAX_WEIGHT


def test_what_we_said_ourselves_does_not_choose_the_language() -> None:
    talk = case(1, "fr")
    talk["messages"].append({"text": "Dag", "language": "nl", "own": True})

    assert "réf." in answer_text(talk, CORPORA, Random(1))
