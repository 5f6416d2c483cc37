"""A judged night with its desk: the real responder takes in what the real judges send it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka.structs import ConsumerRecord
from pydantic import SecretStr

from services.metrics import audit
from services.metrics.offsets import Offsets
from services.responder.app import serve
from services.responder.settings import Settings
from support.desk import ACCOUNTS, pool_of
from support.judged import Night
from support.ledger import Ledger
from support.verbs import Said, toog
from toog.contracts.topics import DESK, RESPONDER_GROUP, Topic
from toog.kit.stream.read import look
from toog.local.ports import free_port

WHO = ("--operator", "an", "--reason", "the night before")


async def ready(bind: str, serving: "asyncio.Task[None]") -> None:
    """Returns once the service with this internal listener is ready; raises what ended it before."""
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(20):
        while not serving.done():
            with contextlib.suppress(httpx.HTTPError):
                if (await http.get(f"http://{bind}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
    await serving


class Served(Night):
    """Topics, judges at will, a database, the responder, and verbs on them all."""

    def __init__(self, bootstrap: str, prefix: str, dsn: str, folder: Path) -> None:
        super().__init__(bootstrap, prefix)
        self.dsn = dsn
        self.folder = folder
        self.accounts = folder / "accounts.toml"
        self.accounts.write_text(
            f'[[account]]\nplatform = "x"\nid = "{ACCOUNTS["x"]}"\nhandle = "stadpoldem"\n'
            'base_url = "http://127.0.0.1:1"\n'
        )
        self.responder = Settings(
            kafka=bootstrap,
            kafka_prefix=prefix,
            postgres=SecretStr(dsn),
            instance="responder-1",
            accounts=self.accounts,
            internal_bind=f"127.0.0.1:{free_port()}",
            public_bind=f"127.0.0.1:{free_port()}",
            dependency_wait_s=10,
        )
        self.pool: asyncpg.Pool[asyncpg.Record]

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Served"]:
        """Everything there for the block, but for the responder."""
        self.pool = await pool_of(self.dsn, size=2)
        async with self.begun():
            try:
                yield self
            finally:
                await self.pool.close()

    @contextlib.asynccontextmanager
    async def desk(self) -> AsyncIterator[None]:
        """The responder, ready, for the block."""
        serving = asyncio.create_task(serve(self.responder))
        try:
            await ready(self.responder.internal_bind, serving)
            yield
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def toog(self, *words: str, **environment: str) -> Said:
        """The verb as an operator calls it here."""
        ours = {"TOOG_POSTGRES": self.dsn, "TOOG_ACCOUNTS": str(self.accounts)}
        return await toog(*words, **{**self.environment, **ours, **environment})

    async def read(self, topic: Topic) -> list[ConsumerRecord]:
        """A topic as it stands."""
        found = []
        async with look(self.kafka) as looking:
            async for bite in looking.scan(await looking.spans([topic])):
                found += [record for _, record in bite]
        return found

    async def settled(self) -> None:
        """Waits until the desk has taken in, or set aside, all that stands on its topic."""
        wanted = await self.ends(DESK)
        async with asyncio.timeout(15):
            while await self._committed() < sum(wanted):  # noqa: ASYNC110 - a figure is polled
                await asyncio.sleep(0.05)

    async def _committed(self) -> int:

        offsets = Offsets(self.kafka)
        try:
            return sum((await offsets.committed(RESPONDER_GROUP, [DESK])).values())
        finally:
            await offsets.close()

    async def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database answers."""
        return [tuple(row) for row in await self.pool.fetch(statement, *values)]

    async def audit(self) -> list[tuple[Any, ...]]:
        """Who, what, why, and on which records."""
        return await self.sql("SELECT agent, act, why, records FROM responder.audit ORDER BY id")

    async def balance(self) -> dict[str, Any]:
        """Both lines of metrics, once they have read everything and the desk has told of it."""
        audit.EVERY_S, before = 0.1, audit.EVERY_S  # so that a test waits for no round
        try:
            return await self._balance()
        finally:
            audit.EVERY_S = before

    async def _balance(self) -> dict[str, Any]:
        async with (
            Ledger(self.settings.kafka, self.settings.kafka_prefix, self.dsn).played() as ledger,
            ledger.service(),
            asyncio.timeout(20),
        ):
            wanted = sum(await self.ends(DESK))
            while True:
                drawn = await ledger.balance()
                desk = drawn["desk"]
                told = desk["stored"] + desk["duplicates"] + desk["applied"] + desk["dead"]
                if told >= wanted and not drawn["in_flight"]:
                    return drawn
