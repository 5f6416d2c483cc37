"""Every cell of X's row on a sample: Activity API, Account Activity, streams, pages, look-ups."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.router.policy import read_policy, shipped_policy
from services.router.rules import Facts, judge
from toog.contracts import events
from toog.contracts.events import Author, Event, Media, Mention, Reference
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard, Parsed, look_up_source
from toog.platforms.x import incoming

SAMPLES = Path(__file__).parents[2] / "samples" / "x"
NOW = datetime(2026, 9, 14, 21, 0, tzinfo=UTC)
US = Account("x", "1111111111111111111", "StadPolDem", "http://127.0.0.1:1")
ACCOUNTS = Accounts([US])
POLICY = read_policy(shipped_policy())
AN = Author("2222222222222222222", "burger_jan1", "Jan B.")


def body(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def parse(data: Any, source: str = "x:test", account: Account | None = US) -> Parsed:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return incoming.parse(raw, accounts=ACCOUNTS, account=account, source=source, now=NOW)


def heard(data: Any) -> list[Heard]:
    parsed = parse(data)
    assert parsed.unreadable == ()
    return list(parsed.heard)


def one(data: Any) -> Event:
    (only,) = heard(data)
    return only.event


def reason(event: Event) -> str:
    facts = msgspec.json.decode(events.encode(event), type=Facts)
    return judge(facts, "own", POLICY, ACCOUNTS).reason


class TestActivity:
    def test_a_quote_of_us_has_no_includes_at_all(self) -> None:
        event = one(body("made/xaa_post_quote_create"))

        assert event.surface == "quote"
        assert event.quotes == Reference(f"x:{US.id}:post:2090000000000000009", US.id)
        assert event.author == Author(AN.id)
        assert not event.incomplete
        assert reason(event) == "quote_of_ours"

    def test_a_repost_names_nobody_and_is_not_addressed(self) -> None:
        event = one(body("made/xaa_post_repost_create"))

        assert (event.surface, event.mentions) == ("repost", ())
        assert event.hashtags == ("politie247",)
        assert reason(event) == "repost"

    def test_a_repost_is_one_also_where_the_reference_is_missing(self) -> None:
        told = json.loads(body("made/xaa_post_repost_create"))
        del told["data"]["payload"]["referenced_tweets"]

        assert one(told).surface == "repost"

    def test_our_own_post_is_unescaped(self) -> None:
        event = one(body("made/xaa_post_create_own"))

        assert event.own
        assert event.text == "Vanavond 20.30 uur: Politie 24/7 & meer."
        assert reason(event) == "own_post"

    def test_a_message_of_ours(self) -> None:
        (sent,) = heard(body("made/xaa_dm_sent"))

        assert sent.event.own
        assert sent.event.surface == "dm"
        assert sent.key == f"x:{US.id}:{AN.id}"
        assert reason(sent.event) == "own_reply"

    @pytest.mark.parametrize(
        ("name", "signal"),
        [
            ("xaa_like_create", "like"),
            ("xaa_dm_read", "read"),
            ("xaa_dm_indicate_typing", "typing"),
            ("xaa_oauth_revoke", "revoked"),
            ("replay_job_status", "replay_job"),
        ],
    )
    def test_signals(self, name: str, signal: str) -> None:
        event = one(body(f"made/{name}"))

        assert (event.kind, event.signal, event.account) == ("signal", signal, US.id)
        assert event.text == ""
        assert reason(event) == "signal"

    @pytest.mark.parametrize(
        ("written", "signal"),
        [
            ("LikeCreate", "like"),
            ("chat.conversation_join", "chat_join"),
            ("chat.conversation.join", "chat_join"),
            ("profile.update.bio", "profile_update"),
            ("follow.unfollow", "unfollow"),
            ("something.new", "not_understood"),
            ("x" * 100_000, "not_understood"),
        ],
    )
    def test_names_of_signals_are_a_closed_set(self, written: str, signal: str) -> None:
        told = {"event_type": written, "filter": {"user_id": US.id}, "payload": {}}

        assert one({"data": told}).signal == signal

    def test_the_older_names_of_events(self) -> None:
        told = json.loads(body("xaa_post_mention_create"))
        told["data"]["event_type"] = "PostMentionCreate"

        assert one(told).id == one(body("xaa_post_mention_create")).id

    def test_a_revoked_permission_names_its_user(self) -> None:
        told = json.loads(body("made/xaa_oauth_revoke"))
        told["data"]["payload"]["user_id"] = "777"

        assert (one(told).signal, one(told).account) == ("unknown_account", "777")

    def test_encrypted_chat_is_a_message_that_cannot_be_read(self) -> None:
        (received,) = heard(body("made/xaa_chat_received"))

        event = received.event
        assert event.id == f"x:{US.id}:dm:e4f4d3fc-8bbf-4928-92eb-000000000001"
        assert (event.surface, event.text, event.incomplete) == ("dm", "", True)
        assert event.author == Author(AN.id)
        assert event.conversation == one(body("xaa_dm_received")).conversation
        assert event.occurred_at == datetime(2026, 9, 14, 20, 31, 4, tzinfo=UTC)
        assert received.key == f"x:{US.id}:{AN.id}"
        assert reason(event) == "private_message"

    def test_our_own_chat_is_an_echo(self) -> None:
        (sent,) = heard(body("made/xaa_chat_sent"))

        assert sent.event.own
        assert sent.key == f"x:{US.id}:{AN.id}"
        assert reason(sent.event) == "own_reply"

    def test_chat_without_an_id_is_named_by_its_ciphertext(self) -> None:
        told = json.loads(body("made/xaa_chat_received"))
        del told["data"]["payload"]["id"]
        again = json.loads(body("made/xaa_chat_received"))
        del again["data"]["payload"]["id"]
        again["data"]["event_uuid"] = "7"

        assert one(told).id == one(again).id != one(body("made/xaa_chat_received")).id
        told["data"]["payload"] = {"sender_id": AN.id}
        assert one(told).signal == "not_understood"

    def test_a_group_chat_keeps_its_name(self) -> None:
        told = json.loads(body("made/xaa_chat_received"))
        told["data"]["payload"]["conversation_id"] = "g1768236281331"

        assert one(told).conversation == "g1768236281331"

    def test_activities_one_a_line_are_each_read(self) -> None:
        lines = [body("xaa_dm_received"), body("made/xaa_like_create")]

        assert [parse(line).heard[0].event.kind for line in lines] == ["created", "signal"]


class TestAccountActivity:
    def test_a_message(self) -> None:
        told = json.loads(body("aaa_direct_message_create"))
        told["for_user_id"] = US.id
        (create,) = told["direct_message_events"]
        create["message_create"]["target"]["recipient_id"] = US.id

        (received,) = heard(told)

        event = received.event
        assert event.id == f"x:{US.id}:dm:954491830116155396"
        assert event.author == Author("3001969357", "burger_eenxxx", "Burger Een")
        assert (event.text, event.surface) == ("Hello World!", "dm")
        assert event.conversation == f"3001969357-{US.id}"
        assert event.occurred_at.isoformat() == "2018-01-19T23:12:40.557000+00:00"
        assert received.key == f"x:{US.id}:3001969357"

    @pytest.mark.parametrize("name", ["aaa_direct_message_create", "aaa_tweet_delete"])
    def test_a_body_for_somebody_else(self, name: str) -> None:
        event = one(body(name))

        assert event.signal == "unknown_account"
        assert event.account == json.loads(body(name))["for_user_id"]

    def test_a_deletion(self) -> None:
        told = json.loads(body("aaa_tweet_delete")) | {"for_user_id": US.id}
        told["tweet_delete_events"][0]["status"]["user_id"] = US.id

        event = one(told)

        assert event.id == f"x:{US.id}:post:1045405559317569537:deleted"
        assert (event.kind, event.own) == ("deleted", True)
        assert event.occurred_at.isoformat() == "2015-05-21T17:09:15.593000+00:00"
        assert reason(event) == "deletion"

    def test_a_long_post_is_read_in_full(self) -> None:
        event = one(body("made/aaa_tweet_create_long"))

        assert event.id == f"x:{US.id}:post:2091000000000000010"
        assert event.text.startswith("@StadPolDem waar moet ik heen & hoe laat?")
        assert event.text.endswith("#politie247")
        assert event.mentions == (Mention("StadPolDem", US.id),)
        assert event.hashtags == ("politie247",)
        assert event.links == ("https://voorbeeld.example/plein",)
        assert event.media == (Media("photo", "https://pbs.example/3001.jpg"),)
        assert event.author == AN
        assert event.occurred_at == datetime(2026, 9, 14, 20, 32, tzinfo=UTC)

    def test_a_leading_mention_is_no_reply(self) -> None:
        """X sets `in_reply_to_user_id` there too, but names no post."""
        event = one(body("made/aaa_tweet_create_long"))

        assert (event.surface, event.in_reply_to, event.reply_prefix) == ("post", None, ())
        assert reason(event) == "mention"

    def test_one_odd_item_does_not_cost_the_others(self) -> None:
        found = [h.event for h in heard(body("made/aaa_tweet_create_batch"))]

        assert [reason(event) for event in found] == [
            "reply_to_us",
            "own_reply",
            "signal",
            "repost",
            "quote_of_ours",
        ]
        reply, own, odd, repost, quote = found
        assert reply.in_reply_to == Reference(f"x:{US.id}:post:2090000000000000009", US.id)
        assert [m.handle for m in reply.reply_prefix] == ["StadPolDem", "an_a"]
        assert reply.mentions == ()
        assert reply.conversation == "2090000000000000009"
        assert own.own
        assert odd.signal == "not_understood"
        assert repost.mentions == ()
        assert quote.quotes == Reference(f"x:{US.id}:post:2090000000000000009", US.id)

    def test_signals_in_the_order_of_the_body(self) -> None:
        assert [h.event.signal for h in heard(body("made/aaa_signals"))] == [
            "like",
            "follow",
            "unfollow",
            "block",
            "unblock",
            "mute",
            "unmute",
            "typing",
            "read",
            "not_understood",
        ]

    def test_a_revoked_permission(self) -> None:
        told = json.loads(body("made/aaa_user_event_revoke"))

        assert (one(told).signal, one(told).account) == ("revoked", US.id)
        told["user_event"]["revoke"]["source"]["user_id"] = 777
        assert (one(told).signal, one(told).account) == ("unknown_account", "777")
        assert one({"user_event": {"nieuw": 1}}).signal == "not_understood"
        assert parse({"user_event": 5}, account=None).heard[0].event.signal == "unknown_account"

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"tweet_create_events": []},
            {"tweet_create_events": {"id_str": "5"}},
            {"tweet_create_events": [5]},
            {"tweet_create_events": [{"id_str": ""}]},
            {"tweet_delete_events": [{}]},
            {"tweet_delete_events": [{"status": {}}]},
            {"direct_message_events": [{"type": "message_create", "id": "1"}]},
            {"direct_message_events": "?", "users": "?"},
            {"follow_events": [{"type": "anders"}]},
        ],
    )
    def test_what_is_not_understood_is_counted(self, fields: dict[str, Any]) -> None:
        assert one({"for_user_id": US.id} | fields).signal == "not_understood"

    def test_the_user_may_be_a_number(self) -> None:
        told = json.loads(body("made/aaa_tweet_create_long")) | {"for_user_id": int(US.id)}

        assert one(told).kind == "created"
        assert one({"for_user_id": [1]}).signal == "unknown_account"

    def test_ids_without_their_text_are_taken_as_numbers(self) -> None:
        tweet = {"id": 2091000000000000019, "text": "a", "user": {"id": 5}, "created_at": "?"}

        event = one({"for_user_id": US.id, "tweet_create_events": [tweet]})

        assert event.native == "2091000000000000019"
        assert event.author == Author("5")
        assert event.occurred_at == NOW


class TestStreamsAndPages:
    def test_a_missing_author_and_errors_beside_data(self) -> None:
        event = one(body("made/stream_missing_author"))

        assert (event.kind, event.author, event.incomplete) == ("created", None, True)
        assert event.mentions == (Mention("StadPolDem"),)
        assert reason(event) == "mention"

    def test_an_edit_is_one_message(self) -> None:
        event = one(body("made/stream_edit"))

        assert event.kind == "edited"
        assert event.of == f"x:{US.id}:post:2091000000000000040"
        assert event.id == f"{event.of}:edit:2091000000000000041"

    def test_the_newer_vocabulary(self) -> None:
        event = one(body("made/stream_newer_vocabulary"))

        assert event.of == f"x:{US.id}:post:2091000000000000050"
        assert event.text == "@StadPolDem lang verhaal #politie247"
        assert event.surface == "reply"
        assert event.in_reply_to == Reference(f"x:{US.id}:post:2090000000000000009", US.id)
        assert event.quotes == Reference(f"x:{US.id}:post:2090000000000000008", "3")
        assert event.reply_prefix == (Mention("StadPolDem", US.id),)

    def test_a_page_with_errors_beside_data(self) -> None:
        found = [h.event for h in heard(body("made/mentions_page"))]

        assert [event.text for event in found] == [
            "@StadPolDem tweede <vraag>",
            "@StadPolDem eerste vraag",
        ]
        assert [event.author for event in found] == [AN, AN]

    def test_an_empty_page_is_nothing(self) -> None:
        assert parse(body("made/mentions_page_empty")) == Parsed()
        assert parse({"data": [], "meta": {"result_count": 0}}) == Parsed()

    def test_a_look_up_enriches_what_entered_before(self) -> None:
        (found,) = parse(body("made/look_up"), look_up_source("x")).heard

        event = found.event
        assert event.of == f"x:{US.id}:post:2091000000000000020"
        assert event.id == f"{event.of}:edit:enriched"
        assert (event.kind, event.author, event.incomplete) == ("edited", AN, False)
        assert event.revision > ""

    def test_an_edit_that_is_looked_up_goes_behind_itself_and_before_the_next(self) -> None:
        versions = ["2091000000000000040", "2091000000000000041", "2091000000000000042"]

        def told(count: int) -> dict[str, Any]:
            return {
                "id": versions[count - 1],
                "text": "x",
                "edit_history_tweet_ids": versions[:count],
            }

        second, third = one({"data": told(2)}), one({"data": told(3)})
        (found,) = parse({"data": told(2)}, look_up_source("x")).heard

        assert found.event.id == f"{second.id}:enriched"
        assert second.revision < found.event.revision < third.revision

    def test_a_look_up_that_finds_nothing(self) -> None:
        told = json.loads(body("made/look_up"))
        del told["data"]

        assert parse(told, look_up_source("x")) == Parsed()

    def test_messages_by_paging(self) -> None:
        first, second, third = heard(body("made/dm_events_page"))

        assert first.event.text == "tot zo & dank"
        assert first.event.author == AN
        assert first.event.conversation == f"{US.id}-{AN.id}"
        assert first.key == f"x:{US.id}:{AN.id}"
        assert (second.event.surface, second.event.incomplete) == ("dm", True)
        assert third.event.signal == "not_understood"

    def test_the_same_post_by_every_way_has_one_id(self) -> None:
        post = json.loads(body("xaa_post_mention_create"))["data"]["payload"]
        legacy = {"id_str": post["id"], "text": post["text"], "user": {"id_str": AN.id}}
        ways = [
            body("xaa_post_mention_create"),
            {"data": post, "matching_rules": []},
            {"data": [post], "meta": {"result_count": 1}},
            {"for_user_id": US.id, "tweet_create_events": [legacy]},
        ]

        assert len({one(way).id for way in ways}) == 1


class TestEscapes:
    @pytest.mark.parametrize(
        ("written", "text"),
        [
            ("a &amp; b", "a & b"),
            ("&lt;3 &gt;", "<3 >"),
            ("&amp;lt;", "&lt;"),
            ("&quot; &#39; &", "&quot; &#39; &"),
        ],
    )
    def test_only_what_x_escapes(self, written: str, text: str) -> None:
        long = {"id": "5", "text": "…", "note_tweet": {"text": written}}

        assert one({"data": {"id": "5", "text": written}}).text == text
        assert one({"data": long}).text == text

    def test_in_messages_too(self) -> None:
        told = json.loads(body("xaa_dm_received"))
        message = told["data"]["payload"]["direct_message_events"][0]["message_create"]
        message["message_data"]["text"] = "wij &amp; zij"

        assert one(told).text == "wij & zij"


def _many(count: int) -> dict[str, Callable[[], Any]]:
    posts = [{"id": str(n), "text": "a"} for n in range(count)]
    users = [{"id": str(n), "username": "a"} for n in range(count)]
    mentions = [{"username": f"a{n}", "start": n} for n in range(count)]
    reply = {
        "id": "5",
        "text": "@a0 x",
        "display_text_range": [count, count],
        "referenced_tweets": [{"type": "replied_to", "id": "4"}],
        "entities": {"mentions": mentions},
    }
    messages = [{"id": str(n)} for n in range(count)]
    people = {user["id"]: user for user in users}
    return {
        "posts and expansions": lambda: {"data": posts, "includes": {"users": users}},
        "rules": lambda: {"data": posts, "matching_rules": [{"tag": "room:a"}] * count},
        "prefix": lambda: {"data": reply},
        "messages": lambda: {
            "for_user_id": US.id,
            "direct_message_events": messages,
            "users": people,
        },
        "hashtags": lambda: {"data": {"id": "5", "text": "#a " * count + "@a" * count}},
    }


@pytest.mark.parametrize("name", list(_many(0)))
def test_large_bodies_take_time_by_their_size_only(name: str) -> None:
    """5,000 of each would take many seconds where one part is read again for every other."""
    parsed = parse(_many(5_000)[name]())

    assert parsed.unreadable == ()
    assert parsed.heard


@pytest.mark.parametrize("depth", [100, 400, 700, 900, 960, 990, 5_000])
def test_deep_nesting_is_never_raised(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    for shape in (b'{"data":%s}', b'{"data":{"id":"5","text":"a","x":%s}}', b'{"for_user_id":%s}'):
        parsed = parse(shape % deep)

        assert len(parsed.heard) + len(parsed.unreadable) == 1


class TestThreads:
    """Who began the conversation, as far as X tells."""

    def root(self, **includes: Any) -> str | None:
        reply = {
            "id": "50",
            "text": "@an_a ja",
            "author_id": "9",
            "conversation_id": "1",
            "referenced_tweets": [{"type": "replied_to", "id": "40"}],
        }
        return one({"data": reply, "includes": includes}).root_author

    def test_the_parent_answers_the_first_post(self) -> None:
        parent = {"id": "40", "in_reply_to_user_id": US.id, "in_reply_to_tweet_id": "1"}

        assert self.root(tweets=[parent]) == US.id

    def test_the_first_post_came_along(self) -> None:
        assert self.root(posts=[{"id": "1", "author_id": US.id}]) == US.id

    def test_nobody_knows(self) -> None:
        assert self.root() is None


@pytest.mark.parametrize(
    "written", ["Mon Xyz 14 20:32:00 +0000 2026", "Mon Sep 99 20:32:00 +0000 2026", "", "a b c"]
)
def test_a_time_that_is_none_is_now(written: str) -> None:
    tweet = {"id_str": "5", "text": "a", "created_at": written}

    event = one({"for_user_id": US.id, "tweet_create_events": [tweet]})

    assert event.occurred_at == NOW


def test_messages_with_odd_ids_are_not_understood() -> None:
    told = json.loads(body("made/dm_events_page"))
    told["data"] = [told["data"][0] | {"id": "5 6"}]

    assert one(told).signal == "not_understood"


def test_a_page_of_messages_for_nobody() -> None:
    signals = [h.event.signal for h in parse(body("made/dm_events_page"), account=None).heard]

    assert signals == ["unknown_account"] * 3
