"""The played Instagram's part of the Graph API, with a version in the path or without.

Objects and edges: developers.facebook.com/docs/instagram-platform/reference.
"""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from toog.platforms.instagram.sandbox import show
from toog.platforms.instagram.sandbox.fields import Asked, FieldsError, Json, read_fields
from toog.platforms.instagram.sandbox.limits import GraphError, missing
from toog.platforms.instagram.sandbox.world import Comment, Media, Message, Person

if TYPE_CHECKING:  # the sandbox builds its app from here
    from toog.platforms.instagram.sandbox import InstagramSandbox

VERSIONS: Final = ("v24.0", "v25.0", "v26.0")
MESSAGE_BYTES: Final = 1_000
WINDOW_S: Final = 24 * 3600.0
HUMAN_WINDOW_S: Final = 7 * WINDOW_S
"""Within it, after the first 24 hours, only a human may write: tag HUMAN_AGENT."""

Node = Media | Comment | Message | Person


def instagram_app(sandbox: "InstagramSandbox") -> Starlette:
    """The app of this sandbox; whoever mounts it chooses where."""
    graph = _Graph(sandbox)
    routes = [
        Route("/{id}", graph.one, methods=["GET", "DELETE"]),
        Route("/{id}/{edge}", graph.many, methods=["GET", "POST"]),
    ]
    return Starlette(routes=[*(Mount(f"/{name}", routes=routes) for name in VERSIONS), *routes])


