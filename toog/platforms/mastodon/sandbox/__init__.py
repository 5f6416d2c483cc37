"""Mastodon, played: our account's server, with a stream that can be cut and pages that fill the gap.

Played as if our account follows whoever it talks with: that is when the real server tells the
user stream of later edits. Noise stays away: nobody here follows the hashtag.
"""

import asyncio
import time
from collections.abc import Mapping
from random import Random
from typing import Final

import msgspec
from starlette.applications import Starlette

from toog.contracts.ids import deletion_id, edit_id, event_id
from toog.platforms.accounts import Account
from toog.platforms.mastodon.message import PLATFORM
from toog.platforms.mastodon.sandbox.api import mastodon_app
from toog.platforms.mastodon.sandbox.markup import LONGEST_CHARS, Person, counted
from toog.platforms.mastodon.sandbox.streams import Streams
from toog.platforms.mastodon.sandbox.world import (
    Json,
    Notification,
    Posted,
    Refusal,
    Status,
    World,
)
from toog.platforms.playing import Act, Ledger, SeenReply

HEARTBEAT_S: Final = 15.0
UNLISTED_SHARE: Final = 0.15

_IDEMPOTENT_S: Final = 3600.0
_VISIBILITIES: Final = frozenset({"public", "unlisted", "private", "direct"})


