"""The played network over HTTP: the calls that Toog and the official client make, under /xrpc."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from toog.platforms.bluesky.payloads import POST, read_uri
from toog.platforms.bluesky.sandbox.doors import (
    Limit,
    Sessions,
    XrpcError,
    answer,
    bearer,
    json_of,
    text_of,
)
from toog.platforms.bluesky.sandbox.jetstream import Jetstream
from toog.platforms.bluesky.sandbox.naming import Json, iso
from toog.platforms.bluesky.sandbox.world import (
    LogEntry,
    Message,
    Notification,
    Person,
    Post,
    World,
)
from toog.platforms.bluesky.sources import CHAT_PROXY

Call = Callable[[Request], Awaitable[object]]
T = TypeVar("T")

_MOST: Final = 100


class Server(Protocol):
    """What the API needs of the played network."""

    world: World
    sessions: Sessions
    jetstream: Jetstream
    limit: Limit

    def created(self, collection: str, record: Json, rkey: str | None) -> Post:
        """A record of ours. Raises XrpcError where it is not taken."""

    def replaced(self, collection: str, record: Json, rkey: str) -> Post:
        """A record of ours in the place of another, or a new one."""

    def deleted(self, post: Post) -> str:
        """Takes a record back."""

    def said(self, convo: str, text: str) -> Message:
        """A chat message of ours. Raises XrpcError where it is not taken."""

    def showed(self, what: Notification | LogEntry) -> None:
        """A copy of this leaves in a page."""


def bluesky_app(server: Server) -> Starlette:
    """The network's API: server, index, chat and Jetstream, as if one machine were all of them."""
    api, records, chat = _Api(server), _Records(server), _Chat(server)
    calls: list[tuple[str, str, Call, str]] = [
        ("GET", "com.atproto.server.describeServer", api.describe, "open"),
        ("POST", "com.atproto.server.createSession", api.create_session, "open"),
        ("POST", "com.atproto.server.refreshSession", api.refresh_session, "open"),
        ("GET", "com.atproto.server.getSession", api.session, "access"),
        ("GET", "com.atproto.identity.resolveHandle", api.resolve, "open"),
        ("GET", "app.bsky.actor.getProfile", api.profile, "access"),
        ("GET", "app.bsky.notification.listNotifications", api.notifications, "access"),
        ("GET", "app.bsky.feed.getPosts", api.posts, "access"),
        ("GET", "app.bsky.feed.getPostThread", api.thread, "access"),
        ("GET", "app.bsky.feed.getAuthorFeed", api.feed, "access"),
        ("POST", "com.atproto.repo.createRecord", records.create, "access"),
        ("POST", "com.atproto.repo.putRecord", records.put, "access"),
        ("POST", "com.atproto.repo.deleteRecord", records.delete, "access"),
        ("GET", "com.atproto.repo.listRecords", records.list, "open"),
        ("GET", "com.atproto.repo.getRecord", records.get, "open"),
        ("GET", "chat.bsky.convo.listConvos", chat.convos, "chat"),
        ("GET", "chat.bsky.convo.getConvoForMembers", chat.convo, "chat"),
        ("GET", "chat.bsky.convo.getLog", chat.log, "chat"),
        ("POST", "chat.bsky.convo.sendMessage", chat.send, "chat"),
    ]
    routes = [
        Route(f"/xrpc/{name}", _guarded(server, call, door), methods=[method])
        for method, name, call, door in calls
    ]
    socket = WebSocketRoute("/subscribe", server.jetstream.serve)
    unknown = Route("/xrpc/{name}", _guarded(server, _unknown, "open"), methods=["GET", "POST"])
    return Starlette(routes=[*routes, unknown, socket])


def _guarded(server: Server, call: Call, door: str) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            server.limit.use()
            if door != "open":
                server.sessions.check(bearer(request))
            proxied = door != "chat" or request.headers.get("atproto-proxy") == CHAT_PROXY
            return answer(await (call if proxied else _unknown)(request), server.limit)
        except XrpcError as error:
            said = {"error": error.error, "message": error.message}
            limit = server.sessions.logins if _login(request) else server.limit
            return answer(said, limit, error.status)

    return guarded


