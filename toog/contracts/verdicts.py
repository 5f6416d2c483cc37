"""The three outcomes and their closed reasons: type, metric label, log field and test name in one."""

from typing import Final, Literal, get_args

import msgspec

Outcome = Literal["addressed", "context", "dropped"]
Lane = Literal["emergency", "dm", "mention", "comment", "thread"]
ContextReason = Literal["deletion", "thread_control", "own_reply", "edit"]
AddressedReason = Literal[
    "story_reply",
    "story_mention",
    "private_message",
    "reply_to_us",
    "comment",
    "visitor_post",
    "mention",
    "followed_conversation",
    "bystander",
    "quote_of_ours",
    "emergency",
    "revived",
    "rejudged",
]
DroppedReason = Literal[
    "signal",
    "own_post",
    "repost",
    "no_words",
    "tags_friends",
    "bystander",
    "quote_of_ours",
    "quote_other",
    "hashtag_only",
    "not_addressed",
    "blocked_author",
]
Reason = ContextReason | AddressedReason | DroppedReason

MessageKind = Literal["incident", "question", "complaint", "criticism", "compliment", "other"]
Tag = Literal["press", "partner"]
"""What an organisation can be called; no person ever carries a label."""
Origin = Literal["revive", "rejudge"]
"""How a record came to the desk again, after its intake record had its verdict."""

LANES: Final[tuple[Lane, ...]] = get_args(Lane)
"""In the order of service: what stands first is served first."""
DROPPED_REASONS: Final[tuple[DroppedReason, ...]] = get_args(DroppedReason)
"""A new one stands last: metrics keeps a number for each in its database."""

MESSAGE_KINDS: Final[tuple[MessageKind, ...]] = get_args(MessageKind)
TAGS: Final[tuple[Tag, ...]] = get_args(Tag)


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What the router says of one event. `lane` is set exactly when it is addressed."""

    outcome: Outcome
    reason: Reason
    lane: Lane | None = None


class About(msgspec.Struct, frozen=True, gc=False):
    """What else is said of an addressed message; nothing of it ever decides, or names a person.

    `language`: the platform's own word, else what was detected, else None. `sentiment` is −1…1,
    for sums only. `tag`: what the policy calls the organisation that wrote (press, partner).
    """

    kind: MessageKind
    language: str | None
    sentiment: float
    tag: str | None = None
