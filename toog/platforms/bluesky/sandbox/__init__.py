"""Bluesky, played: our account's server, the index, the chat and Jetstream in one.

What Jetstream tells can be had again by its cursor, notifications and chat log by paging. What is
deleted shows in none of the pages any more, so that Toog no longer owes it.
"""

import asyncio
import time
from collections.abc import Mapping
from random import Random
from typing import Final, cast

from starlette.applications import Starlette

from toog.contracts.ids import deletion_id, edit_id, event_id
from toog.platforms.accounts import Account
from toog.platforms.bluesky.payloads import POST
from toog.platforms.bluesky.post import PLATFORM
from toog.platforms.bluesky.sandbox.api import bluesky_app
from toog.platforms.bluesky.sandbox.doors import Limit, Sessions, XrpcError
from toog.platforms.bluesky.sandbox.jetstream import Jetstream
from toog.platforms.bluesky.sandbox.naming import Json
from toog.platforms.bluesky.sandbox.world import (
    LogEntry,
    Message,
    Notification,
    Person,
    Post,
    World,
)
from toog.platforms.playing import Act, Ledger, SeenReply

HEARTBEAT_S: Final = 15.0
LONGEST: Final = 300
"""Graphemes of a post; counted here as code points, which errs on the strict side."""
LONGEST_MESSAGE: Final = 1000
REPOST: Final = "app.bsky.feed.repost"
CALLS: Final = 3000
"""In five minutes, for one address."""

_TOLD: Final = frozenset({"mention", "reply", "quote"})