def _login(request: Request) -> bool:
    return request.url.path.endswith(".createSession")


async def _unknown(_: Request) -> object:
    raise XrpcError(501, "MethodNotImplemented", "Method Not Implemented")


class _Api:
    def __init__(self, server: Server) -> None:
        self._server, self._world = server, server.world

    async def describe(self, _: Request) -> object:
        return {"did": "did:web:localhost", "availableUserDomains": [".test"]}

    async def create_session(self, request: Request) -> object:
        asked = await json_of(request)
        name, password = text_of(asked, "identifier"), text_of(asked, "password")
        return self._shown(self._server.sessions.create(name, password))

    async def refresh_session(self, request: Request) -> object:
        return self._shown(self._server.sessions.refresh(bearer(request)))

    async def session(self, _: Request) -> object:
        return self._shown({})

    def _shown(self, tokens: Json) -> Json:
        us = self._world.us
        return {**tokens, "handle": us.handle, "did": us.did, "active": True}

    async def resolve(self, request: Request) -> object:
        person = self._world.find(request.query_params.get("handle", ""))
        if person is None:
            raise XrpcError(400, "InvalidRequest", "Unable to resolve handle")
        return {"did": person.did}

    async def profile(self, request: Request) -> object:
        person = self._world.find(request.query_params.get("actor", ""))
        if person is None:
            raise XrpcError(400, "InvalidRequest", "Profile not found")
        return {**person.show(), "followersCount": 0, "followsCount": 0, "postsCount": 0}

    async def notifications(self, request: Request) -> object:
        query = request.query_params
        reasons, cursor = frozenset(query.getlist("reasons")), query.get("cursor")
        told = [
            one
            for one in reversed(self._world.notifications)
            if (not reasons or one.reason in reasons)
            and (cursor is None or _before(one.micros, cursor))
        ]
        page = told[: _limit(request, 50)]
        for one in page:
            self._server.showed(one)
        shown: Json = {"notifications": [one.show() for one in page], "priority": False}
        return shown | ({"cursor": str(page[-1].micros)} if page else {})

    async def posts(self, request: Request) -> object:
        uris = request.query_params.getlist("uris")
        found = [self._world.records.get(uri) for uri in uris[:25]]
        return {"posts": [post.show() for post in found if post is not None]}

    async def thread(self, request: Request) -> object:
        uri = request.query_params.get("uri", "")
        post = self._world.records.get(uri)
        if post is None:
            raise XrpcError(400, "NotFound", f"Post not found: {uri}")
        below = [p for p in self._world.records.values() if _answers(p, uri)]
        shown = {**_thread_view(post), "replies": [_thread_view(p) for p in below]}
        parents = list(self._world.above(post))
        return {"thread": shown | ({"parent": _thread_view(parents[0])} if parents else {})}

    async def feed(self, request: Request) -> object:
        person = self._world.find(request.query_params.get("actor", ""))
        if person is None:
            raise XrpcError(400, "InvalidRequest", "Profile not found")
        own = _of(self._world, person, POST)[::-1]
        return {"feed": [{"post": post.show()} for post in own[: _limit(request, 50)]]}


