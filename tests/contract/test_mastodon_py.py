"""The client that others wrote, Mastodon.py, is content with the played Mastodon."""

import asyncio
import queue
import socket
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import uvicorn
from mastodon import Mastodon, StreamListener
from mastodon.errors import MastodonUnauthorizedError
from starlette.applications import Starlette
from starlette.routing import Mount

from toog.platforms.accounts import Account
from toog.platforms.mastodon.sandbox import MastodonSandbox, gate
from toog.platforms.playing import Act, Citizen, Ledger

MIA = Citizen("220", "mia@zee.example", "Mia")
JAN = Citizen("330", "jan@bücherwinkel.example", "Jan")


@pytest.fixture
async def server() -> AsyncIterator[MastodonSandbox]:
    """The played server under `/mastodon` on a free port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{sock.getsockname()[1]}/mastodon"
        account = Account("mastodon", "110", "stadpoldem", base)
        played = MastodonSandbox(account, {"token": "geheim"}, ledger=Ledger(), seed=1)
        played.warned_share = 0.0
        app = Starlette(routes=[Mount("/mastodon", app=played.app())])
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
        listener = uvicorn.Server(config)
        running = asyncio.create_task(listener.serve(sockets=[sock]))
        while not listener.started:  # noqa: ASYNC110 (uvicorn offers no event for it)
            await asyncio.sleep(0.01)
        yield played
        played.streams.hang_up()
        listener.should_exit = True
        await running


@pytest.fixture
def base(server: MastodonSandbox) -> str:
    return server.world.base


@pytest.fixture
def client(base: str) -> Iterator[Mastodon]:
    with requests.Session() as session:
        yield Mastodon(access_token="geheim", api_base_url=base, session=session)


async def test_it_knows_who_we_are(client: Mastodon) -> None:
    us = await asyncio.to_thread(client.account_verify_credentials)

    assert (us.id, us.acct, us.display_name) == ("110", "stadpoldem", "Stadspolitie Demo")


async def test_a_wrong_token_is_refused(base: str) -> None:
    with requests.Session() as session:
        wrong = Mastodon(access_token="fout", api_base_url=base, session=session)
        with pytest.raises(MastodonUnauthorizedError):
            await asyncio.to_thread(wrong.account_verify_credentials)


async def test_it_posts_and_replies(server: MastodonSandbox, client: Mastodon) -> None:
    native = await server.act(Act("mention", MIA, "@stadpoldem mag ik parkeren op zondag?"))
    asked = await asyncio.to_thread(client.status, native)

    posted = await asyncio.to_thread(client.status_post, "Goedenavond!", visibility="public")
    answered = await asyncio.to_thread(
        client.status_reply, asked, "Dat mag.", idempotency_key="r1", language="nl"
    )

    assert posted.content == "<p>Goedenavond!</p>"
    assert (answered.in_reply_to_id, answered.in_reply_to_account_id) == (native, "220")
    assert [mention.acct for mention in answered.mentions] == ["mia@zee.example"]
    (reply,) = server.ledger.replies
    assert (reply.accepted, reply.native_id) == (True, answered.id)
    listed = await asyncio.to_thread(client.account_statuses, "110")
    assert [status.id for status in listed] == [answered.id, posted.id]


async def test_it_pages_through_notifications(
    server: MastodonSandbox, client: Mastodon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "time", SimpleNamespace(time=lambda: 1e9))  # no new five minutes
    natives = [await server.act(Act("mention", MIA, f"@stadpoldem {n}")) for n in range(5)]

    page = await asyncio.to_thread(client.notifications, types=["mention"], limit=2)
    rest = await asyncio.to_thread(client.fetch_remaining, page)

    assert [told.status.id for told in rest] == natives[::-1]
    assert {told.type for told in rest} == {"mention"}
    assert client.ratelimit_remaining == 300 - 4
    newer = await asyncio.to_thread(client.notifications, min_id=rest[-1].id, limit=2)
    assert [told.status.id for told in newer] == natives[2:0:-1]


async def test_it_lists_conversations(server: MastodonSandbox, client: Mastodon) -> None:
    native = await server.act(Act("dm", MIA, "kan ik iemand spreken?"))

    (talk,) = await asyncio.to_thread(client.conversations)

    assert (talk.last_status.id, talk.last_status.visibility) == (native, "direct")


async def test_it_reads_timelines(server: MastodonSandbox, client: Mastodon) -> None:
    noise = await server.act(Act("noise", MIA, "spannend #Politie247"))
    mention = await server.act(Act("mention", MIA, "@stadpoldem wie was dat? #politie247"))

    home = await asyncio.to_thread(client.timeline_home)
    tag = await asyncio.to_thread(client.timeline_hashtag, "politie247", limit=1)
    rest = await asyncio.to_thread(client.fetch_remaining, tag)

    assert [status.id for status in home] == [mention]
    assert [status.id for status in rest] == [mention, noise]


async def test_it_reads_a_thread(server: MastodonSandbox, client: Mastodon) -> None:
    asked = await server.act(Act("mention", MIA, "@stadpoldem mag ik parkeren op zondag?"))
    answer = await asyncio.to_thread(
        client.status_post, "Dat mag.", in_reply_to_id=asked, spoiler_text="parkeren"
    )
    thanks = await server.act(Act("reply", MIA, "dank je", target=answer.id))

    context = await asyncio.to_thread(client.status_context, answer.id)

    assert answer.spoiler_text == "parkeren"
    assert [status.id for status in context.ancestors] == [asked]
    assert [status.id for status in context.descendants] == [thanks]


async def test_it_finds_people(server: MastodonSandbox, client: Mastodon) -> None:
    await server.act(Act("mention", JAN, "@stadpoldem dag"))

    found = await asyncio.to_thread(client.account_search, "jan")
    looked_up = await asyncio.to_thread(client.account_lookup, JAN.handle)
    searched = await asyncio.to_thread(client.search, "Jan", result_type="accounts")

    assert [person.acct for person in found] == [JAN.handle]
    assert looked_up.id == JAN.id
    assert [person.id for person in searched.accounts] == [JAN.id]


async def test_it_sees_quotes(server: MastodonSandbox, client: Mastodon) -> None:
    ours = await asyncio.to_thread(client.status_post, "Vanavond op tv.")
    native = await server.act(Act("quote", MIA, "kijken!", target=ours.id))

    (told,) = await asyncio.to_thread(client.notifications, types=["quote"])

    assert (told.type, told.status.id) == ("quote", native)
    assert told.status.quote.quoted_status.id == ours.id


class Heard(StreamListener):
    """Keeps what the stream tells."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def on_update(self, status: Any) -> None:
        self.told.put(("update", status.id))

    def on_notification(self, notification: Any) -> None:
        self.told.put((notification.type, notification.status.id))

    def on_status_update(self, status: Any) -> None:
        self.told.put(("status.update", status.id))

    def on_delete(self, status_id: Any) -> None:
        self.told.put(("delete", status_id))

    def on_abort(self, err: Exception) -> None:
        self.told.put(("abort", str(err)))

    def handle_heartbeat(self) -> None:
        self.told.put(("beat", None))


