"""Instagram, played for one account of ours: signed webhooks in both shapes, and its Graph API.

It tells what Instagram tells and no more: comments on our media, ours among them; the ids of where
we are named elsewhere; messages with their edits and retractions. Of comments that are mended or
taken away, and of hashtags, it tells nothing.
"""

import asyncio
import time
from collections.abc import Mapping
from random import Random
from typing import Final

from starlette.applications import Starlette

from toog.contracts.ids import deletion_id, edit_id, event_id
from toog.platforms.accounts import Account
from toog.platforms.instagram.messages import PLATFORM
from toog.platforms.instagram.sandbox.api import instagram_app
from toog.platforms.instagram.sandbox.limits import Allowance, Door
from toog.platforms.instagram.sandbox.show import (
    comment_value,
    edit_item,
    mention_value,
    message_item,
    unsent_item,
)
from toog.platforms.instagram.sandbox.webhook import Field, Update, Webhook
from toog.platforms.instagram.sandbox.world import Comment, Media, Message, Person, World, newest
from toog.platforms.playing import Act, Citizen, Ledger, SeenReply

GENEROUS: Final = 100_000
ON_OURS_SHARE: Final = 0.5
IN_CAPTION_SHARE: Final = 0.2
MOST_EDITS: Final = 5


class InstagramSandbox:
    """Instagram for this account. `secrets`: `app_secret`, `verify_token`, `token`, as Toog has them.

    `call_limit` is how many calls of the API an hour has. Without `webhook_url` no webhook is
    registered.
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
        self.ledger = ledger
        self.us = Person(account.id, account.handle, "Stadspolitie Demo")
        self._random = Random(f"{PLATFORM} {seed}")
        self.world = World(self.us, self._random)
        self.world.publish(self.us, "Goedenavond, wij zijn er vannacht ook.")
        self.world.publish(self.us, "Stel je vraag.", story=True)
        self.door, self.allowance = Door(secrets), Allowance(account.id, call_limit)
        self.answered_privately: set[str] = set()
        self._webhook: Webhook | None = None
        if webhook_url is not None:
            self._webhook = Webhook(webhook_url, secrets, account.id, ledger, self._random)

    def app(self) -> Starlette:
        """The Graph API; its routes are relative to wherever it is mounted."""
        return instagram_app(self)

    async def run(self) -> None:
        """Delivers webhooks until cancelled."""
        if self._webhook is not None:
            await self._webhook.run()
        await asyncio.Event().wait()

    async def act(self, act: Act) -> str | None:
        """Somebody does this; the native id of the message, or None when it makes none.

        What refers to something that is gone, or is somebody else's to change, makes none.
        """
        who = self.us if act.citizen.id == self.us.id else self._person(act.citizen)
        match act.kind:
            case "mention":
                return self._mention(who, act.text)
            case "dm":
                return self._send(self.world.write(who, self.us, act.text)).mid
            case "story_reply":
                story = self._story(act.target)
                return self._send(self.world.write(who, self.us, act.text, story=story)).mid
            case "story_mention":
                return self._story_mention(who)
            case "own_post":
                return self._own(act)
            case "reply" | "bystander":
                return self._reply(who, act)
            case "edit":
                return self._edit(who, act)
            case "delete" | "own_delete":
                return self._delete(self.us if act.kind == "own_delete" else who, act.target)
            case _:
                return None

    def _person(self, citizen: Citizen) -> Person:
        return self.world.meet(Person(citizen.id, citizen.handle, citizen.name))

    def _story(self, target: str | None) -> Media | None:
        """A story of ours: what was posted is shown there too."""
        return self.world.media.get(target or "") or newest(self.world.ours(story=True))

    def _mention(self, who: Person, text: str) -> str:
        """Named under a post of ours, or on somebody else's: of that Instagram tells the ids only."""
        draw = self._random.random()
        post = newest(self.world.ours())
        if draw < ON_OURS_SHARE and post is not None:
            return self._told(self.world.comment(who, text, post)).id
        if draw > 1 - IN_CAPTION_SHARE:
            media = self.world.publish(who, text)
            self._tell("media", media.id, "mentions", mention_value(media, None))
            return media.id
        media = self.world.publish(who, "Avondje uit.")
        comment = self.world.comment(who, text, media)
        self._tell("comment", comment.id, "mentions", mention_value(media, comment))
        return comment.id

    def _story_mention(self, who: Person) -> str:
        """A message without a text; the story is gone after a day."""
        story = self.world.publish(who, "", story=True)
        return self._send(self.world.write(who, self.us, "", story=story, names_us=True)).mid

    def _own(self, act: Act) -> str | None:
        """A post, of which nothing is told, or an answer under somebody's comment, which is."""
        if act.target is None:
            return self.world.publish(self.us, act.text).id
        return self._reply(self.us, act)

    def _reply(self, who: Person, act: Act) -> str | None:
        comment = self.world.comments.get(act.target or "")
        media = comment.media if comment else self.world.media.get(act.target or "")
        if media is not None and not media.story:
            return self._told(self.world.comment(who, act.text, media, comment)).id
        if act.target in self.world.messages and who is not self.us:
            return self._send(self.world.write(who, self.us, act.text)).mid
        return None

    def _edit(self, who: Person, act: Act) -> str | None:
        """Messages can be edited, five times; of an edited comment nothing is told."""
        message = self.world.messages.get(act.target or "")
        if message is None or message.sender.id != who.id:
            return None
        if message.edits >= MOST_EDITS or not message.text:
            return None
        message.text, message.edits = act.text, message.edits + 1
        told = edit_id(self._event("message", message.mid), str(message.edits))
        self._put(told, "messaging", edit_item(message, time.time()))
        return message.mid

    def _delete(self, who: Person, target: str | None) -> str | None:
        """A message taken back is told; a comment or post is just no longer there."""
        message = self.world.messages.get(target or "")
        if message is not None and message.sender.id == who.id:
            del self.world.messages[message.mid]
            told = deletion_id(self._event("message", message.mid))
            self._put(told, "messaging", unsent_item(message, time.time()))
            return message.mid
        comment = self.world.comments.get(target or "")
        media = self.world.media.get(target or "")
        if comment is not None and comment.author.id == who.id:
            del self.world.comments[comment.id]
        elif media is not None and media.owner.id == who.id:
            del self.world.media[media.id]
        return None

    def comment(self, text: str, media: Media, under: Comment | None) -> Comment:
        """We comment, through the API; it comes back like everybody's."""
        return self._told(self.world.comment(self.us, text, media, under))

    def write(self, recipient: Person, text: str) -> Message:
        """We send a message, through the API; it comes back as echo."""
        return self._send(self.world.write(self.us, recipient, text))

    def seen(self, in_reply_to: str, text: str, native: str | None, *, dm: bool = False) -> None:
        """Keeps an attempt to answer; without `native` it was refused."""
        told = self._event("message" if dm else "comment", native) if native else None
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

    def _told(self, comment: Comment) -> Comment:
        """Comments are told where the media is ours."""
        if comment.media.owner.id == self.us.id:
            self._tell("comment", comment.id, "comments", comment_value(comment))
        return comment

    def _send(self, message: Message) -> Message:
        self._tell("message", message.mid, "messaging", message_item(self.us, message))
        return message

    def _tell(self, type_: str, native: str, field: Field, value: dict[str, object]) -> None:
        self._put(self._event(type_, native), field, value)

    def _put(self, told: str, field: Field, value: dict[str, object]) -> None:
        if self._webhook is not None:
            self._webhook.put(Update(told, field, value))

    def _event(self, type_: str, native: str) -> str:
        return event_id(PLATFORM, self.us.id, type_, native)
