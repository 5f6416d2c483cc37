"""The played Graph API: what Toog and the official client ask a page, its posts and its inbox for.

Shapes: developers.facebook.com/docs/graph-api/reference (page, page-post, comment, conversation),
docs/messenger-platform/reference/send-api.
"""

import base64
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from toog.platforms.facebook.sandbox.asked import (
    GraphError,
    Json,
    parameters,
    read_fields,
    structured,
)
from toog.platforms.facebook.sandbox.limits import Limit
from toog.platforms.facebook.sandbox.reading import Reader, missing
from toog.platforms.facebook.sandbox.world import Comment, Message, Post

if TYPE_CHECKING:  # the sandbox builds its app from here
    from toog.platforms.facebook.sandbox import FacebookSandbox

VERSIONS: Final = frozenset({"v24.0", "v25.0", "v26.0"})
_VERSION: Final = re.compile(r"v\d+\.\d+")


def facebook_app(sandbox: "FacebookSandbox") -> Starlette:
    """The app of this sandbox; whoever mounts it chooses where."""
    api = _Api(sandbox)
    route = Route("/{path:path}", api.answer, methods=["GET", "POST", "DELETE"])
    return Starlette(routes=[route])


class _Api:
    """One method per node or edge; `answer` finds it, checks the token and counts the call."""

    def __init__(self, sandbox: "FacebookSandbox") -> None:
        self._f = sandbox
        self._world, self._us = sandbox.world, sandbox.us
        self._reader = Reader(sandbox.world, sandbox.account.handle)
        self._limit = Limit(sandbox.us.id, sandbox.call_limit)
        self._subscribed: set[str] = set()
        self._privately: set[str] = set()

    async def answer(self, request: Request) -> Response:
        """Graph's answer, or its error, with the headers that tell how busy we are."""
        version, _, path = request.path_params["path"].partition("/")
        try:
            if not _VERSION.fullmatch(version):
                version, path = "v25.0", request.path_params["path"]
            if version not in VERSIONS:
                raise _deprecated(version)
            given = await parameters(request)
            self._authorized(request, given)
            self._limit.take()
            made = self._routed(request.method, path.strip("/").split("/"), given, request)
            response: Response = JSONResponse(made)
        except GraphError as error:
            trace = base64.b64encode(self._world.random.randbytes(12)).decode()
            response = error.answer(f"A{trace}")
        response.headers["facebook-api-version"] = version
        response.headers.update(self._limit.headers)
        return response

    def _authorized(self, request: Request, given: Mapping[str, Any]) -> None:
        """The token may stand in a header, the query or the form; a proof must fit it."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.casefold() not in {"bearer", "oauth"}:
            token = str(given.get("access_token", ""))
        if not token:
            raise GraphError(104, "An access token is required to request this resource.")
        secrets = self._f.secrets
        if not hmac.compare_digest(token.encode(), secrets["page_token"].encode()):
            raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")
        proof = given.get("appsecret_proof")
        key = secrets["app_secret"].encode()
        if proof is not None and proof != hmac.new(key, token.encode(), "sha256").hexdigest():
            raise GraphError(100, "Invalid appsecret_proof provided in the API argument")

    def _routed(
        self, method: str, path: Sequence[str], given: Mapping[str, Any], request: Request
    ) -> Json:
        node = self._us.id if path[0] == "me" else path[0]
        edge = path[1] if len(path) > 1 else ""
        read, asked = self._reader, read_fields(str(given["fields"])) if given.get("fields") else {}
        found: list[Json] | None = None
        on_page = node == self._us.id
        match (method, edge):
            case ("GET", ""):
                return read.node(node, asked)
            case ("DELETE", ""):
                return self._delete(node)
            case ("GET", "feed" | "posts") if on_page:
                found = read.posts(asked, edge)
            case ("GET", "conversations") if on_page:
                found = read.threads(asked)
            case ("GET", "comments"):
                found = read.comments(self._said(node), given, asked)
            case ("GET", "messages") if node.startswith("t_"):
                found = read.messages(node.removeprefix("t_"), asked)
            case ("POST", "messages") if on_page:
                return self._send(given)
            case ("POST", "feed") if on_page:
                return self._publish(given)
            case ("POST", "comments"):
                return self._comment(node, given)
            case (_, "subscribed_apps") if on_page:
                return self._subscriptions(method, given)
        if found is not None:
            return read.listed(found, given, str(request.url.replace(query="")))
        raise GraphError(100, f"(#100) Tried accessing nonexisting field ({edge}) on node")

    def _said(self, node: str) -> Post | Comment:
        thing = self._world.find(node)
        if thing is None or isinstance(thing, Message):
            raise missing(node)
        return thing

    def _comment(self, node: str, given: Mapping[str, Any]) -> Json:
        """Takes a comment of ours; every attempt goes to the ledger."""
        words = str(given.get("message", ""))
        made = None
        try:
            under = self._said(node)
            if not words.strip():
                raise GraphError(100, "(#100) Missing message or attachment")
            made = self._f.comment(words, under)
        finally:
            self._f.seen(node, words, made)
        return {"id": made.id}

    def _publish(self, given: Mapping[str, Any]) -> Json:
        words = str(given.get("message", ""))
        if not words.strip():
            raise GraphError(100, "(#100) Missing message or attachment")
        return {"id": self._f.say(words).id}

    def _delete(self, node: str) -> Json:
        self._f.remove(self._said(node))
        return {"success": True}

    def _send(self, given: Mapping[str, Any]) -> Json:
        recipient, message = structured(given, "recipient"), structured(given, "message")
        if given.get("sender_action"):
            return {"recipient_id": str(recipient.get("id"))}
        words = str(message.get("text", ""))
        about = str(recipient.get("comment_id") or recipient.get("id") or "")
        made = None
        try:
            person = self._recipient(recipient, given)
            if not words.strip() or len(words) > 2000:
                raise GraphError(100, "(#100) Length of param message[text] must be 1 to 2000")
            made = self._f.write(person, words)
        finally:
            self._f.seen(about, words, made)
        return {"recipient_id": made.person.id, "message_id": made.id}

    def _recipient(self, recipient: Json, given: Mapping[str, Any]) -> Any:
        """Whom we may write to: for 24 hours after they wrote, or once for each comment."""
        comment = self._world.find(str(recipient.get("comment_id", "")))
        if isinstance(comment, Comment):
            if comment.id in self._privately:
                raise GraphError(10900, "(#10900) Activity already replied to")
            self._privately.add(comment.id)
            return comment.author
        person = self._world.people.get(str(recipient.get("id", "")))
        if person is None or person.id not in self._world.heard_at:
            raise GraphError(100, "(#100) No matching user found", subcode=2018001)
        human = given.get("tag") == "HUMAN_AGENT"
        hours = 7 * 24 if human else 24
        if time.time() - self._world.heard_at[person.id] > hours * 3600:
            outside = "(#10) This message is sent outside of allowed window."
            raise GraphError(10, outside, subcode=2018278)
        return person

    def _subscriptions(self, method: str, given: Mapping[str, Any]) -> Json:
        if method == "POST":
            names = re.findall(r"\w+", str(given.get("subscribed_fields", "")))
            self._subscribed = set(names)
        elif method == "DELETE":
            self._subscribed = set()
        else:
            app = {"id": "1010101010101010", "subscribed_fields": sorted(self._subscribed)}
            return {"data": [app] if self._subscribed else []}
        return {"success": True}


def _deprecated(version: str) -> GraphError:
    return GraphError(2635, f"(#2635) You are calling a deprecated version: {version}")