class _Graph:
    """Objects by GET and DELETE, edges by GET and POST."""

    def __init__(self, sandbox: "InstagramSandbox") -> None:
        self._instagram = sandbox
        self._world = sandbox.world

    async def one(self, request: Request) -> Response:
        """An object with the fields asked for; a comment or media of ours can be taken away."""
        return await self._answer(request)

    async def many(self, request: Request) -> Response:
        """An edge of an object: a page of it, or something new on it."""
        return await self._answer(request)

    async def _answer(self, request: Request) -> Response:
        asked = await _asked(request)
        id_, edge = request.path_params["id"], request.path_params.get("edge")
        allowance = self._instagram.allowance
        try:
            self._instagram.door.check(request, asked)
            allowance.take()
            if edge is None:
                shown = self._remove(id_) if request.method == "DELETE" else self._show(id_, asked)
            elif request.method == "POST":
                shown = self._post(id_, edge, asked)
            else:
                shown = self._edge(id_, edge, asked)
            answer = JSONResponse(shown)
        except FieldsError as error:
            answer = GraphError(str(error), 100).answer()
        except GraphError as error:
            answer = error.answer()
            if request.method == "POST" and edge is not None:
                self._refused(id_, edge, asked)
        answer.headers.update(allowance.headers)
        return answer

    def _ours(self, id_: str) -> bool:
        return id_ in {"me", self._world.us.id}

    def _node(self, id_: str) -> Node:
        world = self._world
        found = world.media.get(id_) or world.comments.get(id_) or world.messages.get(id_)
        if isinstance(found, Comment) and found.media.owner.id != world.us.id:
            found = None
        person = found or world.people.get(id_)
        if person is None:
            raise missing(id_)
        return person

    def _show(self, id_: str, asked: Mapping[str, str]) -> Json:
        fields = read_fields(asked.get("fields", "id"))
        if self._ours(id_):
            shown = show.show_us(self._world, fields)
            for look_up in fields:
                if look_up.name.startswith("mentioned_") and look_up.name not in shown:
                    raise missing(next(iter(look_up.arguments.values()), ""))
            return shown
        for person in self._world.talkers():
            if show.conversation_id(person) == id_:
                return show.show_conversation(self._world, fields, person)
        match self._node(id_):
            case Media() as media:
                return show.show_media(self._world, fields, media)
            case Comment() as comment:
                return show.show_comment(self._world, fields, comment)
            case Message() as message:
                return show.show_message(self._world, fields, message)
            case Person() as person:
                return {"id": person.id, "username": person.handle, "name": person.name}

    def _remove(self, id_: str) -> Json:
        node = self._node(id_)
        if isinstance(node, Comment):
            self._instagram.world.comments.pop(node.id)
            return {"success": True}
        raise missing(id_)

    def _edge(self, id_: str, edge: str, asked: Mapping[str, str]) -> Json:
        whole = Asked(edge, dict(asked), read_fields(asked.get("fields", "id")))
        world = self._world
        if self._ours(id_):
            match edge:
                case "media" | "stories":
                    return show.media_edge(world, whole, story=edge == "stories")
                case "conversations":
                    return show.conversations_edge(world, whole)
        for person in world.talkers():
            if show.conversation_id(person) == id_ and edge == "messages":
                return show.messages_edge(world, whole, person)
        node = self._node(id_)
        if isinstance(node, Media) and edge == "comments":
            return show.comments_edge(world, whole, node)
        if isinstance(node, Comment) and edge == "replies":
            return show.replies_edge(world, whole, node) or {"data": []}
        raise GraphError(f"Tried accessing nonexisting field ({edge})", 100)

    def _post(self, id_: str, edge: str, asked: Mapping[str, str]) -> Json:
        if self._ours(id_):
            match edge:
                case "subscribed_apps":
                    return {"success": True}
                case "mentions":
                    return self._mention(asked)
                case "messages":
                    return self._message(asked)
        node = self._node(id_)
        text = asked.get("message", "")
        if not text.strip():
            raise GraphError("The parameter message is required", 100)
        if isinstance(node, Comment) and edge == "replies":
            answer = self._instagram.comment(text, node.media, node)
            self._instagram.seen(node.id, text, answer.id)
        elif isinstance(node, Media) and edge == "comments" and node.owner.id == self._world.us.id:
            answer = self._instagram.comment(text, node, None)
        else:
            raise missing(id_)
        return {"id": answer.id}

    def _mention(self, asked: Mapping[str, str]) -> Json:
        """An answer to who named us elsewhere: under their comment, or under their post."""
        media = self._world.media.get(asked.get("media_id", ""))
        comment = self._world.comments.get(asked.get("comment_id", ""))
        if media is None or media.owner.id == self._world.us.id or media.story:
            raise missing(asked.get("media_id", ""))
        if "comment_id" in asked and (comment is None or comment.media.id != media.id):
            raise missing(asked["comment_id"])
        text = asked.get("message", "")
        if not text.strip():
            raise GraphError("The parameter message is required", 100)
        answer = self._world.comment(self._world.us, text, media, comment)
        self._instagram.seen(comment.id if comment else media.id, text, answer.id)
        return {"id": answer.id}

    def _message(self, asked: Mapping[str, str]) -> Json:
        to, text = _object(asked.get("recipient")), _object(asked.get("message")).get("text")
        if not isinstance(text, str) or not text:
            raise GraphError("The parameter message is required", 100)
        if len(text.encode()) > MESSAGE_BYTES:
            raise GraphError("Length of param message[text] must be at most 1000 bytes", 100)
        if "comment_id" in to:
            person, about = self._privately(str(to["comment_id"])), str(to["comment_id"])
        else:
            person, about = self._in_window(str(to.get("id", "")), asked), str(to.get("id", ""))
        message = self._instagram.write(person, text)
        self._instagram.seen(about, text, message.mid, dm=True)
        return {"recipient_id": person.id, "message_id": message.mid}

    def _privately(self, comment_id: str) -> Person:
        """A private reply, once for each comment."""
        comment = self._world.comments.get(comment_id)
        if comment is None or comment.media.owner.id != self._world.us.id:
            raise missing(comment_id)
        if comment_id in self._instagram.answered_privately:
            raise GraphError("Activity already replied to", 10900, 2534025)
        self._instagram.answered_privately.add(comment_id)
        return comment.author

    def _in_window(self, id_: str, asked: Mapping[str, str]) -> Person:
        """Who wrote to us in the last 24 hours, or, for a human, in the last 7 days."""
        person = self._world.people.get(id_)
        if person is None:
            raise GraphError("The requested user cannot be found.", 100, 2534014)
        window = HUMAN_WINDOW_S if asked.get("tag") == "HUMAN_AGENT" else WINDOW_S
        theirs = (one for one in self._world.with_us(id_) if one.sender.id == id_)
        last = next(theirs, None)
        if last is None or last.at < time.time() - window:
            raise GraphError("This message is sent outside of allowed window.", 10, 2534022)
        return person

    def _refused(self, id_: str, edge: str, asked: Mapping[str, str]) -> None:
        """An answer that was not taken is kept too."""
        if edge == "messages":
            to, message = _object(asked.get("recipient")), _object(asked.get("message"))
            about = str(to.get("id") or to.get("comment_id", ""))
            self._instagram.seen(about, str(message.get("text", "")), None)
        elif edge in {"replies", "mentions"}:
            about = asked.get("comment_id") or asked.get("media_id") or id_
            self._instagram.seen(about, asked.get("message", ""), None)


async def _asked(request: Request) -> dict[str, str]:
    """The parameters, from wherever Meta takes them: the address, a form, or a JSON body."""
    asked = dict(request.query_params)
    if request.method != "POST":
        return asked
    body = (await request.body()).decode(errors="replace")
    if "json" not in request.headers.get("content-type", ""):
        return asked | dict(parse_qsl(body))
    for name, value in _object(body).items():
        asked[name] = value if isinstance(value, str) else json.dumps(value)
    return asked


def _object(text: str | None) -> dict[str, object]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
