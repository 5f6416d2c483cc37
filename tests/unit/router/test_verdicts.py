"""Looked-up verdicts are the verdicts of the table."""

from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any, get_args

import pytest

from services.router.policy import read_policy
from services.router.rules import Door, Facts, Verdicts, judge
from toog.contracts.events import Author, Kind, Media, Mention, Reference, Surface
from toog.platforms.accounts import read_accounts

AT = datetime(2026, 11, 22, 20, 41, tzinfo=UTC)
ACCOUNTS = read_accounts(
    """
    [[account]]
    platform = "x"
    id = "1"
    handle = "StadPolDem"
    base_url = "http://127.0.0.1:1"
    """
)
POLICY = read_policy(
    """
    followed_hashtags = ["politie247"]
    followed_conversations = ["x:appeal", "mastodon:appeal"]
    emergency_phrases = ["er wordt ingebroken"]
    [switches]
    bystander = ["mastodon"]
    quote_of_ours = ["mastodon"]
    [[block]]
    platform = "x"
    id = "666"
    reason = "threats"
    until = 2026-12-01T00:00:00Z
    """
)
US, FRIEND = Mention("StadPolDem", "1"), Mention("vriend", "9")
POST: dict[str, Any] = {
    "id": "x:1:post:2",
    "kind": "created",
    "platform": "x",
    "account": "1",
    "occurred_at": AT,
    "surface": "post",
    "author": Author("2", "burger"),
    "text": "dag",
    "conversation": "c",
}
OTHER: dict[str, list[Any]] = {
    "id": ["x:1:post:3"],
    "kind": get_args(Kind),
    "platform": ["mastodon"],
    "account": ["5"],
    "occurred_at": [AT + timedelta(days=60)],
    "surface": [None, *get_args(Surface)],
    "author": [None, Author("666", "ruzie")],
    "text": ["", "👏", "@vriend", "er wordt ingebroken"],
    "language": ["nl"],
    "signal": ["like", "standby"],
    "own": [True],
    "conversation": ["appeal", None],
    "native": ["c"],
    "mentions": [(FRIEND,), (US,), (FRIEND, Mention("stadpoldem"))],
    "reply_prefix": [(US,), (FRIEND, US)],
    "hashtags": [("politie247",), ("Kat",)],
    "media": [(Media("photo"),)],
    "in_reply_to": [Reference("x:1:post:10", author) for author in (None, "1", "9")],
    "quotes": [Reference("x:1:post:10", author) for author in (None, "1", "9")],
    "root_author": ["1", "2"],
    "reported": ["mention", "quote"],
}
"""What else each fact of that post may be."""
CHANGES = [(name, value) for name, values in OTHER.items() for value in values]


@pytest.mark.parametrize("door", get_args(Door))
def test_a_verdict_that_was_looked_up_is_the_verdict_of_the_table(door: Door) -> None:
    """For every post that differs in one or two facts from that one, in any order."""
    posts = [POST | dict(pair) for pair in product(CHANGES, repeat=2)]
    Random(1).shuffle(posts)
    verdicts = Verdicts(door, POLICY, ACCOUNTS)
    for post in posts:
        facts = Facts(**post)

        assert verdicts.of(facts) == judge(facts, door, POLICY, ACCOUNTS), post


def test_every_fact_is_among_them() -> None:
    """A rule that asks for something new of a post has to be found by it."""
    assert OTHER.keys() == set(Facts.__struct_fields__)


def test_a_post_to_nobody_is_judged_once_and_one_that_we_follow_is_not_taken_for_it() -> None:
    verdicts = Verdicts("room", POLICY, ACCOUNTS)
    post: dict[str, Any] = {"kind": "created", "platform": "x", "account": "1", "occurred_at": AT}
    post |= {"surface": "post", "hashtags": ("politie247",)}

    first = verdicts.of(Facts(id="x:1:post:1", conversation="1", text="wat een avond", **post))
    other = verdicts.of(Facts(id="x:1:post:2", conversation="2", root_author="7", **post))
    friend = verdicts.of(Facts(id="x:1:post:5", conversation="5", mentions=(FRIEND,), **post))
    us = verdicts.of(Facts(id="x:1:post:6", conversation="6", mentions=(FRIEND, US), **post))
    followed = verdicts.of(Facts(id="x:1:post:3", conversation="appeal", **post))
    below_us = verdicts.of(Facts(id="x:1:post:4", conversation="4", root_author="1", **post))

    assert (first.reason, other is first, friend is first) == ("hashtag_only", True, True)
    assert us.reason == "mention"
    assert followed.reason == "followed_conversation"
    assert below_us.reason == "bystander"
