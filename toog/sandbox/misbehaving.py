"""A played platform's API as it is on a bad day: slow, refusing, or breaking off in mid-answer."""

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toog.sandbox.misbehaviour import Behaviour, Treatment
from toog.sandbox.refusals import Refusal, not_now, too_often

_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_CHUNKS_BEFORE_THE_CUT: Final = 5


class Misbehaving:
    """The app, treated request by request as `behaviour` decides.

    What the app took stays taken and stands in its ledger, however the answer ends: a cut or a
    half answer goes wrong only after the app has answered. A 429 never reaches the app; a 5xx of a
    request that changes something reaches it as often as not, as with real platforms.
    """

    def __init__(self, app: ASGIApp, behaviour: Behaviour, account_id: str) -> None:
        self._app, self._behaviour, self._account_id = app, behaviour, account_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, well or badly."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        treatment = self._behaviour.request(time.monotonic())
        if treatment.wait_s:
            await asyncio.sleep(treatment.wait_s)
        if treatment.wrong is None:
            await self._app(scope, receive, send)
        elif treatment.wrong in {"cut", "half"}:
            await self._break_off(treatment, scope, receive, send)
        else:
            await self._refuse(treatment, scope, receive, send)

    async def _refuse(
        self, treatment: Treatment, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._behaviour.done[treatment.wrong or ""] += 1
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})
            return
        if treatment.wrong == "error_429":
            refusal = too_often(self._behaviour.platform, self._account_id, time.time())
        else:
            refusal = not_now(self._behaviour.platform, self._behaviour.chance)
            if treatment.done_first and scope["method"] in _CHANGING:
                await self._app(scope, receive, _nobody)
        await _answer(refusal, send)

    async def _break_off(
        self, treatment: Treatment, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """A whole answer breaks in its middle, a stream after some of its chunks."""
        chunks = self._behaviour.chance.randint(1, _CHUNKS_BEFORE_THE_CUT)
        breaking = _Breaking(send, chunks=chunks, clean=treatment.wrong == "half")
        try:
            await self._app(scope, receive, breaking)
        except Exception:
            # whatever the framework makes of the break on its way out of the app
            if not breaking.broken:
                raise
        if breaking.broken:
            self._behaviour.done[treatment.wrong or ""] += 1


class _BrokenOffError(Exception):
    """Ends the app when its answer has been broken off."""


class _Breaking:
    """Passes an answer on until it breaks: `clean` ends it as if it were whole, else it just stops.

    Returned from without its end, the server closes the connection: that is the cut. A WebSocket
    is closed between two messages: half a message would be lost for good.
    """

    def __init__(self, send: Send, *, chunks: int, clean: bool) -> None:
        self.broken = False
        self._send, self._chunks, self._clean = send, chunks, clean
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._start = message
        elif kind == "http.response.body":
            await self._body(message)
        elif kind == "websocket.send":
            await self._send(message)
            self._chunks -= 1
            if not self._chunks:
                self.broken = True
                await self._send({"type": "websocket.close", "code": 1011})
                raise _BrokenOffError
        else:
            await self._send(message)

    async def _body(self, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        self._chunks -= 1
        if (more and self._chunks > 0) or not body:
            await self._begin(None)
            await self._send(message)
            return
        half = body[: len(body) // 2]
        self.broken = True
        await self._begin(len(half) if self._clean and not more else None)
        await self._send({"type": "http.response.body", "body": half, "more_body": not self._clean})
        raise _BrokenOffError

    async def _begin(self, length: int | None) -> None:
        """Sends the head, once; with `length` it promises no more than that."""
        if self._start is None:
            return
        start: MutableMapping[str, Any] = self._start
        self._start = None
        if length is not None:
            others = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
            start = {**start, "headers": [*others, (b"content-length", str(length).encode())]}
        await self._send(start)


async def _answer(refusal: Refusal, send: Send) -> None:
    headers = [(k.encode(), v.encode()) for k, v in refusal.headers.items()]
    headers.append((b"content-length", str(len(refusal.body)).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.body, "more_body": False})


async def _nobody(message: Message) -> None:
    """Takes an answer that nobody gets."""
    del message
