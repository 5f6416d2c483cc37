"""The official client, atproto, is content with the played Bluesky; so is a real WebSocket client."""

import asyncio
import json
import socket
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.routing import Mount

from toog.platforms.accounts import Account
from toog.platforms.bluesky.sandbox import BlueskySandbox
from toog.platforms.playing import Act, Citizen, Ledger

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client's own models warn at import, not us
    from atproto import Client, exceptions, models

MIA = Citizen("did:plc:kbwvo3tu5gsegorseggojg5e", "mia.test", "Mia")
US = "did:plc:stadpoldem2demo2demo2dem"
SECRETS = {"identifier": "stadpoldem.test", "app_password": "geheim"}


class Running:
    """The played network on a port of its own, and the clients that call it."""

    def __init__(self, played: BlueskySandbox, base: str) -> None:
        self.played, self.base = played, base
        self._clients: list[Any] = []

    def client(self) -> Any:
        """A client that nobody signed in."""
        return self.keep(Client(base_url=f"{self.base}/xrpc"))

    def keep(self, client: Any) -> Any:
        """This client is closed in the end."""
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.request.close()


@pytest.fixture
async def network() -> AsyncIterator[Running]:
    """The played network under `/bluesky` on a free port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{sock.getsockname()[1]}/bluesky"
        account = Account("bluesky", US, "stadpoldem.test", base)
        played = BlueskySandbox(account, SECRETS, ledger=Ledger(), seed=1)
        app = Starlette(routes=[Mount("/bluesky", app=played.app())])
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="websockets-sansio")
        listener = uvicorn.Server(config)
        running = asyncio.create_task(listener.serve(sockets=[sock]))
        while not listener.started:  # noqa: ASYNC110 (uvicorn offers no event for it)
            await asyncio.sleep(0.01)
        network = Running(played, base)
        yield network
        network.close()
        played.jetstream.hang_up()
        listener.should_exit = True
        await running


async def signed_in(network: Running, *, profile: bool = True) -> Any:
    client = network.client()
    login = (client.login, "stadpoldem.test", "geheim")
    await asyncio.to_thread(*login, fetch_bsky_profile=profile)
    return client


async def test_it_signs_in_and_knows_who_we_are(network: Running) -> None:
    client = await signed_in(network)

    session = await asyncio.to_thread(client.com.atproto.server.get_session)

    assert (client.me.did, client.me.handle) == (US, "stadpoldem.test")
    assert (session.did, session.active) == (US, True)


async def test_a_wrong_password_is_refused(network: Running) -> None:
    client = network.client()

    with pytest.raises(exceptions.UnauthorizedError):
        await asyncio.to_thread(client.login, "stadpoldem.test", "fout")


async def test_it_renews_a_session_that_ran_out(network: Running) -> None:
    network.played.sessions.access_s = -1
    client = await signed_in(network, profile=False)
    network.played.sessions.access_s = 7200

    listed = await asyncio.to_thread(client.app.bsky.notification.list_notifications)

    assert listed.notifications == []


async def test_it_lists_notifications_and_pages_them(network: Running) -> None:
    uris = [
        await network.played.act(Act("mention", MIA, f"@stadpoldem.test {n}")) for n in range(3)
    ]
    client = await signed_in(network)

    ask = client.app.bsky.notification.list_notifications
    first = await asyncio.to_thread(ask, {"limit": 2, "reasons": ["mention"]})
    rest = await asyncio.to_thread(ask, {"limit": 2, "cursor": first.cursor})

    assert [one.uri for one in (*first.notifications, *rest.notifications)] == uris[::-1]
    assert {one.reason for one in first.notifications} == {"mention"}
    assert first.notifications[0].record.facets[0].features[0].did == US
    assert first.notifications[0].author.handle == "mia.test"


async def test_it_posts_replies_and_reads_the_thread(network: Running) -> None:
    asked = await network.played.act(Act("mention", MIA, "@stadpoldem.test mag dit?"))
    client = await signed_in(network)
    (post,) = (await asyncio.to_thread(client.get_posts, [asked])).posts
    ref = models.create_strong_ref(post)

    own = await asyncio.to_thread(client.send_post, "Goedenavond!", langs=["nl"])
    reply = await asyncio.to_thread(
        client.send_post, "Dat mag.", reply_to=models.AppBskyFeedPost.ReplyRef(root=ref, parent=ref)
    )
    thread = (await asyncio.to_thread(client.get_post_thread, asked)).thread
    feed = (await asyncio.to_thread(client.get_author_feed, US)).feed

    assert [below.post.uri for below in thread.replies] == [reply.uri]
    assert [item.post.uri for item in feed] == [reply.uri, own.uri]
    (seen,) = network.played.ledger.replies
    assert (seen.in_reply_to, seen.native_id, seen.text) == (asked, reply.uri, "Dat mag.")
    assert await asyncio.to_thread(client.delete_post, reply.uri)
    assert reply.uri not in network.played.world.records


async def test_a_key_that_is_used_makes_no_second_post(network: Running) -> None:
    client = await signed_in(network)
    record = models.AppBskyFeedPost.Record(text="Dag", created_at=client.get_current_time_iso())
    data = models.ComAtprotoRepoCreateRecord.Data(
        repo=US, collection="app.bsky.feed.post", rkey="3mmookaaaaa2z", record=record
    )
    await asyncio.to_thread(client.com.atproto.repo.create_record, data)

    with pytest.raises(exceptions.RequestException, match="500"):
        await asyncio.to_thread(client.com.atproto.repo.create_record, data)

    listed = await asyncio.to_thread(
        client.com.atproto.repo.list_records, {"repo": US, "collection": "app.bsky.feed.post"}
    )
    assert [one.value.text for one in listed.records] == ["Dag"]


async def test_it_chats(network: Running) -> None:
    await network.played.act(Act("dm", MIA, "kan ik iemand spreken?"))
    client = await signed_in(network)
    chat = network.keep(client.with_bsky_chat_proxy()).chat.bsky.convo

    (convo,) = (await asyncio.to_thread(chat.list_convos)).convos
    same = (await asyncio.to_thread(chat.get_convo_for_members, {"members": [MIA.id]})).convo
    message = {"convo_id": convo.id, "message": models.ChatBskyConvoDefs.MessageInput(text="Ja.")}
    sent = await asyncio.to_thread(chat.send_message, message)
    log = await asyncio.to_thread(chat.get_log)

    assert (convo.last_message.text, same.id) == ("kan ik iemand spreken?", convo.id)
    assert [entry.message.text for entry in log.logs] == ["kan ik iemand spreken?", "Ja."]
    assert log.logs[1].message.id == sent.id


async def test_jetstream_is_a_websocket_that_resumes(network: Running) -> None:
    address = f"{network.base.replace('http', 'ws')}/subscribe?wantedCollections=app.bsky.feed.post"
    async with websockets.connect(address) as live:
        first = await network.played.act(Act("mention", MIA, "@stadpoldem.test een"))
        line = json.loads(await asyncio.wait_for(live.recv(), 5))
    second = await network.played.act(Act("mention", MIA, "@stadpoldem.test twee"))

    async with websockets.connect(f"{address}&cursor={line['time_us']}") as again:
        lines = [json.loads(await asyncio.wait_for(again.recv(), 5)) for _ in range(2)]

    rkeys = [uri.rpartition("/")[2] for uri in (first or "", second or "")]
    assert [one["commit"]["rkey"] for one in lines] == rkeys
    assert (line["kind"], line["commit"]["operation"]) == ("commit", "create")