class BlueskySandbox:
    """One account's view of the network; `secrets` holds its `identifier` and `app_password`."""

    def __init__(
        self, account: Account, secrets: Mapping[str, str], *, ledger: Ledger, seed: int
    ) -> None:
        self.ledger = ledger
        self.heartbeat_s = HEARTBEAT_S
        self.limit = Limit(CALLS)
        self.world = World(Person(account.id, account.handle, "Stadspolitie Demo"))
        self.sessions = Sessions(account.id, secrets, self.world.clock)
        self.jetstream = Jetstream(self.world.clock, ledger.left)
        self._random = Random(f"{PLATFORM} {seed}")
        self._account = account

    def app(self) -> Starlette:
        """The network's API; its routes are relative to wherever it is mounted."""
        return bluesky_app(self)

    async def run(self) -> None:
        """Lets Jetstream say something now and then until cancelled; then its sockets end."""
        try:
            while True:
                await asyncio.sleep(self.heartbeat_s)
                self.jetstream.identity(self._random.choice(list(self.world.people.values())))
        finally:
            self.jetstream.hang_up()

    async def act(self, act: Act) -> str | None:
        """Somebody does this; the address of the post or the id of the message, or None.

        What refers to something that is gone, or is somebody else's to change, makes none.
        """
        if act.kind == "own_post":
            return self._post(self.world.us, act).uri
        author = self.world.meet(Person(act.citizen.id, act.citizen.handle, act.citizen.name))
        if act.kind in {"noise", "mention"}:
            return self._post(author, act).uri
        message = self.world.messages.get(act.target or "")
        if act.kind == "dm" or (act.kind == "reply" and message is not None):
            return self._say(author, act.text)
        owner = self.world.us if act.kind == "own_delete" else author
        if message is not None:
            gone = act.kind in {"delete", "own_delete"} and message.sender.did == owner.did
            return self._unsay(message) if gone else None
        target = self.world.records.get(act.target or "")
        if target is None:
            return None
        match act.kind:
            case "reply" | "bystander":
                return self._post(author, act, reply=self.world.answer_to(target)).uri
            case "quote":
                embed = {"$type": "app.bsky.embed.record", "record": target.ref}
                return self._post(author, act, embed=embed).uri
            case "repost":
                self._repost(author, target)
            case "edit" if target.author.did == owner.did:
                return self._edit(target, act)
            case "delete" | "own_delete" if target.author.did == owner.did:
                return self.deleted(target)
        return None

    def _post(self, author: Person, act: Act, **more: object) -> Post:
        record = self.world.write(act.text, act.language, **more)
        return self._publish(self.world.put(author, POST, record))

    def _publish(self, post: Post) -> Post:
        """Everybody may read it on Jetstream; whom it concerns is notified."""
        for reason, subject in self.world.reasons(post):
            self.world.notify(reason, post, subject)
            self.ledger.played.add(self._post_event(post.uri))
        self.jetstream.commit("create", post, self._post_event(post.uri))
        return post

    def _repost(self, author: Person, target: Post) -> None:
        record: Json = {"$type": REPOST, "subject": target.ref}
        repost = self.world.put(author, REPOST, record)
        self.jetstream.commit("create", repost, None)
        if target.author.did == self.world.us.did:
            self.world.notify("repost", repost, target.uri)

    def _edit(self, target: Post, act: Act) -> str:
        """The record is replaced; a notification shows the new text from now on."""
        more = {name: target.record[name] for name in ("reply", "embed") if name in target.record}
        record = self.world.write(act.text, act.language, **more)
        return self._replace(target, record).uri

    def _replace(self, old: Post, record: Json) -> Post:
        new = self.world.put(old.author, POST, record, old.rkey)
        self.world.notifications = [
            Notification(n.reason, new, n.subject, n.micros) if n.post.uri == old.uri else n
            for n in self.world.notifications
        ]
        told = edit_id(self._post_event(new.uri), new.cid)
        self.jetstream.commit("update", new, told)
        return new

    def deleted(self, post: Post) -> str:
        """This record is gone; its address. What can no longer be paged is no longer owed."""
        self.world.remove(post.uri)
        told = self._post_event(post.uri)
        self.ledger.played.discard(told)
        self.jetstream.commit("delete", post, deletion_id(told))
        return post.uri

    def _say(self, author: Person, text: str) -> str:
        message = self.world.say(author, self.world.convo(author), text)
        self.ledger.played.add(self._message_event(message.id))
        return message.id

    def _unsay(self, message: Message) -> str:
        self.world.unsay(message)
        self.ledger.played.discard(self._message_event(message.id))
        return message.id

    def created(self, collection: str, record: Json, rkey: str | None) -> Post:
        """A record of ours through the API. A key that is used is refused with 500, as seen."""
        us = self.world.us
        if rkey and f"at://{us.did}/{collection}/{rkey}" in self.world.records:
            self.ledger.count("bluesky_key_used")
            raise XrpcError(500, "InternalServerError", "Internal Server Error")
        if collection != POST:
            return self.world.put(us, collection, record, rkey)
        reply = cast("Mapping[str, Mapping[str, str]]", record.get("reply") or {})
        parent, text = reply.get("parent", {}).get("uri"), record.get("text")
        wrong = _refusal(text, LONGEST)
        if wrong is not None:
            self._seen(parent, str(text), None, None)
            raise wrong
        post = self._publish(self.world.put(us, POST, record, rkey))
        self._seen(parent, str(text), post.uri, self._post_event(post.uri))
        return post

    def replaced(self, collection: str, record: Json, rkey: str) -> Post:
        """A record of ours in the place of another; the same content again changes nothing."""
        old = self.world.records.get(f"at://{self.world.us.did}/{collection}/{rkey}")
        if old is None:
            return self.created(collection, record, rkey)
        return old if old.record == record else self._replace(old, record)

    def said(self, convo: str, text: str) -> Message:
        """A chat message of ours through the API; it comes back in the log."""
        person = self.world.convos.get(convo)
        if person is None:
            raise XrpcError(400, "InvalidConvo", "Convo not found")
        last = self.world.last_of(person, convo)
        wrong = _refusal(text, LONGEST_MESSAGE)
        if wrong is not None:
            self._seen(last.id if last else None, text, None, None)
            raise wrong
        message = self.world.say(self.world.us, convo, text)
        told = self._message_event(message.id)
        self._seen(last.id if last else None, text, message.id, told)
        return message

    def _seen(self, to: str | None, text: str, native: str | None, told: str | None) -> None:
        """Keeps an attempt to answer, taken or refused; what answers nothing is none."""
        if to is None:
            return
        accepted = native is not None
        reply = SeenReply(PLATFORM, to, text, native, told, time.time(), accepted)
        self.ledger.replies.append(reply)

    def showed(self, what: Notification | LogEntry) -> None:
        """A copy of this leaves in a page."""
        if isinstance(what, Notification):
            if what.reason in _TOLD:
                self.ledger.left(self._post_event(what.post.uri))
        else:
            told = self._message_event(what.message.id)
            self.ledger.left(told if what.message.text is not None else deletion_id(told))

    def _post_event(self, uri: str) -> str:
        return event_id(PLATFORM, self._account.id, "post", uri)

    def _message_event(self, id_: str) -> str:
        return event_id(PLATFORM, self._account.id, "message", id_)


def _refusal(text: object, longest: int) -> XrpcError | None:
    if not isinstance(text, str) or not text:
        return XrpcError(400, "InvalidRequest", "Invalid record: text must be a string")
    if len(text) > longest:
        return XrpcError(400, "InvalidRequest", f"Invalid record: text longer than {longest}")
    return None
