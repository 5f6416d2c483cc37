"""From a post on Bluesky to our reply below it: what the platform must be told in it comes along."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from support.desk import World, pool_of

from services.responder.sender import Sender
from services.responder.store import replies
from services.responder.store.replies import Approved
from services.responder.telemetry import WorkMetrics
from toog.contracts.events import Event
from toog.kit.telemetry import registry
from toog.platforms.accounts import Account, Accounts
from toog.platforms.bluesky import incoming, outgoing
from toog.platforms.bluesky.payloads import POST
from toog.platforms.bluesky.sandbox import BlueskySandbox
from toog.platforms.playing import Act, Citizen, Ledger

US = Account(
    "bluesky",
    "did:plc:stadpoldem2demo2demo2dem",
    "stadpoldem.test",
    "http://bsky.example/bluesky",
)
SECRETS = {"identifier": "stadpoldem.test", "app_password": "geheim"}
MIA = Citizen("did:plc:kbwvo3tu5gsegorseggojg5e", "mia.test", "Mia")


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    pool = await pool_of(database)
    yield World(pool)
    await pool.close()


@pytest.fixture
def played() -> BlueskySandbox:
    return BlueskySandbox(US, SECRETS, ledger=Ledger(), seed=1)


@pytest.fixture
async def sender(world: World, played: BlueskySandbox) -> AsyncIterator[Sender]:
    """A sender at work, its calls answered by the played network."""
    app = Starlette(routes=[Mount("/bluesky", app=played.app())])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        sender = Sender(
            world.pool,
            http=http,
            outgoing={"bluesky": outgoing},
            accounts=Accounts([US]),
            secrets={US.name: SECRETS},
            metrics=WorkMetrics(registry()),
        )
        task = asyncio.create_task(sender.run())
        yield sender
        sender.stop()
        await task


def parsed(body: bytes) -> Event:
    now = datetime.now(UTC)
    found = incoming.parse(body, accounts=Accounts([US]), account=US, source="t", now=now)
    return found.heard[-1].event


async def told(played: BlueskySandbox, text: str) -> Event:
    """The event of a mention, as a page of notifications tells it."""
    await played.act(Act("mention", MIA, text))
    return parsed(msgspec.json.encode(played.world.notifications[-1].show()))


async def approve(world: World, event: Event, id_: str, text: str) -> None:
    (case,) = {m["case_id"] for m in await world.rows("messages") if m["id"] == event.id}
    reply = Approved(id_, case, event.id, "bluesky", US.id, "an", text, None, "h")
    async with world.pool.acquire() as connection:
        assert await replies.insert(connection, reply)


async def settled(world: World, id_: str) -> str:
    for _ in range(200):
        state = await world.pool.fetchval("SELECT state FROM responder.replies WHERE id = $1", id_)
        if state not in {"queued", "sending"}:
            return str(state)
        await asyncio.sleep(0.05)
    return "never"


def on_the_network(played: BlueskySandbox) -> list[str]:
    return [
        str(post.record["text"])
        for uri, post in played.world.records.items()
        if uri.startswith(f"at://{US.id}/{POST}/")
    ]


async def test_a_reply_stands_below_the_post_that_it_answers(
    world: World, played: BlueskySandbox, sender: Sender
) -> None:
    event = await told(played, "@stadpoldem.test is de brug open?")
    await world.addressed(event)
    await approve(world, event, "r1", "Ja, sinds 18.00 uur.")
    sender.wake()

    assert await settled(world, "r1") == "sent"
    (seen,) = played.ledger.replies
    row = await world.one("replies")
    assert (seen.in_reply_to, seen.event_id) == (event.native, row["event_id"])
    assert (
        played.world.records[row["native_id"]].reply["parent"]["cid"] == event.reply_context["cid"]
    )


async def test_a_session_that_ran_out_costs_no_reply(
    world: World, played: BlueskySandbox, sender: Sender
) -> None:
    event = await told(played, "@stadpoldem.test is de brug open?")
    await world.addressed(event)
    await approve(world, event, "r1", "Ja.")
    sender.wake()
    assert await settled(world, "r1") == "sent"

    played.sessions.expire()
    await approve(world, event, "r2", "Nog altijd.")
    sender.wake()
    for _ in range(100):
        if await settled(world, "r2") == "sent":
            break
        sender.wake()
        await asyncio.sleep(0.05)

    assert await settled(world, "r2") == "sent"
    assert on_the_network(played) == ["Ja.", "Nog altijd."]


async def test_an_edit_brings_the_version_that_a_reply_must_name(
    world: World, played: BlueskySandbox, sender: Sender
) -> None:
    event = await told(played, "@stadpoldem.test brand")
    await world.addressed(event)
    await played.act(
        Act("edit", MIA, "@stadpoldem.test brand in de Dorpsstraat", target=event.native)
    )
    edit = parsed(played.jetstream._lines[-1].text.encode())
    assert edit.kind == "edited"
    await world.take(world.log.context(edit, "edit"))
    await approve(world, event, "r1", "We komen.")
    sender.wake()

    assert await settled(world, "r1") == "sent"
    row = await world.one("replies")
    parent = played.world.records[row["native_id"]].reply["parent"]
    assert parent["cid"] == edit.reply_context["cid"] != event.reply_context["cid"]


async def test_without_context_nothing_is_sent_and_a_person_is_told(
    world: World, played: BlueskySandbox, sender: Sender
) -> None:
    event = await told(played, "@stadpoldem.test is de brug open?")
    await world.addressed(msgspec.structs.replace(event, reply_context={}))
    await approve(world, event, "r1", "Ja.")
    sender.wake()

    assert await settled(world, "r1") == "refused"
    assert on_the_network(played) == []