async def test_it_listens_to_the_user_stream(server: MastodonSandbox, client: Mastodon) -> None:
    heard = Heard()
    handle = await asyncio.to_thread(client.stream_user, heard, run_async=True)
    try:
        assert await asyncio.to_thread(heard.told.get, timeout=5) == ("beat", None)

        native = await server.act(Act("mention", MIA, "@stadpoldem ik zie rook"))
        await server.act(Act("edit", MIA, "@stadpoldem ik zag rook", target=native))
        await server.act(Act("delete", MIA, target=native))
        own = await asyncio.to_thread(client.status_post, "We zijn er.")

        told = [await asyncio.to_thread(heard.told.get, timeout=5) for _ in range(4)]
    finally:
        server.streams.hang_up()
        await asyncio.to_thread(handle.join, 5)
    expected = ["mention", "status.update", "delete"]
    assert told == [*((name, native) for name in expected), ("update", own.id)]
    assert not handle.is_alive()


async def test_it_listens_to_the_room(server: MastodonSandbox, client: Mastodon) -> None:
    heard = Heard()
    listen = client.stream_hashtag
    handle = await asyncio.to_thread(listen, "politie247", heard, run_async=True)
    try:
        assert await asyncio.to_thread(heard.told.get, timeout=5) == ("beat", None)

        native = await server.act(Act("noise", MIA, "spannend #Politie247"))
        await server.act(Act("noise", MIA, "niets te zien"))
        await server.act(Act("delete", MIA, target=native))

        told = [await asyncio.to_thread(heard.told.get, timeout=5) for _ in range(2)]
    finally:
        server.streams.hang_up()
        await asyncio.to_thread(handle.join, 5)
    assert told == [("update", native), ("delete", native)]
