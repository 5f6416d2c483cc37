"""Out to the platforms: each approved reply at most once.

`sending` is committed before the call. A sender that dies leaves `unknown`, which nobody sends
again. One sender at a time over all processes, by an advisory lock.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Mapping
from typing import Final

import asyncpg
import httpx
import structlog

from services.responder import settle
from services.responder.sessions import OpenSessions, plain
from services.responder.store import ACQUIRE_WITHIN_S, Connection, Pool, replies
from services.responder.telemetry import WorkMetrics
from toog.kit.postgres import AWAY
from toog.platforms.accounts import Accounts, Secrets
from toog.platforms.base import (
    Answer,
    NotConfiguredError,
    Outgoing,
    Refused,
    Reply,
    SendResult,
    Sent,
    Unsure,
)

log = structlog.get_logger(__name__)

AT_ONCE: Final = 4  # calls at the same time, per platform
IDLE_S: Final = 0.5
TIMEOUT_S: Final = 10.0
WHOLE_CALL_S: Final = 30.0  # however slowly an answer trickles in
ATTEMPTS: Final = 30
NOTHING_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""What httpx raises before a byte of the request has left."""


def client() -> httpx.AsyncClient:
    """How platforms are called.

    Without kept connections: one that the platform closes at that moment would make a reply
    unknown, and a handshake per reply costs little.
    """
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=0)
    return httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits, follow_redirects=False)


class Sender:
    """Sends what is queued. `outgoing`: how each platform is answered, by its name."""

    def __init__(
        self,
        pool: Pool,
        *,
        http: httpx.AsyncClient,
        outgoing: Mapping[str, Outgoing],
        accounts: Accounts,
        secrets: Secrets,
        metrics: WorkMetrics,
    ) -> None:
        self._pool = pool
        self._http = http
        self._outgoing = outgoing
        self._accounts = accounts
        self._secrets = secrets
        self._metrics = metrics
        self._some = asyncio.Event()
        self._sessions = OpenSessions(http)
        self._stopping = False
        self._paused: dict[tuple[str, str], float] = {}
        self._calls: dict[str, set[asyncio.Task[None]]] = {name: set() for name in outgoing}

    def wake(self) -> None:
        """There is something to send."""
        self._some.set()

    def stop(self) -> None:
        """Takes nothing more; `run` ends once the calls under way are done and written."""
        self._stopping = True
        self._some.set()

    async def run(self) -> None:
        """Sends until told to stop. Waits for the database, and for its turn, as long as it takes."""
        failures = 0
        while not self._stopping:
            try:
                async with self._pool.acquire(timeout=ACQUIRE_WITHIN_S) as connection:
                    await self._take_turn(connection)
                failures = 0
            except AWAY as error:
                failures += 1
                self._metrics.retries.labels("sender", type(error).__name__).inc()
                log.info("the sender waits for the database", error=type(error).__name__)
            if not self._stopping:
                wait = min(0.1 * 2.0 ** min(failures, 6), 5.0) if failures else 2 * IDLE_S
                await self._rest(wait)

    async def _take_turn(self, connection: Connection) -> None:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", replies.SENDER_LOCK):
            return
        try:
            await settle.bury_the_dead(connection)
            await self._work(connection)
        finally:
            # before the lock goes: whoever has it next takes what is `sending` for dead
            under_way = [call for calls in self._calls.values() for call in calls]
            if under_way:
                await asyncio.wait(under_way)

    async def _work(self, connection: Connection) -> None:
        """Sends as long as this connection, and with it the lock, lives."""
        while not self._stopping:
            for platform, calls in self._calls.items():
                free = AT_ONCE - len(calls)
                if free == 0:
                    continue
                paused = self._paused_on(platform)
                for row in await replies.take(connection, platform, paused, free):
                    call = asyncio.create_task(self._send(row), name="reply")
                    calls.add(call)
                    call.add_done_callback(self._ended)
            await self._rest(IDLE_S)

    def _ended(self, call: asyncio.Task[None]) -> None:
        for calls in self._calls.values():
            calls.discard(call)
        self._some.set()
        if not call.cancelled() and (error := call.exception()) is not None:
            log.error("a reply could not be settled", exc_info=error)

    async def _rest(self, seconds: float) -> None:
        """Until there is something to do, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter
                await self._some.wait()
        self._some.clear()

    def _paused_on(self, platform: str) -> list[str]:
        now = time.monotonic()
        for place in [place for place, until in self._paused.items() if until <= now]:
            del self._paused[place]
            self._metrics.paused.labels(*place).set(0)
        return [account for name, account in self._paused if name == platform]

    async def _send(self, row: asyncpg.Record) -> None:
        result = await self._call(row)
        self._metrics.sends.labels(row["platform"], _word(result)).inc()
        if isinstance(result, Refused) and (result.stop or result.wait_s is not None):
            place = (row["platform"], row["account"])
            until = time.monotonic() + (result.wait_s or settle.STOPPED_WAIT_S)
            self._paused[place] = max(self._paused.get(place, until), until)
            self._metrics.paused.labels(*place).set(1)
        await settle.write(
            self._pool, row, result, metrics=self._metrics, stopping=lambda: self._stopping
        )

    async def _call(self, row: asyncpg.Record) -> SendResult:
        """Makes the one call. Whatever may have left and got no clear answer is Unsure."""
        account = self._accounts.by_id(row["platform"], row["account"])
        # a comment is answered under itself, whoever wrote it; a message goes to a person
        nobody = row["author"] is None and row["surface"] == "dm"
        if account is None or row["native"] is None or nobody:
            return Refused("nobody_to_answer", permanent=True)
        outgoing, reply = self._outgoing[row["platform"]], _reply(row)
        try:
            secrets = await self._sessions.secrets(
                outgoing, account, self._secrets.get(account.name, {})
            )
            if isinstance(secrets, Refused):
                return secrets
            request = plain(
                self._http, outgoing.request(reply, account, secrets), row["traceparent"]
            )
        except NotConfiguredError:
            return Refused("not_configured", permanent=False, stop=True)
        except Exception as error:  # noqa: BLE001 - nothing has left: it can be said for certain
            log.error("a reply cannot be written as a request", error=type(error).__name__)  # noqa: TRY400 - the text may quote it
            return Refused("unsendable", permanent=True)
        try:
            async with asyncio.timeout(WHOLE_CALL_S):
                response = await self._http.send(request)
            answer = Answer(response.status_code, dict(response.headers), response.content)
            self._sessions.heard(outgoing, account, answer)
            return outgoing.read(answer, reply, account)
        except NOTHING_SENT as error:
            return Refused(type(error).__name__, permanent=row["attempts"] >= ATTEMPTS)
        except Exception as error:  # noqa: BLE001 - it may have gone out: never send again
            return Unsure(type(error).__name__)


def _reply(row: asyncpg.Record) -> Reply:
    return Reply(
        id=row["id"],
        text=row["text"],
        surface=row["surface"] or "reply",
        to_message=row["native"],
        to_citizen=row["author"] or "",
        to_handle=row["author_handle"],
        visibility=row["visibility"],
        language=row["language"],
        context=json.loads(row["reply_context"]),
        at=row["approved_at"],
    )


def _word(result: SendResult) -> str:
    match result:
        case Sent():
            return "sent"
        case Refused(permanent=permanent):
            return "refused" if permanent else "later"
        case Unsure():
            return "unknown"
