"""Meta's own client, facebook_business, is content with the played Graph."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvicorn
from facebook_business.adobjects.comment import Comment
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.pagepost import PagePost
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession
from starlette.applications import Starlette
from starlette.routing import Mount

from toog.platforms.accounts import Account
from toog.platforms.facebook.sandbox import FacebookSandbox
from toog.platforms.playing import Act, Citizen, Ledger

PAGE = "1029384756102938"
SECRETS = {"app_secret": "geheim", "verify_token": "teken", "page_token": "schrijver"}
AN = Citizen("24500000000000001", "an", "An Verzonnen")
BO = Citizen("24500000000000002", "bo", "Bo Verzonnen")


@pytest.fixture
async def server() -> AsyncIterator[FacebookSandbox]:
    """The played Facebook under `/facebook` on a free port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{sock.getsockname()[1]}/facebook"
        account = Account("facebook", PAGE, "stadpoldem", base)
        played = FacebookSandbox(account, SECRETS, webhook_url=None, ledger=Ledger(), seed=1)
        app = Starlette(routes=[Mount("/facebook", app=played.app())])
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
        listener = uvicorn.Server(config)
        running = asyncio.create_task(listener.serve(sockets=[sock]))
        while not listener.started:  # noqa: ASYNC110 (uvicorn offers no event for it)
            await asyncio.sleep(0.01)
        yield played
        listener.should_exit = True
        await running


def client_of(base: str, token: str) -> Iterator[FacebookAdsApi]:
    session = FacebookSession("1010101010101010", "geheim", token, timeout=5)
    session.GRAPH = base
    session.requests.trust_env = False
    yield FacebookAdsApi(session)
    session.requests.close()


@pytest.fixture
def api(server: FacebookSandbox) -> Iterator[FacebookAdsApi]:
    yield from client_of(server.account.base_url, "schrijver")


@pytest.fixture
def wrong(server: FacebookSandbox) -> Iterator[FacebookAdsApi]:
    yield from client_of(server.account.base_url, "fout")


async def test_it_knows_the_page(api: FacebookAdsApi) -> None:
    page = await asyncio.to_thread(Page(PAGE, api=api).api_get, fields=["name", "username"])

    assert (page["id"], page["name"], page["username"]) == (PAGE, "Stadspolitie Demo", "stadpoldem")


async def test_a_wrong_token_is_refused(wrong: FacebookAdsApi) -> None:
    with pytest.raises(FacebookRequestError) as refused:
        await asyncio.to_thread(Page(PAGE, api=wrong).api_get)

    assert refused.value.api_error_code() == 190


async def test_it_comments_and_lists_comments(server: FacebookSandbox, api: FacebookAdsApi) -> None:
    post = await server.act(Act("own_post", AN, "De ring is weer open."))
    asked = await server.act(Act("reply", AN, "ook de tunnel?", target=post))

    made = await asyncio.to_thread(
        Comment(asked, api=api).create_comment, params={"message": "Ja, die ook. 👍"}
    )
    under = await asyncio.to_thread(
        lambda: list(Comment(asked, api=api).get_comments(fields=["message", "from", "parent"]))
    )
    top = await asyncio.to_thread(
        lambda: list(PagePost(post, api=api).get_comments(params={"filter": "toplevel"}))
    )

    assert [(c["id"], c["message"]) for c in under] == [(made["id"], "Ja, die ook. 👍")]
    assert under[0]["from"]["id"] == PAGE
    assert under[0]["parent"]["id"] == asked
    assert [c["message"] for c in top] == ["ook de tunnel?"]
    (seen,) = server.ledger.replies
    assert (seen.accepted, seen.native_id, seen.in_reply_to) == (True, made["id"], asked)


async def test_it_pages_through_all_comments(server: FacebookSandbox, api: FacebookAdsApi) -> None:
    post = await server.act(Act("own_post", AN, "De ring is weer open."))
    said = [await server.act(Act("reply", AN, f"{n}", target=post)) for n in range(7)]

    got = await asyncio.to_thread(
        lambda: [c["id"] for c in PagePost(post, api=api).get_comments(params={"limit": 3})]
    )

    assert got == said


async def test_it_sends_messages_and_reads_conversations(
    server: FacebookSandbox, api: FacebookAdsApi
) -> None:
    await server.act(Act("dm", AN, "kan ik iemand spreken?"))
    page = Page(PAGE, api=api)

    def send(person: str) -> Any:
        params = {
            "recipient": {"id": person},
            "messaging_type": "RESPONSE",
            "message": {"text": "Zeker."},
        }
        return page.create_message(params=params)

    await asyncio.to_thread(send, AN.id)
    with pytest.raises(FacebookRequestError) as refused:
        await asyncio.to_thread(send, BO.id)
    threads = await asyncio.to_thread(
        lambda: list(
            page.get_conversations(fields=["id", "updated_time"], params={"platform": "MESSENGER"})
        )
    )

    inside = await asyncio.to_thread(
        api.call, "GET", (threads[0]["id"], "messages"), params={"fields": "message,from"}
    )

    assert (refused.value.api_error_code(), refused.value.api_error_subcode()) == (100, 2018001)
    assert [seen.accepted for seen in server.ledger.replies] == [True, False]
    assert [thread["id"] for thread in threads] == [f"t_{AN.id}"]
    assert [one["message"] for one in inside.json()["data"]] == ["Zeker.", "kan ik iemand spreken?"]


async def test_it_posts_lists_subscribes_and_deletes(
    server: FacebookSandbox, api: FacebookAdsApi
) -> None:
    page = Page(PAGE, api=api)

    posted = await asyncio.to_thread(page.create_feed, params={"message": "Goedenavond"})
    await server.act(Act("visitor_post", BO, "er ligt glas"))
    feed = await asyncio.to_thread(lambda: list(page.get_feed(fields=["message", "from"])))
    posts = await asyncio.to_thread(lambda: list(page.get_posts()))
    await asyncio.to_thread(
        page.create_subscribed_app, params={"subscribed_fields": ["feed", "mention", "messages"]}
    )
    apps = await asyncio.to_thread(lambda: list(page.get_subscribed_apps()))
    await asyncio.to_thread(PagePost(posted["id"], api=api).api_delete)

    assert [one["message"] for one in feed] == ["er ligt glas", "Goedenavond"]
    assert [one["id"] for one in posts] == [posted["id"]]
    assert apps[0]["subscribed_fields"] == ["feed", "mention", "messages"]
    assert server.world.find(posted["id"]) is None


async def test_a_batch_of_calls_is_told_that_it_is_not_played(api: FacebookAdsApi) -> None:
    batch = api.new_batch()
    batch.add("GET", "me")

    with pytest.raises(FacebookRequestError):
        await asyncio.to_thread(batch.execute)
