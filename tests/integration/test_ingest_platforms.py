"""The three platforms that came later, by the same doors: webhooks, pages, a WebSocket, look-ups."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from support.ingest import Ingest

from toog.contracts import events
from toog.contracts.events import Event
from toog.contracts.topics import DEAD, EVENTS, ROOM
from toog.kit.web import listener
from toog.local.kafka import Kafka
from toog.local.ports import free_port
from toog.platforms.accounts import Account, SourceConfig
from toog.platforms.bluesky.sandbox import BlueskySandbox
from toog.platforms.facebook.sandbox import FacebookSandbox
from toog.platforms.instagram.sandbox import InstagramSandbox
from toog.platforms.playing import Act, Citizen, Ledger

US = "did:plc:stadpoldem2demo2demo2dem"
SECRETS = {
    "facebook": {"app_secret": "f", "verify_token": "fv", "page_token": "fp"},
    "instagram": {"app_secret": "i", "verify_token": "iv", "token": "it"},
    "bluesky": {"identifier": "stadpoldem.test", "app_password": "abcd-efgh-ijkl-mnop"},
}


class Night:
    """The platforms, played on one port, and the ingest that they deliver to or that asks them."""

    def __init__(self, kafka: str, prefix: str, folder: Path) -> None:
        self.bind = f"127.0.0.1:{free_port()}"
        self.ledger = Ledger()
        accounts = [
            self._account("facebook", "1234567890321", "stadpoldem", "webhook"),
            self._account("instagram", "17841405309211844", "stadpoldem", "webhook"),
            self._account("bluesky", US, "stadpoldem.test", "notifications", "jetstream", "chat"),
        ]
        self.ingest = Ingest(
            kafka,
            prefix,
            folder,
            accounts="".join(_toml(account, self.bind) for account in accounts),
            secrets="".join(
                f'["{account.name}"]\n'
                + "".join(f'{k} = "{v}"\n' for k, v in SECRETS[account.platform].items())
                for account in accounts
            ),
        )
        base = self.ingest.webhook.removesuffix("x")
        facebook, instagram, bluesky = accounts
        self.facebook = FacebookSandbox(
            facebook,
            SECRETS["facebook"],
            webhook_url=f"{base}facebook",
            ledger=self.ledger,
            seed=1,
        )
        self.instagram = InstagramSandbox(
            instagram,
            SECRETS["instagram"],
            webhook_url=f"{base}instagram",
            ledger=self.ledger,
            seed=1,
        )
        self.bluesky = BlueskySandbox(bluesky, SECRETS["bluesky"], ledger=self.ledger, seed=1)
        self.played = (self.facebook, self.instagram, self.bluesky)

    def _account(self, platform: str, id_: str, handle: str, *kinds: str) -> Account:
        return Account(
            platform,
            id_,
            handle,
            f"http://{self.bind}/{platform}",
            source=tuple(SourceConfig(kind) for kind in kinds),
        )

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """Everything runs inside the block, and every source of ours is open."""
        names = ("facebook", "instagram", "bluesky")
        mounts = [Mount(f"/{n}", p.app()) for n, p in zip(names, self.played, strict=True)]
        async with listener(Starlette(routes=mounts), self.bind), self.ingest:
            tasks = [asyncio.create_task(played.run()) for played in self.played]
            try:
                async with asyncio.timeout(10):
                    while not await self._open():  # noqa: ASYNC110 - the process is polled
                        await asyncio.sleep(0.05)
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self) -> bool:
        sources = await self.ingest.sources()
        return len(sources) == 3 and all(source["connected"] for source in sources.values())

    async def all_arrived(self, wanted: int) -> None:
        """So many events are owed to us, and they are in Kafka."""
        async with asyncio.timeout(15):
            while len(self.ledger.played) < wanted:  # noqa: ASYNC110 - webhooks are owed once answered
                await asyncio.sleep(0.05)
        await self.ingest.until_ids(set(self.ledger.played))

    async def told(self) -> list[Event]:
        """Every event that entered by our own doors."""
        return [events.decode(record.value) for record in await self.ingest.records(EVENTS)]


def _toml(account: Account, bind: str) -> str:
    sources = "".join(
        f'[[account.source]]\nkind = "{source.kind}"\n'
        + (f'url = "ws://{bind}/bluesky/subscribe"\n' if source.kind == "jetstream" else "")
        for source in account.source
    )
    return (
        f'[[account]]\nplatform = "{account.platform}"\nid = "{account.id}"\n'
        f'handle = "{account.handle}"\nbase_url = "{account.base_url}"\n{sources}'
    )


def citizen(platform: str) -> Citizen:
    id_ = "did:plc:lien2demo2demo2demo2dem2" if platform == "bluesky" else "9001"
    handle = "lien.test" if platform == "bluesky" else "lien_vb"
    return Citizen(id_, handle, "Lien")


@pytest.fixture
async def night(kafka: Kafka, prefix: str, tmp_path: Path) -> AsyncIterator[Night]:
    made = Night(kafka.bootstrap, prefix, tmp_path)
    async with made.playing():
        yield made


async def test_what_three_more_platforms_tell_arrives(night: Night) -> None:
    for _ in range(5):
        await night.facebook.act(Act("mention", citizen("facebook"), "Is de Meir open?"))
        await night.facebook.act(Act("dm", citizen("facebook"), "Ik wil iets melden."))
        await night.instagram.act(Act("dm", citizen("instagram"), "Ik wil iets melden."))
        await night.bluesky.act(Act("mention", citizen("bluesky"), "@stadpoldem.test vraag"))
        await night.bluesky.act(Act("dm", citizen("bluesky"), "Ik wil iets melden."))
    await night.all_arrived(25)

    sources = {event.source for event in await night.told()}
    assert sources >= {"facebook:webhook", "instagram:webhook"}
    assert sources & {f"bluesky:{US}:jetstream", f"bluesky:{US}:notifications"}
    assert f"bluesky:{US}:chat" in sources
    assert await night.ingest.records(DEAD) == []


async def test_what_came_by_its_id_only_follows_with_its_text(night: Night) -> None:
    for number in range(8):
        await night.instagram.act(
            Act("mention", citizen("instagram"), f"@stadpoldem vraag {number}")
        )
    await night.all_arrived(8)

    async with asyncio.timeout(15):
        while True:
            told = await night.told()
            bare = {event.id for event in told if event.incomplete}
            enriched = {event.of: event for event in told if event.id.endswith(":edit:enriched")}
            if bare and bare <= set(enriched):
                break
            await asyncio.sleep(0.2)

    assert all("vraag" in event.text for event in enriched.values())
    found = 'toog_ingest_look_ups_total{platform="instagram",result="found"}'
    async with asyncio.timeout(10):  # a look-up is counted once Kafka has confirmed what it found
        while await night.ingest.metric(found) < len(bare):  # noqa: ASYNC110 - the process is polled
            await asyncio.sleep(0.05)
    assert await night.ingest.metric(found) == len(bare)


async def test_of_the_deletions_of_the_network_only_ours_enter_also_after_a_restart(
    night: Night,
) -> None:
    ours = await night.bluesky.act(Act("mention", citizen("bluesky"), "@stadpoldem.test help"))
    other = await night.bluesky.act(Act("noise", citizen("bluesky"), "Wat een film!"))
    await night.all_arrived(1)
    await night.ingest.end(15)
    await night.ingest.start()
    for post in (other, ours):
        await night.bluesky.act(Act("delete", citizen("bluesky"), target=post))

    async with asyncio.timeout(15):
        while not (  # noqa: ASYNC110 - Kafka is polled
            gone := [event for event in await night.told() if event.kind == "deleted"]
        ):
            await asyncio.sleep(0.2)

    assert {event.of for event in gone} == {f"bluesky:{US}:post:{ours}"}
    assert await night.ingest.metric("toog_source_unseen_total") >= 1
    assert await night.ingest.records(ROOM) == []
