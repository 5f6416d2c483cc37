"""X's official client, and Toog's own requests, against the played X over a real socket."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from xdk import Client
from xdk.direct_messages.models import CreateByParticipantIdRequest
from xdk.posts.models import CreateRequest
from xdk.stream.models import UpdateRulesRequest

from toog.contracts.events import Author
from toog.platforms.accounts import Account, Accounts, SourceConfig
from toog.platforms.base import Answer, Heard, Refused, Reply, Sent, look_up_source
from toog.platforms.base import Request as Asked
from toog.platforms.playing import Act, ActKind, Citizen, Ledger
from toog.platforms.x import incoming, outgoing, sources
from toog.platforms.x.sandbox import XSandbox

SECRETS = {"consumer_secret": "geheim", "bearer": "lezer", "user_token": "schrijver"}
AN = Citizen("22", "an_a", "An A.")


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what another task or thread does, at most 5 s."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - neither uvicorn nor the client offers an event
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The app on a free port of 127.0.0.1, until the block ends; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


def played(**limits: int) -> XSandbox:
    account = Account("x", "1111", "StadPolDem", "unused")
    return XSandbox(account, SECRETS, webhook_url=None, ledger=Ledger(), seed=1, **limits)


@pytest.fixture
def x() -> XSandbox:
    return played()


@pytest.fixture
async def base(x: XSandbox) -> AsyncIterator[str]:
    async with served(Starlette(routes=[Mount("/x", app=x.app())])) as address:
        yield f"{address}/x"


async def act(x: XSandbox, kind: ActKind, text: str, target: str | None = None) -> str:
    native = await x.act(Act(kind, AN, text, target=target))
    assert native is not None
    return native


class Official:
    """The official client in a thread: it knows only blocking calls."""

    def __init__(self, base: str) -> None:
        self.user = Client(base_url=base, access_token=SECRETS["user_token"])
        self.app = Client(base_url=base, bearer_token=SECRETS["bearer"])

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(function, *args, **kwargs)

    async def pages(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
        return await asyncio.to_thread(lambda: list(function(*args, **kwargs)))


@pytest.fixture
async def official(base: str) -> AsyncIterator[Official]:
    official = Official(base)
    yield official
    official.user.session.close()
    official.app.session.close()


class TestOfficialClient:
    async def test_posts_replies_and_looks_up(self, x: XSandbox, official: Official) -> None:
        asked = await act(x, "mention", "@StadPolDem er ligt glas #meldpunt")
        own = await official.call(official.user.posts.create, CreateRequest(text="Goedenavond."))
        body = CreateRequest(text="We komen.", reply={"in_reply_to_tweet_id": asked})
        reply = await official.call(official.user.posts.create, body)

        found = await official.call(
            official.app.posts.get_by_ids,
            [own.data.id, reply.data.id, "404"],
            post_fields=["referenced_posts", "conversation_id", "entities", "in_reply_to_user_id"],
            expansions=["author_id", "referenced_posts.id"],
        )

        assert [post.id for post in found.data] == [own.data.id, reply.data.id]
        assert found.data[1].text == "@an_a We komen."
        assert found.data[1].referenced_posts[0].id == asked
        assert found.data[1].conversation_id == asked
        assert {user.username for user in found.includes.users} == {"StadPolDem", "an_a"}
        assert found.errors[0].title == "Not Found Error"
        (seen,) = x.ledger.replies
        assert (seen.in_reply_to, seen.text, seen.native_id) == (asked, "We komen.", reply.data.id)
        assert seen.event_id == f"x:1111:post:{reply.data.id}"
        assert seen.accepted

    async def test_lists_mentions_page_by_page(self, x: XSandbox, official: Official) -> None:
        told = [await act(x, "mention", f"@StadPolDem vraag {n}") for n in range(12)]
        await act(x, "noise", "niets #politie247")
        list_mentions = official.app.users.get_mentions

        pages = await official.pages(list_mentions, "1111", max_results=5)
        since = await official.pages(list_mentions, "1111", max_results=5, since_id=told[9])

        assert [len(page.data) for page in pages] == [5, 5, 2]
        assert [post.id for page in pages for post in page.data] == told[::-1]
        assert [post.id for page in since for post in page.data] == [told[11], told[10]]

    async def test_lists_own_posts_and_deletes_one(self, x: XSandbox, official: Official) -> None:
        first, second = x.say("Een."), x.say("Twee.")

        deleted = await official.call(official.user.posts.delete, first.id)
        (page,) = await official.pages(
            official.user.users.get_posts, "1111", post_fields=["created_at", "public_metrics"]
        )

        assert deleted.data.deleted
        assert [post.id for post in page.data] == [second.id]

    async def test_users(self, x: XSandbox, official: Official) -> None:
        await act(x, "noise", "hallo")

        assert (await official.call(official.user.users.get_me)).data.username == "StadPolDem"
        by_name = await official.call(official.app.users.get_by_username, "AN_a")
        assert by_name.data.id == "22"
        assert (await official.call(official.app.users.get_by_id, "22")).data.username == "an_a"

    async def test_direct_messages(self, x: XSandbox, official: Official) -> None:
        asked = await act(x, "dm", "mag ik iets vragen?")
        sent = await official.call(
            official.user.direct_messages.create_by_participant_id,
            "22",
            CreateByParticipantIdRequest(text="Zeg maar."),
        )

        (page,) = await official.pages(
            official.user.direct_messages.get_events,
            dm_event_fields=["sender_id", "dm_conversation_id"],
        )

        assert sent.data.dm_conversation_id == "22-1111"
        assert [event.id for event in page.data] == [sent.data.dm_event_id, asked]
        assert [event.sender_id for event in page.data] == ["1111", "22"]
        assert x.ledger.replies[0].event_id == f"x:1111:dm:{sent.data.dm_event_id}"

    async def test_rules_and_stream(self, x: XSandbox, official: Official) -> None:
        rule = {"value": "#politie247", "tag": "room:politie247"}
        added = await official.call(
            official.app.stream.update_rules, UpdateRulesRequest(add=[rule])
        )
        (listed,) = await official.pages(official.app.stream.get_rules)
        assert listed.data[0].id == added.data[0].id

        lines = official.app.stream.posts(tweet_fields=["author_id"])
        first = asyncio.create_task(official.call(next, lines))
        await until(lambda: "stream_connects" in x.ledger.counts)
        native = await act(x, "noise", "hallo #politie247")
        post = await first
        x.stream.hang_up()
        await official.call(lines.close)

        assert post.data.id == native

    async def test_a_wrong_token_is_refused(self, base: str) -> None:
        client = Client(base_url=base, access_token="fout")
        with pytest.raises(requests.HTTPError, match="401"):
            await asyncio.to_thread(client.posts.create, CreateRequest(text="hallo"))
        client.session.close()


async def sent(base: str, request: Asked) -> Answer:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.request(
            request.method,
            request.url,
            params=list(request.params),
            headers=dict(request.headers),
            json=request.json,
        )
    return Answer(answer.status_code, dict(answer.headers), answer.content)


def parse(body: bytes, account: Account, source: str = "x:1111:test") -> tuple[Heard, ...]:
    parsed = incoming.parse(
        body, accounts=Accounts([account]), account=account, source=source, now=datetime.now(UTC)
    )
    assert parsed.unreadable == ()
    return parsed.heard


class TestOwnRequests:
    async def test_a_reply_is_taken_once(self, x: XSandbox, base: str) -> None:
        us = Account("x", "1111", "StadPolDem", base)
        asked = await act(x, "mention", "@StadPolDem glas op straat")
        reply = Reply("r1", "We komen.", "post", asked, "22", "an_a")
        request = outgoing.request(reply, us, SECRETS)

        first = outgoing.read(await sent(base, request), reply, us)
        again = outgoing.read(await sent(base, request), reply, us)

        assert isinstance(first, Sent)
        assert again == Refused("duplicate", permanent=True)
        assert [seen.accepted for seen in x.ledger.replies] == [True, False]
        assert x.ledger.replies[0].event_id == first.event_id

    async def test_messages_limits_and_tokens(self) -> None:
        x = played(dm_limit=1)
        async with served(x.app()) as base:
            us = Account("x", "1111", "StadPolDem", base)
            await act(x, "dm", "hallo?")
            reply = Reply("r1", "Dag!", "dm", "5", "22", "an_a")
            request = outgoing.request(reply, us, SECRETS)

            taken = outgoing.read(await sent(base, request), reply, us)
            limited = outgoing.read(await sent(base, request), reply, us)
            forged = outgoing.request(reply, us, {"user_token": "fout"})
            refused = outgoing.read(await sent(base, forged), reply, us)
            app_only = outgoing.request(reply, us, {"user_token": "lezer"})
            forbidden = outgoing.read(await sent(base, app_only), reply, us)

        assert isinstance(taken, Sent)
        assert isinstance(limited, Refused)
        assert limited.wait_s is not None
        assert 890 < limited.wait_s <= 902
        assert refused == Refused("unauthorized", permanent=False, stop=True)
        assert forbidden == Refused("forbidden", permanent=True)

    async def test_what_cannot_be_answered(self, x: XSandbox, base: str) -> None:
        us = Account("x", "1111", "StadPolDem", base)
        gone = Reply("r1", "Dag!", "post", "404", "22", None)
        stranger = Reply("r1", "Dag!", "dm", "5", "404", None)

        answers = [
            outgoing.read(await sent(base, outgoing.request(reply, us, SECRETS)), reply, us)
            for reply in (gone, stranger)
        ]

        assert answers == [
            Refused("message_gone", permanent=True),
            Refused("dm_not_allowed", permanent=True),
        ]

    async def test_the_stream_is_prepared_opened_and_resumed(self, x: XSandbox, base: str) -> None:
        config = SourceConfig("stream", ("politie247",))
        us = Account("x", "1111", "StadPolDem", base, (), (config,))
        (source,) = sources.sources(us, SECRETS)
        answer: Answer | None = None
        while (request := source.prepare(answer)) is not None:
            answer = await sent(base, request)
            assert answer.status in {200, 201}
        assert {rule.tag for rule in x.stream.rules.values()} == {"own", "room:politie247"}

        cursor: str | None = None
        for said in ("een #politie247", "twee #politie247"):
            if cursor is not None:
                await act(x, "noise", said)
            got, cursor = await self._read(x, source, cursor, said)
            assert said in got

    async def _read(
        self, x: XSandbox, source: Any, cursor: str | None, said: str
    ) -> tuple[list[str], str | None]:
        """Reads until `said` came; the first time it is said while the line is open."""
        now = datetime.now(UTC)
        request = source.stream(cursor, now)
        got: list[str] = []
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream(
                "GET", request.url, params=list(request.params), headers=dict(request.headers)
            ) as answer,
        ):
            assert answer.status_code == 200
            if cursor is None:
                await act(x, "noise", said)
            async for line in answer.aiter_lines():
                body, cursor = source.read_item(line.encode(), cursor, now)
                if body is not None:
                    got.append(json.loads(body)["data"]["text"])
                if said in got:
                    break
        return got, cursor

    async def test_mentions_are_paged_since_the_newest_one(self, x: XSandbox, base: str) -> None:
        us = Account("x", "1111", "StadPolDem", base, (), (SourceConfig("mentions"),))
        (source,) = sources.sources(us, SECRETS)
        heard: list[str] = []
        cursor: str | None = None
        told: list[str] = []
        for count in (3, 0, 120):
            told += [await act(x, "mention", f"@StadPolDem {count} {n}") for n in range(count)]
            source.prepare(None)
            more = True
            pages: list[list[str]] = []
            while more and (request := source.page(cursor)) is not None:
                page = source.read_page(await sent(base, request), cursor)
                cursor, more = page.cursor, page.more
                parsed = [h for item in page.items for h in parse(item, us)]
                pages.append([h.event.native or "" for h in parsed])
                assert {h.event.author.handle for h in parsed if h.event.author} <= {"an_a"}
            heard += [native for one in reversed(pages) for native in one]

        assert heard == told
        assert cursor == told[-1]

    async def test_the_activity_stream_tells_messages_too(self, x: XSandbox, base: str) -> None:
        us = Account("x", "1111", "StadPolDem", base, (), (SourceConfig("activity_stream"),))
        (source,) = sources.sources(us, SECRETS)
        cursor: str | None = None
        for said in ("een?", "twee?"):
            if cursor is not None:
                await act(x, "dm", said)
            got, cursor = await self._activities(x, source, cursor, said)
            assert said in got

    async def _activities(
        self, x: XSandbox, source: Any, cursor: str | None, said: str
    ) -> tuple[list[str], str | None]:
        request = source.stream(cursor, datetime.now(UTC))
        got: list[str] = []
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream(
                "GET", request.url, params=list(request.params), headers=dict(request.headers)
            ) as answer,
        ):
            assert answer.status_code == 200
            if cursor is None:
                await act(x, "dm", said)
            async for line in answer.aiter_lines():
                body, cursor = source.read_item(line.encode(), cursor, datetime.now(UTC))
                if body is not None:
                    got += [h.event.text for h in parse(body, Account("x", "1111", "", base))]
                if said in got:
                    break
        return got, cursor

    async def test_a_missing_author_is_looked_up(self, x: XSandbox, base: str) -> None:
        us = Account("x", "1111", "StadPolDem", base)
        native = await act(x, "mention", "@StadPolDem wie ben ik?")
        line = json.dumps({"data": {"id": native, "text": "@StadPolDem wie ben ik?"}}).encode()
        (before,) = parse(line, us)

        request = sources.look_up(before.event, us, SECRETS)
        assert request is not None
        answer = await sent(base, request)
        (after,) = parse(answer.body, us, look_up_source("x"))

        assert before.event.incomplete
        assert after.event.of == before.event.id
        assert after.event.id == f"{before.event.id}:edit:enriched"
        assert after.event.author == Author("22", "an_a", "An A.")

    async def test_without_rules_and_twice_the_stream_is_refused(
        self, x: XSandbox, base: str
    ) -> None:
        headers = {"authorization": "Bearer lezer"}
        url = f"{base}/2/tweets/search/stream"
        async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
            assert (await client.get(url)).status_code == 409
            await client.post(f"{url}/rules", json={"add": [{"value": "#a", "tag": "t"}]})
            assert (await client.get(url, params={"backfill_minutes": 6})).status_code == 400
            async with client.stream("GET", url) as first:
                assert first.status_code == 200
                second = await client.get(url, timeout=10)
                assert second.status_code == 429
                assert second.json()["connection_issue"] == "TooManyConnections"
            async with client.stream("GET", url) as third:
                assert third.status_code == 200
                x.stream.hang_up()

    async def test_rules_that_are_none_or_there_already(self, base: str) -> None:
        headers = {"authorization": "Bearer lezer"}
        url = f"{base}/2/tweets/search/stream/rules"
        async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
            rules = [{"value": "#a"}, {"value": "#a"}, {"value": "("}]
            added = await client.post(url, json={"add": rules})
            gone = await client.post(
                url, json={"delete": {"ids": [added.json()["data"][0]["id"], "404"]}}
            )

        assert added.status_code == 201
        assert [error["title"] for error in added.json()["errors"]] == [
            "DuplicateRule",
            "UnprocessableEntity",
        ]
        assert gone.json()["meta"]["summary"] == {"deleted": 1, "not_deleted": 1}


class Receiver:
    """A webhook as Toog's should be: answers the check, verifies, keeps."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.bodies: list[bytes] = []

    async def __call__(self, request: Request) -> Response:
        if request.method == "GET":
            return Response(incoming.handshake(request.query_params, SECRETS).body)
        body = await request.body()
        incoming.verify(request.headers, body, SECRETS)
        self.bodies.append(body)
        return Response(status_code=self.status)


@pytest.mark.parametrize(("status", "taken"), [(200, True), (503, False)])
async def test_webhooks_are_checked_signed_and_not_tried_again(status: int, taken: bool) -> None:
    receiver = Receiver(status)
    hook = Starlette(routes=[Route("/webhooks/x", receiver.__call__, methods=["GET", "POST"])])
    async with served(hook) as address:
        account = Account("x", "1111", "StadPolDem", "unused")
        x = XSandbox(account, SECRETS, webhook_url=f"{address}/webhooks/x", ledger=Ledger(), seed=1)
        delivering = asyncio.create_task(x.run())
        native = await act(x, "dm", "bent u daar?")
        await until(lambda: bool({"webhook_taken", "webhook_failed"} & set(x.ledger.counts)))
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)

    assert json.loads(receiver.bodies[0])["data"]["event_type"] == "dm.received"
    assert (f"x:1111:dm:{native}" in x.ledger.played) is taken
    assert f"x:1111:dm:{native}" in x.ledger.sent_at
