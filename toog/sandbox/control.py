"""The control routes under `/_night`, for this machine only.

Start, status, ledger, one act by hand, misbehaviour.
"""

import ipaddress
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from toog.kit.web import problem
from toog.platforms.playing import Act, ActKind, Citizen, Ledger, Played
from toog.sandbox.misbehaviour import Asked, Behaviour
from toog.sandbox.show import Programme, RunningError, Show

Handler = Callable[[Request], Awaitable[Response]]


class _Start(msgspec.Struct, forbid_unknown_fields=True):
    """What a start may change of the programme that the settings name."""

    seed: int | None = None
    rate: float | None = None
    seconds: float | None = None


class _ByHand(msgspec.Struct, forbid_unknown_fields=True):
    """One act by hand; `target` is a native id of the platform."""

    platform: str
    kind: ActKind
    citizen: Citizen
    text: str = ""
    language: str = "nl"
    target: str | None = None


class _Misbehave(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What goes wrong, and on which platform."""

    platform: str


def control(
    show: Show,
    programme: Programme,
    ledger: Ledger,
    played: Mapping[str, Played],
    behaviours: Mapping[str, Behaviour],
) -> Mount:
    """`POST start`, `GET status`, `GET ledger`, `POST act`, `POST misbehave`.

    404 for callers of other machines.
    """

    async def start(request: Request) -> Response:
        body = await request.body()
        asked = msgspec.json.decode(body or b"{}", type=_Start)
        changed = {k: v for k, v in msgspec.structs.asdict(asked).items() if v is not None}
        try:
            show.start(replace(programme, **changed))
        except RunningError:
            return problem(409, "The night is on", "wait for its end, or start the sandbox again")
        return _json(show.status(), 202)

    async def status(_: Request) -> Response:
        return _json({**show.status(), "misbehaviour": _bad(behaviours)})

    async def ledger_page(_: Request) -> Response:
        return _json({**msgspec.to_builtins(ledger), "played": sorted(ledger.played)})

    async def act(request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=_ByHand)
        if asked.platform not in played:
            return problem(404, "Not played", f"played are {', '.join(sorted(played))}")
        deed = Act(asked.kind, asked.citizen, asked.text, asked.language, asked.target)
        return _json({"id": await played[asked.platform].act(deed)}, 201)

    async def misbehave(request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=_Misbehave)
        if asked.platform not in behaviours:
            return problem(404, "Not played", f"played are {', '.join(sorted(behaviours))}")
        behaviours[asked.platform].ask(asked, time.monotonic())
        return _json({"misbehaviour": _bad(behaviours)}, 202)

    handlers: list[tuple[str, str, Handler]] = [
        ("POST", "/start", start),
        ("GET", "/status", status),
        ("GET", "/ledger", ledger_page),
        ("POST", "/act", act),
        ("POST", "/misbehave", misbehave),
    ]
    routes = [Route(path, _guarded(one), methods=[verb]) for verb, path, one in handlers]
    return Mount("/_night", routes=routes)


def _bad(behaviours: Mapping[str, Behaviour]) -> dict[str, Any]:
    """Who misbehaves just now, and how."""
    now = time.monotonic()
    return {name: bad for name, one in behaviours.items() if (bad := one.status(now))}


def _guarded(handler: Handler) -> Handler:
    """Answers 404 to other machines and 422 to a body that is not understood."""

    async def guarded(request: Request) -> Response:
        caller = request.client.host if request.client else ""
        if not _loopback(caller):
            return problem(404, "Not Found")
        try:
            return await handler(request)
        except msgspec.DecodeError as error:
            return problem(422, "Not understood", str(error))

    return guarded


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
