"""What Meta tells a page, read: every sort of update on a sample, ids, keys, doors, oddities."""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from toog.contracts import events
from toog.contracts.events import Author, Event, Media, Mention, Reference
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import ForgedError, Handshake, Heard, NotConfiguredError, Parsed
from toog.platforms.facebook import incoming

SAMPLES = Path(__file__).parents[2] / "samples" / "facebook"
NOW = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
US = Account("facebook", "1234567890321", "stadpoldem", "http://127.0.0.1:1")
SECOND = Account("facebook", "12345654332", "stadpoldem2", "http://127.0.0.1:1")
ACCOUNTS = Accounts([US, SECOND])
AN = "8423678347823"
POST = "facebook:1234567890321:post:1234567890321_901097836652708"
TOP = "901097836652708_903438993085259"
COMMENT = "facebook:1234567890321:comment"
MESSAGE = "facebook:1234567890321:message"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


def parse(body: Any, account: Account | None = None) -> Parsed:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return incoming.parse(data, accounts=ACCOUNTS, account=account, source="t", now=NOW)


def heard(name: str, account: Account | None = None) -> list[Heard]:
    parsed = parse(sample(name), account)
    assert parsed.unreadable == ()
    for one in parsed.heard:
        assert events.decode(events.encode(one.event)).id == one.event.id
    return list(parsed.heard)


def one(name: str, account: Account | None = None) -> Heard:
    (only,) = heard(name, account)
    return only


def signals(name: str) -> list[str | None]:
    return [each.event.signal for each in heard(name)]


class TestSignature:
    BODY = b'{"object":"page","entry":[]}'
    SECRETS = {"app_secret": "geheim", "verify_token": "zeg het"}  # noqa: RUF012 - only read

    def sign(self, secret: str, body: bytes) -> str:
        return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

    def test_signed_by_meta(self) -> None:
        incoming.verify(
            {"X-Hub-Signature-256": self.sign("geheim", self.BODY)}, self.BODY, self.SECRETS
        )

    @pytest.mark.parametrize("at", range(0, 71, 5))
    def test_every_part_counts(self, at: int) -> None:
        good = self.sign("geheim", self.BODY)
        flipped = good[:at] + ("0" if good[at] != "0" else "1") + good[at + 1 :]

        with pytest.raises(ForgedError):
            incoming.verify({incoming.SIGNATURE: flipped}, self.BODY, self.SECRETS)

    @pytest.mark.parametrize("at", range(28))
    def test_every_byte_of_the_body_counts(self, at: int) -> None:
        other = self.BODY[:at] + bytes([self.BODY[at] ^ 1]) + self.BODY[at + 1 :]

        with pytest.raises(ForgedError):
            incoming.verify(
                {incoming.SIGNATURE: self.sign("geheim", self.BODY)}, other, self.SECRETS
            )

    def test_another_secret_no_header_sha1_only_or_no_ascii_is_forged(self) -> None:
        sha1 = "sha1=" + hmac.new(b"geheim", self.BODY, hashlib.sha1).hexdigest()
        wrong = [
            {incoming.SIGNATURE: self.sign("anders", self.BODY)},
            {},
            {"x-hub-signature": sha1},
            {incoming.SIGNATURE: sha1},
            {incoming.SIGNATURE: "é\udcff"},
            {incoming.SIGNATURE: self.sign("geheim", self.BODY).removeprefix("sha256=")},
        ]
        for headers in wrong:
            with pytest.raises(ForgedError):
                incoming.verify(headers, self.BODY, self.SECRETS)

    def test_without_a_secret_the_way_in_does_not_exist(self) -> None:
        with pytest.raises(NotConfiguredError):
            incoming.verify({incoming.SIGNATURE: self.sign("", self.BODY)}, self.BODY, {})

    def test_the_handshake_gives_the_challenge_back(self) -> None:
        query = {
            "hub.mode": "subscribe",
            "hub.challenge": "1158201444",
            "hub.verify_token": "zeg het",
        }

        assert incoming.handshake(query, self.SECRETS) == Handshake(b"1158201444", "text/plain")
        for name, wrong in (
            ("hub.mode", "unsubscribe"),
            ("hub.verify_token", "zeg hat"),
            ("hub.verify_token", "é\udcff"),
        ):
            with pytest.raises(ForgedError):
                incoming.handshake({**query, name: wrong}, self.SECRETS)
        for name in query:
            with pytest.raises(ForgedError):
                incoming.handshake({k: v for k, v in query.items() if k != name}, self.SECRETS)
        with pytest.raises(NotConfiguredError):
            incoming.handshake(query, {"app_secret": "geheim"})


class TestFeed:
    def test_comment(self) -> None:
        said = one("feed_comment_add")

        event = said.event
        assert event.id == f"{COMMENT}:{TOP}"
        assert (event.kind, event.surface, event.native) == ("created", "comment", TOP)
        assert event.author == Author(AN, None, "Tester")
        assert (event.text, event.own, event.incomplete) == ("and the next one", False, False)
        assert event.conversation == TOP
        assert event.root_author == AN
        assert event.in_reply_to == Reference(POST, US.id)
        assert event.occurred_at == datetime(2015, 12, 3, 9, 30, 3, tzinfo=UTC)
        assert json.loads(bytes(event.raw)) == sample("feed_comment_add")["entry"][0]["changes"][0]
        assert said.key == f"facebook:{US.id}:{AN}"
        assert not said.room

    def test_reply_under_a_comment_with_name_tags(self) -> None:
        event = one("made/feed_comment_reply_with_tags").event

        assert event.surface == "comment"
        assert event.conversation == TOP
        assert event.in_reply_to == Reference(f"{COMMENT}:{TOP}")
        assert event.root_author is None
        assert event.mentions == (
            Mention("Stadspolitie Demo", US.id),
            Mention("Bo Verzonnen", "61000000000001"),
        )
        assert event.hashtags == ("Meldpunt",)
        assert event.links == ("https://voorbeeld.example/a",)

    def test_name_tags_by_offset_as_older_shapes_have_them(self) -> None:
        body = sample("made/feed_comment_reply_with_tags")
        value = body["entry"][0]["changes"][0]["value"]
        value["message_tags"] = {
            "0": [{"id": 1234567890321, "name": "Stadspolitie Demo"}],
            "9": "odd",
        }

        (said,) = parse(body).heard

        assert said.event.mentions == (Mention("Stadspolitie Demo", US.id),)

    def test_comment_on_an_ad(self) -> None:
        event = one("made/feed_comment_on_ad").event

        assert event.surface == "comment"
        assert event.in_reply_to == Reference(POST, US.id)

    def test_comment_whose_author_is_hidden(self) -> None:
        said = one("made/feed_comment_without_author")

        assert said.event.author is None
        assert said.event.incomplete
        assert said.event.text == "wie zit erachter?"
        assert said.key == f"facebook:{US.id}:{said.event.native}"

    def test_edit_in_the_legacy_shape_by_the_page_itself(self) -> None:
        event = one("feed_comment_edited_legacy_sender").event

        assert event.kind == "edited"
        assert event.of == f"{COMMENT}:900728623356296_900744590021366"
        assert event.id.startswith(f"{event.of}:edit:")
        assert event.author == Author(US.id, "stadpoldem", "Tester")
        assert event.own
        assert event.revision == "00000000001448555737"

    def test_edits_are_told_apart_by_text_and_time(self) -> None:
        body = sample("made/feed_comment_edited")
        value = body["entry"][0]["changes"][0]["value"]
        first = parse(body).heard[0].event
        value["message"] = "another"
        second = parse(body).heard[0].event
        value |= {"message": "and the very next one", "created_time": 1795379005}
        third = parse(body).heard[0].event

        assert len({first.id, second.id, third.id}) == 3
        assert first.of == second.of == third.of == f"{COMMENT}:{TOP}"
        assert first.revision < third.revision

    def test_edit_with_the_verb_edit(self) -> None:
        body = sample("made/feed_comment_edited")
        first = parse(body).heard[0].event
        body["entry"][0]["changes"][0]["value"]["verb"] = "edit"

        assert parse(body).heard[0].event.id == first.id

    def test_removal_of_a_comment_and_of_a_post(self) -> None:
        comment = one("feed_comment_remove").event
        post = one("made/feed_post_remove").event

        assert comment.kind == post.kind == "deleted"
        assert comment.of == f"{COMMENT}:905578656204626_905579239537901"
        assert comment.id == f"{comment.of}:deleted"
        assert post.id == "facebook:1234567890321:post:1234567890321_7293787835232:deleted"
        assert comment.text == post.text == ""

    def test_hide_and_unhide_are_nothing_new(self) -> None:
        body = sample("made/feed_comment_hide")
        body["entry"][0]["changes"][0]["value"]["verb"] = "unhide"

        assert signals("made/feed_comment_hide") == ["hide"]
        assert [each.event.signal for each in parse(body).heard] == ["unhide"]

    def test_reaction_and_share_are_signals(self) -> None:
        assert signals("feed_reaction_on_comment") == ["reaction"]
        assert signals("made/feed_share") == ["share"]

    def test_visitor_post(self) -> None:
        said = one("feed_visitor_post_add")

        assert said.event.id == "facebook:1234567890321:post:1234567890321_7293787835232"
        assert said.event.surface == "visitor_post"
        assert said.event.author == Author(AN, None, "John Doe")
        assert said.event.in_reply_to is None
        assert said.event.conversation == "1234567890321_7293787835232"
        assert said.key == f"facebook:{US.id}:{AN}"

    def test_visitor_photo_with_legacy_sender_and_no_text(self) -> None:
        event = one("made/feed_visitor_photo").event

        assert event.surface == "visitor_post"
        assert event.author == Author(AN, None, "An Verzonnen")
        assert event.media == (Media("photo", "https://cdn.example/56.jpg"),)

    def test_our_own_post(self) -> None:
        said = one("made/feed_page_post")

        assert said.event.own
        assert said.event.surface == "post"
        assert said.event.hashtags == ("Politie247",)
        assert said.key == f"facebook:{US.id}:{said.event.native}"

    def test_our_comment_under_a_visitor_s_post_answers_somebody_else(self) -> None:
        event = one("made/feed_comment_on_visitor_post_by_page").event

        assert event.own
        assert event.in_reply_to == Reference(POST)

    def test_mention_in_a_comment_without_author(self) -> None:
        event = one("mention_in_comment").event

        assert event.id == f"{COMMENT}:7363534231324_3754798971271444"
        assert event.mentions == (Mention("stadpoldem", US.id),)
        assert event.author is None
        assert event.incomplete
        assert event.text == "Just a test message"
        assert event.in_reply_to is not None
        assert event.in_reply_to.author is None
        assert event.surface == "reply"

    def test_mention_in_a_post_without_text_and_author(self) -> None:
        event = one("made/mention_in_post_bare").event

        assert event.id == "facebook:1234567890321:post:61000000000001_77"
        assert event.mentions == (Mention("stadpoldem", US.id),)
        assert (event.surface, event.text, event.incomplete) == ("post", "", True)
        assert event.occurred_at == datetime.fromtimestamp(1795379000, UTC)


class TestMessenger:
    def test_text_with_numeric_ids_and_milliseconds(self) -> None:
        said = one("messenger_text")

        event = said.event
        assert event.id == "facebook:12345654332:message:mid.1457764197618:41d102a3e1ae206a38"
        assert (event.kind, event.surface, event.text) == ("created", "dm", "hello, world!")
        assert event.author == Author("987654321432")
        assert event.conversation == "12345654332:987654321432"
        assert event.occurred_at == datetime(2016, 3, 12, 6, 29, 57, 627000, tzinfo=UTC)
        assert said.key == "facebook:12345654332:987654321432"

    @pytest.mark.parametrize("name", ["messenger_echo", "made/messenger_echo_of_page"])
    def test_echo_is_ours_whoever_it_names_as_sender(self, name: str) -> None:
        said = one(name)

        person = AN if name.startswith("made") else "987654321432"
        assert said.event.own
        assert said.event.author is not None
        assert said.event.author.id == said.event.account
        assert said.event.conversation == f"{said.event.account}:{person}"
        assert said.key.endswith(f":{person}")

    def test_attachments(self) -> None:
        event = one("made/messenger_attachment").event

        assert event.text == ""
        assert event.media == (
            Media("image", "https://cdn.example/1.jpg"),
            Media("sticker", "https://cdn.example/s.png"),
            Media("fallback", "https://kaart.example/x"),
        )
        assert event.links == ("https://kaart.example/x",)

    def test_what_messenger_cannot_show_is_still_a_message(self) -> None:
        event = one("made/messenger_unsupported").event

        assert (event.kind, event.media) == ("created", (Media("unsupported"),))

    def test_postback_is_what_the_person_chose_to_say(self) -> None:
        event = one("made/messenger_postback").event

        assert event.id == f"{MESSAGE}:m_3"
        assert (event.surface, event.text) == ("dm", "Hoe doe ik aangifte?")
        assert signals("made/messenger_postback_old") == ["postback"]

    def test_reply_to_a_message_and_to_a_story(self) -> None:
        reply = one("made/messenger_reply_to").event
        story = one("made/messenger_story_reply").event

        assert reply.in_reply_to == Reference(f"{MESSAGE}:m_4")
        assert reply.surface == "dm"
        assert story.surface == "story_reply"

    def test_edit_carries_its_number(self) -> None:
        event = one("made/messenger_edit").event

        assert (event.kind, event.of) == ("edited", f"{MESSAGE}:m_5")
        assert event.id == f"{MESSAGE}:m_5:edit:2"
        assert event.revision == "2".zfill(20)
        assert event.text == "en op maandag?"

    def test_edit_without_a_number(self) -> None:
        body = sample("made/messenger_edit")
        del body["entry"][0]["messaging"][0]["message_edit"]["num_edit"]
        event = parse(body).heard[0].event

        assert event.kind == "edited"
        assert event.id.startswith(f"{MESSAGE}:m_5:edit:")

    def test_unsent(self) -> None:
        event = one("made/messenger_unsent").event

        assert (event.kind, event.id) == ("deleted", f"{MESSAGE}:m_5:deleted")
        assert event.of == f"{MESSAGE}:m_5"

    def test_standby_is_recorded_under_the_citizen_and_stays_standby_when_read_again(self) -> None:
        said = one("made/messenger_standby")
        again = parse(bytes(said.event.raw), US).heard[0].event

        assert (said.event.kind, said.event.signal) == ("signal", "standby")
        assert said.key == f"facebook:{US.id}:{AN}"
        assert (again.id, again.signal) == (said.event.id, "standby")

    def test_thread_control_and_policy_enforcement(self) -> None:
        assert signals("made/messenger_handover") == [
            "thread_control",
            "thread_control",
            "thread_control",
            "policy_enforcement",
        ]

    def test_other_signals(self) -> None:
        assert signals("made/messenger_signals") == [
            "reaction",
            "read",
            "delivery",
            "referral",
            "optin",
            "not_understood",
        ]


