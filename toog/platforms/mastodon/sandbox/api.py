"""The played Mastodon server over HTTP: the calls that Toog and the official client make."""

from collections.abc import Mapping
from typing import Final, Literal, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from toog.platforms.mastodon.sandbox.gate import Gate, form
from toog.platforms.mastodon.sandbox.lists import Lists
from toog.platforms.mastodon.sandbox.markup import LONGEST_CHARS
from toog.platforms.mastodon.sandbox.streams import Streams, channel_of
from toog.platforms.mastodon.sandbox.world import Notification, Posted, Refusal, Status, World

VERSION: Final = "4.6.0"

_NO_SUCH_PATH: Final = Refusal(404, "Not Found")


class Server(Protocol):
    """What the API needs of the played server."""

    token: str
    limit: int
    only: Literal["sse", "websocket"] | None
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

    def event_of(self, told: Notification | Status) -> str:
        """The event that a notification or a status becomes."""


def mastodon_app(server: Server) -> Starlette:
    """The API of this server; a call without the right token is answered 401."""
    gate = Gate(server.token, lambda: server.limit)
    api = _Api(server, gate)
    lists = Lists(gate, server.world, server.streams, server.event_of)
    token = gate.with_token
    return Starlette(
        routes=[
            Route("/api/v1/instance", api.instance),
            Route("/api/v2/instance", api.instance_v2),
            Route("/api/v1/accounts/verify_credentials", token(api.credentials)),
            Route("/api/v1/accounts/search", token(lists.search_accounts)),
            Route("/api/v1/accounts/lookup", token(lists.look_up_account)),
            Route("/api/v1/accounts/{id}", token(api.account)),
            Route("/api/v1/accounts/{id}/statuses", token(lists.account_statuses)),
            Route("/api/v1/statuses", api.post, methods=["POST"]),
            Route("/api/v1/statuses/{id}", token(api.status)),
            Route("/api/v1/statuses/{id}", token(api.edit), methods=["PUT"]),
            Route("/api/v1/statuses/{id}", token(api.delete), methods=["DELETE"]),
            Route("/api/v1/statuses/{id}/context", token(lists.context)),
            Route("/api/v1/timelines/home", token(lists.home)),
            Route("/api/v1/timelines/tag/{tag}", token(lists.tag)),
            Route("/api/v2/search", token(lists.search)),
            Route("/api/v1/notifications", token(lists.notifications)),
            Route("/api/v1/conversations", token(lists.conversations)),
            Route("/api/v1/streaming/health", api.health),
            WebSocketRoute("/api/v1/streaming", api.socket),
            Route("/api/v1/streaming/hashtag", token(api.hashtag_stream, counts=False)),
            Route("/api/v1/streaming/user", token(api.user_stream, counts=False)),
            Route("/api/v1/streaming/user/notification", token(api.told_stream, counts=False)),
        ],
        exception_handlers={HTTPException: _as_json},
    )


class _Api:
    def __init__(self, server: Server, gate: Gate) -> None:
        self._server = server
        self._gate = gate
        self._world = server.world

    async def instance(self, request: Request) -> Response:
        here = _here(request, self._server.only)
        return self._gate.answer(
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
        return self._gate.answer(
            {
                "domain": request.url.hostname,
                "title": "Sandbox",
                "version": VERSION,
                "description": "",
                "languages": ["nl"],
                "configuration": _configuration(_here(request, self._server.only)),
                "api_versions": {"mastodon": 7},
            }
        )

    async def credentials(self, _: Request) -> Response:
        source = {"privacy": "public", "sensitive": False, "language": "nl", "note": ""}
        return self._gate.answer({**self._world.show_person(self._world.us), "source": source})

    async def account(self, request: Request) -> Response:
        person = self._world.people.get(request.path_params["id"])
        return self._gate.answer(self._world.show_person(person)) if person else self._gate.error()

    async def post(self, request: Request) -> Response:
        fields = await form(request)
        refusal = self._gate.refused(request)
        if refusal:
            self._server.seen(fields, refusal)
            return self._gate.error(refusal)
        answer = self._server.taken(fields, request.headers.get("idempotency-key"))
        if isinstance(answer, Refusal):
            return self._gate.error(answer)
        return self._gate.answer(self._world.show_status(answer.status))

    async def status(self, request: Request) -> Response:
        status = self._world.statuses.get(request.path_params["id"])
        if status is None or not self._world.visible(status):
            return self._gate.error()
        return self._gate.answer(self._world.show_status(status))

    async def edit(self, request: Request) -> Response:
        status, text = self._own(request), (await form(request)).get("status", "").strip()
        if status is None:
            return self._gate.error()
        if not text:
            return self._gate.error(Refusal(422, "Validation failed: Text can't be blank"))
        self._server.edited(status, text)
        return self._gate.answer(self._world.show_status(status))

    async def delete(self, request: Request) -> Response:
        status = self._own(request)
        if status is None:
            return self._gate.error()
        shown = {**self._world.show_status(status), "text": status.typed}
        self._server.deleted(status)
        return self._gate.answer(shown)

    async def health(self, _: Request) -> Response:
        return Response("OK", media_type="text/plain")

    async def user_stream(self, _: Request) -> Response:
        return self._stream("user")

    async def told_stream(self, _: Request) -> Response:
        return self._stream("user:notification")

    async def hashtag_stream(self, request: Request) -> Response:
        return self._stream("hashtag", request.query_params.get("tag", ""))

    def _stream(self, name: str, tag: str | None = None) -> Response:
        channel = channel_of(name, tag)
        if self._server.only == "websocket":
            return self._gate.error(_NO_SUCH_PATH)
        if channel is None:
            return self._gate.error(Refusal(400, "Missing tag name parameter"))
        return self._server.streams.response(channel)

    async def socket(self, websocket: WebSocket) -> None:
        """The token comes as a header: an address is written down in too many places."""
        refusal = self._gate.refused(websocket, counts=False)
        if self._server.only == "sse":
            refusal = _NO_SUCH_PATH
        if refusal is not None:
            await websocket.send_denial_response(self._gate.error(refusal))
            return
        query = websocket.query_params
        channel = channel_of(query.get("stream", ""), query.get("tag"))
        await websocket.accept()
        await self._server.streams.socket(websocket, {channel} if channel else ())

    def _own(self, request: Request) -> Status | None:
        status = self._world.statuses.get(request.path_params["id"])
        return status if status and status.author.id == self._world.us.id else None


def _here(request: HTTPConnection, only: str | None) -> str:
    """Where this server streams, as the caller sees it.

    A real server says `wss://…`, as here where that is the only way; but of such an address
    Mastodon.py drops the path, and this server may stand under one.
    """
    root = str(request.scope.get("root_path", ""))
    scheme = request.url.scheme.replace("http", "ws") if only == "websocket" else request.url.scheme
    return f"{scheme}://{request.url.netloc}{root}"


def _configuration(here: str) -> Mapping[str, object]:
    return {
        "urls": {"streaming": here},
        "statuses": {"max_characters": LONGEST_CHARS, "characters_reserved_per_url": 23},
    }


async def _as_json(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    sentence = "Not Found" if status == 404 else "Not allowed"
    body = msgspec.json.encode({"error": sentence})
    return Response(body, status, media_type="application/json")
