"""What the sandbox's crowd does, and what a played platform keeps of it. Services never see this."""

import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

from starlette.applications import Starlette

ActKind = Literal[
    "noise",  # a post with the hashtag, to nobody
    "mention",  # a post that names us
    "reply",  # an answer to a message of ours
    "bystander",  # an answer to a citizen in our thread; the platform puts us in the prefix
    "repost",
    "quote",
    "dm",
    "edit",  # of an earlier own message
    "delete",  # of an earlier own message
    "own_post",  # we say something ourselves, outside Toog
    "own_delete",  # we take back something of ours
    "visitor_post",  # Facebook: a post on our page
    "story_reply",  # Instagram: an answer to a story of ours, in private
    "story_mention",  # Instagram: a story that names us; its text is the platform's to drop
]


@dataclass(frozen=True, slots=True)
class Citizen:
    """An invented person on one platform: the same id and handle all night."""

    id: str
    handle: str
    name: str


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody does. `target` is the native id of an earlier message.

    `text` is what the person typed, without anything that the platform adds. A mention's text
    already names us; hashtags stand in the text.
    """

    kind: ActKind
    citizen: Citizen
    text: str = ""
    language: str = "nl"
    target: str | None = None


@dataclass(slots=True)
class SeenReply:
    """A reply that the platform was asked to take. `accepted` False: it refused it."""

    platform: str
    in_reply_to: str
    text: str
    native_id: str | None
    event_id: str | None
    at: float
    accepted: bool


@dataclass(slots=True)
class Ledger:
    """What was played and what came back; times are seconds since the epoch.

    `sent_at`: event id → first time that a copy left the platform (also if nobody took it).
    `played`: event ids that Toog must have: of webhooks those answered 2xx, of streams those that
    the platform gives again by paging or backfill.
    """

    sent_at: dict[str, float] = field(default_factory=dict)
    played: set[str] = field(default_factory=set)
    replies: list[SeenReply] = field(default_factory=list)
    acts: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def left(self, event_id: str) -> None:
        """A copy of this event leaves the platform now."""
        self.sent_at.setdefault(event_id, time.time())

    def count(self, what: str, by: int = 1) -> None:
        """Counts something worth showing (`webhook_failed`, `stream_copies` …)."""
        self.counts[what] = self.counts.get(what, 0) + by


class Played(Protocol):
    """One platform, played: `toog/platforms/<name>/sandbox.py` offers a class of this shape."""

    ledger: Ledger

    def app(self) -> Starlette:
        """The platform's own API, to be mounted under `/<name>`."""

    async def run(self) -> None:
        """Delivers until cancelled: webhooks out of the queue, heartbeats."""

    async def act(self, act: Act) -> str | None:
        """Somebody does this; the native id of the message, or None when it makes none."""
