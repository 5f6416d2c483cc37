"""tweepy, whose host is written into it, sent to the played X by an adapter: its main calls."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import requests
import tweepy
import uvicorn
from requests.adapters import HTTPAdapter
from starlette.applications import Starlette
from starlette.routing import Mount

from toog.platforms.accounts import Account
from toog.platforms.playing import Act, ActKind, Citizen, Ledger
from toog.platforms.x.sandbox import XSandbox

SECRETS = {"consumer_secret": "geheim", "bearer": "lezer", "user_token": "schrijver"}
HOSTS = ("https://api.twitter.com", "https://api.x.com")
AN = Citizen("22", "an_a", "An A.")


class Towards(HTTPAdapter):
    """Sends what is meant for X to the played one."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        for host in HOSTS:
            request.url = (request.url or "").replace(host, self._base, 1)
        return super().send(request, *args, **kwargs)


def towards(session: requests.Session, base: str) -> None:
    """Nothing of this session leaves for the real X."""
    session.trust_env = False
    for host in HOSTS:
        session.mount(host, Towards(base))


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what another task or thread does, at most 5 s."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - neither uvicorn nor the client offers an event
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The app under `/x` on a free port of 127.0.0.1, until the block ends; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Mount("/x", app=app)])
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/x"
    finally:
        server.should_exit = True
        await task
        listening.close()


@pytest.fixture
def x(request: pytest.FixtureRequest) -> XSandbox:
    account = Account("x", "1111", "StadPolDem", "unused")
    limits = getattr(request, "param", {})
    return XSandbox(account, SECRETS, webhook_url=None, ledger=Ledger(), seed=1, **limits)


@pytest.fixture
async def base(x: XSandbox) -> AsyncIterator[str]:
    async with served(x.app()) as address:
        yield address
        x.stream.hang_up()


class Tweepy:
    """The client as our account (`user`) and as the app (`app`); it knows only blocking calls."""

    def __init__(self, base: str) -> None:
        self.user = tweepy.Client(SECRETS["user_token"])
        self.app = tweepy.Client(SECRETS["bearer"])
        for client in (self.user, self.app):
            towards(client.session, base)

    async def us(self, name: str, *args: Any, **given: Any) -> Any:
        """A call that speaks for our account: its OAuth2 token stands where a bearer token does."""
        call = getattr(self.user, name)
        return await asyncio.to_thread(call, *args, user_auth=False, **given)

    async def ask(self, name: str, *args: Any, **given: Any) -> Any:
        """A call that speaks for the app."""
        return await asyncio.to_thread(getattr(self.app, name), *args, **given)


@pytest.fixture
async def client(base: str) -> AsyncIterator[Tweepy]:
    client = Tweepy(base)
    yield client
    client.user.session.close()
    client.app.session.close()


async def act(x: XSandbox, kind: ActKind, text: str, target: str | None = None) -> str:
    native = await x.act(Act(kind, AN, text, target=target))
    assert native is not None
    return native


async def test_it_knows_who_we_are_and_finds_others(x: XSandbox, client: Tweepy) -> None:
    await act(x, "noise", "hallo")

    assert (await client.us("get_me")).data.username == "StadPolDem"
    assert (await client.ask("get_user", username="an_a")).data.id == 22
    assert (await client.ask("get_user", id=22)).data.name == "An A."


async def test_it_posts_answers_looks_up_and_deletes(x: XSandbox, client: Tweepy) -> None:
    asked = await act(x, "mention", "@StadPolDem er ligt glas #meldpunt")

    own = await client.us("create_tweet", text="Goedenavond.")
    reply = await client.us("create_tweet", text="We komen.", in_reply_to_tweet_id=asked)
    found = await client.ask(
        "get_tweets",
        [own.data["id"], reply.data["id"], "404"],
        tweet_fields=["referenced_tweets", "conversation_id", "entities", "author_id"],
        expansions=["author_id", "referenced_tweets.id"],
    )
    one = await client.ask("get_tweet", asked, tweet_fields=["entities", "lang"])
    gone = await client.us("delete_tweet", own.data["id"])

    assert [str(post.id) for post in found.data] == [own.data["id"], reply.data["id"]]
    assert found.data[1].text == "@an_a We komen."
    assert str(found.data[1].conversation_id) == asked
    assert str(found.data[1].referenced_tweets[0].id) == asked
    assert {user.username for user in found.includes["users"]} == {"StadPolDem", "an_a"}
    assert found.errors[0]["title"] == "Not Found Error"
    assert one.data.entities["hashtags"][0]["tag"] == "meldpunt"
    assert gone.data["deleted"]
    assert x.ledger.replies[0].native_id == reply.data["id"]


