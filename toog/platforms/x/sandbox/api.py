"""The played X's HTTP API: the endpoints that Toog and the official client ask for.

Shapes: docs.x.com/x-api and its openapi.json; errors as `limits` has them.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from toog.platforms.x.sandbox.limits import Limit, missing, problem
from toog.platforms.x.sandbox.show import (
    Asked,
    Json,
    show_includes,
    show_message,
    show_person,
    show_post,
)
from toog.platforms.x.sandbox.stream_api import stream_routes
from toog.platforms.x.sandbox.world import Message, Person, Post

if TYPE_CHECKING:  # the sandbox builds its app from here
    from toog.platforms.x.sandbox import XSandbox

T = TypeVar("T")
N = TypeVar("N", Post, Message)

_POST_KEYS: Final = {"text", "reply", "media", "reply_settings", "quote_tweet_id", "poll", "geo"}


class _ReplyTo(msgspec.Struct):
    in_reply_to_tweet_id: str
    exclude_reply_user_ids: list[str] = []


class _Create(msgspec.Struct):
    text: str = ""
    reply: _ReplyTo | None = None


class _Write(msgspec.Struct):
    text: str


def x_app(sandbox: "XSandbox") -> Starlette:
    """The app of this sandbox; whoever mounts it chooses where."""
    api = _Api(sandbox)
    return Starlette(
        routes=[
            *stream_routes(sandbox),
            Route("/2/tweets", api.create, methods=["POST"]),
            Route("/2/tweets", api.posts),
            Route("/2/tweets/{id}", api.post),
            Route("/2/tweets/{id}", api.delete, methods=["DELETE"]),
            Route("/2/users/me", api.me),
            Route("/2/users/by/username/{username}", api.user_by_name),
            Route("/2/users/{id}", api.user),
            Route("/2/users/{id}/mentions", api.mentions),
            Route("/2/users/{id}/tweets", api.timeline),
            Route("/2/dm_conversations/with/{id}/messages", api.write_with, methods=["POST"]),
            Route("/2/dm_conversations/{id}/messages", api.write_in, methods=["POST"]),
            Route("/2/dm_events", api.messages),
        ]
    )


class _Api:
    """One method per endpoint."""

    def __init__(self, sandbox: "XSandbox") -> None:
        self._x = sandbox
        self._world = sandbox.world

    async def create(self, request: Request) -> Response:
        """Takes a post of ours, or says why not; what answers somebody goes to the ledger."""
        body = await request.body()
        asked = _read(_Create, body)
        answer = self._create(request, body, asked)
        if asked is not None and asked.reply is not None:
            made = _made(answer, "id")
            self._x.seen(asked.reply.in_reply_to_tweet_id, asked.text, made)
        return answer

    def _create(self, request: Request, body: bytes, asked: _Create | None) -> JSONResponse:
        closed = self._x.door.closed(request, app=False, user=True)
        if closed is not None:
            return closed
        if not self._x.posts.take():
            return self._x.posts.refusal()
        unknown = set(_read(dict[str, msgspec.Raw], body) or {}) - _POST_KEYS
        if asked is None or not asked.text.strip() or unknown:
            return _limited(
                problem(400, "One or more parameters to your request was invalid."), self._x.posts
            )
        parent = self._world.find(asked.reply.in_reply_to_tweet_id) if asked.reply else None
        if asked.reply is not None and parent is None:
            gone = "You attempted to reply to a Tweet that is deleted or not visible to you."
            return _limited(problem(403, gone), self._x.posts)
        excluded = tuple(asked.reply.exclude_reply_user_ids) if asked.reply else ()
        addressed = parent.author.handle if parent else ""
        if self._x.said_before(f"{addressed} {asked.text}"):
            twice = "You are not allowed to create a Tweet with duplicate content."
            return _limited(problem(403, twice), self._x.posts)
        post = self._x.say(asked.text, parent=parent, excluded=excluded)
        data: Json = {"id": post.id, "text": asked.text, "edit_history_tweet_ids": [post.id]}
        return _limited(JSONResponse({"data": data}, 201), self._x.posts)

    async def delete(self, request: Request) -> Response:
        """Takes back a post of ours."""
        closed = self._x.door.closed(request, app=False, user=True)
        if closed is not None:
            return closed
        post = self._world.find(request.path_params["id"])
        if post is None:
            return JSONResponse({"data": {"deleted": False}})
        if post.author.id != self._x.us.id:
            return problem(403, "You are not authorized to delete this Tweet.")
        self._x.remove(post)
        return JSONResponse({"data": {"deleted": True}})

    async def posts(self, request: Request) -> Response:
        """`GET /2/tweets?ids=`: what is there, and a partial error for what is not."""
        closed = self._x.door.closed(request, app=True, user=True)
        if closed is not None:
            return closed
        ids = [id_ for id_ in request.query_params.get("ids", "").split(",") if id_]
        if not 1 <= len(ids) <= 100:
            return problem(400, "The `ids` query parameter must hold 1 to 100 ids.")
        found = [(id_, self._world.find(id_)) for id_ in ids]
        answer = self._listed([post for _, post in found if post], request)
        errors = [missing("tweet", "ids", id_) for id_, post in found if post is None]
        return JSONResponse(answer | ({"errors": errors} if errors else {}))

    async def post(self, request: Request) -> Response:
        """One post."""
        closed = self._x.door.closed(request, app=True, user=True)
        if closed is not None:
            return closed
        id_ = request.path_params["id"]
        post = self._world.find(id_)
        if post is None:
            return JSONResponse({"errors": [missing("tweet", "id", id_)]})
        asked = Asked.of(request.query_params)
        includes = show_includes(self._world, [post], asked)
        answer: Json = {"data": show_post(post, asked)}
        return JSONResponse(answer | ({"includes": includes} if includes else {}))

    def _listed(self, posts: list[Post], request: Request) -> Json:
        asked = Asked.of(request.query_params)
        answer: Json = {"data": [show_post(post, asked) for post in posts]} if posts else {}
        includes = show_includes(self._world, posts, asked)
        return answer | ({"includes": includes} if includes else {})

    async def me(self, request: Request) -> Response:
        """Whose token this is."""
        closed = self._x.door.closed(request, app=False, user=True)
        return closed or JSONResponse({"data": show_person(self._x.us)})

    async def user(self, request: Request) -> Response:
        """A user by id."""
        id_ = request.path_params["id"]
        return self._user(request, self._world.people.get(id_), "id", id_)

    async def user_by_name(self, request: Request) -> Response:
        """A user by handle."""
        name = request.path_params["username"]
        return self._user(request, self._world.named(name), "username", name)

    def _user(
        self, request: Request, person: Person | None, parameter: str, value: str
    ) -> JSONResponse:
        closed = self._x.door.closed(request, app=True, user=True)
        if closed is not None:
            return closed
        if person is None:
            return JSONResponse({"errors": [missing("user", parameter, value)]})
        return JSONResponse({"data": show_person(person)})

    async def mentions(self, request: Request) -> Response:
        """Posts that name the user, the prefix of replies included; no reposts."""
        person = self._world.people.get(request.path_params["id"])
        return self._timeline(
            request,
            lambda post: person is not None and post.reposted is None and post.names(person),
        )

    async def timeline(self, request: Request) -> Response:
        """What the user posted."""
        id_ = request.path_params["id"]
        return self._timeline(request, lambda post: post.author.id == id_)

    def _timeline(self, request: Request, wanted: Callable[[Post], bool]) -> JSONResponse:
        closed = self._x.door.closed(request, app=True, user=True)
        if closed is not None:
            return closed
        posts = (post for post in self._world.newest_first() if wanted(post))
        page, meta = _page(posts, request)
        return JSONResponse(self._listed(page, request) | {"meta": meta})

    async def messages(self, request: Request) -> Response:
        """Direct messages of both sides, the newest first."""
        closed = self._x.door.closed(request, app=False, user=True)
        if closed is not None:
            return closed
        page, meta = _page(reversed(self._world.messages.values()), request)
        fields = request.query_params.get("dm_event.fields", "").split(",")
        data = [show_message(message, fields) for message in page]
        return JSONResponse(({"data": data} if data else {}) | {"meta": meta})

    async def write_with(self, request: Request) -> Response:
        """A direct message to a user."""
        return await self._write(request, request.path_params["id"])

    async def write_in(self, request: Request) -> Response:
        """A direct message in a one-to-one conversation, which is named by both ids."""
        others = [id_ for id_ in request.path_params["id"].split("-") if id_ != self._x.us.id]
        return await self._write(request, others[0] if len(others) == 1 else "")

    async def _write(self, request: Request, recipient: str) -> Response:
        asked = _read(_Write, await request.body())
        answer = self._written(request, asked, recipient)
        if asked is not None:
            self._x.seen(recipient, asked.text, _made(answer, "dm_event_id"), dm=True)
        return answer

    def _written(self, request: Request, asked: _Write | None, recipient: str) -> JSONResponse:
        closed = self._x.door.closed(request, app=False, user=True)
        if closed is not None:
            return closed
        if not self._x.messages.take():
            return self._x.messages.refusal()
        person = self._world.people.get(recipient)
        if asked is None or not asked.text.strip():
            return _limited(problem(400, "text or attachments must be given."), self._x.messages)
        if person is None:
            detail = "You do not have permission to DM one or more participants."
            return _limited(problem(403, detail), self._x.messages)
        message = self._x.write(person, asked.text)
        data = {"dm_conversation_id": message.conversation, "dm_event_id": message.id}
        return _limited(JSONResponse({"data": data}, 201), self._x.messages)


def _read(type_: type[T], body: bytes) -> T | None:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.DecodeError:
        return None


def _limited(answer: JSONResponse, limit: Limit) -> JSONResponse:
    answer.headers.update(limit.headers)
    return answer


def _made(answer: Response, name: str) -> str | None:
    """The id that a taken post or message got, or None where it was refused."""
    if answer.status_code != 201:
        return None
    made: dict[str, dict[str, str]] = msgspec.json.decode(
        bytes(answer.body), type=dict[str, dict[str, str | list[str]]]
    )
    return made["data"][name]


def _page(items: Iterable[N], request: Request) -> tuple[list[N], Json]:
    """The page of `items` (newest first) that the query asks for, and its `meta`.

    The token of the next page is the last id of this one (docs.x.com fundamentals/pagination).
    """
    query = request.query_params
    size = min(max(_number(query.get("max_results"), 10), 5), 100)
    below = [n for name in ("pagination_token", "until_id") if (n := _number(query.get(name), 0))]
    above = _number(query.get("since_id"), 0)
    fit = (i for i in items if above < int(i.id) < min(below, default=int(i.id) + 1))
    found = list(islice(fit, size + 1))
    page = found[:size]
    meta: Json = {"result_count": len(page)}
    if page:
        meta |= {"newest_id": page[0].id, "oldest_id": page[-1].id}
    if len(found) > size:
        meta["next_token"] = page[-1].id
    return page, meta


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise
