"""X, played for one account of ours: signed webhooks, a filtered stream, posts and messages taken.

It tells what X tells and no more: an activity event for an explicit mention, a direct reply, a
quote of ours, a message, or what we did ourselves, now and then a like or that somebody types or
has read; everything else only to whom a stream rule matches; nothing when a citizen deletes.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from random import Random
from typing import Final

from starlette.applications import Starlette

from toog.contracts.ids import deletion_id, edit_id, event_id
from toog.platforms.accounts import Account
from toog.platforms.playing import Act, Citizen, Ledger, SeenReply
from toog.platforms.x.hearing import PLATFORM
from toog.platforms.x.sandbox.activity import ActivityStream, Signs
from toog.platforms.x.sandbox.api import x_app
from toog.platforms.x.sandbox.limits import Door, Limit
from toog.platforms.x.sandbox.show import Json, deletion_activity, dm_activity, post_activity
from toog.platforms.x.sandbox.stream import Stream
from toog.platforms.x.sandbox.webhook import Webhook
from toog.platforms.x.sandbox.world import Message, Person, Post, World

GENEROUS: Final = 10_000
"""X takes 100 posts and 15 messages in 15 minutes; a night's robots answer faster."""
REMEMBERED_TEXTS: Final = 10_000


class XSandbox:
    """X for this account. `secrets`: `consumer_secret`, `bearer` and `user_token`, as Toog has them.

    `post_limit` and `dm_limit` are what our account may send in 15 minutes. Without `webhook_url`
    no webhook is registered.
    """

    def __init__(
        self,
        account: Account,
        secrets: Mapping[str, str],
        *,
        webhook_url: str | None,
        ledger: Ledger,
        seed: int,
        post_limit: int = GENEROUS,
        dm_limit: int = GENEROUS,
    ) -> None:
        self.ledger = ledger
        self.us = Person(account.id, account.handle, "Stadspolitie Demo")
        self._random = Random(f"{PLATFORM} {seed}")
        self.world = World(self.us, self._random)
        self.stream = Stream(self.world, ledger, self._random)
        self.door = Door(secrets)
        self.posts, self.messages = Limit(post_limit), Limit(dm_limit)
        self._webhook = Webhook(webhook_url, secrets, ledger, self._random) if webhook_url else None
        self.activities = ActivityStream(ledger, owed=webhook_url is None)
        self._signs = Signs(self.us, seed)
        self._said: deque[str] = deque(maxlen=REMEMBERED_TEXTS)

    def app(self) -> Starlette:
        """X's API; its routes are relative to wherever it is mounted."""
        return x_app(self)

    async def run(self) -> None:
        """Delivers webhooks until cancelled; then the open stream ends."""
        try:
            if self._webhook is not None:
                await self._webhook.run()
            await asyncio.Event().wait()
        finally:
            self.stream.hang_up()
            self.activities.hang_up()

    async def act(self, act: Act) -> str | None:
        """Somebody does this; the native id of the message, or None when it makes none.

        What refers to a message that is gone, or is somebody else's to change, makes none.
        """
        citizen = self._person(act.citizen)
        target = self.world.find(act.target)
        if act.kind == "own_post":
            return self.say(act.text, parent=target, language=act.language).id
        if act.kind == "dm":
            self._show(self._signs.typing(citizen))
            return self._message(self.world.write(citizen, self.us, act.text)).id
        if act.kind in {"noise", "mention"}:
            return self._publish(self.world.say(citizen, act.text, language=act.language)).id
        if target is None:
            return None
        if act.kind in {"edit", "delete", "own_delete"}:
            return self._change(act, self.us if act.kind == "own_delete" else citizen, target)
        made = self._publish(self._refer(act, citizen, target)).id
        self._show(self._signs.like(citizen, target))
        return made

    def _person(self, citizen: Citizen) -> Person:
        return self.world.meet(Person(citizen.id, citizen.handle, citizen.name))

    def _refer(self, act: Act, citizen: Person, target: Post) -> Post:
        """A reply (a bystander's too), a quote with the link that X puts behind it, a repost."""
        if act.kind == "repost":
            return self.world.repost(citizen, target)
        if act.kind == "quote":
            text = f"{act.text} https://x.com/{target.author.handle}/status/{target.id}"
            return self.world.say(citizen, text, language=act.language, quoted=target)
        return self.world.say(citizen, act.text, language=act.language, parent=target)

    def _change(self, act: Act, owner: Person, target: Post) -> str | None:
        """Deletions of citizens are never told: the post is just no longer there."""
        if target.author.id != owner.id:
            return None
        if act.kind == "edit":
            return self._publish(self.world.edit(target, act.text)).id
        self.remove(target)
        return None

    def say(
        self,
        text: str,
        *,
        parent: Post | None = None,
        language: str = "nl",
        excluded: tuple[str, ...] = (),
    ) -> Post:
        """We post something ourselves, through the API or outside Toog."""
        post = self.world.say(self.us, text, language=language, parent=parent, excluded=excluded)
        return self._publish(post)

    def write(self, recipient: Person, text: str) -> Message:
        """We send a direct message."""
        message = self._message(self.world.write(self.us, recipient, text))
        self._show(self._signs.read(message))
        return message

    def remove(self, post: Post) -> None:
        """A post is taken back; X tells us of our own only."""
        self.world.remove(post)
        if post.author.id == self.us.id:
            body = deletion_activity(self.us, post, self._random)
            self._tell(deletion_id(self._post_event(post.first_id)), body)

    def said_before(self, text: str) -> bool:
        """Whether we posted the very same words, prefix included, before; from now on we did."""
        known = text in self._said
        self._said.append(text)
        return known

    def seen(self, in_reply_to: str, text: str, native: str | None, *, dm: bool = False) -> None:
        """Keeps an attempt to answer; without `native` it was refused."""
        told = native and (self._dm_event(native) if dm else self._post_event(native))
        self.ledger.replies.append(
            SeenReply(
                platform=PLATFORM,
                in_reply_to=in_reply_to,
                text=text,
                native_id=native,
                event_id=told,
                at=time.time(),
                accepted=native is not None,
            )
        )

    def _publish(self, post: Post) -> Post:
        """Edits and reposts are told by the stream only."""
        told = self._post_event(post.first_id)
        if post.id != post.first_id:
            told = edit_id(told, post.id)
        elif post.reposted is None:
            for kind in self._activities(post):
                self._tell(told, post_activity(kind, self.us, post, self._random))
        self.stream.publish(post, told)
        return post

    def _activities(self, post: Post) -> list[str]:
        """Explicit mention, direct reply to us, quote of us: each a subscription; one post may be all."""
        if post.author.id == self.us.id:
            return ["post.create"]
        kinds = []
        if post.names(self.us, typed=True):
            kinds.append("post.mention.create")
        if post.answers is not None and post.answers.id == self.us.id:
            kinds.append("post.reply.create")
        quoted = self.world.find(post.quoted)
        if quoted is not None and quoted.author.id == self.us.id:
            kinds.append("post.quote.create")
        return kinds

    def _message(self, message: Message) -> Message:
        kind = "dm.sent" if message.sender.id == self.us.id else "dm.received"
        body = dm_activity(kind, self.us, message, self._random)
        self._tell(self._dm_event(message.id), body)
        return message

    def _tell(self, told: str, body: Json) -> None:
        """A subscription with a webhook is told to it and to an open stream: two copies."""
        if self._webhook is not None:
            self._webhook.put(told, body)
        self.activities.publish(told, body)

    def _show(self, sign: tuple[str, Json] | None) -> None:
        if sign is not None:
            self._tell(*sign)

    def _post_event(self, native: str) -> str:
        return event_id(PLATFORM, self.us.id, "post", native)

    def _dm_event(self, native: str) -> str:
        return event_id(PLATFORM, self.us.id, "dm", native)
