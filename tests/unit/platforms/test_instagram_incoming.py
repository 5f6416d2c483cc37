"""What Instagram sends, read: signatures, both shapes, pages, look-ups, and everything odd."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from toog.contracts import events
from toog.contracts.events import Author, Event, Media, Mention, Reference
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import ForgedError, Heard, NotConfiguredError, Parsed
from toog.platforms.instagram import incoming

SAMPLES = Path(__file__).parents[2] / "samples" / "instagram"
NOW = datetime(2026, 9, 14, 20, 40, tzinfo=UTC)
US = Account("instagram", "17841405309211844", "stadpoldem", "http://127.0.0.1:1", ("poldemo",))
ACCOUNTS = Accounts([US])
AN = "5614879045272581"
FIRST_MID = "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQx1"
BASE = f"instagram:{US.id}"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


def parse(body: Any, account: Account | None = US, accounts: Accounts = ACCOUNTS) -> Parsed:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    parsed = incoming.parse(data, accounts=accounts, account=account, source="test", now=NOW)
    again = incoming.parse(data, accounts=accounts, account=account, source="test", now=NOW)
    assert [h.event.id for h in parsed.heard] == [h.event.id for h in again.heard]
    for heard in parsed.heard:
        assert events.decode(events.encode(heard.event)).id == heard.event.id
        assert heard.event.platform == "instagram"
        assert heard.event.account
        assert heard.key
    return parsed


def one(body: Any, account: Account | None = US) -> Heard:
    parsed = parse(body, account)
    assert parsed.unreadable == ()
    (heard,) = parsed.heard
    return heard


def event_of(name: str) -> Event:
    return one(sample(name)).event


def change(value: Any, field: str = "comments", entry: str = US.id) -> dict[str, Any]:
    entries = [{"id": entry, "time": 1761000000, "changes": [{"field": field, "value": value}]}]
    return {"object": "instagram", "entry": entries}


def direct(**item: Any) -> dict[str, Any]:
    message = {"sender": {"id": AN}, "recipient": {"id": US.id}, "timestamp": 1761000000123}
    return {"object": "instagram", "entry": [{"id": US.id, "messaging": [message | item]}]}


def sign(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class TestVerify:
    BODY = b'{"object":"instagram","entry":[]}'

    def test_takes_what_the_app_secret_signed(self) -> None:
        headers = {"X-Hub-Signature-256": sign("geheim", self.BODY)}

        incoming.verify(headers, self.BODY, {"app_secret": "geheim"})

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"x-hub-signature": sign("geheim", BODY)},
            {incoming.SIGNATURE: sign("anders", BODY)},
            {incoming.SIGNATURE: sign("geheim", BODY + b" ")},
            {incoming.SIGNATURE: sign("geheim", BODY).removeprefix("sha256=")},
            {incoming.SIGNATURE: sign("geheim", BODY)[:-1]},
            {incoming.SIGNATURE: "é\ud800"},
            {incoming.SIGNATURE: ""},
        ],
    )
    def test_a_missing_or_wrong_signature_is_forged(self, headers: dict[str, str]) -> None:
        with pytest.raises(ForgedError):
            incoming.verify(headers, self.BODY, {"app_secret": "geheim"})

    def test_every_part_of_signature_and_body_counts(self) -> None:
        signature = sign("geheim", self.BODY)
        for place in range(len(signature)):
            flipped = signature[:place] + chr(ord(signature[place]) ^ 1) + signature[place + 1 :]
            with pytest.raises(ForgedError):
                incoming.verify({incoming.SIGNATURE: flipped}, self.BODY, {"app_secret": "geheim"})
        for place in range(len(self.BODY)):
            body = bytearray(self.BODY)
            body[place] ^= 1
            with pytest.raises(ForgedError):
                incoming.verify(
                    {incoming.SIGNATURE: signature}, bytes(body), {"app_secret": "geheim"}
                )

    def test_without_a_secret_there_is_no_such_way_in(self) -> None:
        with pytest.raises(NotConfiguredError):
            incoming.verify({incoming.SIGNATURE: sign("", b"")}, b"", {"app_secret": ""})


class TestHandshake:
    QUERY = {  # noqa: RUF012 - nobody changes it
        "hub.mode": "subscribe",
        "hub.verify_token": "woord",
        "hub.challenge": "1158201444",
    }

    def test_gives_the_challenge_back_as_plain_text(self) -> None:
        answer = incoming.handshake(self.QUERY, {"verify_token": "woord"})

        assert (answer.body, answer.media_type) == (b"1158201444", "text/plain")

    @pytest.mark.parametrize(
        "changed",
        [
            {"hub.verify_token": "ander"},
            {"hub.verify_token": "é\ud800"},
            {"hub.mode": "unsubscribe"},
        ],
    )
    def test_another_token_or_mode_is_forged(self, changed: dict[str, str]) -> None:
        with pytest.raises(ForgedError):
            incoming.handshake(self.QUERY | changed, {"verify_token": "woord"})

    @pytest.mark.parametrize("name", QUERY)
    def test_all_parts_must_be_there(self, name: str) -> None:
        query = {key: value for key, value in self.QUERY.items() if key != name}

        with pytest.raises(ForgedError):
            incoming.handshake(query, {"verify_token": "woord"})

    def test_without_a_token_there_is_no_such_way_in(self) -> None:
        with pytest.raises(NotConfiguredError):
            incoming.handshake(self.QUERY, {})


class TestComments:
    def test_in_the_changes_shape(self) -> None:
        heard = one(sample("comment_changes_shape"))
        event = heard.event

        assert event.id == f"{BASE}:comment:123456789"
        assert (event.kind, event.surface, event.native) == ("created", "comment", "123456789")
        assert event.text == "This is an example."
        assert event.author == Author("1234536447", "testuser")
        assert event.conversation == "76543987:987654321"
        assert event.in_reply_to == Reference(f"{BASE}:comment:987654321")
        assert event.root_author == US.id
        assert event.occurred_at == datetime(2018, 2, 23, 15, 21, 47, tzinfo=UTC)
        assert heard.key == f"{BASE}:1234536447"
        assert not event.own

    def test_in_the_flat_shape(self) -> None:
        event = event_of("comment_flat_shape")

        assert event.id == f"{BASE}:comment:17918195224117851"
        assert event.conversation == "17887498072083520:17918195224117851"
        assert event.in_reply_to is None
        assert event.mentions == (Mention("stadpoldem"),)

    def test_both_shapes_give_the_same_event_with_the_value_as_raw(self) -> None:
        flat = sample("comment_flat_shape")
        value = flat["entry"][0]["value"]
        by_change = one(change(value)).event

        assert by_change == event_of("comment_flat_shape")
        assert json.loads(bytes(by_change.raw)) == value

    def test_live(self) -> None:
        event = event_of("made/live_comment")

        assert (event.surface, event.text) == ("live_comment", "Horen jullie ons? 😀")
        assert event.id == f"{BASE}:comment:17918195224117001"

    def test_on_an_ad_with_ids_as_numbers(self) -> None:
        event = event_of("made/comment_on_ad")

        assert event.id == f"{BASE}:comment:17918195224117902"
        assert event.author == Author("1234536447", "an.demo")
        assert event.conversation == "17887498072083521:17918195224117902"
        assert (event.mentions, event.hashtags) == ((), ("jobs",))

    def test_the_older_name_of_its_id(self) -> None:
        event = one(change({"comment_id": 12, "text": "hoi", "created_time": 1761000001})).event

        assert (event.id, event.author) == (f"{BASE}:comment:12", None)
        assert event.occurred_at == datetime(2025, 10, 20, 22, 40, 1, tzinfo=UTC)

    @pytest.mark.parametrize("name", ["made/comment_own_reply", "made/comment_own_reply_by_name"])
    def test_our_own_reply_coming_back(self, name: str) -> None:
        event = event_of(name)

        assert event.own
        assert event.in_reply_to == Reference(f"{BASE}:comment:17918195224117851")

    def test_a_former_name_with_another_id_is_somebody_else(self) -> None:
        event = one(change({"id": "1", "text": "x", "from": {"id": "8", "username": "poldemo"}}))

        assert not event.event.own

    def test_an_odd_field_costs_only_itself(self) -> None:
        value = {"id": "1", "text": "x", "from": {"id": "8", "username": 3}, "media": [1]}
        event = one(change(value)).event

        assert (event.text, event.author) == ("x", Author("8"))
        assert event.conversation == "1"


class TestMentions:
    def test_in_a_comment_goes_out_at_once_with_ids_only(self) -> None:
        heard = one(sample("mention_in_comment"))
        event = heard.event

        assert event.id == f"{BASE}:comment:17887498072083520"
        assert (event.kind, event.surface) == ("created", "reply")
        assert event.incomplete
        assert (event.text, event.author) == ("", None)
        assert event.mentions == (Mention("stadpoldem", US.id),)
        assert event.conversation == "17887498072083520:17887498072083520"
        assert event.reply_context == {"media": "17887498072083520"}
        assert heard.key == f"{BASE}:17887498072083520"

    def test_in_a_caption_is_of_the_media(self) -> None:
        event = event_of("made/mention_in_caption")

        assert event.id == f"{BASE}:media:17895695668004550"
        assert (event.surface, event.native) == ("post", "17895695668004550")
        assert event.incomplete
        assert event.conversation == "17895695668004550"

    def test_the_comment_looked_up_is_an_edit_of_it(self) -> None:
        heard = one(sample("made/mentioned_comment"))
        event = heard.event

        assert event.id == f"{BASE}:comment:17887498072083520:edit:enriched"
        assert event.of == f"{BASE}:comment:17887498072083520"
        assert (event.kind, event.surface, event.incomplete) == ("edited", "reply", False)
        assert event.revision > ""
        assert event.text.startswith("Vraag het aan @stadpoldem")
        assert event.author == Author("an.demo", "an.demo")
        assert event.mentions == (Mention("stadpoldem"), Mention("stad.politie.demo"))
        assert event.hashtags == ("meldpunt",)
        assert event.native == "17887498072083520"
        assert event.conversation == "17895695668004550:17887498072083520"
        assert event.reply_context == {"media": "17895695668004550"}
        assert event.occurred_at == datetime(2026, 9, 14, 20, 31, 2, tzinfo=UTC)
        assert heard.key == f"{BASE}:an.demo"

    def test_the_caption_looked_up_is_an_edit_of_it(self) -> None:
        event = event_of("made/mentioned_media")

        assert event.id == f"{BASE}:media:17895695668004550:edit:enriched"
        assert event.surface == "post"
        assert event.text == "Wat een avond, dank @StadPolDem!"
        assert event.mentions == (Mention("StadPolDem"),)
        assert event.media == (Media("image"),)

    def test_who_is_only_tagged_in_the_picture_is_named_too(self) -> None:
        body = sample("made/mentioned_media")
        body["mentioned_media"]["caption"] = "Zonder naam"

        assert one(body).event.mentions == (Mention("stadpoldem", US.id),)


class TestMessages:
    def test_text(self) -> None:
        heard = one(sample("dm_text"))
        event = heard.event

        assert event.id == f"{BASE}:message:{FIRST_MID}"
        assert (event.kind, event.surface) == ("created", "dm")
        assert event.conversation == f"{US.id}:{AN}"
        assert event.author == Author(AN)
        assert event.occurred_at == datetime(2025, 10, 20, 22, 40, 0, 123000, tzinfo=UTC)
        assert heard.key == f"{BASE}:{AN}"

    def test_story_reply(self) -> None:
        event = event_of("story_reply")

        assert (event.surface, event.text) == ("story_reply", "This is the story reply")
        assert event.in_reply_to == Reference(f"{BASE}:media:17861234567890123", US.id)

    def test_story_mention(self) -> None:
        event = event_of("story_mention")

        assert (event.surface, event.text) == ("story_mention", "")
        (media,) = event.media
        assert media.kind == "story_mention"
        assert media.url is not None

    def test_share(self) -> None:
        event = event_of("made/dm_share")

        assert (event.surface, event.text) == ("dm", "")
        assert [media.kind for media in event.media] == ["ig_reel"]

    def test_in_answer_to_a_message(self) -> None:
        assert event_of("made/dm_reply").in_reply_to == Reference(f"{BASE}:message:{FIRST_MID}")

    def test_unsupported(self) -> None:
        event = event_of("made/dm_unsupported")

        assert (event.kind, event.media) == ("created", (Media("unsupported_type"),))

    def test_unsent(self) -> None:
        heard = one(sample("made/dm_unsent"))

        assert heard.event.kind == "deleted"
        assert heard.event.id == f"{BASE}:message:{FIRST_MID}:deleted"
        assert heard.event.of == f"{BASE}:message:{FIRST_MID}"
        assert heard.key == f"{BASE}:{AN}"

    def test_edit(self) -> None:
        event = event_of("made/dm_edit")

        assert event.kind == "edited"
        assert event.id == f"{BASE}:message:{FIRST_MID}:edit:2"
        assert event.of == f"{BASE}:message:{FIRST_MID}"
        assert event.text == "This is the mended message"

    def test_an_older_edit_never_wins(self) -> None:
        edits = [
            one(direct(message_edit={"mid": "m", "text": "t", "num_edit": number})).event
            for number in (2, "10")
        ]

        assert edits[0].revision < edits[1].revision

    def test_edits_without_a_number_are_told_apart_by_text(self) -> None:
        made = {one(direct(message_edit={"mid": "m", "text": t})).event.id for t in "ab"}

        assert len(made) == 2

    def test_echo(self) -> None:
        heard = one(sample("made/dm_echo"))

        assert heard.event.own
        assert heard.event.surface == "dm"
        assert heard.event.author == Author(US.id, "stadpoldem")
        assert heard.event.conversation == f"{US.id}:{AN}"
        assert heard.key == f"{BASE}:{AN}"

    def test_to_ourselves(self) -> None:
        event = event_of("made/dm_self")

        assert (event.own, event.conversation) == (True, f"{US.id}:{US.id}")

    def test_a_question_of_the_menu_is_what_they_say(self) -> None:
        event = event_of("made/dm_postback")

        assert (event.kind, event.surface) == ("created", "dm")
        assert event.text == "Hoe doe ik aangifte?"

    def test_as_value_of_a_change_with_seconds_as_text(self) -> None:
        event = event_of("made/messages_in_changes")

        assert (event.id, event.text) == (f"{BASE}:message:random_mid", "random_text")
        assert event.occurred_at == datetime(2018, 5, 27, 22, 23, 44, tzinfo=UTC)

    def test_without_a_sender(self) -> None:
        event = one(direct(sender=None, message={"mid": "m", "text": "wie?"})).event

        assert (event.author, event.conversation) == (None, None)

    def test_from_another_account_of_ours(self) -> None:
        other = Account("instagram", AN, "verkeerdem", "http://127.0.0.1:1")
        (heard,) = parse(sample("dm_text"), accounts=Accounts([US, other])).heard

        assert heard.event.own
        assert heard.event.author == Author(AN, "verkeerdem")


class TestSignals:
    @pytest.mark.parametrize(
        ("name", "signal"),
        [
            ("dm_reaction", "reaction"),
            ("dm_seen", "read"),
            ("standby", "standby"),
            ("thread_control", "thread_control"),
            ("story_insights", "story_insights"),
        ],
    )
    def test_are_named(self, name: str, signal: str) -> None:
        event = event_of(f"made/{name}")

        assert (event.kind, event.signal) == ("signal", signal)
        assert event.account == US.id

    def test_a_reaction_stands_with_who_gave_it(self) -> None:
        assert one(sample("made/dm_reaction")).key == f"{BASE}:{AN}"

    def test_policy_enforcement_has_no_sender(self) -> None:
        event = one(direct(sender=None, **{"policy-enforcement": {"action": "block"}})).event

        assert event.signal == "policy_enforcement"

    def test_the_test_button(self) -> None:
        parsed = parse(sample("made/test_button"), None)

        assert [h.event.signal for h in parsed.heard] == ["test", "test"]
        assert {h.event.account for h in parsed.heard} == {"0"}

    def test_an_account_that_is_not_ours(self) -> None:
        event = one(change({"id": "1", "text": "x"}, entry="404"), None).event

        assert (event.signal, event.account) == ("unknown_account", "404")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"entry": []},
            {"entry": {"id": US.id}},
            {"object": "instagram", "entry": [{"id": US.id}]},
            {"object": "instagram", "entry": [3]},
            change({"text": "zonder id"}),
            change({"id": "x" * 1000}),
            change({"id": ""}),
            change({"id": "1"}, field="iets_nieuws"),
            change({}, field="mentions"),
            direct(),
            direct(message={"text": "zonder mid"}),
            direct(iets={}),
            3,
            "tekst",
            None,
            True,
        ],
    )
    def test_the_rest_is_not_understood(self, body: Any) -> None:
        event = one(body).event

        assert (event.kind, event.signal) == ("signal", "not_understood")


class TestBatch:
    def test_one_odd_update_never_costs_the_others(self) -> None:
        parsed = parse(sample("made/batch"))
        told = [h.event.text or h.event.signal for h in parsed.heard]

        assert parsed.unreadable == ()
        assert told == [
            "eerste",
            "tweede",
            "not_understood",
            "not_understood",
            "not_understood",
            "vierde",
            "not_understood",
            "not_understood",
            "unknown_account",
            "vijfde",
            "not_understood",
        ]

    def test_a_thousand_updates(self) -> None:
        entry = sample("comment_flat_shape")["entry"][0]
        entries = [entry | {"value": entry["value"] | {"id": str(n)}} for n in range(1000)]

        assert len(parse({"object": "instagram", "entry": entries}).heard) == 1000

    def test_the_account_of_the_entry_counts_not_that_of_the_door(self) -> None:
        other = Account("instagram", "77", "verkeerdem", "http://127.0.0.1:1")
        (heard,) = parse(sample("dm_text"), other, Accounts([other, US])).heard

        assert heard.event.account == US.id


class TestOdd:
    @pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"a":1} x', b"[" * 100_000])
    def test_what_is_no_json_is_unreadable(self, body: bytes) -> None:
        parsed = parse(body)

        assert parsed.heard == ()
        assert parsed.unreadable[0].body == body

    def test_nothing_is_nothing(self) -> None:
        assert parse(b" \n") == Parsed()

    def test_nul_and_lone_surrogates_are_replaced_and_flagged(self) -> None:
        body = json.dumps(change({"id": "1", "text": "a\u0000b\ud83d"})).encode()
        event = one(body).event

        assert (event.text, event.cleaned) == ("a\ufffdb\ufffd", True)

    @pytest.mark.cpu(5)
    def test_eight_mebibytes_of_text(self) -> None:
        event = one(
            change({"id": "1", "text": ("woord " * 9 + "@a #b ") * (8 * 1024 * 1024 // 60)})
        ).event

        assert event.id == f"{BASE}:comment:1"

    def test_lists_in_lists_are_read_once(self) -> None:
        body: Any = {"id": "1", "text": "x"}
        for _ in range(100):
            body = {"data": [body]}

        assert one(body).event.signal == "not_understood"

    @pytest.mark.parametrize("odd", [None, True, 1.5, "x", [], {}, [{}], 10**30, -1, {"id": {}}])
    def test_wrong_types_in_every_field(self, odd: Any) -> None:
        for name in ("comment_changes_shape", "comment_flat_shape", "story_reply", "story_mention"):
            for mutated in mutations(sample(name), odd):
                for heard in parse(mutated).heard:
                    assert heard.event.kind == "signal" or heard.event.native


def mutations(value: Any, odd: Any) -> list[Any]:
    """The value with each of its parts, one at a time, replaced by `odd`."""
    made = [odd]
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, inner in pairs:
        for mutated in mutations(inner, odd):
            copy = value.copy()
            copy[key] = mutated
            made.append(copy)
    return made


class TestPages:
    def test_comments_with_their_replies_under_our_posts(self) -> None:
        parsed = parse(sample("made/media_comments_page"))
        heard = {h.event.native: h.event for h in parsed.heard if h.event.kind == "created"}

        assert list(heard) == [
            "17918195224117851",
            "17918195224117900",
            "17918195224117903",
            "17918195224117850",
        ]
        assert {event.conversation for event in list(heard.values())[:3]} == {
            "17887498072083520:17918195224117851"
        }
        ours = heard["17918195224117900"]
        assert ours.own
        assert ours.in_reply_to == Reference(f"{BASE}:comment:17918195224117851", "1234536447")
        assert heard["17918195224117850"].conversation == "17887498072083520:17918195224117850"
        assert heard["17918195224117851"].occurred_at.hour == 20

    def test_the_key_of_our_reply_is_whom_it_answers(self) -> None:
        parsed = parse(sample("made/media_comments_page"))

        assert parsed.heard[1].key == f"{BASE}:1234536447"

    def test_messages_of_a_conversation_have_the_ids_of_the_webhook(self) -> None:
        echo, reply, mention = [h.event for h in parse(sample("made/conversations_page")).heard]

        assert echo.own
        assert echo.id == event_of("made/dm_echo").id
        assert reply.id == event_of("story_reply").id
        assert (reply.surface, reply.in_reply_to) == (
            "story_reply",
            event_of("story_reply").in_reply_to,
        )
        assert (mention.id, mention.surface) == (event_of("story_mention").id, "story_mention")
        assert reply.author == Author(AN, "an.demo")

    def test_a_page_needs_to_know_whose_it_is(self) -> None:
        other = Account("instagram", "404", "x", "http://127.0.0.1:1")

        assert one(sample("made/mentioned_media"), None).event.signal == "not_understood"
        assert one(sample("made/mentioned_media"), other).event.signal == "unknown_account"
