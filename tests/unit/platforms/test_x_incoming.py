"""What X sends, read: signatures, both kinds of bodies, ids, keys, doors, and everything odd."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from toog.contracts import events
from toog.contracts.events import Author, Mention, Reference
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import ForgedError, Heard, NotConfiguredError, Parsed
from toog.platforms.x import incoming

SAMPLES = Path(__file__).parents[2] / "samples" / "x"
NOW = datetime(2026, 9, 14, 20, 30, tzinfo=UTC)
US = Account("x", "1111111111111111111", "StadPolDem", "http://127.0.0.1:1", ("PolDemo",))
OTHER = Account("x", "9999", "StadDem", "http://127.0.0.1:1")
ACCOUNTS = Accounts([US, OTHER])
CITIZEN = "2222222222222222222"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


def parse(body: Any, account: Account | None = US) -> Parsed:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return incoming.parse(data, accounts=ACCOUNTS, account=account, source="x:test", now=NOW)


def one(body: Any, account: Account | None = US) -> Heard:
    parsed = parse(body, account)
    assert parsed.unreadable == ()
    (heard,) = parsed.heard
    assert events.decode(events.encode(heard.event)).id == heard.event.id
    return heard


def line(tags: tuple[str, ...] = ("own",), **post: Any) -> dict[str, Any]:
    data = {"id": "50", "text": "hallo", "author_id": CITIZEN} | post
    return {"data": data, "matching_rules": [{"id": "1", "tag": tag} for tag in tags]}


def told(event_type: str, payload: dict[str, Any], user_id: str | None = US.id) -> dict[str, Any]:
    filter_ = {} if user_id is None else {"user_id": user_id}
    return {"data": {"filter": filter_, "event_type": event_type, "payload": payload}}


def mention(handle: str, start: int, id_: str | None = None) -> dict[str, Any]:
    return {"username": handle, "start": start, "end": start + len(handle) + 1, "id": id_}


def sign(secret: str, message: bytes) -> str:
    mac = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(mac).decode()


class TestVerify:
    BODY = b'{"data":{}}'

    def test_takes_what_the_consumer_secret_signed(self) -> None:
        headers = {"X-Twitter-Webhooks-Signature": sign("geheim", self.BODY)}

        incoming.verify(headers, self.BODY, {"consumer_secret": "geheim"})

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {incoming.SIGNATURE: sign("anders", BODY)},
            {incoming.SIGNATURE: sign("geheim", BODY + b" ")},
            {incoming.SIGNATURE: "é"},
        ],
    )
    def test_a_missing_or_wrong_signature_is_forged(self, headers: dict[str, str]) -> None:
        with pytest.raises(ForgedError):
            incoming.verify(headers, self.BODY, {"consumer_secret": "geheim"})

    def test_without_any_secret_the_way_in_does_not_exist(self) -> None:
        with pytest.raises(NotConfiguredError):
            incoming.verify({incoming.SIGNATURE: sign("", self.BODY)}, self.BODY, {})

    def test_the_oauth2_header_counts_where_the_client_secret_is_known(self) -> None:
        secrets = {"consumer_secret": "oud", "client_secret": "nieuw"}
        good = {incoming.SIGNATURE_OAUTH2: sign("nieuw", self.BODY), incoming.SIGNATURE: "sha256=x"}
        bad = {incoming.SIGNATURE_OAUTH2: "sha256=x", incoming.SIGNATURE: sign("oud", self.BODY)}

        incoming.verify(good, self.BODY, secrets)
        with pytest.raises(ForgedError):
            incoming.verify(bad, self.BODY, secrets)

    def test_both_headers_with_only_the_consumer_secret_known(self) -> None:
        headers = {
            incoming.SIGNATURE_OAUTH2: sign("nieuw", self.BODY),
            incoming.SIGNATURE: sign("oud", self.BODY),
        }

        incoming.verify(headers, self.BODY, {"consumer_secret": "oud"})

    def test_the_challenge_is_answered_with_the_token_signed(self) -> None:
        token = {"crc_token": "tok"}

        answer = incoming.handshake(token, {"consumer_secret": "geheim"})
        chosen = incoming.handshake(token, {"consumer_secret": "a", "crc_secret": "b"})
        newer = incoming.handshake(token, {"client_secret": "c"})

        assert json.loads(answer.body) == {"response_token": sign("geheim", b"tok")}
        assert answer.media_type == "application/json"
        assert json.loads(chosen.body) == {"response_token": sign("b", b"tok")}
        assert json.loads(newer.body) == {"response_token": sign("c", b"tok")}
        with pytest.raises(NotConfiguredError):
            incoming.handshake(token, {})
        with pytest.raises(ForgedError):
            incoming.handshake({}, {"consumer_secret": "geheim"})


class TestSamples:
    def test_mention_by_activity(self) -> None:
        heard = one(sample("xaa_post_mention_create"))

        event = heard.event
        assert event.id == "x:1111111111111111111:post:2080765813578191303"
        assert (event.kind, event.surface, event.native) == (
            "created",
            "post",
            "2080765813578191303",
        )
        assert event.author == Author(CITIZEN, "OtherUser", "OtherUser")
        assert event.text == "hey @ExampleUser"
        assert event.mentions == (Mention("ExampleUser", US.id),)
        assert event.reply_prefix == ()
        assert event.conversation == "2080765813578191303"
        assert event.root_author == CITIZEN
        assert event.language is None
        assert event.occurred_at == datetime(2026, 7, 24, 21, 23, 23, tzinfo=UTC)
        assert json.loads(bytes(event.raw)) == sample("xaa_post_mention_create")["data"]["payload"]
        assert heard.key == f"x:{US.id}:{CITIZEN}"
        assert not heard.room

    def test_reply_by_activity(self) -> None:
        event = one(sample("xaa_post_reply_create")).event

        assert event.surface == "reply"
        assert event.reply_prefix == (Mention("ExampleUser", US.id),)
        assert event.mentions == ()
        assert event.in_reply_to == Reference(f"x:{US.id}:post:2080761390344937796", US.id)
        assert event.root_author == US.id
        assert event.author == Author(CITIZEN)
        assert not event.incomplete

    def test_direct_message(self) -> None:
        heard = one(sample("xaa_dm_received"))

        event = heard.event
        assert event.id == f"x:{US.id}:dm:2080765901528535096"
        assert (event.surface, event.text, event.own) == ("dm", "hello!", False)
        assert event.conversation == f"{US.id}-{CITIZEN}"
        assert event.author == Author(CITIZEN, "OtherUser", "OtherUser")
        assert event.occurred_at == datetime(2026, 7, 24, 21, 23, 44, 372000, tzinfo=UTC)
        assert heard.key == f"x:{US.id}:{CITIZEN}"

    def test_own_deletion(self) -> None:
        heard = one(sample("xaa_post_delete"))

        event = heard.event
        assert event.id == f"x:{US.id}:post:2080761269309813134:deleted"
        assert event.of == f"x:{US.id}:post:2080761269309813134"
        assert (event.kind, event.native, event.own) == ("deleted", "2080761269309813134", True)
        assert event.occurred_at == NOW
        assert heard.key == f"x:{US.id}:2080761269309813134"

    def test_stream_mention(self) -> None:
        heard = one(sample("stream_v2_mention"))

        event = heard.event
        assert not heard.room
        assert event.id == f"x:{US.id}:post:2083000000000000001"
        assert event.mentions == (Mention("StadPolDem", US.id),)
        assert event.hashtags == ("meldpunt",)
        assert event.language == "nl"
        assert event.author == Author(CITIZEN, "burger_jan1", "Jan B.")

    def test_stream_reply_without_text_range_has_its_prefix_explained_by_the_parent(self) -> None:
        event = one(sample("stream_v2_reply")).event

        assert event.reply_prefix == (Mention("StadPolDem", US.id),)
        assert event.mentions == ()
        assert event.in_reply_to == Reference(f"x:{US.id}:post:2083000000000000002", US.id)
        assert event.root_author == US.id

    def test_system_lines_give_nothing(self) -> None:
        for entry in sample("stream_v2_system_lines"):
            assert parse(entry["line"].encode()) == Parsed()

    def test_the_same_post_by_both_ways_has_one_id(self) -> None:
        body = sample("xaa_post_mention_create")["data"]["payload"]

        by_stream = one({"data": body, "matching_rules": []}).event

        assert by_stream.id == one(sample("xaa_post_mention_create")).event.id


class TestPosts:
    def test_repost_quote_and_quoting_reply(self) -> None:
        def surface(*types: str) -> Any:
            references = [{"type": type_, "id": str(n)} for n, type_ in enumerate(types, 60)]
            return one(line(referenced_tweets=references)).event

        assert surface("retweeted").surface == "repost"
        assert surface("quoted").surface == "quote"
        assert surface("quoted").quotes == Reference(f"x:{US.id}:post:60")
        both = surface("replied_to", "quoted")
        assert (both.surface, both.quotes) == ("reply", Reference(f"x:{US.id}:post:61"))

    def test_a_repost_names_nobody(self) -> None:
        body = line(
            ("room:politie247",),
            text="RT @StadPolDem: straks op tv #politie247",
            referenced_tweets=[{"type": "retweeted", "id": "7"}],
            entities={"mentions": [mention("StadPolDem", 3, US.id)]},
        )

        heard = one(body)

        assert heard.event.mentions == ()
        assert heard.room

    def test_quote_by_activity_quotes_us_also_without_includes(self) -> None:
        payload = {"id": "50", "referenced_tweets": [{"type": "quoted", "id": "7"}]}

        event = one(told("post.quote.create", payload)).event

        assert event.quotes == Reference(f"x:{US.id}:post:7", US.id)

    def test_newer_vocabulary(self) -> None:
        body = line(
            referenced_posts=[{"type": "replied_to", "id": "7"}],
            edit_history_post_ids=["49", "50"],
            note_post={"text": "de hele lange tekst"},
        )
        body["includes"] = {"posts": [{"id": "7", "author_id": US.id, "text": "wij"}]}

        event = one(body).event

        assert event.id == f"x:{US.id}:post:49:edit:50"
        assert event.in_reply_to == Reference(f"x:{US.id}:post:7", US.id)
        assert event.text == "de hele lange tekst"

    def test_edits_are_named_by_the_first_version_and_sort(self) -> None:
        first = one(line(id="9", edit_history_tweet_ids=["9"])).event
        second = one(line(id="50", edit_history_tweet_ids=["9", "50"])).event
        third = one(line(id="100", edit_history_tweet_ids=["9", "50", "100"])).event

        assert second.id == f"{first.id}:edit:50"
        assert (second.kind, second.of, second.native) == ("edited", first.id, "50")
        assert third.of == first.id
        assert first.revision < second.revision < third.revision

    def test_a_long_post_is_read_in_full(self) -> None:
        body = line(
            text="kort …",
            note_tweet={
                "text": "lang @StadPolDem #file",
                "entities": {"mentions": [mention("StadPolDem", 5, US.id)]},
            },
        )

        event = one(body).event

        assert event.text == "lang @StadPolDem #file"
        assert event.mentions == (Mention("StadPolDem", US.id),)
        assert event.hashtags == ("file",)

    def test_own_reply_is_keyed_by_whom_it_answers(self) -> None:
        reply = {
            "id": "50",
            "author_id": US.id,
            "in_reply_to_user_id": CITIZEN,
            "referenced_tweets": [{"type": "replied_to", "id": "7"}],
        }
        heard = one(told("post.create", reply))
        to_ourselves = one(told("post.create", reply | {"in_reply_to_user_id": US.id}))
        alone = one(told("post.create", {"id": "50", "author_id": US.id}))

        assert heard.event.own
        assert heard.key == f"x:{US.id}:{CITIZEN}"
        assert to_ourselves.key == alone.key == f"x:{US.id}:50"

    def test_another_account_of_ours_is_us_as_well(self) -> None:
        assert one(line(author_id=OTHER.id)).event.own

    def test_without_author_it_is_incomplete(self) -> None:
        heard = one(line(author_id=None))

        assert heard.event.incomplete
        assert heard.event.author is None
        assert heard.key == f"x:{US.id}:50"

    def test_links_and_media(self) -> None:
        urls = [
            {"url": "https://t.co/a", "expanded_url": "https://voorbeeld.be/a"},
            {"url": "https://t.co/b", "expanded_url": "https://x.com/f", "media_key": "3_1"},
        ]
        body = line(entities={"urls": urls}, attachments={"media_keys": ["3_1", "3_2"]})
        body["includes"] = {"media": [{"media_key": "3_1", "type": "photo", "url": "https://p"}]}

        event = one(body).event

        assert event.links == ("https://voorbeeld.be/a",)
        assert [(m.kind, m.url) for m in event.media] == [("photo", "https://p"), ("media", None)]

    def test_a_missing_or_odd_time_is_now(self) -> None:
        assert one(line()).event.occurred_at == NOW
        assert one(line(created_at="gisteren")).event.occurred_at == NOW
        assert one(line(created_at=5)).event.occurred_at == NOW


class TestPrefix:
    """`@CitizenA @StadPolDem ...`: what X put there, and what the author wrote."""

    REPLY: ClassVar[dict[str, Any]] = {
        "in_reply_to_user_id": "3",
        "referenced_tweets": [{"type": "replied_to", "id": "7"}],
        "text": "@an_a @StadPolDem klopt",
        "entities": {"mentions": [mention("an_a", 0, "3"), mention("StadPolDem", 6, US.id)]},
    }
    PARENT: ClassVar[dict[str, Any]] = {
        "id": "7",
        "author_id": "3",
        "text": "@StadPolDem en nu?",
        "entities": {"mentions": [mention("StadPolDem", 0, US.id)]},
    }

    def names(self, body: dict[str, Any]) -> tuple[list[str], list[str]]:
        event = one(body).event
        return [m.handle for m in event.reply_prefix], [m.handle for m in event.mentions]

    def test_by_text_range(self) -> None:
        body = line(**self.REPLY, display_text_range=[18, 23])
        assert self.names(body) == (["an_a", "StadPolDem"], [])

        typed = line(**self.REPLY, display_text_range=[6, 23])
        assert self.names(typed) == (["an_a"], ["StadPolDem"])

    def test_in_prefix_and_typed_again(self) -> None:
        again = {
            "mentions": [*self.REPLY["entities"]["mentions"], mention("stadpoldem", 24, US.id)]
        }
        body = line(**self.REPLY | {"entities": again}, display_text_range=[18, 40])

        assert self.names(body) == (["an_a", "StadPolDem"], ["stadpoldem"])

    def test_without_range_by_what_the_parent_explains(self) -> None:
        body = line(**self.REPLY)
        body["includes"] = {"tweets": [self.PARENT]}
        assert self.names(body) == (["an_a", "StadPolDem"], [])

        body["includes"] = {"tweets": [self.PARENT | {"entities": {"mentions": []}}]}
        assert self.names(body) == (["an_a"], ["StadPolDem"])

    def test_parent_unknown_none_of_ours_beyond_the_first(self) -> None:
        assert self.names(line(**self.REPLY)) == (["an_a"], ["StadPolDem"])

    def test_an_explicit_mention_is_never_in_the_prefix_beyond_the_first(self) -> None:
        payload = {"id": "50", "author_id": CITIZEN, **self.REPLY, "display_text_range": [18, 23]}

        assert self.names(told("post.mention.create", payload)) == (["an_a"], ["StadPolDem"])

    def test_what_answers_nobody_has_no_prefix(self) -> None:
        body = line(
            text="@StadPolDem hallo",
            in_reply_to_user_id=US.id,
            entities={"mentions": [mention("StadPolDem", 0, US.id)]},
        )

        assert self.names(body) == ([], ["StadPolDem"])

    def test_without_entities_the_text_is_searched(self) -> None:
        assert self.names(line(text="zeg @StadPolDem, mail a@b.be")) == ([], ["StadPolDem"])
        assert self.names(line(text="x https://x.com/@StadPolDem")) == ([], [])
        reply = {k: v for k, v in self.REPLY.items() if k != "entities"}
        assert self.names(line(**reply)) == (["an_a"], ["StadPolDem"])

    def test_a_reported_mention_counts_also_when_the_text_hides_it(self) -> None:
        payload = {"id": "50", "author_id": CITIZEN, "text": "hallo", "entities": {"mentions": []}}

        assert self.names(told("post.mention.create", payload)) == ([], ["StadPolDem"])


class TestDoors:
    @pytest.mark.parametrize(
        ("tags", "room"),
        [
            (("room:politie247",), True),
            (("room:politie247", "room:file"), True),
            (("own",), False),
            (("room:politie247", "own"), False),
            (("iets anders",), False),
            ((), False),
        ],
    )
    def test_only_hashtag_rules_are_the_room(self, tags: tuple[str, ...], room: bool) -> None:
        assert one(line(tags)).room is room

    def test_a_rule_without_tag_is_our_own_door(self) -> None:
        assert not one(line() | {"matching_rules": [{"id": "1"}]}).room
        assert not one(line() | {"matching_rules": "?"}).room

    def test_who_names_or_answers_us_is_at_our_own_door(self) -> None:
        tags = ("room:politie247",)
        answer = {"referenced_tweets": [{"type": "replied_to", "id": "7"}]}

        assert not one(line(tags, text="vraag aan @StadPolDem")).room
        assert not one(line(tags, text="vraag aan @poldemo")).room
        assert not one(line(tags, in_reply_to_user_id=US.id, **answer)).room
        assert one(line(tags, in_reply_to_user_id="3", **answer)).room


class TestOdd:
    def test_an_account_that_is_not_ours(self) -> None:
        event = one(told("post.mention.create", {"id": "50"}, user_id="777")).event

        assert (event.kind, event.signal, event.account) == ("signal", "unknown_account", "777")
        assert one(told("oauth.revoke", {}, user_id=None), None).event.signal == "unknown_account"
        assert one(line(), None).event.signal == "unknown_account"

    def test_other_events_are_signals_with_the_hash_as_id(self) -> None:
        body = told("dm.read", {"iets": 1})

        event = one(body).event

        assert event.signal == "read"
        assert event.id == one(body).event.id != one(told("dm.read", {"iets": 2})).event.id

    @pytest.mark.parametrize(
        "body",
        [
            b"[]",
            b"5",
            b'"x"',
            b"{}",
            b'{"data":5}',
            b'{"data":{}}',
            b'{"data":{"id":5}}',
            b'{"data":{"id":"5"}}',
            b'{"data":{"id":"5","name":"An","username":"an_a"}}',
            b'{"data":{"id":"0 5","text":"x"}}',
            json.dumps(told("post.create", {})).encode(),
            json.dumps(told("dm.received", {})).encode(),
            json.dumps(told("dm.received", {"direct_message_events": [{"id": "1"}]})).encode(),
            json.dumps(told("post.delete", {"id": [1]})).encode(),
        ],
    )
    def test_what_is_not_understood_is_counted(self, body: bytes) -> None:
        assert one(body).event.signal == "not_understood"

    @pytest.mark.parametrize("body", [b"{", b"<html>", b'{"data":', b"[1,", b"[" * 100_000])
    def test_what_is_no_json_is_unreadable(self, body: bytes) -> None:
        parsed = parse(body)

        assert parsed.heard == ()
        assert [u.body for u in parsed.unreadable] == [body]

    def test_one_odd_field_costs_only_itself(self) -> None:
        body = line(lang=5, entities={"mentions": "?", "hashtags": [{"tag": "file"}]}, text="@a_b")
        body["includes"] = {"users": [5, {"id": CITIZEN, "username": "an"}], "tweets": "?"}

        event = one(body).event

        assert (event.language, event.hashtags) == (None, ("file",))
        assert event.mentions == (Mention("a_b"),)
        assert event.author == Author(CITIZEN, "an")

    def test_one_odd_direct_message_does_not_cost_the_other(self) -> None:
        body = sample("xaa_dm_received")
        body["data"]["payload"]["direct_message_events"].insert(0, {"id": "1"})

        kinds = [heard.event.kind for heard in parse(body).heard]

        assert kinds == ["signal", "created"]

    def test_nul_and_half_surrogates_are_replaced_and_flagged(self) -> None:
        body = b'{"data":{"id":"50","author_id":"2","text":"a\\u0000b\\ud83d c"}}'

        event = one(body).event

        assert event.text == "a�b� c"
        assert event.cleaned
        assert b"\\u0000" not in bytes(event.raw)

    def test_data_and_errors_together_is_a_post(self) -> None:
        assert one(line() | {"errors": [{"title": "Not Found Error"}]}).event.kind == "created"

    def test_a_page_of_posts(self) -> None:
        posts = [{"id": "1", "text": "een"}, {"id": "2", "text": "twee"}]
        parsed = parse({"data": posts, "meta": {"result_count": 2}})

        assert [heard.event.native for heard in parsed.heard] == ["1", "2"]


def test_our_sent_message_is_keyed_by_the_recipient() -> None:
    dm = {
        "id": "80",
        "message_create": {
            "sender_id": US.id,
            "target": {"recipient_id": "22"},
            "message_data": {
                "text": "dank @an_a",
                "entities": {"user_mentions": [{"screen_name": "an_a", "id_str": "3"}]},
                "attachment": {"type": "media", "media": {"type": "photo"}},
            },
        },
    }

    heard = one(told("dm.sent", {"direct_message_events": [dm]}))

    assert heard.event.own
    assert heard.key == f"x:{US.id}:22"
    assert heard.event.conversation == f"22-{US.id}"
    assert heard.event.mentions == (Mention("an_a", "3"),)
    assert heard.event.media[0].kind == "photo"
    assert heard.event.occurred_at == NOW


def test_ids_that_came_as_numbers_are_strings_digit_by_digit() -> None:
    told_as = {
        "filter": {"user_id": 1111111111111111111},
        "event_type": "post.reply.create",
        "payload": {
            "id": 2083000000000000003,
            "text": "@StadPolDem hoi",
            "author_id": 2222,
            "conversation_id": 900,
            "in_reply_to_user_id": 1111111111111111111,
            "referenced_tweets": [{"type": "replied_to", "id": 800}],
        },
    }
    event = one(json.dumps({"data": told_as}).encode()).event

    assert event.id == "x:1111111111111111111:post:2083000000000000003"
    assert (event.author.id, event.conversation) == ("2222", "900")
    assert (event.surface, event.in_reply_to.id) == ("reply", "x:1111111111111111111:post:800")


def test_a_filter_with_a_number_for_somebody_else_is_not_ours() -> None:
    told_as = {
        "filter": {"user_id": 5555},
        "event_type": "post.mention.create",
        "payload": {"id": "9", "text": "hoi", "author_id": "2"},
    }

    assert one(json.dumps({"data": told_as}).encode()).event.signal == "unknown_account"


def test_a_long_reply_that_types_our_handle_names_us() -> None:
    post = {
        "id": "9",
        "text": "@piet @StadPolDem kort",
        "author_id": "2",
        "display_text_range": [18, 22],
        "referenced_tweets": [{"type": "replied_to", "id": "8"}],
        "entities": {
            "mentions": [
                {"start": 0, "username": "piet", "id": "3"},
                {"start": 6, "username": "StadPolDem", "id": "1111111111111111111"},
            ]
        },
        "note_tweet": {
            "text": "kort maar lang @StadPolDem hulp",
            "entities": {
                "mentions": [{"start": 15, "username": "StadPolDem", "id": "1111111111111111111"}]
            },
        },
    }
    event = one(json.dumps({"data": post}).encode()).event

    assert [m.handle for m in event.reply_prefix] == ["piet", "StadPolDem"]
    assert [m.handle for m in event.mentions] == ["StadPolDem"]


def test_a_value_that_is_nested_without_end_costs_only_itself() -> None:
    deep = "[" * 3000 + "]" * 3000
    body = '{"data":[{"id":"1","text":"a","x":' + deep + '},{"id":"2","text":"b"}]}'
    parsed = incoming.parse(
        body.encode(), accounts=ACCOUNTS, account=ACCOUNTS.all[0], source="s", now=NOW
    )

    assert [heard.event.native for heard in parsed.heard] == ["1", "2"]
    assert parsed.unreadable == ()


def test_two_odd_messages_of_one_delivery_are_two_signals() -> None:
    body = json.dumps(told("dm.received", {"direct_message_events": [{"id": "a"}, {"id": "b"}]}))
    ids = [heard.event.id for heard in parse(body.encode()).heard]

    assert len(set(ids)) == 2