async def test_it_lists_mentions_page_by_page(x: XSandbox, client: Tweepy) -> None:
    told = [await act(x, "mention", f"@StadPolDem vraag {n}") for n in range(12)]

    def pages() -> list[Any]:
        return list(tweepy.Paginator(client.app.get_users_mentions, "1111", max_results=5))

    found = await asyncio.to_thread(pages)
    since = await client.ask("get_users_mentions", "1111", since_id=told[9])

    assert [len(page.data) for page in found] == [5, 5, 2]
    assert [str(post.id) for page in found for post in page.data] == told[::-1]
    assert [str(post.id) for post in since.data] == [told[11], told[10]]


async def test_it_lists_what_we_posted(x: XSandbox, client: Tweepy) -> None:
    posts = [x.say("Een.").id, x.say("Twee.").id]

    timeline = await client.ask("get_users_tweets", "1111", tweet_fields=["created_at"])

    assert [str(post.id) for post in timeline.data] == posts[::-1]
    assert timeline.data[0].created_at.tzinfo is not None


async def test_direct_messages(x: XSandbox, client: Tweepy) -> None:
    asked = await act(x, "dm", "mag ik iets vragen?")

    sent = await client.us("create_direct_message", participant_id="22", text="Zeg maar.")
    listed = await client.us(
        "get_direct_message_events", dm_event_fields=["sender_id", "dm_conversation_id"]
    )

    assert sent.data["dm_conversation_id"] == "22-1111"
    assert [str(event.id) for event in listed.data] == [sent.data["dm_event_id"], asked]
    assert [str(event.sender_id) for event in listed.data] == ["1111", "22"]


async def test_it_is_told_why_not(x: XSandbox, client: Tweepy, base: str) -> None:
    await client.us("create_tweet", text="Hetzelfde.")

    with pytest.raises(tweepy.Forbidden, match="duplicate content"):
        await client.us("create_tweet", text="Hetzelfde.")
    with pytest.raises(tweepy.Forbidden, match="deleted or not visible"):
        await client.us("create_tweet", text="Dag.", in_reply_to_tweet_id="404")
    with pytest.raises(tweepy.BadRequest):
        await client.ask("get_tweets", [])
    wrong = tweepy.Client("fout")
    towards(wrong.session, base)
    with pytest.raises(tweepy.Unauthorized):
        await asyncio.to_thread(wrong.get_me, user_auth=False)
    wrong.session.close()


@pytest.mark.parametrize("x", [{"post_limit": 1}], indirect=True)
async def test_one_too_many_says_when_again(client: Tweepy) -> None:
    await client.us("create_tweet", text="Een.")

    with pytest.raises(tweepy.TooManyRequests) as refused:
        await client.us("create_tweet", text="Twee.")

    assert refused.value.response.headers["x-rate-limit-remaining"] == "0"
    assert refused.value.reset_time is not None


class Listener(tweepy.StreamingClient):
    """Keeps what it hears, and hangs up after the first post."""

    def __init__(self, base: str) -> None:
        super().__init__(SECRETS["bearer"])
        towards(self.session, base)
        self.heard: list[tweepy.StreamResponse] = []

    def on_response(self, response: tweepy.StreamResponse) -> None:
        self.heard.append(response)
        self.disconnect()


async def test_rules_and_the_stream(x: XSandbox, base: str) -> None:
    listener = Listener(base)
    rule = tweepy.StreamRule("#politie247 lang:nl", tag="room:politie247")
    await asyncio.to_thread(listener.add_rules, rule)
    twice = await asyncio.to_thread(listener.add_rules, rule)
    rules = await asyncio.to_thread(listener.get_rules)
    assert [(rule.value, rule.tag) for rule in rules.data] == [(rule.value, rule.tag)]
    assert twice.errors[0]["title"] == "DuplicateRule"

    listening = asyncio.create_task(
        asyncio.to_thread(listener.filter, tweet_fields=["author_id"], expansions=["author_id"])
    )
    await until(lambda: "stream_connects" in x.ledger.counts)
    native = await act(x, "noise", "hallo #politie247")
    await act(x, "noise", "nog een #politie247")
    await listening
    await asyncio.to_thread(listener.delete_rules, [rules.data[0].id])

    assert str(listener.heard[0].data.id) == native
    assert listener.heard[0].includes["users"][0].username == "an_a"
    assert listener.heard[0].matching_rules[0].tag == "room:politie247"
    assert not x.stream.rules
    listener.session.close()
