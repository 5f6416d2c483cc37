"""Toog's own requests against the played Instagram, and its webhooks, over real sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from toog.contracts.events import Event
from toog.platforms.accounts import Account, Accounts, SourceConfig
from toog.platforms.base import Answer, ForgedError, Refused, Reply, SendResult, Sent
from toog.platforms.base import Request as Asked
from toog.platforms.instagram import incoming, outgoing, sources
from toog.platforms.instagram import sandbox as played
from toog.platforms.instagram.sandbox import InstagramSandbox
from toog.platforms.playing import Act, ActKind, Citizen, Ledger

SECRETS = {"app_secret": "geheim", "verify_token": "woord", "token": "sleutel"}
ID = "17841400000000000"
AN = Citizen("5600000000000022", "an.demo", "An D.")


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what another task does, at most 10 s."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - neither uvicorn nor the sandbox offers an event
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


class Door:
    """Toog's webhook as ingest has it: checks, parses, and now and then refuses at first."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.bodies = 0
        self.refusals = 0

    def app(self) -> Starlette:
        routes = [
            Route("/webhooks/instagram", self.check, methods=["GET"]),
            Route("/webhooks/instagram", self.take, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def check(self, request: Request) -> Response:
        answer = incoming.handshake(dict(request.query_params), SECRETS)
        return Response(answer.body, media_type=answer.media_type)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        try:
            incoming.verify(request.headers, body, SECRETS)
        except ForgedError:
            return Response(status_code=401)
        self.bodies += 1
        if self.refusals > 0:
            self.refusals -= 1
            return Response(status_code=503)
        self.events += heard(body, None)
        return Response()

    def ids(self) -> set[str]:
        return {event.id for event in self.events}


def us(base_url: str = "http://127.0.0.1:1") -> Account:
    kinds = (SourceConfig("webhook"), SourceConfig("comments"), SourceConfig("conversations"))
    return Account("instagram", ID, "stadpoldem", base_url, (), kinds)


def heard(body: bytes, account: Account | None) -> list[Event]:
    parsed = incoming.parse(
        body, accounts=Accounts([us()]), account=account, source="test", now=datetime.now(UTC)
    )
    assert parsed.unreadable == ()
    return [one.event for one in parsed.heard]


class Stage:
    """The played Instagram served, delivering to Toog's door, and Toog's client for it."""

    def __init__(
        self, instagram: InstagramSandbox, door: Door, account: Account, http: httpx.AsyncClient
    ) -> None:
        self.instagram, self.door, self.account, self.http = instagram, door, account, http

    async def act(self, kind: ActKind, text: str = "", target: str | None = None) -> str:
        native = await self.instagram.act(Act(kind, AN, text, target=target))
        assert native is not None
        return native

    async def told(self, count: int) -> list[Event]:
        await until(lambda: len(self.door.ids()) >= count)
        return self.door.events

    async def ask(self, asked: Asked) -> Answer:
        response = await self.http.request(
            asked.method,
            asked.url,
            params=list(asked.params) or None,
            headers=dict(asked.headers),
            data=dict(asked.form) if asked.form is not None else None,
            json=asked.json,
        )
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, response.content)

    async def answer(self, event: Event, text: str) -> SendResult:
        """What Toog's sender does with an approved reply to this event."""
        assert event.native is not None
        reply = Reply(
            id="r1",
            text=text,
            surface=event.surface or "reply",
            to_message=event.native,
            to_citizen=event.author.id if event.author else "",
            to_handle=event.author.handle if event.author else None,
            context=event.reply_context,
        )
        answer = await self.ask(outgoing.request(reply, self.account, SECRETS))
        return outgoing.read(answer, reply, self.account)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    door = Door()
    async with served(door.app()) as toog, httpx.AsyncClient(trust_env=False) as http:
        instagram = InstagramSandbox(
            us(), SECRETS, webhook_url=f"{toog}/webhooks/instagram", ledger=Ledger(), seed=1
        )
        mounted = Starlette(routes=[Mount("/instagram", app=instagram.app())])
        async with served(mounted) as base:
            run = asyncio.create_task(instagram.run())
            try:
                yield Stage(instagram, door, us(f"{base}/instagram"), http)
            finally:
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)


def elsewhere(monkeypatch: pytest.MonkeyPatch, caption: float) -> None:
    monkeypatch.setattr(played, "ON_OURS_SHARE", 0)
    monkeypatch.setattr(played, "IN_CAPTION_SHARE", caption)


class TestWebhooks:
    async def test_everything_that_is_done_arrives_under_the_ids_of_the_ledger(
        self, stage: Stage
    ) -> None:
        post = await stage.act("own_post", "Goedenavond")
        for number in range(20):
            await stage.act("reply", f"vraag {number}", post)
            await stage.act("mention", f"@stadpoldem vraag {number}")
            await stage.act("dm", f"vraag {number}")
        mid = await stage.act("story_mention")
        await stage.act("delete", target=mid)
        ledger = stage.instagram.ledger

        await stage.told(62)
        await until(lambda: len(ledger.played) == 62)

        assert stage.door.ids() == ledger.played == set(ledger.sent_at)
        assert f"instagram:{ID}:message:{mid}:deleted" in ledger.played
        assert "webhook_failed" not in ledger.counts

    async def test_what_is_refused_comes_again(self, stage: Stage) -> None:
        stage.door.refusals = 2
        mid = await stage.act("dm", "Horen jullie mij?")

        (event,) = await stage.told(1)
        await until(lambda: bool(stage.instagram.ledger.played))

        assert event.native == mid
        assert stage.instagram.ledger.counts["webhook_retried"] == 2


