"""Our own sources against the played platforms: nothing is lost by cuts, kills and restarts."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from support.ingest import CONSUMER_SECRET, Ingest

from toog.contracts import events
from toog.contracts.topics import CURSORS, EVENTS, ROOM
from toog.kit.web import listener
from toog.local.kafka import Kafka
from toog.local.ports import free_port
from toog.platforms.accounts import Account, SourceConfig
from toog.platforms.mastodon.sandbox import MastodonSandbox
from toog.platforms.playing import Act, Citizen, Ledger
from toog.platforms.x.sandbox import XSandbox

LIEN = Citizen("9001", "lien_vb", "Lien")
STREAM = "x:1111111111111111111:stream"
USER_STREAM = "mastodon:109000000000000001:user_stream"


class Night:
    """Both platforms, played on one port, and the ingest that listens to them."""

    def __init__(self, kafka: str, prefix: str, folder: Path) -> None:
        self.bind = f"127.0.0.1:{free_port()}"
        self.ledger = Ledger()
        base = f"http://{self.bind}"
        x = Account(
            "x",
            "1111111111111111111",
            "StadPolDem",
            f"{base}/x",
            source=(SourceConfig("activity_webhook"), SourceConfig("stream", ("politie247",))),
        )
        mastodon = Account(
            "mastodon",
            "109000000000000001",
            "stadpoldem",
            f"{base}/mastodon",
            source=(SourceConfig("user_stream"),),
        )
        x_secrets = {"consumer_secret": CONSUMER_SECRET, "bearer": "b", "user_token": "u"}
        self.ingest = Ingest(
            kafka,
            prefix,
            folder,
            accounts=_accounts(x, mastodon),
            secrets=_secrets({x.name: x_secrets, mastodon.name: {"token": "t"}}),
        )
        self.x = XSandbox(x, x_secrets, webhook_url=self.ingest.webhook, ledger=self.ledger, seed=1)
        self.mastodon = MastodonSandbox(mastodon, {"token": "t"}, ledger=self.ledger, seed=1)
        self.app = Starlette(
            routes=[Mount("/x", self.x.app()), Mount("/mastodon", self.mastodon.app())]
        )

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """Everything runs inside the block."""
        async with listener(self.app, self.bind):
            tasks = [asyncio.create_task(p.run()) for p in (self.x, self.mastodon)]
            try:
                async with self.ingest:
                    await self.connected()
                    yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def connected(self) -> None:
        """Waits until both sources are open."""

        async def all_open() -> bool:
            return all(s["connected"] for s in (await self.ingest.sources()).values())

        await until(all_open)

    async def say(self, first: int, last: int) -> None:
        """Citizens call: with the hashtag on X, to us on Mastodon."""
        for number in range(first, last):
            await self.x.act(Act("noise", LIEN, f"Spannend! {number} #politie247"))
            await self.mastodon.act(Act("mention", LIEN, f"@stadpoldem vraag {number}"))
            await asyncio.sleep(0.002)

    async def all_arrived(self) -> None:
        """What the platforms owe us is in Kafka."""
        await self.ingest.until_ids(set(self.ledger.played))


def _accounts(*accounts: Account) -> str:
    text = ""
    for account in accounts:
        text += f'[[account]]\nplatform = "{account.platform}"\nid = "{account.id}"\n'
        text += f'handle = "{account.handle}"\nbase_url = "{account.base_url}"\n'
        for source in account.source:
            text += f'[[account.source]]\nkind = "{source.kind}"\n'
            text += f"hashtags = {list(source.hashtags)}\n"
    return text


def _secrets(tables: dict[str, dict[str, str]]) -> str:
    return "".join(
        f'["{name}"]\n' + "".join(f'{key} = "{value}"\n' for key, value in table.items())
        for name, table in tables.items()
    )


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await true():  # noqa: ASYNC110 - the process is polled
            await asyncio.sleep(0.05)


@pytest.fixture
async def night(kafka: Kafka, prefix: str, tmp_path: Path) -> AsyncIterator[Night]:
    made = Night(kafka.bootstrap, prefix, tmp_path)
    async with made.playing():
        yield made


async def test_what_the_platforms_tell_arrives_by_its_door(night: Night) -> None:
    await night.say(0, 20)
    await night.x.act(Act("mention", LIEN, "@StadPolDem is de Meir open?"))
    await night.x.act(Act("dm", LIEN, "Ik wil iets melden."))
    await night.all_arrived()

    async def all_answered() -> bool:  # a webhook is owed when it was answered
        return len(night.ledger.played) == 42

    async def by_every_door() -> bool:  # the stream tells of the mention too, at its own time
        told = {events.decode(record.value).source for record in await night.ingest.records(EVENTS)}
        items = await night.ingest.metric("toog_source_items_total")
        return told >= {"x:webhook", STREAM, USER_STREAM} and items >= 41

    await until(all_answered)
    await night.all_arrived()
    await until(by_every_door)

    own = [events.decode(record.value) for record in await night.ingest.records(EVENTS)]
    room = [events.decode(record.value) for record in await night.ingest.records(ROOM)]
    assert {event.source for event in room} == {STREAM}
    assert {event.source for event in own} == {"x:webhook", STREAM, USER_STREAM}
    assert {event.surface for event in own} >= {"post", "dm"}


async def test_streams_that_are_cut_lose_nothing(night: Night) -> None:
    for round_ in range(4):
        saying = asyncio.create_task(night.say(round_ * 50, round_ * 50 + 50))
        await asyncio.sleep(0.05)
        night.x.stream.hang_up()
        night.mastodon.streams.hang_up()
        await saying
    await night.all_arrived()

    assert len(night.ledger.played) == 400
    assert await night.ingest.metric("toog_source_reconnects_total") >= 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_after_a_restart_the_sources_go_on_where_they_were(night: Night, number: int) -> None:
    await night.say(0, 50)
    await night.all_arrived()

    async def noted() -> bool:
        keys = {record.key.decode() for record in await night.ingest.records(CURSORS)}
        return keys >= {STREAM, USER_STREAM}  # of one alone there are soon two

    await until(noted)
    saying = asyncio.create_task(night.say(50, 150))
    await asyncio.sleep(0.1)
    code = await night.ingest.end(number)
    await saying
    await night.ingest.start()
    await night.say(150, 160)
    await night.all_arrived()

    assert len(night.ledger.played) == 320
    assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)


async def test_an_outage_of_kafka_loses_nothing_of_the_streams(night: Night, kafka: Kafka) -> None:
    await night.say(0, 20)
    await asyncio.to_thread(kafka.stop)
    await night.say(20, 120)
    await asyncio.sleep(1)
    await asyncio.to_thread(kafka.start)
    await night.say(120, 140)
    await night.all_arrived()

    assert len(night.ledger.played) == 280
