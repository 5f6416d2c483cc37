"""The played Mastodon server over HTTP: the calls that Toog and the official client make."""

import functools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from toog.platforms.mastodon.sandbox.markup import LONGEST_CHARS
from toog.platforms.mastodon.sandbox.streams import StreamName, Streams
from toog.platforms.mastodon.sandbox.world import (
    Json,
    N,
    Notification,
    Posted,
    Refusal,
    Status,
    World,
    page,
)

VERSION: Final = "4.6.0"

_WINDOW_S: Final = 300
_INVALID_TOKEN: Final = Refusal(401, "The access token is invalid")
_NOT_FOUND: Final = Refusal(404, "Record not found")

Endpoint = Callable[[Request], Awaitable[Response]]


class Server(Protocol):
    """What the API needs of the played server."""

    token: str
    limit: int
    world: World
    streams: Streams

    def taken(self, form: Mapping[str, str], key: str | None) -> Posted | Refusal:
        """Our own post; `key` is its idempotency key."""

    def seen(self, form: Mapping[str, str], answer: Posted | Refusal) -> None:
        """An attempt to post, to be remembered."""

    def edited(self, status: Status, typed: str) -> str:
        """Changes a status of ours."""

    def deleted(self, status: Status) -> str:
        """Takes a status of ours back."""

    def event_of(self, told: Notification) -> str:
        """The event that a notification becomes."""


def mastodon_app(server: Server) -> Starlette:
    """The API of this server; a call without the right token is answered 401."""
    api = _Api(server)
    token = api.with_token
    return Starlette(
        routes=[
            Route("/api/v1/instance", api.instance),
            Route("/api/v2/instance", api.instance_v2),
            Route("/api/v1/accounts/verify_credentials", token(api.credentials)),
            Route("/api/v1/accounts/{id}", token(api.account)),
            Route("/api/v1/accounts/{id}/statuses", token(api.account_statuses)),
            Route("/api/v1/statuses", api.post, methods=["POST"]),
            Route("/api/v1/statuses/{id}", token(api.status)),
            Route("/api/v1/statuses/{id}", token(api.edit), methods=["PUT"]),
            Route("/api/v1/statuses/{id}", token(api.delete), methods=["DELETE"]),
            Route("/api/v1/notifications", token(api.notifications)),
            Route("/api/v1/conversations", token(api.conversations)),
            Route("/api/v1/streaming/health", api.health),
            Route("/api/v1/streaming/user", token(api.stream, counts=False)),
            Route("/api/v1/streaming/user/notification", token(api.told, counts=False)),
        ],
        exception_handlers={HTTPException: _as_json},
    )


