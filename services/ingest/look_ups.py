"""What a platform told by id only is asked for once, and follows as an edit of what has entered."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, cast

import httpx
import structlog

from services.ingest import calls, doors
from services.ingest.telemetry import IngestMetrics, LookUpResult
from toog.contracts.events import Event
from toog.kit.errors import UnavailableError
from toog.kit.stream.produce import Outgoing
from toog.kit.telemetry import traceparent
from toog.platforms.accounts import Account, Accounts, Secrets
from toog.platforms.base import Answer, LooksUp, NotConfiguredError, Parsed, Request, look_up_source
from toog.platforms.table import PLATFORMS

log = structlog.get_logger(__name__)

WAITING: Final = 1_000
AT_ONCE: Final = 4
TRIES: Final = 4
WAITS_S: Final = (1.0, 60.0)


class _Wanted(NamedTuple):
    account: Account
    request: Request


class LookUps:
    """Asks for what incomplete events lack; `run` it, then `want` as much as comes."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        send: Callable[[Sequence[Outgoing]], Awaitable[None]],
        metrics: IngestMetrics,
        accounts: Accounts,
        secrets: Secrets,
    ) -> None:
        self._http = http
        self._send = send
        self._metrics = metrics
        self._accounts = accounts
        self._secrets = secrets
        self._wanted: asyncio.Queue[_Wanted] = asyncio.Queue(WAITING)

    def want(self, parsed: Parsed) -> None:
        """Asks soon for what these events lack; they have entered. More than waits is given up."""
        for one in parsed.heard:
            if one.event.incomplete:
                self._want(one.event)

    def _want(self, event: Event) -> None:
        account = self._accounts.by_id(event.platform, event.account)
        sources = PLATFORMS[event.platform].sources
        if account is None or not hasattr(sources, "look_up"):
            return
        secrets = self._secrets.get(account.name, {})
        try:
            request = cast("LooksUp", sources).look_up(event, account, secrets)
        except NotConfiguredError:
            request = None
        except Exception:
            log.exception("a look-up failed in our own code", platform=event.platform)
            request = None
        if request is None:
            self._metrics.looked_up(event.platform, "not_possible")
            return
        try:
            self._wanted.put_nowait(_Wanted(account, request))
        except asyncio.QueueFull:
            self._metrics.looked_up(event.platform, "given_up")

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[list["asyncio.Task[None]"]]:
        """Asks inside the block; what still waits when leaving is not asked any more."""
        tasks = [
            asyncio.create_task(self._work(), name=f"look-ups {number}")
            for number in range(AT_ONCE)
        ]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            wanted = await self._wanted.get()
            try:
                result = await self._look_up(wanted)
            except Exception:
                log.exception("a look-up failed in our own code", account=wanted.account.name)
                result = "failed"
            self._metrics.looked_up(wanted.account.platform, result)

    async def _look_up(self, wanted: _Wanted) -> LookUpResult:
        wait, most = WAITS_S
        for attempt in range(1, TRIES + 1):
            with contextlib.suppress(httpx.HTTPError, UnavailableError):
                answer = await calls.ask(self._http, wanted.request)
                if calls.succeeded(answer):
                    await self._enter(wanted.account, answer)
                    return "found"
                if not _may_pass(answer):
                    return "refused"
            if attempt < TRIES:
                await asyncio.sleep(wait * random.uniform(1.0, 1.5))  # noqa: S311 - jitter
                wait = min(wait * 4, most)
        return "given_up"

    async def _enter(self, account: Account, answer: Answer) -> None:
        now = datetime.now(UTC)
        source = look_up_source(account.platform)
        parsed = doors.parse(
            PLATFORMS[account.platform].incoming,
            answer.body,
            accounts=self._accounts,
            account=account,
            source=source,
            now=now,
        )
        records = doors.records(parsed, source=source, trace=traceparent(None), now=now)
        if records:
            await self._send(records)
            self._metrics.took(account.platform, parsed)


def _may_pass(answer: Answer) -> bool:
    return answer.status == 429 or answer.status >= 500
