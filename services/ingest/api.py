"""HTTP in: webhooks (raw bytes, verified, parsed, in Kafka, only then 200) and what operators see."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

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
from toog.platforms.base import ForgedError, NotConfiguredError
from toog.platforms.x import incoming as x

BODY_BYTES: Final = 16 * 1024 * 1024
BODY_WITHIN_S: Final = 10.0
X_SOURCE: Final = "x:webhook"

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
    """One set of secrets, and the account it belongs to where it is one account's only."""

    secrets: Mapping[str, str]
    account: Account | None


def keys_of(accounts: Accounts, secrets: Secrets) -> list[Key]:
    """The keys of the X webhook, in the order of `accounts.toml`, equal ones once."""
    keys: list[Key] = []
    for account in accounts.on("x"):
        own = secrets.get(account.name)
        if own is None or account.source_of("activity_webhook") is None:
            continue
        same = next((i for i, key in enumerate(keys) if key.secrets == own), None)
        if same is None:
            keys.append(Key(own, account))
        else:
            keys[same] = Key(own, None)
    return keys


class XWebhook:
    """`/webhooks/x` (docs.x.com/x-api/webhooks/introduction): the check by GET, events by POST."""

    def __init__(
        self,
        keys: Sequence[Key],
        accounts: Accounts,
        put: Callable[[Sequence[Outgoing]], Awaitable[None]],
        metrics: IngestMetrics,
    ) -> None:
        self._keys = keys
        self._accounts = accounts
        self._put = put
        self._metrics = metrics

    async def check(self, request: Request) -> Response:
        """Answers X's challenge with the first key that can: one path has one answer."""
        token = request.query_params.get("crc_token")
        for key in self._keys:
            try:
                answer = x.challenge(token or "", key.secrets)
            except NotConfiguredError:
                continue
            if token is None:
                return problem(400, "crc_token is missing")
            return Response(answer, media_type="application/json")
        return self._rejected(_RejectedError("not_configured"))

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
        key = self._verified(request.headers, body)
        parsed = doors.parse(
            x, body, accounts=self._accounts, account=key.account, source=X_SOURCE, now=now
        )
        trace = traceparent(request.headers.get("traceparent"))
        try:
            await self._put(doors.records(parsed, source=X_SOURCE, trace=trace, now=now))
        except UnavailableError as error:
            later = {"retry-after": str(math.ceil(error.retry_after_s))}
            raise _RejectedError("unavailable", later) from error
        self._metrics.took("x", parsed)

    def _verified(self, headers: Mapping[str, str], body: bytes) -> Key:
        reason: Rejection = "not_configured"
        for key in self._keys:
            try:
                x.verify(headers, body, key.secrets)
            except NotConfiguredError:
                continue
            except ForgedError:
                reason = "forged"
            else:
                return key
        raise _RejectedError(reason)

    def _rejected(self, rejected: _RejectedError) -> Response:
        self._metrics.rejected(rejected.reason)
        status, title = _ANSWERS[rejected.reason]
        return problem(status, title, headers=rejected.headers)


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


def public_app(webhook: XWebhook) -> Starlette:
    """All that the outside may reach."""
    app = Starlette(
        routes=[
            Route("/webhooks/x", webhook.check, methods=["GET"]),
            Route("/webhooks/x", webhook.take, methods=["POST"]),
        ]
    )
    app.router.redirect_slashes = False  # a redirect would make X give up on the address
    return app


def operator_routes(streams: Sequence[Stream]) -> list[Route]:
    """What the internal listener offers beside probes and metrics: how our sources are."""

    async def sources(_: Request) -> Response:
        return JSONResponse({"sources": [stream.state() for stream in streams]})

    return [Route("/sources", sources)]