class _Records:
    def __init__(self, server: Server) -> None:
        self._server, self._world = server, server.world

    async def create(self, request: Request) -> object:
        asked = await self._asked(request)
        collection, record = text_of(asked, "collection"), _record(asked)
        rkey = asked.get("rkey")
        key = rkey if isinstance(rkey, str) else None
        return self._written(self._server.created(collection, record, key))

    async def put(self, request: Request) -> object:
        asked = await self._asked(request)
        collection, rkey = text_of(asked, "collection"), text_of(asked, "rkey")
        return self._written(self._server.replaced(collection, _record(asked), rkey))

    async def delete(self, request: Request) -> object:
        asked = await self._asked(request)
        collection, rkey = text_of(asked, "collection"), text_of(asked, "rkey")
        post = self._world.records.get(f"at://{self._world.us.did}/{collection}/{rkey}")
        if post is not None:
            self._server.deleted(post)
        return {}

    async def list(self, request: Request) -> object:
        query = request.query_params
        person = self._world.find(query.get("repo", ""))
        if person is None:
            raise XrpcError(400, "InvalidRequest", f"Could not find repo: {query.get('repo')}")
        all_ = _of(self._world, person, query.get("collection", POST))
        own = all_ if query.get("reverse") == "true" else all_[::-1]
        own = [p for p in own if "cursor" not in query or p.rkey < query["cursor"]]
        page = own[: _limit(request, 50)]
        shown: Json = {"records": [_stored(post) for post in page]}
        return shown | ({"cursor": page[-1].rkey} if page else {})

    async def get(self, request: Request) -> object:
        query = request.query_params
        person = self._world.find(query.get("repo", ""))
        did = person.did if person else query.get("repo", "")
        uri = f"at://{did}/{query.get('collection')}/{query.get('rkey')}"
        post = self._world.records.get(uri)
        if post is None:
            raise XrpcError(400, "RecordNotFound", f"Could not locate record: {uri}")
        return _stored(post)

    async def _asked(self, request: Request) -> Mapping[str, object]:
        asked = await json_of(request)
        repo = text_of(asked, "repo")
        if repo not in {self._world.us.did, self._world.us.handle}:
            raise XrpcError(403, "InvalidRequest", f"Cannot write to repo: {repo}")
        return asked

    def _written(self, post: Post) -> Json:
        commit = {"cid": post.cid, "rev": post.rkey}
        return {**post.ref, "commit": commit, "validationStatus": "valid"}


class _Chat:
    def __init__(self, server: Server) -> None:
        self._server, self._world = server, server.world

    async def convos(self, _: Request) -> object:
        return {"convos": [self._shown(id_) for id_ in reversed(self._world.convos)]}

    async def convo(self, request: Request) -> object:
        members = [m for m in request.query_params.getlist("members") if m != self._world.us.did]
        person = self._world.people.get(members[0]) if len(members) == 1 else None
        if person is None:
            raise XrpcError(400, "InvalidRequest", "recipient not found")
        return {"convo": self._shown(self._world.convo(person))}

    async def log(self, request: Request) -> object:
        cursor = request.query_params.get("cursor", "")
        page = [entry for entry in self._world.log if entry.rev > cursor][:_MOST]
        for entry in page:
            self._server.showed(entry)
        shown: Json = {"logs": [entry.show() for entry in page]}
        last = page[-1].rev if page else cursor
        return shown | ({"cursor": last} if last else {})

    async def send(self, request: Request) -> object:
        asked = await json_of(request)
        message = asked.get("message")
        text = text_of(cast("Json", message), "text") if isinstance(message, dict) else ""
        return self._server.said(text_of(asked, "convoId"), text).show()

    def _shown(self, id_: str) -> Json:
        said = [m for m in self._world.messages.values() if m.convo == id_]
        shown: Json = {
            "id": id_,
            "rev": said[-1].rev if said else "2222222222222",
            "members": [self._world.convos[id_].show(), self._world.us.show()],
            "muted": False,
            "unreadCount": 0,
            "status": "accepted",
        }
        return shown | ({"lastMessage": said[-1].show()} if said else {})


def _limit(request: Request, usual: int) -> int:
    text = request.query_params.get("limit", str(usual))
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise XrpcError(400, "InvalidRequest", f"Error: limit must be between 1 and {_MOST}")
    return int(text)


def _before(micros: int, cursor: str) -> bool:
    return micros < int(cursor) if cursor.isdecimal() else iso(micros) < cursor


def _record(asked: Mapping[str, object]) -> Json:
    record = asked.get("record")
    if not isinstance(record, dict):
        raise XrpcError(400, "InvalidRequest", 'Error: Input must have the property "record"')
    return record


def _of(world: World, person: Person, collection: str) -> Sequence[Post]:
    found = [(read_uri(uri), post) for uri, post in world.records.items()]
    place = (person.did, collection)
    own = [post for at, post in found if at and (at.did, at.collection) == place]
    return sorted(own, key=lambda post: post.rkey)


def _stored(post: Post) -> Json:
    return {**post.ref, "value": post.record}


def _answers(post: Post, uri: str) -> bool:
    return post.reply.get("parent", {}).get("uri") == uri


def _thread_view(post: Post) -> Json:
    return {"$type": "app.bsky.feed.defs#threadViewPost", "post": post.show()}
