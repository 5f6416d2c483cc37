"""Looked-up verdicts are the verdicts of the table, for any sequence of events."""

from datetime import UTC, datetime
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

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
    followed_conversations = ["appeal"]
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
PEOPLE = st.lists(
    st.sampled_from([Mention("StadPolDem", "1"), Mention("vriend", "9"), Mention("stadpoldem")]),
    max_size=2,
).map(tuple)
REFERENCES = st.none() | st.builds(
    Reference, st.just("x:1:post:10"), st.sampled_from([None, "1", "9"])
)
FACTS = st.fixed_dictionaries(
    {
        "id": st.just("x:1:post:2"),
        "kind": st.sampled_from(get_args(Kind)),
        "platform": st.sampled_from(["x", "mastodon"]),
        "account": st.just("1"),
        "occurred_at": st.just(AT),
        "surface": st.just("post") | st.sampled_from([None, *get_args(Surface)]),
        "author": st.sampled_from([None, Author("2", "burger"), Author("666", "ruzie")]),
        "text": st.sampled_from(["", "👏", "@vriend", "dag", "er wordt ingebroken"]),
    },
    optional={
        "signal": st.sampled_from(["like", "standby"]),
        "own": st.booleans(),
        "conversation": st.sampled_from(["appeal", "c"]),
        "native": st.just("c"),
        "mentions": PEOPLE,
        "reply_prefix": PEOPLE,
        "hashtags": st.sampled_from([("politie247",), ("Kat",)]),
        "media": st.just((Media("photo"),)),
        "in_reply_to": REFERENCES,
        "quotes": REFERENCES,
        "root_author": st.sampled_from(["1", "2"]),
        "reported": st.sampled_from(["mention", "quote"]),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(get_args(Door)), st.lists(FACTS, min_size=1, max_size=20))
def test_a_verdict_that_was_looked_up_is_the_verdict_of_the_table(
    door: Door, events: list[dict[str, Any]]
) -> None:
    verdicts = Verdicts(door, POLICY, ACCOUNTS)
    for event in [*events, *events]:
        facts = Facts(**event)

        assert verdicts.of(facts) == judge(facts, door, POLICY, ACCOUNTS)


def test_a_post_to_nobody_is_judged_once_and_one_that_we_follow_is_not_taken_for_it() -> None:
    verdicts = Verdicts("room", POLICY, ACCOUNTS)
    post: dict[str, Any] = {"kind": "created", "platform": "x", "account": "1", "occurred_at": AT}
    post |= {"surface": "post", "hashtags": ("politie247",)}

    first = verdicts.of(Facts(id="x:1:post:1", conversation="1", text="wat een avond", **post))
    other = verdicts.of(Facts(id="x:1:post:2", conversation="2", root_author="7", **post))
    followed = verdicts.of(Facts(id="x:1:post:3", conversation="appeal", **post))
    below_us = verdicts.of(Facts(id="x:1:post:4", conversation="4", root_author="1", **post))

    assert (first.reason, other is first) == ("hashtag_only", True)
    assert followed.reason == "followed_conversation"
    assert below_us.reason == "bystander"