class TestDelivery:
    def test_several_pages_each_update_on_its_own(self) -> None:
        got = [
            (each.event.account, each.event.signal or each.event.text)
            for each in heard("made/batch_of_several_pages")
        ]

        assert got == [
            (US.id, "eerste"),
            (US.id, "not_understood"),
            (US.id, "not_understood"),
            (US.id, "not_understood"),
            (SECOND.id, "tweede"),
            ("4040", "unknown_account"),
            ("4040", "unknown_account"),
            (US.id, "not_understood"),
            ("unknown", "not_understood"),
            (US.id, "laatste"),
        ]

    def test_the_dashboard_s_test_button(self) -> None:
        said = one("made/test_button")
        body = sample("made/test_button")
        body["entry"][0]["id"] = US.id

        assert (said.event.account, said.event.signal) == ("0", "unknown_account")
        (real,) = parse(body).heard
        assert (real.event.surface, real.event.text) == ("dm", "test_message")
        assert real.event.occurred_at == datetime.fromtimestamp(1527459824, UTC)

    @pytest.mark.parametrize("change", [True, False])
    def test_ids_as_numbers_or_strings_give_the_same_event(self, change: bool) -> None:
        name = "feed_comment_add" if change else "messenger_text"
        text = json.dumps(sample(name))
        for id_ in ("1234567890321", "8423678347823", "12345654332", "987654321432"):
            for quoted, bare in ((f'"id": "{id_}"', f'"id": {id_}'),):
                text = text.replace(quoted, bare) if change else text.replace(bare, quoted)
        (said,) = parse(text.encode()).heard

        assert said.event.id == one(name).event.id
        assert said.event.author == one(name).event.author

    def test_a_body_about_something_else_than_a_page(self) -> None:
        for body in (
            {"object": "instagram", "entry": [{"id": US.id}]},
            {"object": "page", "entry": {}},
        ):
            (said,) = parse(body).heard
            assert said.event.signal == "not_understood"

    def test_a_single_update_is_of_the_account_that_was_asked_for(self) -> None:
        change = sample("feed_comment_add")["entry"][0]["changes"][0]

        assert parse(change, US).heard[0].event.id == one("feed_comment_add").event.id
        assert parse(change).heard[0].event.signal == "unknown_account"


