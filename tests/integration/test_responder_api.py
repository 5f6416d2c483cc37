"""The desk's API on a real database: who may do what with a case, and what is left of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest
from prometheus_client import CollectorRegistry
from support.desk import World, deleted, edited, pool_of, said

from services.responder import describe
from services.responder.acts import Desk
from services.responder.api import public_app
from services.responder.review import Review
from services.responder.telemetry import ReviewMetrics
from toog.contracts.topics import EVENTS
from toog.kit import access
from toog.kit.settings import KafkaSettings
from toog.local.postgres import Postgres
from toog.platforms.table import PLATFORMS

NO_KAFKA = KafkaSettings(kafka="127.0.0.1:1")


def app_of(world: World, lease_s: float = 120.0) -> Any:
    desk = Desk(
        world.pool,
        lease_s=lease_s,
        reply_length=lambda p: PLATFORMS[p].reply_length,
        measure=lambda p, text: PLATFORMS[p].length(text),
    )
    review = Review(world.pool, NO_KAFKA, send=never, metrics=ReviewMetrics(CollectorRegistry()))
    return public_app(desk, review, partial(access.caller, world.pool))


async def never(_: object) -> None:
    raise AssertionError("nothing is written to Kafka here")


class Agents(World):
    """A desk with two agents, `one` and `two`, at its API."""

    one: httpx.AsyncClient
    two: httpx.AsyncClient

    async def audit(self) -> list[tuple[str, str]]:
        return [(row["agent"], row["act"]) for row in await self.rows("audit")]


def client(app: Any, token: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://desk/api/v1", headers=headers)


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Agents]:
    async with AsyncExitStack() as stack:
        pool = await pool_of(database)
        stack.push_async_callback(pool.close)
        made = Agents(pool)
        app = app_of(made)
        for name in ("one", "two"):
            token = await access.create(pool, name, {"desk"})
            setattr(made, name, await stack.enter_async_context(client(app, token)))
        yield made


async def claimed(desk: Agents) -> dict[str, Any]:
    """A case that agent one has."""
    await desk.addressed(said())
    answer = await desk.one.post("/cases/next")
    assert answer.status_code == 200
    case: dict[str, Any] = answer.json()
    return case


async def test_every_route_but_the_description_needs_a_token_of_the_desk(desk: Agents) -> None:
    app = app_of(desk)
    figures = await access.create(desk.pool, "gauge", {"figures", "operator"})
    described = app.openapi()["paths"]
    async with client(app) as nobody, client(app, "toog_wrong") as wrong:
        async with client(app, figures) as other:
            for path, operations in described.items():
                for method in operations:
                    url = path.removeprefix("/api/v1").format(case_id="1", reply_id="1", record="r")
                    for caller, status in ((nobody, 401), (wrong, 401), (other, 403)):
                        answer = await caller.request(method, url)
                        assert answer.status_code == status, (method, path)
                        assert answer.headers["content-type"] == "application/problem+json"
        assert (await nobody.get("/openapi.json")).status_code == 200
    assert {route.path for route in app.routes} == {*described, "/api/v1/openapi.json"}
    assert {path.removeprefix("/api/v1") for path in described} == {
        "/cases",
        "/cases/next",
        "/cases/{case_id}",
        "/cases/{case_id}/claim",
        "/cases/{case_id}/close",
        "/cases/{case_id}/release",
        "/cases/{case_id}/replies",
        "/replies/{reply_id}",
        "/review",
        "/review/{record}/revive",
    }


async def test_the_committed_description_is_the_one_served(desk: Agents) -> None:
    served = (await desk.one.get("/openapi.json")).json()
    assert describe.OPENAPI.read_text() == describe.text(served), "make contracts"


async def test_next_gives_the_highest_lane_then_the_longest_waiting_each_to_one_agent(
    desk: Agents,
) -> None:
    await desk.addressed(said("1", author="1"), said("2", author="2", seconds=-60))
    await desk.addressed(said("3", author="3", seconds=60), lane="dm")

    got = [(await agent.post("/cases/next")).json() for agent in (desk.one, desk.two, desk.one)]
    assert [case["messages"][0]["id"][-1] for case in got] == ["3", "2", "1"]
    assert (await desk.two.post("/cases/next")).status_code == 204
    first = got[0]
    assert (first["state"], first["holder"], first["version"]) == ("claimed", "one", 1)
    assert (first["lane"], first["platform"], first["reply_length"]) == ("dm", "x", 280)
    assert first["lease_until"] is not None
    assert first["messages"][0]["author_handle"] == "burger3"
    assert "raw" not in first["messages"][0]


async def test_two_agents_at_once_never_get_the_same_case(desk: Agents) -> None:
    await desk.addressed(*(said(str(n), author=str(n)) for n in range(20)))

    answers = await asyncio.gather(
        *(agent.post("/cases/next") for agent in (desk.one, desk.two) for _ in range(10))
    )

    assert len({answer.json()["id"] for answer in answers}) == 20


async def test_only_one_of_two_agents_claims_a_case(desk: Agents) -> None:
    await desk.addressed(said())
    url = f"/cases/{(await desk.one.get('/cases')).json()['cases'][0]['id']}/claim"

    answers = await asyncio.gather(desk.one.post(url), desk.two.post(url))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    lost = max(answers, key=lambda answer: answer.status_code)
    assert "another agent has the case" in lost.json()["detail"]


async def test_a_lease_runs_out_by_itself(desk: Agents) -> None:
    case = await claimed(desk)
    url = f"/cases/{case['id']}"
    assert (await desk.two.post(f"{url}/claim")).status_code == 409
    assert (await desk.two.post("/cases/next")).status_code == 204
    await desk.pool.execute(
        "UPDATE responder.cases SET lease_until = clock_timestamp() - interval '1 ms'"
    )

    listed = (await desk.one.get("/cases", params={"state": "waiting"})).json()["cases"]
    assert [(c["state"], c["holder"]) for c in listed] == [("waiting", None)]
    assert (await desk.two.post("/cases/next")).json()["holder"] == "two"
    late = await desk.one.post(f"{url}/replies", json={"text": "Nee.", "version": 1})
    assert late.status_code == 409
    assert not await desk.rows("replies")


async def test_every_act_of_the_holder_renews_the_lease(desk: Agents) -> None:
    case = await claimed(desk)
    url = f"/cases/{case['id']}"
    shrink = "UPDATE responder.cases SET lease_until = clock_timestamp() + interval '5 s'"
    until = case["lease_until"]
    for act in (
        partial(desk.one.get, url),
        partial(desk.one.post, f"{url}/claim"),
        partial(desk.one.post, f"{url}/replies", json={"text": "Ja.", "version": 1}),
    ):
        await desk.pool.execute(shrink)
        assert (await act()).is_success
        renewed = (await desk.two.get(url)).json()["lease_until"]
        assert renewed > until
        until = renewed


async def test_a_reply_is_queued_answers_the_newest_message_and_is_told(desk: Agents) -> None:
    await desk.addressed(said("1"), said("2", seconds=9))
    case = (await desk.one.post("/cases/next")).json()

    answer = await desk.one.post(
        f"/cases/{case['id']}/replies", json={"text": "Ja, tot 22 uur.", "version": case["version"]}
    )

    assert answer.status_code == 201
    reply = answer.json()
    assert (reply["state"], reply["agent"], reply["to_message"]) == ("queued", "one", "x:a:post:2")
    after = (await desk.two.get(f"/cases/{case['id']}")).json()
    assert (after["state"], after["replies"]) == ("answered", [reply])
    assert (await desk.one.get(f"/replies/{reply['id']}")).json() == reply
    assert (await desk.kinds())[-2:] == ["case_claimed", "reply_approved"]
    assert (await desk.told())[-1].reply == reply["id"]


async def test_a_reply_at_an_older_version_is_refused_and_says_what_to_do(desk: Agents) -> None:
    case = await claimed(desk)
    url = f"/cases/{case['id']}"
    for change in (
        desk.log.addressed(said("2", seconds=5)),
        desk.log.context(edited(said(), "Toch niet", "1"), "edit"),
    ):
        await desk.take(change)
        for path, body in (("replies", {"text": "Ja."}), ("close", {"reason": "done"})):
            answer = await desk.one.post(f"{url}/{path}", json={**body, "version": case["version"]})
            assert answer.status_code == 409
        case = (await desk.one.get(url)).json()
        assert f"read version {case['version']}" in answer.json()["detail"]

    good = await desk.one.post(f"{url}/replies", json={"text": "Ja.", "version": case["version"]})
    assert good.status_code == 201


async def test_only_the_holder_replies_closes_and_releases(desk: Agents) -> None:
    case = await claimed(desk)
    url = f"/cases/{case['id']}"
    for path, body in (
        ("replies", {"text": "Ja.", "version": 1}),
        ("close", {"reason": "done", "version": 1}),
        ("release", None),
    ):
        answer = await desk.two.post(f"{url}/{path}", json=body)
        assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")


async def test_the_same_key_with_the_same_body_is_the_same_reply(desk: Agents) -> None:
    case = await claimed(desk)
    url, key = f"/cases/{case['id']}/replies", {"Idempotency-Key": "k1"}
    body = {"text": "Ja.", "version": 1}

    answers = await asyncio.gather(*(desk.one.post(url, json=body, headers=key) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await desk.rows("replies")) == 1
    other = await desk.one.post(url, json={**body, "text": "Nee."}, headers=key)
    assert other.status_code == 409
    assert "Idempotency-Key" in other.json()["detail"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "empty"), (" \n", "empty"), ("é" * 281, "281 characters, 280"), ("a\x00b", "NUL")],
)
async def test_a_text_that_cannot_be_sent_is_refused_with_a_sentence(
    desk: Agents, text: str, sentence: str
) -> None:
    case = await claimed(desk)
    answer = await desk.one.post(f"/cases/{case['id']}/replies", json={"text": text, "version": 1})

    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]
    assert not await desk.rows("replies")


async def test_x_counts_a_link_as_23_whatever_its_length(desk: Agents) -> None:
    case = await claimed(desk)
    body = {"text": f"Zie https://politie.nl/{'a' * 300}", "version": 1}

    answer = await desk.one.post(f"/cases/{case['id']}/replies", json=body)

    assert answer.status_code == 201


async def test_mastodon_takes_500_characters(desk: Agents) -> None:
    await desk.addressed(said(platform="mastodon"))
    case = (await desk.one.post("/cases/next")).json()
    url = f"/cases/{case['id']}/replies"

    assert (await desk.one.post(url, json={"text": "a" * 501, "version": 1})).status_code == 422
    assert (await desk.one.post(url, json={"text": "a" * 500, "version": 1})).status_code == 201


async def test_what_the_citizen_deleted_cannot_be_answered(desk: Agents) -> None:
    case = await claimed(desk)
    await desk.take(desk.log.context(deleted(said()), "deletion"))

    answer = await desk.one.post(f"/cases/{case['id']}/replies", json={"text": "Ja.", "version": 1})
    assert answer.status_code == 409
    shown = (await desk.one.get(f"/cases/{case['id']}")).json()
    assert (shown["state"], shown["messages"][0]["text"]) == ("closed", "")
    assert shown["messages"][0]["deleted"] is True
    assert (await desk.one.post(f"/cases/{case['id']}/claim")).status_code == 409


async def test_closing_and_releasing(desk: Agents) -> None:
    case = await claimed(desk)
    url = f"/cases/{case['id']}"

    released = (await desk.one.post(f"{url}/release")).json()
    assert (released["state"], released["holder"]) == ("waiting", None)
    await desk.two.post(f"{url}/claim")
    closed = (await desk.two.post(f"{url}/close", json={"reason": "thanks", "version": 1})).json()
    assert (closed["state"], closed["close_reason"]) == ("closed", "thanks")
    assert await desk.kinds() == [
        "case_opened",
        "case_claimed",
        "case_released",
        "case_claimed",
        "case_closed",
    ]


async def test_the_list_pages_in_the_order_of_service_and_filters(desk: Agents) -> None:
    await desk.addressed(*(said(str(n), author=str(n), seconds=-n) for n in range(5)))
    await desk.addressed(*(said(f"d{n}", author=f"d{n}") for n in range(3)), lane="dm")
    await desk.addressed(said("m", platform="mastodon"))
    await desk.one.post("/cases/next")

    async def listed(**params: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for _ in range(20):
            page = (await desk.two.get("/cases", params={"limit": "2", **params})).json()
            assert len(page["cases"]) <= 2
            found += page["cases"]
            if page["next"] is None:
                return found
            params["cursor"] = page["next"]
        raise AssertionError("the list has no end")

    everything = await listed()
    assert len({case["id"] for case in everything}) == 9
    assert [case["lane"] for case in everything] == ["dm"] * 3 + ["mention"] * 6
    waiting = [case["since"] for case in everything if case["lane"] == "mention"]
    assert waiting == sorted(waiting)
    assert [case["state"] for case in await listed(state="claimed")] == ["claimed"]
    assert len(await listed(state="waiting")) == 8
    assert len(await listed(lane="dm", state="waiting")) == 2
    assert len(await listed(platform="mastodon")) == 1
    assert not await listed(state="closed")
    assert (await desk.two.get("/cases", params={"cursor": "x"})).status_code == 422


async def test_every_read_claim_release_reply_and_close_is_an_audit_row_without_text(
    desk: Agents,
) -> None:
    case = await claimed(desk)
    url = f"/cases/{case['id']}"
    await desk.two.get("/cases")
    await desk.two.get(url)
    await desk.one.post(f"{url}/release")
    await desk.one.post(f"{url}/claim")
    reply = (await desk.one.post(f"{url}/replies", json={"text": "Jawel", "version": 1})).json()
    await desk.two.get(f"/replies/{reply['id']}")
    await desk.one.post(f"{url}/close", json={"reason": "klaar", "version": 2})
    await desk.two.post(f"{url}/claim")

    assert await desk.audit() == [
        ("one", "claim"),
        ("two", "list"),
        ("two", "read"),
        ("one", "release"),
        ("one", "claim"),
        ("one", "reply"),
        ("two", "read"),
        ("one", "close"),
    ]
    rows = await desk.rows("audit")
    assert rows[1]["case_ids"] == [case["id"]]
    assert {row["case_id"] for row in rows} == {case["id"], None}
    assert not any("Jawel" in str(row) or "Meir" in str(row) for row in rows)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE responder.audit SET agent = 'x'",
        "DELETE FROM responder.audit",
        "TRUNCATE responder.audit",
    ],
)
async def test_the_audit_is_append_only(desk: Agents, change: str) -> None:
    await claimed(desk)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await desk.pool.execute(change)


async def test_unknown_things_are_404_and_odd_bodies_422(desk: Agents) -> None:
    assert (await desk.one.get("/cases/none")).status_code == 404
    assert (await desk.one.post("/cases/none/claim")).status_code == 404
    assert (await desk.one.get("/replies/none")).status_code == 404
    assert (await desk.one.get("/elsewhere")).status_code == 404
    odd = await desk.one.post("/cases/none/close", json={"reason": "", "version": "one", "x": 1})
    assert odd.status_code == 422
    assert odd.headers["content-type"] == "application/problem+json"


async def test_without_the_database_the_answer_is_503_and_then_it_recovers(
    desk: Agents, postgres: Postgres
) -> None:
    await asyncio.to_thread(postgres.stop)
    away = await desk.one.post("/cases/next")
    await asyncio.to_thread(postgres.start)

    assert (away.status_code, away.headers["retry-after"]) == (503, "2")
    assert away.headers["content-type"] == "application/problem+json"
    assert (await desk.one.post("/cases/next")).status_code == 204


async def test_the_queue_is_read_by_its_index(desk: Agents) -> None:
    await desk.pool.execute(
        """
        INSERT INTO responder.cases (id, platform, account, conversation, citizen, state, lane,
            since, first_received_at)
        SELECT n::text, 'x', 'a', n::text, n::text, 'waiting', 'mention',
            now() - n * interval '1 s', now() FROM generate_series(1, 20000) n
        """
    )
    await desk.pool.execute("UPDATE responder.cases SET state = 'closed' WHERE id::int % 2 = 0")
    await desk.pool.execute("ANALYZE responder.cases")
    for sql, index in (
        (
            """
            SELECT id FROM responder.cases
            WHERE state = 'waiting' AND NOT refused
                AND (lease_until IS NULL OR lease_until <= clock_timestamp())
            ORDER BY lane_rank, since, id LIMIT 1 FOR UPDATE SKIP LOCKED
            """,
            "cases_queue",
        ),
        (
            """
            SELECT id FROM unnest(ARRAY['waiting', 'answered']) AS s (state) CROSS JOIN LATERAL (
                SELECT id FROM responder.cases
                WHERE state = s.state AND (lane_rank, since, id) > (3, now() - interval '1 h', '')
                ORDER BY lane_rank, since, id LIMIT 51
            ) AS c
            """,
            "cases_by_state",
        ),
    ):
        plan = "\n".join(row[0] for row in await desk.pool.fetch(f"EXPLAIN {sql}"))
        assert f"using {index} " in plan
        assert "Sort" not in plan


async def test_a_double_click_answers_the_citizen_once(desk: Agents) -> None:
    case = await claimed(desk)
    body = {"text": "We kijken het na", "version": case["version"]}
    answers = await asyncio.gather(
        *(desk.one.post(f"/cases/{case['id']}/replies", json=body) for _ in range(2))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert len(await desk.rows("replies")) == 1


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("GET", "/cases/%00", None),
        ("GET", "/cases?platform=%00", None),
        ("GET", "/replies/%00", None),
        ("POST", "/cases/{id}/replies", b'{"text": "\\ud800", "version": 1}'),
        ("POST", "/cases/{id}/replies", b'{"text": "a\\u0000b", "version": 1}'),
        ("POST", "/cases/{id}/close", b'{"reason": "a\\u0000b", "version": 1}'),
    ],
)
async def test_a_character_that_nobody_can_keep_is_a_sentence(
    desk: Agents, verb: str, path: str, body: bytes | None
) -> None:
    case = await claimed(desk)
    answer = await desk.one.request(
        verb,
        path.format(id=case["id"]),
        content=body,
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_no_reply_needs_is_refused(desk: Agents) -> None:
    answer = await desk.one.post("/cases/x/replies", content=b" " * 257 * 1024)

    assert answer.status_code == 413
    assert "256 KiB" in answer.json()["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": "whim"},
        {"per_reason": 0},
        {"per_reason": 51},
        {"from": "2026-11-24T20:30:00"},
        {"from": "2026-11-24T21:30:00Z", "to": "2026-11-24T20:30:00Z"},
        {"to": "0001-01-01T00:00:00Z"},
        {"from": "1969-01-01T00:00:00Z"},
        {"from": "9999-12-31T23:59:59-14:00"},
    ],
)
async def test_what_cannot_be_asked_is_a_sentence(desk: Agents, wrong: dict[str, Any]) -> None:
    answer = await desk.one.get("/review", params=wrong)

    assert answer.status_code == 422
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "record",
    [
        "x",
        "social.desk.v1:0:0",
        "social.dropped.v2:0:0",
        "elsewhere.v1:0:0",
        f"{EVENTS.name}:12:0",
        f"{EVENTS.name}:0:-1",
        f"{EVENTS.name}:0:one",
        f"{EVENTS.name}:%00:0",
    ],
)
async def test_coordinates_that_are_none_of_the_intake_are_422(desk: Agents, record: str) -> None:
    answer = await desk.one.post(f"/review/{record}/revive", json={"why": "because"})

    assert answer.status_code == 422
    assert "social.events.v1:3:1207" in answer.json()["detail"]


@pytest.mark.parametrize("body", [{}, {"why": " "}, {"why": "a\0b"}, {"why": "x" * 201}])
async def test_nobody_revives_without_saying_why(desk: Agents, body: dict[str, str]) -> None:
    answer = await desk.one.post("/review/social.events.v1:0:0/revive", json=body)

    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_without_a_broker_there_is_no_review(desk: Agents) -> None:
    answers = [
        await desk.one.get("/review"),
        await desk.one.post("/review/social.events.v1:0:0/revive", json={"why": "because"}),
    ]

    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert "Kafka" in answer.json()["detail"]
    assert not await desk.audit()