class _Api:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._world = server.world
        self._window = 0
        self._used = 0

    def with_token(self, endpoint: Endpoint, *, counts: bool = True) -> Endpoint:
        @functools.wraps(endpoint)
        async def guarded(request: Request) -> Response:
            refusal = self._refused(request, counts=counts)
            return self._error(refusal) if refusal else await endpoint(request)

        return guarded

    def _refused(self, request: Request, *, counts: bool = True) -> Refusal | None:
        if request.headers.get("authorization") != f"Bearer {self._server.token}":
            return _INVALID_TOKEN
        window = int(time.time()) // _WINDOW_S
        if window != self._window:
            self._window, self._used = window, 0
        if counts and self._used >= self._server.limit:
            return Refusal(429, "Too many requests")
        self._used += counts
        return None

    def _answer(
        self, data: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        reset = datetime.fromtimestamp((self._window + 1) * _WINDOW_S, UTC)
        limits = {
            "X-RateLimit-Limit": str(self._server.limit),
            "X-RateLimit-Remaining": str(max(self._server.limit - self._used, 0)),
            "X-RateLimit-Reset": f"{reset:%Y-%m-%dT%H:%M:%S}.000000Z",
        }
        body = msgspec.json.encode(data)
        return Response(body, status, {**limits, **(headers or {})}, "application/json")

    def _error(self, refusal: Refusal) -> Response:
        return self._answer({"error": refusal.error}, refusal.status)

    async def instance(self, request: Request) -> Response:
        here = _here(request)
        return self._answer(
            {
                "uri": request.url.hostname,
                "title": "Sandbox",
                "short_description": "",
                "description": "",
                "email": "",
                "version": VERSION,
                "urls": {"streaming_api": here},
                "stats": {"user_count": 1, "status_count": 0, "domain_count": 1},
                "languages": ["nl"],
                "registrations": False,
                "configuration": _configuration(here),
            }
        )

    async def instance_v2(self, request: Request) -> Response:
        return self._answer(
            {
                "domain": request.url.hostname,
                "title": "Sandbox",
                "version": VERSION,
                "description": "",
                "languages": ["nl"],
                "configuration": _configuration(_here(request)),
                "api_versions": {"mastodon": 7},
            }
        )

    async def credentials(self, _: Request) -> Response:
        source = {"privacy": "public", "sensitive": False, "language": "nl", "note": ""}
        return self._answer({**self._world.show_person(self._world.us), "source": source})

    async def account(self, request: Request) -> Response:
        person = self._world.people.get(request.path_params["id"])
        return self._answer(self._world.show_person(person)) if person else self._none()

    async def account_statuses(self, request: Request) -> Response:
        author = request.path_params["id"]
        if author not in self._world.people:
            return self._none()
        own = [s for s in self._world.statuses.values() if s.author.id == author]
        found = page([s for s in own if self._visible(s)], request.query_params, usual=20, most=40)
        return self._page(request, found, [self._world.show_status(s) for s in found])

    async def post(self, request: Request) -> Response:
        form = await _form(request)
        refusal = self._refused(request)
        if refusal:
            self._server.seen(form, refusal)
            return self._error(refusal)
        answer = self._server.taken(form, request.headers.get("idempotency-key"))
        if isinstance(answer, Refusal):
            return self._error(answer)
        return self._answer(self._world.show_status(answer.status))

    async def status(self, request: Request) -> Response:
        status = self._world.statuses.get(request.path_params["id"])
        if status is None or not self._visible(status):
            return self._none()
        return self._answer(self._world.show_status(status))

    async def edit(self, request: Request) -> Response:
        status, text = self._own(request), (await _form(request)).get("status", "").strip()
        if status is None:
            return self._none()
        if not text:
            return self._error(Refusal(422, "Validation failed: Text can't be blank"))
        self._server.edited(status, text)
        return self._answer(self._world.show_status(status))

    async def delete(self, request: Request) -> Response:
        status = self._own(request)
        if status is None:
            return self._none()
        shown = {**self._world.show_status(status), "text": status.typed}
        self._server.deleted(status)
        return self._answer(shown)

    async def notifications(self, request: Request) -> Response:
        query = request.query_params
        wanted, unwanted = query.getlist("types[]"), query.getlist("exclude_types[]")
        told = [
            n
            for n in self._world.notifications
            if (not wanted or n.type in wanted) and n.type not in unwanted
        ]
        found = page(told, query, usual=40, most=80)
        for one in found:
            self._server.streams.left(self._server.event_of(one))
        return self._page(request, found, [self._world.show_notification(n) for n in found])

    async def conversations(self, request: Request) -> Response:
        talks: dict[str, Status] = {}
        for status in self._world.statuses.values():
            if status.visibility == "direct":
                named = [p.id for p in (status.author, *status.body.mentions)]
                others = sorted(set(named) - {self._world.us.id})
                talks[" ".join(others)] = status
        last = sorted(talks.values(), key=lambda status: int(status.id))
        found = page(last, request.query_params, usual=20, most=40)
        return self._page(request, found, [self._conversation(s) for s in found])

    def _conversation(self, last: Status) -> Json:
        people = {p.id: p for p in (last.author, *last.body.mentions)}
        people.pop(self._world.us.id, None)
        shown = [self._world.show_person(p) for p in people.values()]
        status = self._world.show_status(last)
        return {"id": last.id, "unread": False, "accounts": shown, "last_status": status}

    async def health(self, _: Request) -> Response:
        return Response("OK", media_type="text/plain")

    async def stream(self, _: Request) -> Response:
        return self._open("user")

    async def told(self, _: Request) -> Response:
        return self._open("user:notification")

    def _open(self, name: StreamName) -> Response:
        return self._server.streams.response(name)

    def _page(self, request: Request, found: Sequence[N], shown: list[Json]) -> Response:
        if not found:
            return self._answer(shown)
        url = request.url.remove_query_params(["max_id", "min_id", "since_id"])
        older = url.include_query_params(max_id=found[-1].id)
        newer = url.include_query_params(min_id=found[0].id)
        link = f'<{older}>; rel="next", <{newer}>; rel="prev"'
        return self._answer(shown, headers={"Link": link})

    def _own(self, request: Request) -> Status | None:
        status = self._world.statuses.get(request.path_params["id"])
        return status if status and status.author.id == self._world.us.id else None

    def _visible(self, status: Status) -> bool:
        us = self._world.us
        return status.visibility != "direct" or status.author.id == us.id or status.names(us)

    def _none(self) -> Response:
        return self._error(_NOT_FOUND)


def _here(request: Request) -> str:
    """Where this server stands, as the caller sees it; HTTP, since it speaks no WebSocket."""
    root = str(request.scope.get("root_path", ""))
    return f"{request.url.scheme}://{request.url.netloc}{root}"


def _configuration(here: str) -> Json:
    return {
        "urls": {"streaming": here},
        "statuses": {"max_characters": LONGEST_CHARS, "characters_reserved_per_url": 23},
    }


async def _form(request: Request) -> dict[str, str]:
    """The fields of the body, JSON or form."""
    body = await request.body()
    if not request.headers.get("content-type", "").startswith("application/json"):
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    try:
        fields = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError:
        return {}
    return {name: str(value) for name, value in fields.items() if value is not None}


async def _as_json(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    sentence = "Not Found" if status == 404 else "Not allowed"
    body = msgspec.json.encode({"error": sentence})
    return Response(body, status, media_type="application/json")