class TestReplies:
    async def test_under_a_comment_and_it_comes_back_as_ours(self, stage: Stage) -> None:
        post = await stage.act("own_post", "Goedenavond")
        native = await stage.act("reply", "Waar staan jullie?", post)
        (question,) = await stage.told(1)

        sent = await stage.answer(question, "Aan de brug.")
        ours = (await stage.told(2))[-1]

        assert isinstance(sent, Sent)
        assert (ours.id, ours.own, ours.text) == (sent.event_id, True, "Aan de brug.")
        assert ours.in_reply_to is not None
        assert ours.in_reply_to.id == question.id
        (seen,) = stage.instagram.ledger.replies
        assert (seen.in_reply_to, seen.native_id, seen.event_id) == (
            native,
            sent.native_id,
            sent.event_id,
        )

    async def test_by_message_and_it_comes_back_as_echo(self, stage: Stage) -> None:
        await stage.act("story_reply", "Mooi!")
        (question,) = await stage.told(1)

        sent = await stage.answer(question, "Dank je!")
        echo = (await stage.told(2))[-1]

        assert isinstance(sent, Sent)
        assert (echo.id, echo.own, echo.surface) == (sent.event_id, True, "dm")
        assert echo.conversation == question.conversation

    @pytest.mark.parametrize("caption", [0, 1])
    async def test_to_a_mention_elsewhere(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, caption: float
    ) -> None:
        elsewhere(monkeypatch, caption)
        native = await stage.act("mention", "@stadpoldem er ligt glas")
        (mention,) = await stage.told(1)

        sent = await stage.answer(mention, "We komen.")

        assert isinstance(sent, Sent)
        (seen,) = stage.instagram.ledger.replies
        assert (seen.in_reply_to, seen.text, seen.accepted) == (native, "We komen.", True)

    async def test_what_is_gone_is_refused_for_good(self, stage: Stage) -> None:
        post = await stage.act("own_post", "Goedenavond")
        native = await stage.act("reply", "oei", post)
        (question,) = await stage.told(1)
        await stage.instagram.act(Act("delete", AN, target=native))

        refused = await stage.answer(question, "Waar bent u?")

        assert refused == Refused("bad_parameter", permanent=True)


class TestLookUp:
    @pytest.mark.parametrize("caption", [0, 1])
    async def test_the_text_behind_a_mention_follows_as_an_edit(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, caption: float
    ) -> None:
        elsewhere(monkeypatch, caption)
        await stage.act("mention", "@stadpoldem er ligt glas #meldpunt")
        (mention,) = await stage.told(1)

        request = sources.look_up(mention, stage.account, SECRETS)
        assert request is not None
        (edit,) = heard((await stage.ask(request)).body, us())

        assert mention.incomplete
        assert edit.id == f"{mention.id}:edit:enriched"
        assert (edit.of, edit.surface) == (mention.id, mention.surface)
        assert edit.text == "@stadpoldem er ligt glas #meldpunt"
        assert edit.author is not None
        assert edit.author.handle == "an.demo"
        assert edit.conversation == mention.conversation
        assert (edit.native, edit.reply_context) == (mention.native, mention.reply_context)


class TestPages:
    async def round(self, stage: Stage, kind: str, cursor: str | None) -> tuple[list[Event], str]:
        source = next(
            one for one in sources.sources(stage.account, SECRETS) if one.key.endswith(kind)
        )
        events: list[Event] = []
        more = True
        while more:
            request = source.page(cursor)
            assert request is not None
            answer = await stage.ask(request)
            assert answer.status == 200
            page = source.read_page(answer, cursor)
            events += [event for item in page.items for event in heard(item, us())]
            cursor, more = page.cursor, page.more
        assert cursor is not None
        return events, cursor

    async def test_comments_have_the_ids_that_the_webhook_told(self, stage: Stage) -> None:
        post = await stage.act("own_post", "Goedenavond")
        comments = [await stage.act("reply", f"vraag {n}", post) for n in range(60)]
        await stage.act("bystander", "ik ook", comments[0])
        told = {event.id: event for event in await stage.told(61)}

        events, _ = await self.round(stage, "comments", "2026-01-01T00:00:00+00:00")

        assert {event.id for event in events} == set(told)
        for event in events:
            by_webhook = told[event.id]
            assert event.conversation == by_webhook.conversation
            assert event.author == by_webhook.author
            assert event.text == by_webhook.text

    async def test_messages_have_the_ids_that_the_webhook_told(self, stage: Stage) -> None:
        await stage.act("dm", "vraag")
        await stage.act("story_reply", "mooi")
        await stage.act("story_mention")
        told = {event.id: event for event in await stage.told(3)}

        events, cursor = await self.round(stage, "conversations", None)
        again, _ = await self.round(stage, "conversations", cursor)

        assert {event.id: event.surface for event in events} == {
            id_: event.surface for id_, event in told.items()
        }
        assert {event.id for event in again} <= set(told)
