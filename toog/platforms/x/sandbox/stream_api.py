"""The endpoints of the played filtered stream: its rules, and the stream itself."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from toog.platforms.x.sandbox.limits import problem
from toog.platforms.x.sandbox.rules import Rule, RuleError, read_rule
from toog.platforms.x.sandbox.show import Asked, Json
from toog.platforms.x.sandbox.stream import KEPT_S

if TYPE_CHECKING:  # the sandbox builds its app from here
    from toog.platforms.x.sandbox import XSandbox

_PROBLEMS = "https://api.x.com/2/problems"


class _NewRule(msgspec.Struct):
    value: str
    tag: str | None = None


class _Stray(msgspec.Struct):
    ids: list[str] = []


class _Change(msgspec.Struct):
    add: list[_NewRule] = []
    delete: _Stray | None = None


def stream_routes(sandbox: "XSandbox") -> list[Route]:
    """The routes, which must stand before those of single posts."""
    api = _StreamApi(sandbox)
    return [
        Route("/2/tweets/search/stream/rules", api.rules),
        Route("/2/tweets/search/stream/rules", api.change, methods=["POST"]),
        Route("/2/tweets/search/stream", api.stream),
        Route("/2/activity/stream", api.activities),
    ]


class _StreamApi:
    """One method per endpoint; all speak for the app, so only the bearer token opens them."""

    def __init__(self, sandbox: "XSandbox") -> None:
        self._x = sandbox
        self._stream = sandbox.stream

    async def rules(self, request: Request) -> Response:
        """All rules that are set."""
        closed = self._x.door.closed(request, app=True, user=False)
        if closed is not None:
            return closed
        data = [_shown(rule) for rule in self._stream.rules.values()]
        meta: Json = {"sent": _now(), "result_count": len(data)}
        return JSONResponse(({"data": data} if data else {}) | {"meta": meta})

    async def change(self, request: Request) -> Response:
        """Adds rules, or deletes some; the played ones count at once, X's in about 20 s."""
        closed = self._x.door.closed(request, app=True, user=False)
        if closed is not None:
            return closed
        try:
            change = msgspec.json.decode(await request.body(), type=_Change)
        except msgspec.DecodeError:
            return problem(400, "The body must hold `add` or `delete`.")
        if change.delete is not None:
            return self._delete(change.delete.ids)
        return self._add(change.add)

    def _delete(self, ids: list[str]) -> JSONResponse:
        gone = [id_ for id_ in ids if self._stream.rules.pop(id_, None)]
        summary = {"deleted": len(gone), "not_deleted": len(ids) - len(gone)}
        return JSONResponse({"meta": {"sent": _now(), "summary": summary}})

    def _add(self, rules: list[_NewRule]) -> JSONResponse:
        created: list[Json] = []
        errors: list[Json] = []
        for new in rules:
            if any(rule.value == new.value for rule in self._stream.rules.values()):
                errors.append(_error("DuplicateRule", "duplicate-rules", new.value))
                continue
            try:
                matches = read_rule(new.value)
            except RuleError as error:
                errors.append(_error("UnprocessableEntity", "invalid-rules", new.value, str(error)))
                continue
            rule = Rule(self._x.world.new_id(), new.value, new.tag, matches)
            self._stream.rules[rule.id] = rule
            created.append(_shown(rule))
        summary = {
            "created": len(created),
            "not_created": len(errors),
            "valid": len(created),
            "invalid": len(errors),
        }
        answer: Json = {"meta": {"sent": _now(), "summary": summary}}
        answer |= {"data": created} if created else {}
        answer |= {"errors": errors} if errors else {}
        return JSONResponse(answer, 201 if created else 200)

    async def stream(self, request: Request) -> Response:
        """The stream: one connection, none without rules, at most five minutes of backfill."""
        closed = self._x.door.closed(request, app=True, user=False)
        if closed is not None:
            return closed
        minutes = request.query_params.get("backfill_minutes", "0")
        if not minutes.isdecimal() or int(minutes) * 60 > KEPT_S:
            return problem(400, "The `backfill_minutes` query parameter must be 0 to 5.")
        if not self._stream.rules:
            detail = "You must define rules before you connect to the stream."
            return problem(
                409,
                detail,
                f"{_PROBLEMS}/streaming-connection",
                connection_issue="RuleConfigurationIssue",
            )
        if not await self._stream.free():
            return _too_many()
        lines = self._stream.read(Asked.of(request.query_params), int(minutes))
        return StreamingResponse(lines, media_type="application/json")

    async def activities(self, request: Request) -> Response:
        """The X Activity API by stream: two connections, at most five minutes of backfill."""
        closed = self._x.door.closed(request, app=True, user=False)
        if closed is not None:
            return closed
        minutes = request.query_params.get("backfill_minutes", "0")
        if not minutes.isdecimal() or int(minutes) * 60 > KEPT_S:
            return problem(400, "The `backfill_minutes` query parameter must be 0 to 5.")
        if self._x.activities.full:
            return _too_many()
        lines = self._x.activities.read(int(minutes))
        return StreamingResponse(lines, media_type="application/json")


def _too_many() -> JSONResponse:
    body = {
        "title": "ConnectionException",
        "detail": "This stream is currently at the maximum allowed connection limit.",
        "connection_issue": "TooManyConnections",
        "type": f"{_PROBLEMS}/streaming-connection",
    }
    return JSONResponse(body, 429)


def _shown(rule: Rule) -> Json:
    shown: Json = {"id": rule.id, "value": rule.value}
    return shown | ({"tag": rule.tag} if rule.tag is not None else {})


def _error(title: str, type_: str, value: str, detail: str | None = None) -> Json:
    error: Json = {"value": value, "title": title, "type": f"{_PROBLEMS}/{type_}"}
    return error | ({"details": [detail]} if detail else {})


def _now() -> str:
    return f"{datetime.fromtimestamp(time.time(), UTC):%Y-%m-%dT%H:%M:%S}.000Z"
