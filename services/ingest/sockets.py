"""A platform's WebSocket: every frame is one item; silence, size and speed are bounded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)

from services.ingest.framing import ITEM_BYTES, Item
from toog.platforms.base import Answer, Request

WAITING_FRAMES: Final = 64
"""So many frames are read ahead; then the socket waits until they are taken."""
CLOSE_WITHIN_S: Final = 2.0
_OVERLONG: Final = 1009
_GOING: Final = frozenset({1000, 1001})


class SilenceError(Exception):
    """Not a byte came for as long as the source's `silence_s`: it counts as dead."""


class BrokenSocketError(Exception):
    """The WebSocket ended other than by a good-bye; `why` is a word for the metric."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@contextlib.asynccontextmanager
async def opened(
    request: Request, silence_s: float, within_s: float
) -> AsyncIterator[AsyncIterator[Sequence[Item]] | Answer]:
    """The frames as they come, or the answer of a platform that does not open the socket.

    Reading raises SilenceError and BrokenSocketError; it ends where the platform says good-bye.
    """
    opening = connect(
        address(request),
        additional_headers=dict(request.headers),
        max_size=ITEM_BYTES,
        max_queue=WAITING_FRAMES,
        open_timeout=within_s,
        close_timeout=CLOSE_WITHIN_S,
        ping_interval=None,  # ours knows when we are the slow ones
        compression=None,  # a compressor would hide how much there is
        user_agent_header=None,
    )
    try:
        socket = await opening
    except InvalidStatus as refused:
        given = refused.response
        headers = {name.lower(): value for name, value in given.headers.raw_items()}
        yield Answer(given.status_code, headers, bytes(given.body or b""))
        return
    except (InvalidHandshake, InvalidURI, TimeoutError) as error:
        raise BrokenSocketError(type(error).__name__) from None
    try:
        yield _frames(socket, silence_s)
    finally:
        await socket.close()


def address(request: Request) -> str:
    """The request's address with its parameters, `http` told as `ws`."""
    url = request.url
    if url.startswith("http"):
        url = "ws" + url.removeprefix("http")
    if request.params:
        url += ("&" if "?" in url else "?") + urlencode(list(request.params))
    return url


async def _frames(socket: ClientConnection, silence_s: float) -> AsyncIterator[Sequence[Item]]:
    while True:
        try:
            frame = await _next(socket, silence_s)
        except ConnectionClosed as closed:
            sent, got = closed.sent, closed.rcvd
            if sent is not None and sent.code == _OVERLONG:
                raise BrokenSocketError("overlong") from None
            if got is not None and got.code in _GOING:
                return
            raise BrokenSocketError("closed") from None
        yield (frame.encode() if isinstance(frame, str) else frame,)


async def _next(socket: ClientConnection, silence_s: float) -> str | bytes:
    """The next frame. A quiet server is asked half-way whether it is still there."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(silence_s / 2):
                return await socket.recv()
        pong = asyncio.ensure_future(await socket.ping())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(silence_s / 2):
                return await socket.recv()
        if not pong.done():
            raise SilenceError
