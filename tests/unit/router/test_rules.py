"""The verdict table, a test per row, named by its reason."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.router.policy import read_policy
from services.router.rules import TABLE, Facts, judge
from toog.contracts.events import Author, Media, Mention, Reference
from toog.contracts.verdicts import Verdict
from toog.platforms.accounts import read_accounts

NOW = datetime(2026, 11, 22, 20, 41, tzinfo=UTC)
ACCOUNTS = read_accounts(
    """
    [[account]]
    platform = "x"
    id = "1"
    handle = "StadPolDem"
    former_handles = ["PolDem"]
    base_url = "http://127.0.0.1:1"
    [[account]]
    platform = "mastodon"
    id = "m1"
    handle = "stadpoldem"
    base_url = "http://127.0.0.1:1"
    """
)
POLICY = """
followed_hashtags = ["#Politie247"]
followed_conversations = ["x:appeal"]
emergency_phrases = ["er wordt  ingebroken", "met een mes"]
[[block]]
platform = "x"
id = "666"
reason = "threats"
until = 2026-12-01T00:00:00Z
"""
US = Mention("StadPolDem", "1")
FRIEND = Mention("vriend", "9")
OURS = Reference("x:1:post:10", "1")
THEIRS = Reference("x:1:post:11", "9")


def facts(**given: Any) -> Facts:
    base: dict[str, Any] = {
        "id": "x:1:post:2",
        "kind": "created",
        "platform": "x",
        "account": "1",
        "occurred_at": NOW,
        "surface": "post",
        "author": Author("2", "burger"),
        "text": "is de straat weer open",
    }
    return Facts(**{**base, **given})


def verdict(door: str = "own", policy: str = POLICY, **given: Any) -> Verdict:
    return judge(facts(**given), door, read_policy(policy), ACCOUNTS)


REPORTED = {"reported": "mention"}
ROWS = [
    ("deletion", "context", None, {"kind": "deleted", "author": None, "text": ""}),
    ("thread_control", "context", None, {"kind": "signal", "signal": "standby"}),
    ("signal", "dropped", None, {"kind": "signal", "signal": "like"}),
    ("own_reply", "context", None, {"own": True, "in_reply_to": THEIRS, "surface": "reply"}),
    ("own_reply", "context", None, {"own": True, "surface": "dm"}),
    ("own_post", "dropped", None, {"own": True}),
    ("own_post", "dropped", None, {"own": True, "in_reply_to": OURS, "surface": "reply"}),
    ("repost", "dropped", None, {"surface": "repost", "mentions": (US,)}),
    ("no_words", "dropped", None, {"surface": "comment", "text": "👏👏 !"}),
    ("no_words", "dropped", None, {"surface": "comment", "text": "1️⃣ ℹ️"}),
    ("comment", "addressed", "comment", {"surface": "comment", "text": "???"}),
    ("tags_friends", "dropped", None, {"surface": "reply", "text": "@vriend #politie247 😂", "mentions": (FRIEND,), "in_reply_to": OURS}),
    ("story_reply", "addressed", "dm", {"surface": "story_reply", "text": "hoe laat?"}),
    ("story_mention", "addressed", "dm", {"surface": "story_mention", "text": ""}),
    ("private_message", "addressed", "dm", {"surface": "dm", "text": "👍"}),
    ("mention", "addressed", "mention", REPORTED),
    ("mention", "addressed", "mention", REPORTED | {"text": ""}),
    ("bystander", "dropped", None, REPORTED | {"surface": "reply", "reply_prefix": (FRIEND, US)}),
    ("reply_to_us", "addressed", "mention", REPORTED | {"surface": "reply", "reply_prefix": (US,)}),
    ("quote_of_ours", "dropped", None, {"surface": "quote", "reported": "quote"}),
    ("quote_other", "dropped", None, {"surface": "quote", "reported": "quote", "quotes": THEIRS}),
    ("reply_to_us", "addressed", "mention", {"surface": "reply", "in_reply_to": OURS}),
    ("reply_to_us", "addressed", "mention", {"surface": "reply", "reply_prefix": (US, FRIEND), "in_reply_to": THEIRS}),
    ("comment", "addressed", "comment", {"surface": "comment"}),
    ("comment", "addressed", "comment", {"surface": "comment", "native": "c1", "conversation": "c1", "in_reply_to": OURS}),
    ("reply_to_us", "addressed", "mention", {"surface": "comment", "native": "c2", "conversation": "c1", "in_reply_to": OURS}),
    ("visitor_post", "addressed", "comment", {"surface": "visitor_post"}),
    ("mention", "addressed", "mention", {"mentions": (FRIEND, US)}),
    ("mention", "addressed", "mention", {"mentions": (US,), "text": "@StadPolDem"}),
    ("mention", "addressed", "mention", {"mentions": (Mention("poldem"),)}),
    ("followed_conversation", "addressed", "thread", {"conversation": "appeal"}),
    ("bystander", "dropped", None, {"surface": "reply", "reply_prefix": (FRIEND, US), "in_reply_to": THEIRS}),
    ("bystander", "dropped", None, {"surface": "reply", "root_author": "1", "in_reply_to": THEIRS}),
    ("quote_of_ours", "dropped", None, {"surface": "quote", "quotes": OURS}),
    ("quote_other", "dropped", None, {"surface": "quote", "quotes": THEIRS, "hashtags": ("politie247",)}),
    ("hashtag_only", "dropped", None, {"hashtags": ("POLITIE247",)}),
    ("not_addressed", "dropped", None, {}),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "outcome", "lane", "given"), ROWS, ids=[r[0] for r in ROWS])
def test_row(reason: str, outcome: str, lane: str | None, given: dict[str, Any]) -> None:
    assert verdict(**given) == Verdict(outcome, reason, lane)


def test_every_row_of_the_table_has_a_test() -> None:
    tested = {(row[1], row[0]) for row in ROWS}
    switched = {("addressed", "bystander"), ("addressed", "quote_of_ours")}

    assert {(rule.outcome, rule.reason) for rule in TABLE} == tested | switched


def test_a_picture_in_a_comment_of_handles_counts_as_words() -> None:
    given = {"surface": "reply", "text": "@vriend", "mentions": (FRIEND,), "in_reply_to": OURS}

    assert verdict(**given, media=(Media("photo"),)).reason == "reply_to_us"


@pytest.mark.parametrize("text", ["@StadPolDem 👍", "@StadPolDem ???", "@StadPolDem ❤️ #politie247"])
def test_an_answer_to_us_without_words_names_no_friends(text: str) -> None:
    given = {"surface": "reply", "text": text, "reply_prefix": (US,), "in_reply_to": OURS}

    assert verdict(**given).reason == "reply_to_us"


def test_a_name_that_is_tagged_without_an_at_sign_is_a_friend_too() -> None:
    tagged = {"surface": "comment", "text": "Jan Peeters 😂", "mentions": (Mention("Jan Peeters"),)}

    assert verdict(**tagged).reason == "tags_friends"
    assert verdict(**{**tagged, "text": "Jan Peeters kijk"}).reason == "comment"


def test_a_handle_is_ours_by_id_before_it_is_ours_by_name() -> None:
    stolen = Mention("StadPolDem", "another")

    assert verdict(mentions=(stolen,)).reason == "not_addressed"


@pytest.mark.parametrize(
    ("reason", "given"),
    [
        ("bystander", {"surface": "reply", "root_author": "1", "in_reply_to": THEIRS}),
        ("quote_of_ours", {"surface": "quote", "quotes": OURS}),
    ],
)
def test_a_switch_makes_it_work_on_that_platform_only(reason: str, given: dict[str, Any]) -> None:
    here = f'switches = {{ {reason} = ["x"] }}\n{POLICY}'
    elsewhere = f'switches = {{ {reason} = ["mastodon"] }}\n{POLICY}'

    assert verdict(policy=here, **given).outcome == "addressed"
    assert verdict(policy=elsewhere, **given).outcome == "dropped"


def test_danger_at_our_own_door_passes_every_lane_and_keeps_its_reason() -> None:
    text = "@StadPolDem er wordt\ningebroken bij de buren"

    assert verdict(mentions=(US,), text=text) == Verdict("addressed", "mention", "emergency")


def test_danger_beside_us_is_an_emergency_of_its_own() -> None:
    given = {"surface": "quote", "quotes": OURS, "text": "hij staat daar MET EEN MES!"}

    assert verdict(**given) == Verdict("addressed", "emergency", "emergency")


def test_the_room_is_not_searched_for_danger() -> None:
    given = {"surface": "quote", "quotes": OURS, "text": "met een mes, wat een aflevering"}

    assert verdict("room", **given).reason == "quote_of_ours"


def test_half_a_word_is_no_danger() -> None:
    assert verdict(mentions=(US,), text="hij kwam met een messenset").lane == "mention"


def test_a_blocked_author_is_dropped_until_the_block_ends_and_never_in_danger() -> None:
    blocked = {"author": Author("666"), "mentions": (US,)}
    later = datetime(2026, 12, 2, tzinfo=UTC)

    assert verdict(**blocked) == Verdict("dropped", "blocked_author", None)
    assert verdict(**blocked, occurred_at=later).outcome == "addressed"
    assert verdict(**blocked, text="er wordt ingebroken").lane == "emergency"


@pytest.mark.parametrize(
    ("door", "given", "expected"),
    [
        ("own", {"mentions": (US,)}, Verdict("addressed", "mention", "mention")),
        ("own", {}, Verdict("context", "edit")),
        ("own", {"own": True}, Verdict("context", "edit")),
        ("own", {"author": Author("666"), "mentions": (US,)}, Verdict("context", "edit")),
        ("room", {"hashtags": ("politie247",)}, Verdict("dropped", "hashtag_only")),
    ],
)
def test_an_edit_is_judged_by_its_new_text(
    door: str, given: dict[str, Any], expected: Verdict
) -> None:
    assert verdict(door, kind="edited", **given) == expected


def test_another_policy_is_another_version_of_the_rules() -> None:
    assert read_policy("").rules != read_policy(POLICY).rules
