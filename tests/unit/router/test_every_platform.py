"""The table on every platform's real payloads: parsed, judged, and each platform's reasons seen."""

import json
from collections import defaultdict
from functools import cache
from typing import Any

import msgspec
import pytest
from support.parsing import SPOKEN, accounts_of, body_of, parse, samples

from services.router.policy import read_policy, shipped_policy
from services.router.rules import Facts, judge
from toog.contracts import events
from toog.contracts.verdicts import Reason, Verdict

POLICY = read_policy(shipped_policy())
_facts = msgspec.json.Decoder(Facts)

EVERYWHERE: set[Reason] = {"private_message", "mention", "deletion", "own_reply", "signal"}
EXPECTED: dict[str, set[Reason]] = {
    "x": EVERYWHERE | {"reply_to_us", "repost", "quote_of_ours", "own_post"},
    "facebook": EVERYWHERE
    | {"comment", "visitor_post", "reply_to_us", "story_reply", "thread_control", "edit"}
    | {"no_words", "own_post"},
    "instagram": EVERYWHERE | {"comment", "story_reply", "story_mention", "thread_control"},
    "mastodon": EVERYWHERE | {"edit", "own_post", "hashtag_only", "quote_other"},
    "bluesky": EVERYWHERE
    | {"reply_to_us", "edit", "own_post", "quote_of_ours", "bystander", "hashtag_only"},
}
"""What the samples of a platform must show at least."""


def verdicts(platform: str, body: bytes) -> list[Verdict]:
    """Of every event in the payload."""
    accounts = accounts_of(platform)
    return [
        judge(_facts.decode(events.encode(heard.event)), "own", POLICY, accounts)
        for heard in parse(platform, body).heard
    ]


@cache
def seen(platform: str) -> dict[Reason, int]:
    """How often each reason is given on the platform's samples."""
    counts: dict[Reason, int] = defaultdict(int)
    for value in samples(platform).values():
        for verdict in verdicts(platform, body_of(value)):
            counts[verdict.reason] += 1
    return counts


@pytest.mark.parametrize("platform", SPOKEN)
@pytest.mark.cpu(5)
def test_real_payloads_give_the_reasons_of_their_platform(platform: str) -> None:
    assert EXPECTED[platform] <= set(seen(platform))


def notification(kind: str, **status: Any) -> bytes:
    base = {
        "id": "1",
        "created_at": "2026-11-22T20:41:00.000Z",
        "account": {"id": "7", "acct": "burger@elders.example", "username": "burger"},
        "content": "<p>hallo</p>",
        "visibility": "public",
        "mentions": [],
        "tags": [],
    }
    told = {"id": "9", "type": kind, "account": base["account"], "status": base | status}
    frame = {"stream": ["user"], "event": "notification", "payload": json.dumps(told)}
    return json.dumps(frame).encode()


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("mention", Verdict("addressed", "mention", "mention")),
        ("quote", Verdict("dropped", "quote_of_ours")),
        ("status", Verdict("dropped", "signal")),
    ],
)
def test_what_a_server_calls_it_counts_where_the_status_says_nothing(
    kind: str, verdict: Verdict
) -> None:
    assert verdicts("mastodon", notification(kind)) == [verdict]


def test_a_server_calls_every_reply_below_us_a_mention_and_the_prefix_says_more() -> None:
    ours = {"id": "117020617404561855", "acct": "mastodonpy_test", "url": "https://a.example/@u"}
    other = {"id": "8", "acct": "vriend", "url": "https://a.example/@vriend"}
    content = "".join(
        f'<span class="h-card"><a href="{m["url"]}" class="u-url mention">@{m["acct"]}</a></span> '
        for m in (other, ours)
    )
    body = notification(
        "mention",
        mentions=[other, ours],
        content=f"<p>{content}ja</p>",
        in_reply_to_id="5",
        in_reply_to_account_id="8",
    )

    assert verdicts("mastodon", body) == [Verdict("dropped", "bystander")]


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        ("mention", Verdict("addressed", "mention", "mention")),
        ("quote", Verdict("dropped", "quote_of_ours")),
        ("reply", Verdict("dropped", "not_addressed")),
    ],
)
def test_what_bluesky_calls_it_counts_where_the_post_says_nothing(
    reason: str, verdict: Verdict
) -> None:
    did = "did:plc:burger2demo2demo2demo2de"
    told = {
        "uri": f"at://{did}/app.bsky.feed.post/3kabcdefghijk",
        "cid": "bafyreib",
        "author": {"did": did, "handle": "burger.test"},
        "reason": reason,
        "record": {
            "$type": "app.bsky.feed.post",
            "text": "hallo",
            "createdAt": "2026-11-22T20:41:00Z",
        },
        "indexedAt": "2026-11-22T20:41:00Z",
    }

    assert verdicts("bluesky", json.dumps({"notifications": [told]}).encode()) == [verdict]


def test_a_quote_that_x_reports_without_naming_it_is_one_of_ours() -> None:
    told = {
        "data": {
            "filter": {"user_id": "1111111111111111111"},
            "event_type": "post.quote.create",
            "payload": {"id": "1990000000000000001", "text": "tja", "author_id": "2222"},
        }
    }

    assert verdicts("x", json.dumps(told).encode()) == [Verdict("dropped", "quote_of_ours")]
