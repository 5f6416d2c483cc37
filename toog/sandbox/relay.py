"""The way of webhooks from the played platforms to Toog, on which they get lost, doubled or overtaken.

Every delivery passes here, over real sockets and with its bytes and signature unchanged, so that
misbehaviour can begin at any moment. What Toog answers is what the platform gets as its answer: the
ledger stays true.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Final

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from toog.kit.web import problem
from toog.sandbox.batches import Batches, Post
from toog.sandbox.misbehaviour import Behaviour, Delivery

PATH: Final = "/_deliver"
TIMEOUT_S: Final = 30.0
"""Longer than any platform waits: its own patience counts."""
_COPIES: Final = 1_000
_NOT_FORWARDED: Final = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "accept-encoding"}
)


class Relay:
    """Takes deliveries at `/_deliver/<platform>` and brings them to that platform's target."""

    def __init__(
        self,
        targets: Mapping[str, str],
        behaviours: Mapping[str, Behaviour],
        app_secrets: Mapping[str, str],
    ) -> None:
        self._targets, self._behaviours = targets, behaviours
        self._client: httpx.AsyncClient | None = None
        self._copies: set[asyncio.Task[Response]] = set()
        self._batches = {
            platform: Batches(behaviours[platform], secret, self._forward)
            for platform, secret in app_secrets.items()
        }

    def mount(self) -> Mount:
        """Where the played platforms deliver."""
        route = Route("/{platform}", self._take, methods=["GET", "POST"])
        return Mount(PATH, routes=[route])

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connections to Toog inside the block."""
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits, trust_env=False) as client:
            self._client = client
            try:
                yield
            finally:
                self._client = None
                for task in self._copies:
                    task.cancel()
                await asyncio.gather(*self._copies, return_exceptions=True)

    async def _take(self, request: Request) -> Response:
        platform = request.path_params["platform"]
        if platform not in self._targets:
            return problem(404, "Not delivered anywhere")
        headers = {k: v for k, v in request.headers.items() if k not in _NOT_FORWARDED}
        post = Post(platform, request.method, request.url.query, headers, await request.body())
        if request.method == "GET":
            return await self._forward(post)
        delivery = self._behaviours[platform].delivery(post.body, time.monotonic())
        if delivery.swallowed:
            return problem(503, "Swallowed on request")
        if delivery.wait_s:
            await asyncio.sleep(delivery.wait_s)
        answer = await self._deliver(post, delivery)
        if delivery.again_s is not None and len(self._copies) < _COPIES:
            task = asyncio.create_task(self._again(post, delivery.again_s), name="second copy")
            self._copies.add(task)
            task.add_done_callback(self._copies.discard)
        return answer

    async def _deliver(self, post: Post, delivery: Delivery) -> Response:
        batches = self._batches.get(post.platform)
        if batches is not None and delivery.batch:
            return await batches.deliver(post, delivery.batch)
        return await self._forward(post)

    async def _again(self, post: Post, wait_s: float) -> Response:
        await asyncio.sleep(wait_s)
        return await self._forward(post)

    async def _forward(self, post: Post) -> Response:
        if self._client is None:
            return problem(503, "Stopping")
        url = self._targets[post.platform] + (f"?{post.query}" if post.query else "")
        try:
            answer = await self._client.request(
                post.method, url, headers=post.headers, content=post.body
            )
        except httpx.HTTPError:
            return problem(502, "Nobody answers at the webhook's address")
        media_type = answer.headers.get("content-type")
        return Response(answer.content, answer.status_code, media_type=media_type)
