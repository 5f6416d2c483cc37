"""What the played Graph shows: nodes by id, and the lists that hang on them, page by page."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from toog.platforms.facebook.sandbox.asked import Asked, GraphError, Json, picked
from toog.platforms.facebook.sandbox.show import (
    comment_object,
    message_object,
    post_object,
    thread_object,
)
from toog.platforms.facebook.sandbox.world import Comment, Message, Post, World

_PAGE_SIZE: Final = 25
_MOST: Final = 100
_COMMENT_FIELDS: Final = ("created_time", "from", "message")
_POST_FIELDS: Final = ("created_time", "message")


class Reader:
    """Shows this world as our page may see it."""

    def __init__(self, world: World, handle: str) -> None:
        self._world, self._us, self._handle = world, world.us, handle

    def node(self, node: str, asked: Mapping[str, Asked]) -> Json:
        """One node, with the fields that were asked for. Raises GraphError where there is none."""
        if node == self._us.id:
            page = {"id": node, "name": self._us.name, "username": self._handle}
            return picked(page, asked, ("name",))
        if node.startswith("t_"):
            newest = self._world.messages(node.removeprefix("t_"))
            if newest:
                return self._thread(newest, asked)
        thing = self._world.find(node)
        if isinstance(thing, Post):
            return self._post(thing, asked)
        if isinstance(thing, Comment):
            return self._shown(thing, asked)
        if isinstance(thing, Message):
            default = ("created_time",)
            return picked(message_object(self._us, thing), asked, default)
        person = self._world.people.get(node)
        if person is None:
            raise missing(node)
        first, _, last = person.name.partition(" ")
        profile = {"id": node, "name": person.name, "first_name": first, "last_name": last}
        return picked(profile, asked, ("first_name", "last_name"))

    def _post(self, post: Post, asked: Mapping[str, Asked]) -> Json:
        def comments(wanted: Asked) -> Json:
            found = self.comments(post, wanted.modifiers, wanted.inner)
            return self.listed(found, wanted.modifiers, "")

        shown = post_object(self._us, post) | {"comments": comments}
        return picked(shown, asked, _POST_FIELDS)

    def posts(self, asked: Mapping[str, Asked], edge: str) -> list[Json]:
        """What stands on our page, the newest first; `posts` is our own only."""
        ours = {self._us.id} if edge == "posts" else None
        posts = [p for p in self._world.posts() if ours is None or p.author.id in ours]
        return [self._post(post, asked) for post in posts]

    def _shown(self, comment: Comment, asked: Mapping[str, Asked]) -> Json:
        def comments(wanted: Asked) -> Json:
            found = self.comments(comment, wanted.modifiers, wanted.inner)
            return self.listed(found, wanted.modifiers, "")

        shown = comment_object(self._us, self._world, comment) | {"comments": comments}
        return picked(shown, asked, _COMMENT_FIELDS)

    def comments(
        self, under: Post | Comment, given: Mapping[str, Any], asked: Mapping[str, Asked]
    ) -> list[Json]:
        """Comments under this, in the order that was asked for."""
        found = self._world.comments(under, all_of_them=given.get("filter") == "stream")
        if given.get("order") == "reverse_chronological":
            found.reverse()
        return [self._shown(comment, asked) for comment in found]

    def threads(self, asked: Mapping[str, Asked]) -> list[Json]:
        """Our conversations, the one that was spoken in last first."""
        threads: dict[str, list[Message]] = {}
        for message in self._world.messages():
            threads.setdefault(message.person.id, []).append(message)
        return [self._thread(messages, asked) for messages in threads.values()]

    def _thread(self, messages: list[Message], asked: Mapping[str, Asked]) -> Json:
        def inside(wanted: Asked) -> Json:
            found = self.messages(messages[0].person.id, wanted.inner)
            return self.listed(found, wanted.modifiers, "")

        shown = thread_object(self._us, messages[0], len(messages)) | {"messages": inside}
        return picked(shown, asked, ("link", "updated_time"))

    def messages(self, person: str, asked: Mapping[str, Asked]) -> list[Json]:
        """The messages with this person, the newest first."""
        found = self._world.messages(person)
        return [picked(message_object(self._us, m), asked, ("created_time",)) for m in found]

    def listed(self, found: Sequence[Json], given: Mapping[str, Any], url: str) -> Json:
        """One page of a list; a cursor says behind which object the next one begins."""
        limit = str(given.get("limit", _PAGE_SIZE))
        if not limit.isdecimal():
            raise GraphError(100, "(#100) param limit must be an integer.")
        size = min(max(int(limit), 1), _MOST)
        names = [_cursor(one["id"]) for one in found]
        after = given.get("after")
        begin = names.index(after) + 1 if after in names else 0
        page = list(found[begin : begin + size])
        if not page:
            return {"data": []}
        paging: Json = {"cursors": {"before": names[begin], "after": _cursor(page[-1]["id"])}}
        if begin + size < len(found):
            paging["next"] = f"{url}?limit={size}&after={paging['cursors']['after']}"
        return {"data": page, "paging": paging}


def missing(node: str) -> GraphError:
    """What Graph says of an id that it does not show."""
    message = (
        f"Unsupported request. Object with ID '{node}' does not exist, cannot be loaded due to"
        " missing permissions, or does not support this operation"
    )
    return GraphError(100, message, subcode=33)


def _cursor(id_: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(id_.encode()).digest()[:12]).decode()