class MastodonSandbox:
    """One account's Mastodon server; `secrets` holds its `token`, `limit` its calls in 5 minutes."""

    def __init__(
        self, account: Account, secrets: Mapping[str, str], *, ledger: Ledger, seed: int
    ) -> None:
        self.ledger = ledger
        self.token = secrets["token"]
        self.limit = 300
        self.heartbeat_s = HEARTBEAT_S
        self.streams = Streams(ledger.left)
        base = account.base_url
        us = Person(account.id, account.handle, "Stadspolitie Demo", f"{base}/@{account.handle}")
        self.world = World(us, base, Random(f"{PLATFORM} {seed}"))
        self._account = account
        self._taken: dict[str, tuple[float, str]] = {}

    def app(self) -> Starlette:
        """The server's API; its routes are relative to wherever it is mounted."""
        return mastodon_app(self)

    async def run(self) -> None:
        """Beats on every open stream until cancelled; then all streams end."""
        try:
            while True:
                await asyncio.sleep(self.heartbeat_s)
                self.streams.beat()
        finally:
            self.streams.hang_up()

    async def act(self, act: Act) -> str | None:
        """Somebody does this; the native id of the message, or None when it makes none.

        What refers to a message that is gone, or is somebody else's to change, makes none.
        """
        if act.kind == "noise":
            return None
        target = self.world.statuses.get(act.target or "")
        if act.kind == "own_post":
            return self._publish(self.world.post(self.world.us, act.text, language=act.language)).id
        author = self.world.person(act.citizen.id, act.citizen.handle, act.citizen.name)
        if act.kind in {"mention", "dm"}:
            return self._say(act, author, target)
        if target is None:
            return None
        if act.kind in {"reply", "bystander", "quote"}:
            return self._say(act, author, target)
        if act.kind == "repost":
            self._boost(author, target)
            return None
        owner = self.world.us if act.kind == "own_delete" else author
        if target.author.id != owner.id:
            return None
        if act.kind == "edit":
            return self.edited(target, act.text)
        return self.deleted(target)

    def _say(self, act: Act, author: Person, target: Status | None) -> str:
        parent = target if act.kind != "quote" else None
        quoted = target if act.kind == "quote" else None
        status = self.world.post(
            author,
            act.text,
            front=" ".join(f"@{p.acct}" for p in self._in_front(act, author, parent)),
            visibility=self._visibility(act, parent),
            language=act.language,
            parent=parent,
            quoted=quoted,
        )
        if status.names(self.world.us):
            self._tell("mention", author, status)
        elif quoted is not None and quoted.author.id == self.world.us.id:
            self._tell("quote", author, status)
        return status.id

    def _in_front(self, act: Act, author: Person, parent: Status | None) -> list[Person]:
        """Whom the reply form names: the author that is answered, then whom that one named."""
        us = self.world.us
        people = [parent.author, *parent.body.mentions] if parent else []
        unnamed = f"@{us.acct}".casefold() not in act.text.casefold()
        if act.kind == "bystander" or (act.kind == "dm" and unnamed):
            people.append(us)
        return [p for p in dict.fromkeys(people) if p.id != author.id]

    def _visibility(self, act: Act, parent: Status | None) -> str:
        if act.kind == "dm":
            return "direct"
        if parent is not None:
            return parent.visibility
        return "unlisted" if self.world.random.random() < UNLISTED_SHARE else "public"

    def _boost(self, author: Person, target: Status) -> None:
        """A boost is no message: we are told of it only when it is ours that is boosted."""
        if target.author.id == self.world.us.id:
            self._tell("reblog", author, target)

    def _tell(self, type_: str, actor: Person, status: Status) -> None:
        told = self.world.notify(type_, actor, status)
        if type_ == "mention":
            self.ledger.played.add(self._event(status.id))
        self._send("notification", self.world.show_notification(told), self.event_of(told))

    def _publish(self, status: Status) -> Status:
        """What we say ourselves comes back on our home timeline."""
        self._send("update", self.world.show_status(status), self._event(status.id))
        return status

    def edited(self, status: Status, typed: str) -> str:
        """This status says something else from now on; its native id."""
        self.world.edit(status, typed)
        if self._concerns_us(status):
            told = edit_id(self._event(status.id), status.edited_at or "")
            self._send("status.update", self.world.show_status(status), told)
        return status.id

    def deleted(self, status: Status) -> str:
        """This status is gone; its native id. What Toog can no longer page is no longer owed."""
        self.world.remove(status)
        told = self._event(status.id)
        if not self.streams.surely_arrived(told):
            self.ledger.played.discard(told)
        if self._concerns_us(status):
            self._send("delete", status.id, deletion_id(told))
        return status.id

    def _concerns_us(self, status: Status) -> bool:
        return status.author.id == self.world.us.id or status.names(self.world.us)

    def taken(self, form: Mapping[str, str], key: str | None) -> Posted | Refusal:
        """Our own post through the API; the same idempotency key within the hour makes one only."""
        earlier = self._taken.get(key or "")
        if earlier and time.time() - earlier[0] < _IDEMPOTENT_S:
            self.ledger.count("mastodon_idempotent")
            known = self.world.statuses.get(earlier[1])
            return Posted(known) if known else Refusal(404, "Record not found")
        answer = self._post(form)
        if isinstance(answer, Posted) and key:
            self._taken[key] = (time.time(), answer.status.id)
        self.seen(form, answer)
        if isinstance(answer, Posted):
            self._publish(answer.status)
        return answer

    def _post(self, form: Mapping[str, str]) -> Posted | Refusal:
        text, parent_id = form.get("status", "").strip(), form.get("in_reply_to_id")
        refusal = refused_text(text)
        if refusal:
            return refusal
        parent = self.world.statuses.get(parent_id) if parent_id else None
        if parent_id and parent is None:
            gone = "The post you are trying to reply to does not appear to exist."
            return Refusal(404, gone)
        visibility = form.get("visibility") or "public"
        if visibility not in _VISIBILITIES:
            return Refusal(422, f"'{visibility}' is not a valid visibility")
        return Posted(
            self.world.post(
                self.world.us,
                text,
                visibility=visibility,
                language=form.get("language"),
                spoiler=form.get("spoiler_text", ""),
                parent=parent,
            )
        )

    def seen(self, form: Mapping[str, str], answer: Posted | Refusal) -> None:
        """Keeps an attempt to reply, taken or refused; a post that answers nobody is none."""
        if not form.get("in_reply_to_id"):
            return
        native = answer.status.id if isinstance(answer, Posted) else None
        self.ledger.replies.append(
            SeenReply(
                platform=PLATFORM,
                in_reply_to=form["in_reply_to_id"],
                text=form.get("status", ""),
                native_id=native,
                event_id=self._event(native) if native else None,
                at=time.time(),
                accepted=native is not None,
            )
        )

    def event_of(self, told: Notification) -> str:
        """The event that a notification becomes: a mention its status, the others themselves."""
        if told.type == "mention":
            return self._event(told.status)
        return event_id(PLATFORM, self._account.id, "notification", told.id)

    def _send(self, name: str, payload: Json | str, told: str) -> None:
        data = payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
        self.streams.send(name, data, told)

    def _event(self, native: str) -> str:
        return event_id(PLATFORM, self._account.id, "status", native)


def refused_text(text: str) -> Refusal | None:
    """Why the server does not take this text, or None."""
    if not text:
        return Refusal(422, "Validation failed: Text can't be blank")
    if counted(text) > LONGEST_CHARS:
        limit = f"Validation failed: Text character limit of {LONGEST_CHARS} exceeded"
        return Refusal(422, limit)
    return None
