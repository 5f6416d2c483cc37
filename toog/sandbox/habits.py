"""What the public of each platform does, how often, and what a night holds for sure. Pure data."""

from collections.abc import Mapping
from typing import Final

from toog.platforms.playing import ActKind

NOISE: Final[Mapping[str, float]] = {"x": 92, "bluesky": 8}
"""Where people shout with the hashtag, in parts; elsewhere nobody tells us of it."""

OTHERS: Final[Mapping[tuple[str, ActKind], float]] = {
    ("x", "mention"): 22,
    ("x", "reply"): 8,
    ("x", "dm"): 6,
    ("x", "bystander"): 5,
    ("x", "repost"): 4,
    ("x", "quote"): 3,
    ("x", "edit"): 2,
    ("x", "own_post"): 1,
    ("facebook", "reply"): 12,
    ("facebook", "dm"): 6,
    ("facebook", "visitor_post"): 3,
    ("facebook", "mention"): 2,
    ("facebook", "bystander"): 2,
    ("facebook", "edit"): 1,
    ("facebook", "delete"): 1,
    ("facebook", "own_post"): 1,
    ("instagram", "reply"): 9,
    ("instagram", "dm"): 5,
    ("instagram", "story_reply"): 3,
    ("instagram", "story_mention"): 1,
    ("instagram", "mention"): 2,
    ("instagram", "bystander"): 1,
    ("instagram", "edit"): 1,
    ("instagram", "delete"): 1,
    ("instagram", "own_post"): 1,
    ("mastodon", "mention"): 8,
    ("mastodon", "reply"): 4,
    ("mastodon", "dm"): 3,
    ("mastodon", "bystander"): 1,
    ("mastodon", "edit"): 1,
    ("mastodon", "delete"): 1,
    ("mastodon", "own_post"): 1,
    ("mastodon", "repost"): 1,
    ("mastodon", "quote"): 1,
    ("bluesky", "mention"): 8,
    ("bluesky", "reply"): 4,
    ("bluesky", "dm"): 3,
    ("bluesky", "bystander"): 1,
    ("bluesky", "delete"): 1,
    ("bluesky", "own_post"): 1,
    ("bluesky", "repost"): 1,
    ("bluesky", "quote"): 1,
}
"""What is no noise, in parts. A citizen's deletion on X is missing: X does not tell us of it."""

_OPENING: Final[tuple[ActKind, ...]] = ("own_post", "mention", "dm", "reply", "mention")
OPENINGS: Final[Mapping[str, tuple[ActKind, ...]]] = {
    "x": (*_OPENING, "mention"),
    "facebook": ("own_post", "reply", "dm", "visitor_post", "reply"),
    "instagram": ("own_post", "reply", "dm", "story_reply", "reply"),
    "mastodon": _OPENING,
    "bluesky": _OPENING,
}
"""The first seconds of each night: something to answer on every platform at once."""

LATER: Final[tuple[tuple[float, str, ActKind], ...]] = (
    (0.20, "x", "edit"),
    (0.22, "mastodon", "edit"),
    (0.24, "facebook", "edit"),
    (0.26, "instagram", "story_mention"),
    (0.30, "x", "own_post"),
    (0.33, "facebook", "delete"),
    (0.35, "mastodon", "delete"),
    (0.36, "bluesky", "delete"),
    (0.38, "instagram", "mention"),
    (0.40, "x", "bystander"),
    (0.42, "facebook", "mention"),
    (0.45, "x", "repost"),
    (0.50, "x", "quote"),
    (0.52, "bluesky", "quote"),
    (0.55, "instagram", "edit"),
    (0.58, "instagram", "delete"),
    (0.60, "x", "own_delete"),
)
"""What each night holds besides, however short, by the clock (0..1)."""

_REFERRED: Final[frozenset[ActKind]] = frozenset({"mention", "reply", "visitor_post"})
_NEAR_US: Final[Mapping[str, frozenset[ActKind]]] = {
    # a mention there stands on somebody else's page or picture, where we see nothing more
    "facebook": frozenset({"reply", "visitor_post"}),
    "instagram": frozenset({"reply"}),
}
_PRIVATE: Final[frozenset[ActKind]] = frozenset({"dm"})


def referred(platform: str) -> frozenset[ActKind]:
    """The acts on whose messages others go on, and which their authors mend or take back."""
    return _NEAR_US.get(platform, _REFERRED)


def mended(platform: str) -> frozenset[ActKind]:
    """The acts that their authors mend or take back such that the platform tells us of it.

    Instagram has no webhook for a comment that is edited or deleted, only for messages.
    """
    return _PRIVATE if platform == "instagram" else referred(platform)
