"""Kind, language and tag of a message at the desk, on a real database: stored, changed, listed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from support.desk import World, deleted, edited, pool_of, said

from services.responder.acts import Desk
from services.responder.api import public_app
from services.responder.review import Review
from services.responder.telemetry import ReviewMetrics
from toog.contracts.verdicts import About
from toog.kit import access
from toog.kit.settings import KafkaSettings
from toog.platforms.table import PLATFORMS

QUESTION = About("question", "fr", -0.4)


class Listed(World):
    """A desk, and its API as an agent sees it."""

    agent: httpx.AsyncClient

    async def cases(self, **query: str) -> list[dict[str, Any]]:
        answer = await self.agent.get("/cases", params=query)
        assert answer.status_code == 200, answer.text
        cases: list[dict[str, Any]] = answer.json()["cases"]
        return cases


async def never(_: object) -> None:
    raise AssertionError("nothing is written to Kafka here")


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Listed]:
    async with AsyncExitStack() as stack:
        pool = await pool_of(database)
        stack.push_async_callback(pool.close)
        made = Listed(pool)
        acts = Desk(
            pool,
            lease_s=120.0,
            reply_length=lambda p: PLATFORMS[p].reply_length,
            measure=lambda p, text: PLATFORMS[p].length(text),
        )
        nowhere = KafkaSettings(kafka="127.0.0.1:1")
        review = Review(pool, nowhere, send=never, metrics=ReviewMetrics(CollectorRegistry()))
        app = public_app(acts, review, partial(access.caller, pool))
        token = await access.create(pool, "els", {"desk"})
        made.agent = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app),
                base_url="http://desk/api/v1",
                headers={"Authorization": f"Bearer {token}"},
            )
        )
        yield made


async def test_kind_language_and_tag_are_stored_and_sentiment_is_not(desk: Listed) -> None:
    about = About("complaint", "fr", -0.77, "press")
    await desk.take(desk.log.addressed(said(language=None), about=about))

    row, (case,) = await desk.one("messages"), await desk.cases()
    shown = (await desk.agent.get(f"/cases/{case['id']}")).json()

    assert (row["kind"], row["language"], row["tag"]) == ("complaint", "fr", "press")
    assert "sentiment" not in row
    assert "-0.77" not in str(dict(row))
    assert (case["kind"], case["tag"]) == (shown["kind"], shown["tag"]) == ("complaint", "press")
    (message,) = shown["messages"]
    assert (message["kind"], message["language"], message["tag"]) == ("complaint", "fr", "press")
    assert "sentiment" not in message


async def test_a_record_from_before_and_one_with_wrong_headers_are_taken_without(
    desk: Listed,
) -> None:
    wrong = {"ce_kind": "rant", "ce_language": "n\0l", "ce_sentiment": "9", "ce_tag": "suspect"}
    verdict = {"ce_outcome": "addressed", "ce_reason": "mention", "ce_lane": "mention"}
    first, second = said("1", language=None), said("2", author="2", language=None)

    rejected = await desk.take(desk.log.addressed(first), desk.log.put(second, verdict | wrong))

    assert not rejected
    assert [(r["kind"], r["language"], r["tag"]) for r in await desk.rows("messages")] == [
        (None, None, None),
        (None, None, None),
    ]
    assert [(case["kind"], case["tag"]) for case in await desk.cases()] == [(None, None)] * 2


@pytest.mark.parametrize("together", [True, False])
async def test_an_edit_updates_the_kind(desk: Listed, *, together: bool) -> None:
    message = said(language=None)
    batch = [
        desk.log.addressed(message, about=QUESTION),
        desk.log.addressed(
            edited(message, "Merci!", "2"), about=About("compliment", "fr", 0.8, "partner")
        ),
    ]
    if together:
        await desk.take(*batch)
    else:
        for record in batch:
            await desk.take(record)

    row = await desk.one("messages")
    assert (row["text"], row["kind"], row["tag"]) == ("Merci!", "compliment", "partner")


async def test_an_edit_that_says_no_kind_leaves_the_one_that_was_known(desk: Listed) -> None:
    message = said()
    await desk.take(desk.log.addressed(message, about=QUESTION))
    await desk.take(desk.log.context(edited(message, "nieuw", "2"), "edit"))

    row = await desk.one("messages")
    assert (row["text"], row["kind"]) == ("nieuw", "question")


async def test_an_older_edit_does_not_change_the_kind(desk: Listed) -> None:
    message = said()
    await desk.take(desk.log.addressed(edited(message, "nieuw", "3"), about=QUESTION))
    await desk.take(
        desk.log.addressed(edited(message, "oud", "2"), about=About("complaint", "nl", -1.0))
    )

    assert (await desk.one("messages"))["kind"] == "question"


async def test_a_case_is_of_the_kind_of_its_newest_message_that_is_still_there(
    desk: Listed,
) -> None:
    first, second = said("1"), said("2", seconds=60)
    await desk.take(
        desk.log.addressed(second, about=About("complaint", "nl", -0.5, "press")),
        desk.log.addressed(first, about=QUESTION),
    )
    (before,) = await desk.cases()
    await desk.take(desk.log.context(deleted(second), "deletion"))
    (after,) = await desk.cases()

    gone = next(row for row in await desk.rows("messages") if row["id"] == second.id)
    assert (before["kind"], before["tag"]) == ("complaint", "press")
    assert (after["kind"], after["tag"]) == ("question", None)
    assert (gone["kind"], gone["language"], gone["tag"]) == (None, None, None)


async def test_the_list_can_be_of_one_kind_in_the_order_of_service_page_by_page(
    desk: Listed,
) -> None:
    kinds = ("question", "complaint", "question", None, "question")
    for n, kind in enumerate(kinds):
        about = About(kind, "nl", 0.0) if kind is not None else None
        await desk.take(
            desk.log.addressed(said(str(n), author=str(n), seconds=10 * n), about=about)
        )

    first = (await desk.agent.get("/cases", params={"kind": "question", "limit": "2"})).json()
    rest = await desk.agent.get(
        "/cases", params={"kind": "question", "limit": "2", "cursor": first["next"]}
    )

    handles = [case["citizen_handle"] for case in (*first["cases"], *rest.json()["cases"])]
    assert handles == ["burger0", "burger2", "burger4"]
    assert rest.json()["next"] is None
    assert [c["citizen_handle"] for c in await desk.cases(kind="complaint")] == ["burger1"]
    assert await desk.cases(kind="incident") == []
    assert len(await desk.cases()) == 5


async def test_a_kind_that_is_none_is_refused(desk: Listed) -> None:
    answer = await desk.agent.get("/cases", params={"kind": "rant"})

    assert answer.status_code == 422
    assert "incident" in answer.json()["detail"]
