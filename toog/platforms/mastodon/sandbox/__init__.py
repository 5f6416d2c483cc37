"""Mastodon, played: our account's server, with a stream that can be cut and pages that fill the gap.

Played as if our account follows whoever it talks with: that is when the real server tells the
user stream of later edits. Noise is heard by the hashtag's stream and timeline alone.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, Literal

import msgspec
from starlette.applications import Starlette

from toog.contracts.ids import deletion_id, edit_id, event_id
from toog.platforms.accounts import Account
from toog.platforms.mastodon.incoming import MESSAGES
from toog.platforms.mastodon.message import PLATFORM
from toog.platforms.mastodon.sandbox.api import mastodon_app
from toog.platforms.mastodon.sandbox.markup import Person
from toog.platforms.mastodon.sandbox.paging import IdKind
from toog.platforms.mastodon.sandbox.posting import posted
from toog.platforms.mastodon.sandbox.streams import Channel, Streams
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
WARNED_SHARE: Final = 0.04
WARNINGS: Final = ("politie", "verkeer", "lange uitleg", "⚠️ ongeval", "police", "long post")
ROOM_KEEPS: Final = 5_000
"""So many overheard statuses; older ones are forgotten."""

_HOME: Final[tuple[Channel, ...]] = (("user",),)
_IDEMPOTENT_S: Final = 3600.0


class MastodonSandbox:
    """One account's server; `secrets` holds its `token`, `limit` its calls in 5 minutes.

    `only` one way of streaming is played where it is given, as GoToSocial and Pleroma know the
    WebSocket only; `ids` says whose ids it writes.
    """

    def __init__(
        self,
        account: Account,
        secrets: Mapping[str, str],
        *,
        ledger: Ledger,
        seed: int,
        only: Literal["sse", "websocket"] | None = None,
        ids: IdKind = "snowflake",
    ) -> None:
        self.ledger = ledger
        self.token = secrets["token"]
        self.limit = 300
        self.only = only
        self.heartbeat_s = HEARTBEAT_S
        self.warned_share = WARNED_SHARE
        self.streams = Streams(ledger.left)
        base = account.base_url
        us = Person(account.id, account.handle, "Stadspolitie Demo", f"{base}/@{account.handle}")
        self.world = World(us, base, Random(f"{PLATFORM} {seed}"), ids)
        self._account = account
        self._taken: dict[str, tuple[float, str]] = {}
        self._followed = {
            tag.removeprefix("#").lower()
            for source in account.source
            if source.kind == "hashtag"
            for tag in source.hashtags
        }
        self._overheard: deque[str] = deque()

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
        target = self.world.statuses.get(act.target or "")
        if act.kind == "own_post":
            return self._publish(self.world.post(self.world.us, act.text, language=act.language)).id
        author = self.world.person(act.citizen.id, act.citizen.handle, act.citizen.name)
        if act.kind == "noise":
            return self._overhear(self.world.post(author, act.text, overheard=True))
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
            spoiler=self._warning(),
            parent=parent,
            quoted=quoted,
        )
        self._announce("update", status)
        if status.names(self.world.us):
            self._tell("mention", author, status)
        elif quoted is not None and quoted.author.id == self.world.us.id:
            self._tell("quote", author, status)
        return status.id

    def _overhear(self, status: Status) -> str:
        """Noise: who listens to the hashtag hears it, nobody else."""
        self._overheard.append(status.id)
        if len(self._overheard) > ROOM_KEEPS:
            self._forget(self._overheard.popleft())
        self._announce("update", status)
        return status.id

    def _forget(self, native: str) -> None:
        status = self.world.statuses.get(native)
        if status is not None:
            self.world.remove(status)
            self._settle(native)

    def _announce(self, name: str, status: Status) -> None:
        """To the hashtag streams: a public status with the hashtag, whomever it is for."""
        if not status.rooms:
            return
        told = self._event(status.id)
        if name == "update" and self._followed.intersection(status.rooms):
            self.ledger.played.add(told)
        if name == "status.update":
            told = edit_id(told, status.edited_at or "")
        rooms = [("hashtag", tag) for tag in status.rooms]
        self._send(name, self.world.show_status(status), told, rooms)

    def _warning(self) -> str:
        random = self.world.random
        return random.choice(WARNINGS) if random.random() < self.warned_share else ""

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
        if type_ in MESSAGES:
            self.ledger.played.add(self._event(status.id))
        shown = self.world.show_notification(told)
        self._send("notification", shown, self.event_of(told), [*_HOME, ("user:notification",)])

    def _publish(self, status: Status) -> Status:
        """What we say ourselves comes back on our home timeline."""
        self._send("update", self.world.show_status(status), self._event(status.id), _HOME)
        self._announce("update", status)
        return status

    def edited(self, status: Status, typed: str) -> str:
        """This status says something else from now on; its native id."""
        self.world.edit(status, typed)
        if self._concerns_us(status):
            told = edit_id(self._event(status.id), status.edited_at or "")
            self._send("status.update", self.world.show_status(status), told, _HOME)
        self._announce("status.update", status)
        return status.id

    def deleted(self, status: Status) -> str:
        """This status is gone; its native id. What Toog can no longer page is no longer owed."""
        self.world.remove(status)
        self._settle(status.id)
        channels: list[Channel] = [("hashtag", tag) for tag in status.rooms]
        if self._concerns_us(status):
            channels += _HOME
        self._send("delete", status.id, deletion_id(self._event(status.id)), channels)
        return status.id

    def _settle(self, native: str) -> None:
        told = self._event(native)
        if not self.streams.surely_arrived(told):
            self.ledger.played.discard(told)

    def _concerns_us(self, status: Status) -> bool:
        return status.author.id == self.world.us.id or status.names(self.world.us)

    def taken(self, form: Mapping[str, str], key: str | None) -> Posted | Refusal:
        """Our own post through the API; the same idempotency key within the hour makes one only."""
        earlier = self._taken.get(key or "")
        if earlier and time.time() - earlier[0] < _IDEMPOTENT_S:
            self.ledger.count("mastodon_idempotent")
            known = self.world.statuses.get(earlier[1])
            return Posted(known) if known else Refusal(404, "Record not found")
        answer = posted(self.world, form)
        if isinstance(answer, Posted) and key:
            self._taken[key] = (time.time(), answer.status.id)
        self.seen(form, answer)
        if isinstance(answer, Posted):
            self._publish(answer.status)
        return answer

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

    def event_of(self, told: Notification | Status) -> str:
        """The event that it becomes: a mention or quote its status, other notifications themselves."""
        if isinstance(told, Status):
            return self._event(told.id)
        if told.type in MESSAGES:
            return self._event(told.status)
        return event_id(PLATFORM, self._account.id, "notification", told.id)

    def _send(self, name: str, payload: Json | str, told: str, channels: Sequence[Channel]) -> None:
        if channels:
            data = payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
            self.streams.send(name, data, told, channels)

    def _event(self, native: str) -> str:
        return event_id(PLATFORM, self._account.id, "status", native)
