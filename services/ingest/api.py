"""HTTP in: webhooks (raw bytes, verified, parsed, in Kafka, only then 200) and what operators see."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.ingest import doors
from services.ingest.streams import Stream
from services.ingest.telemetry import IngestMetrics, Rejection
from toog.kit.errors import UnavailableError
from toog.kit.stream.produce import Outgoing
from toog.kit.telemetry import traceparent
from toog.kit.web import problem
from toog.platforms.accounts import Account, Accounts, Secrets
from toog.platforms.base import ForgedError, NotConfiguredError, Parsed, Webhooks
from toog.platforms.table import PLATFORMS

BODY_BYTES: Final = 16 * 1024 * 1024
BODY_WITHIN_S: Final = 10.0

_ANSWERS: Final[dict[Rejection, tuple[int, str]]] = {
    "not_configured": (404, "Not found"),
    "forged": (401, "The signature is missing or wrong"),
    "too_large": (413, "The body is larger than 16 MiB"),
    "too_slow": (408, "The body did not come in time"),
    "client_gone": (400, "The body ended early"),
    "unavailable": (503, "Not possible now, try again"),
}


class _RejectedError(Exception):
    def __init__(self, reason: Rejection, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.reason: Rejection = reason
        self.headers = headers


@dataclass(frozen=True)
class Key:
    """An account's secrets, by which its platform's bodies are checked."""

    secrets: Mapping[str, str]
    account: Account


def keys_of(platform: str, accounts: Accounts, secrets: Secrets) -> list[Key]:
    """The keys of a platform's webhook, in the order of `accounts.toml`."""
    kind = PLATFORMS[platform].webhook
    return [
        Key(secrets[account.name], account)
        for account in accounts.on(platform)
        if kind is not None and account.source_of(kind) and account.name in secrets
    ]


class Webhook:
    """`/webhooks/<platform>`: the platform's check by GET, events by POST."""

    def __init__(
        self,
        platform: str,
        keys: Sequence[Key],
        *,
        accounts: Accounts,
        put: Callable[[Sequence[Outgoing]], Awaitable[None]],
        metrics: IngestMetrics,
        stored: Callable[[Parsed], None] | None = None,
    ) -> None:
        self.path = f"/webhooks/{platform}"
        self._platform = platform
        self._source = f"{platform}:webhook"
        self._keys = keys
        self._accounts = accounts
        self._put = put
        self._metrics = metrics
        self._stored = stored

    async def check(self, request: Request) -> Response:
        """Answers the platform's check with the first key that can: one path has one answer."""
        if self._keys and not request.query_params:
            return problem(400, "The parameters of the check are missing")
        forged = False
        for key in self._keys:
            try:
                shake = self._door.handshake(request.query_params, key.secrets)
            except NotConfiguredError:
                continue
            except ForgedError:
                forged = True
            else:
                return Response(shake.body, media_type=shake.media_type)
        if not forged:
            return self._rejected(_RejectedError("not_configured"))
        self._metrics.rejected("forged")
        return problem(403, "The check does not hold")

    async def take(self, request: Request) -> Response:
        """200 once Kafka has what the body holds; what cannot be read is a dead letter by then."""
        with self._metrics.webhook_seconds.time():
            try:
                await self._take(request)
            except _RejectedError as rejected:
                return self._rejected(rejected)
            return Response()

    async def _take(self, request: Request) -> None:
        now = datetime.now(UTC)
        if not self._keys:
            raise _RejectedError("not_configured")
        body = await _body(request)
        account = self._verified(request.headers, body)
        parsed = doors.parse(
            PLATFORMS[self._platform].incoming,
            body,
            accounts=self._accounts,
            account=account,
            source=self._source,
            now=now,
        )
        trace = traceparent(request.headers.get("traceparent"))
        try:
            await self._put(doors.records(parsed, source=self._source, trace=trace, now=now))
        except UnavailableError as error:
            later = {"retry-after": str(math.ceil(error.retry_after_s))}
            raise _RejectedError("unavailable", later) from error
        self._metrics.took(self._platform, parsed)
        if self._stored is not None:
            self._stored(parsed)

    @property
    def _door(self) -> Webhooks:
        return cast("Webhooks", PLATFORMS[self._platform].incoming)

    def _verified(self, headers: Mapping[str, str], body: bytes) -> Account | None:
        """Whose key signed it: one account, or None where several share what signs.

        Each event names its own account; this one counts only for those that name none.
        """
        reason: Rejection = "not_configured"
        signers: list[Account] = []
        for key in self._keys:
            try:
                self._door.verify(headers, body, key.secrets)
            except NotConfiguredError:
                continue
            except ForgedError:
                reason = "forged"
            else:
                signers.append(key.account)
        if not signers:
            raise _RejectedError(reason)
        return signers[0] if len(signers) == 1 else None

    def _rejected(self, rejected: _RejectedError) -> Response:
        self._metrics.rejected(rejected.reason)
        status, title = _ANSWERS[rejected.reason]
        return problem(status, title, headers=rejected.headers)


def webhooks_of(
    accounts: Accounts,
    secrets: Secrets,
    put: Callable[[Sequence[Outgoing]], Awaitable[None]],
    metrics: IngestMetrics,
    stored: Callable[[Parsed], None] | None = None,
) -> list[Webhook]:
    """A webhook for every platform that delivers by one; without keys it answers 404.

    `stored` hears of what has been made durable.
    """
    return [
        Webhook(
            name,
            keys_of(name, accounts, secrets),
            accounts=accounts,
            put=put,
            metrics=metrics,
            stored=stored,
        )
        for name, platform in PLATFORMS.items()
        if platform.webhook is not None
    ]


async def _body(request: Request) -> bytes:
    if int(request.headers.get("content-length", "0")) > BODY_BYTES:
        raise _RejectedError("too_large")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for chunk in request.stream():
                chunks.append(chunk)
                size += len(chunk)
                if size > BODY_BYTES:
                    raise _RejectedError("too_large")
    except TimeoutError:
        raise _RejectedError("too_slow") from None
    except ClientDisconnect:
        raise _RejectedError("client_gone") from None
    return b"".join(chunks)


def public_app(webhooks: Sequence[Webhook]) -> Starlette:
    """All that the outside may reach."""
    app = Starlette(
        routes=[
            Route(webhook.path, handler, methods=[method])
            for webhook in webhooks
            for method, handler in (("GET", webhook.check), ("POST", webhook.take))
        ]
    )
    app.router.redirect_slashes = False  # a redirect would make X give up on the address
    return app


def operator_routes(streams: Sequence[Stream]) -> list[Route]:
    """What the internal listener offers beside probes and metrics: how our sources are."""

    async def sources(_: Request) -> Response:
        return JSONResponse({"sources": [stream.state() for stream in streams]})

    return [Route("/sources", sources)]