class TestGraph:
    def test_comments_page(self) -> None:
        said = heard("made/comments_page", US)

        asked, ours, thanks, sticker = (each.event for each in said)
        assert asked.id == f"{COMMENT}:{TOP}"
        assert asked.in_reply_to == Reference(POST, US.id)
        assert asked.occurred_at == datetime(2026, 11, 22, 20, 3, 20, tzinfo=UTC)
        assert ours.own
        assert ours.in_reply_to == Reference(f"{COMMENT}:{TOP}", AN)
        assert ours.root_author == AN
        assert said[1].key == f"facebook:{US.id}:{AN}"
        assert thanks.in_reply_to is not None
        assert thanks.in_reply_to.author == US.id
        assert thanks.media == (Media("photo", "https://cdn.example/2.jpg"),)
        assert sticker.media == ()
        assert sticker.incomplete

    def test_posts_with_their_comments(self) -> None:
        visitor, comment, ours = (each.event for each in heard("made/feed_page", US))

        assert (visitor.surface, visitor.text) == ("visitor_post", "Er ligt glas op de brug")
        assert comment.in_reply_to == Reference(visitor.id, AN)
        assert (ours.surface, ours.own) == ("post", True)

    def test_conversations(self) -> None:
        ours, theirs = heard("made/conversations_page", US)

        assert ours.event.own
        assert ours.event.conversation == theirs.event.conversation == f"{US.id}:{AN}"
        assert ours.key == theirs.key
        assert theirs.event.id == f"{MESSAGE}:m_1"
        assert theirs.event.media == (Media("image", "https://cdn.example/3.jpg"),)
        assert theirs.event.surface == "dm"

    def test_a_look_up_gives_one_object(self) -> None:
        page = sample("made/comments_page")["data"]
        messages = sample("made/conversations_page")["data"][0]["messages"]

        assert parse(page[0], US).heard[0].event.id == f"{COMMENT}:{TOP}"
        assert [e.event.native for e in parse(messages, US).heard] == ["m_4", "m_1"]
        assert len(parse(page, US).heard) == 4

    def test_an_error_is_no_event(self) -> None:
        assert parse({"error": {"code": 190}}, US) == Parsed()

    def test_an_empty_page_holds_no_event(self) -> None:
        assert parse({"data": [], "paging": {}}, US) == Parsed()
        assert parse({"data": 5}, US).heard[0].event.signal == "not_understood"

    def test_without_an_account_nothing_is_a_message(self) -> None:
        got = heard("made/comments_page")

        assert {each.event.signal for each in got} == {"unknown_account"}


