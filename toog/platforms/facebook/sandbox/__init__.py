"""Facebook, played for one page of ours: signed webhooks in batches, Graph's edges, replies taken.

It tells what Meta tells and no more: what happens on our page, in our inbox, and that somebody
elsewhere named us; what is shouted with a hashtag it tells nobody.
"""

import asyncio
import time
from collections.abc import Mapping
from random import Random
from typing import Final, TypeVar

from starlette.applications import Starlette

from toog.platforms.accounts import Account
from toog.platforms.facebook.hearing import PLATFORM
from toog.platforms.facebook.sandbox.api import facebook_app
from toog.platforms.facebook.sandbox.show import (
    event_of,
    told_edit,
    told_mention,
    told_new,
    told_removal,
)
from toog.platforms.facebook.sandbox.webhook import Update, Webhook
from toog.platforms.facebook.sandbox.world import Comment, Message, Person, Post, Thing, World
from toog.platforms.playing import Act, Ledger, SeenReply

GENEROUS: Final = 1_000_000
"""Calls in an hour: Meta's own number grows with the people that a page reaches."""
T = TypeVar("T", Post, Comment, Message)

_WITHOUT_TEXT: Final = 0.2
_WITH_AUTHOR: Final = 0.2
_IN_A_POST: Final = 0.3


class FacebookSandbox:
    """Facebook for this page. `secrets`: `app_secret`, `verify_token`, `page_token`, as Toog has them.

    `call_limit` is how many calls Graph takes in an hour. Without `webhook_url` nothing is told.
    """

    def __init__(
        self,
        account: Account,
        secrets: Mapping[str, str],
        *,
        webhook_url: str | None,
        ledger: Ledger,
        seed: int,
        call_limit: int = GENEROUS,
    ) -> None:
        self.ledger, self.account, self.secrets = ledger, account, secrets
        self.us = Person(account.id, "Stadspolitie Demo")
        self.call_limit = call_limit
        self._random = Random(f"{PLATFORM} {seed}")
        self.world = World(self.us, self._random)
        self._webhook = (
            Webhook(webhook_url, account.id, secrets, ledger, self._random) if webhook_url else None
        )

    def app(self) -> Starlette:
        """Graph; its routes are relative to wherever it is mounted."""
        return facebook_app(self)

    async def run(self) -> None:
        """Delivers webhooks until cancelled."""
        if self._webhook is not None:
            await self._webhook.run()
        await asyncio.Event().wait()

    async def act(self, act: Act) -> str | None:
        """Somebody does this; the native id of the message, or None when it makes none.

        What refers to something that is gone, or is somebody else's to change, makes none.
        """
        citizen = self.world.meet(Person(act.citizen.id, act.citizen.name))
        target = self.world.find(act.target)
        match act.kind:
            case "own_post":
                return self._speak(act.text, target).id
            case "dm":
                return self._told(self.world.write(citizen, citizen, act.text)).id
            case "visitor_post":
                return self._told(self.world.post(citizen, act.text, page=self.us.id)).id
            case "mention":
                return self._named_elsewhere(citizen, act.text).id
            case "reply" | "bystander" if target is not None:
                return self._answer(citizen, act.text, target).id
            case "edit" | "delete" | "own_delete" if target is not None:
                owner = self.us if act.kind == "own_delete" else citizen
                return self._change(act, owner, target)
        return None

    def say(self, text: str) -> Post:
        """We post something on our page."""
        return self._told(self.world.post(self.us, text, page=self.us.id))

    def comment(self, text: str, under: Post | Comment) -> Comment:
        """We comment; Meta tells us of it where it stands on our own page."""
        comment = self.world.comment(self.us, text, under)
        return comment if comment.elsewhere else self._told(comment)

    def write(self, person: Person, text: str) -> Message:
        """We send a message, which comes back as an echo."""
        return self._told(self.world.write(self.us, self.world.meet(person), text))

    def remove(self, thing: Post | Comment) -> None:
        """Something is taken back."""
        self.world.remove(thing)
        self._tell(told_removal(self.us, thing))

    def seen(self, in_reply_to: str, text: str, made: Thing | None) -> None:
        """Keeps an attempt to answer; without `made` it was refused."""
        self.ledger.replies.append(
            SeenReply(
                platform=PLATFORM,
                in_reply_to=in_reply_to,
                text=text,
                native_id=made.id if made else None,
                event_id=event_of(self.us.id, made) if made else None,
                at=time.time(),
                accepted=made is not None,
            )
        )

    def _speak(self, text: str, target: Thing | None) -> Thing:
        if isinstance(target, Message):
            return self.write(target.person, text)
        return self.comment(text, target) if target else self.say(text)

    def _answer(self, citizen: Person, text: str, target: Thing) -> Thing:
        if isinstance(target, Message):
            return self._told(self.world.write(citizen, citizen, text))
        comment = self.world.comment(citizen, text, target)
        return comment if comment.elsewhere else self._told(comment)

    def _named_elsewhere(self, citizen: Person, text: str) -> Post | Comment:
        """A post or comment on a page that is not ours; Meta tells that it is there, and little more."""
        roll = self._random.random
        page = self.world.new_number()
        thing: Post | Comment
        if roll() < _IN_A_POST:
            thing = self.world.post(citizen, text, page=page, elsewhere=True)
        else:
            stranger = Person(page, "Buurtkrant Verzonnen")
            post = self.world.post(stranger, "Nieuws uit de buurt", page=page, elsewhere=True)
            thing = self.world.comment(citizen, text, post)
        shown = {"text": roll() >= _WITHOUT_TEXT, "author": roll() < _WITH_AUTHOR}
        self._tell(told_mention(self.us, thing, **shown))
        return thing

    def _change(self, act: Act, owner: Person, target: Thing) -> str | None:
        if target.author.id != owner.id:
            return None
        if act.kind != "edit":
            self.world.remove(target)
            self._tell(told_removal(self.us, target))
            return None
        target.text = act.text
        if isinstance(target, Message):
            target.edits += 1
        else:
            target.edited_at = time.time()
        self._tell(told_edit(self.us, target))
        return target.id

    def _told(self, thing: T) -> T:
        self._tell(told_new(self.us, thing))
        return thing

    def _tell(self, update: Update) -> None:
        if self._webhook is not None:
            self._webhook.put(update)
