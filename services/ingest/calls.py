"""Requests and answers of a platform, in plain values on one side and httpx on the other."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import httpx

from services.ingest import sockets
from services.ingest.framing import Framer, Framing, Item, framer
from services.ingest.sockets import SilenceError
from toog.platforms.base import Answer, Request

ASK_WITHIN_S: Final = 20.0


async def ask(http: httpx.AsyncClient, request: Request) -> Answer:
    """The platform's answer, whatever its status. Raises httpx.HTTPError where there is none."""
    return _answer(await http.request(**_plain(request), timeout=ASK_WITHIN_S))


@contextlib.asynccontextmanager
async def opened(
    http: httpx.AsyncClient, request: Request, framing: Framing, silence_s: float
) -> AsyncIterator[AsyncIterator[Sequence[Item]] | Answer]:
    """The items of the open stream as they come, or the answer of a platform that does not open it.

    Reading raises SilenceError after so many seconds without a byte, httpx.HTTPError where the
    connection breaks; it ends where the platform ends it.
    """
    if framing == "websocket":
        async with sockets.opened(request, silence_s, ASK_WITHIN_S) as coming:
            yield coming
        return
    plain = _plain(request)
    # A compressor would hold back what is said now.
    plain["headers"]["accept-encoding"] = "identity"
    timeout = httpx.Timeout(ASK_WITHIN_S, read=silence_s)
    async with http.stream(**plain, timeout=timeout) as response:
        if response.is_success:
            yield _items(response, framer(framing))
        else:
            await response.aread()
            yield _answer(response)


async def _items(response: httpx.Response, items: Framer) -> AsyncIterator[Sequence[Item]]:
    try:
        async for chunk in response.aiter_bytes():
            yield items.feed(chunk)
    except httpx.ReadTimeout:
        raise SilenceError from None


def succeeded(answer: Answer) -> bool:
    """Whether the platform did what it was asked."""
    return 200 <= answer.status < 300


def _plain(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "params": list(request.params) or None,
        "headers": dict(request.headers),
        "data": request.form,
        "json": request.json,
    }


def _answer(response: httpx.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, response.content)
