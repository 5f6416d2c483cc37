"""Requests and answers of a platform, in plain values on one side and httpx on the other."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx

from toog.platforms.base import Answer, Request

ASK_WITHIN_S: Final = 20.0


async def ask(http: httpx.AsyncClient, request: Request) -> Answer:
    """The platform's answer, whatever its status. Raises httpx.HTTPError where there is none."""
    return _answer(await http.request(**_plain(request), timeout=ASK_WITHIN_S))


@contextlib.asynccontextmanager
async def opened(
    http: httpx.AsyncClient, request: Request, silence_s: float
) -> AsyncIterator[httpx.Response | Answer]:
    """The open stream, or the answer of a platform that does not open it.

    Reading raises httpx.ReadTimeout after so many seconds without a byte. It comes uncompressed:
    a compressor would hold back what is said now.
    """
    plain = _plain(request)
    plain["headers"]["accept-encoding"] = "identity"
    timeout = httpx.Timeout(ASK_WITHIN_S, read=silence_s)
    async with http.stream(**plain, timeout=timeout) as response:
        if response.is_success:
            yield response
        else:
            await response.aread()
            yield _answer(response)


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