class TestOdd:
    def test_no_json_is_unreadable_and_nothing_is_nothing(self) -> None:
        assert parse(b"<html>").unreadable[0].body == b"<html>"
        assert parse(b"  ") == Parsed()

    @pytest.mark.parametrize("body", [b"7", b"null", b'"x"', b"{}", b"[1,{}]", b'{"id":true}'])
    def test_other_json_is_a_signal(self, body: bytes) -> None:
        parsed = parse(body, US)

        assert {each.event.kind for each in parsed.heard} == {"signal"}
        assert parsed.unreadable == ()

    @pytest.mark.parametrize(
        "name",
        ["feed_comment_add", "messenger_text", "made/messenger_edit", "made/feed_visitor_photo"],
    )
    def test_wrong_types_in_every_field_never_raise(self, name: str) -> None:
        entry = sample(name)["entry"][0]
        update = (entry.get("changes") or entry["messaging"])[0]
        for path in _paths(update):
            for odd in (None, 7, -1, 1.5, True, "x", [], {}, [None], {"id": {}}, 10**400):
                body = sample(name)
                entry = body["entry"][0]
                _set((entry.get("changes") or entry["messaging"])[0], path, odd)
                for each in parse(body).heard:
                    event = each.event
                    assert event.id.startswith("facebook:")
                    assert event.account
                    assert event.kind == "signal" or event.native
                    events.decode(events.encode(event))

    def test_nul_and_lone_surrogates_are_replaced_and_flagged(self) -> None:
        body = json.dumps(sample("made/batch_of_several_pages")).encode()
        got = parse(body.replace(b"eerste", b"een\\u0000twee\\ud83d")).heard

        assert got[0].event.text == "een\ufffdtwee\ufffd"
        assert got[0].event.cleaned
        assert not got[-1].event.cleaned

    def test_one_deeply_nested_update_costs_only_itself(self) -> None:
        body = json.dumps(sample("made/batch_of_several_pages")).encode()
        deep = b'{"field":"feed","value":' + b'{"a":[' * 50_000 + b"]}" * 50_000 + b"},"
        got = parse(body.replace(b'"changes": [', b'"changes": [' + deep, 1))

        assert got.unreadable == ()
        assert [e.event.text for e in got.heard if e.event.kind == "created"] == [
            "eerste",
            "tweede",
            "laatste",
        ]

    @pytest.mark.parametrize(
        "body",
        [
            b"[" * 8_000_000,
            b'{"entry":[' + b'{"id":' * 1_000_000,
            b'"' + b'\\"' * 4_000_000,
            b'{"object":"page","entry":[{"id":"1234567890321","changes":['
            + b",".join([b'{"field":"feed","value":{"item":"like"}}'] * 150_000)
            + b"]}]}",
        ],
        ids=["brackets", "objects", "quotes", "updates"],
    )
    @pytest.mark.cpu(5)
    def test_8_mib_are_read_in_passable_time(self, body: bytes) -> None:
        began = time.monotonic()
        parse(body)

        assert time.monotonic() - began < 20

    def test_the_same_bytes_give_the_same_ids(self) -> None:
        for path in sorted(SAMPLES.rglob("*.json")):
            first, second = (
                [e.event.id for e in parse(path.read_bytes(), US).heard] for _ in range(2)
            )
            assert first == second

    def test_what_is_kept_as_raw_gives_the_same_event_again(self) -> None:
        for path in sorted(SAMPLES.rglob("*.json")):
            if path.name.startswith("http"):
                continue
            for each in parse(path.read_bytes(), US).heard:
                event: Event = each.event
                account = ACCOUNTS.by_id("facebook", event.account)
                if account and event.kind != "signal":
                    assert parse(bytes(event.raw), account).heard[0].event.id == event.id


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in items:
        if isinstance(inner, dict | list):
            found += _paths(inner, (*path, name))
        else:
            found.append((*path, name))
    return found


def _set(value: Any, path: tuple[Any, ...], odd: Any) -> None:
    for name in path[:-1]:
        value = value[name]
    value[path[-1]] = odd
