"""Answers on Instagram: each by the way that its place has, and what becomes of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from toog.platforms.accounts import Account
from toog.platforms.base import Answer, NotConfiguredError, Refused, Reply, Request, Sent, Unsure
from toog.platforms.instagram import outgoing

SAMPLES = Path(__file__).parents[2] / "samples" / "instagram"
US = Account("instagram", "17841405309211844", "stadpoldem", "https://graph.facebook.com")
SECRETS = {"token": "sleutel"}
AN = "5614879045272581"


def exchange(name: str) -> Any:
    all_ = json.loads((SAMPLES / "http_exchanges.json").read_bytes())
    return next(one for one in all_ if one["name"] == name)


def reply(surface: str, text: str, to: str = "1", **more: Any) -> Reply:
    return Reply("r1", text, surface, to, AN, "an.demo", **more)


def request(one: Reply, account: Account = US) -> Request:
    made = outgoing.request(one, account, SECRETS)
    assert made.headers["authorization"] == "Bearer sleutel"
    return made


def answer(response: Any) -> Answer:
    return Answer(
        response["status"], response.get("headers", {}), json.dumps(response["json"]).encode()
    )


class TestRequest:
    def test_under_a_comment(self) -> None:
        asked = exchange("reply to comment")["request"]
        made = request(reply("comment", "*sniff*", "17870913679156914"))

        assert (made.method, made.url, made.form) == ("POST", asked["url"], asked["form"])

    def test_to_a_mention_in_a_comment_elsewhere(self) -> None:
        asked = exchange("reply to @mention in comment")["request"]
        context = {"media": "17895695668004550"}
        made = request(reply("reply", "dank", "17873440459141021", context=context))

        assert (made.method, made.url, made.form) == ("POST", asked["url"], asked["form"])

    def test_to_a_mention_in_a_caption(self) -> None:
        made = request(reply("post", "dank", "178", context={"media": "178"}))

        assert made.url == f"https://graph.facebook.com/v25.0/{US.id}/mentions"
        assert made.form == {"media_id": "178", "message": "dank"}

    @pytest.mark.parametrize("surface", ["dm", "story_reply", "story_mention"])
    def test_in_private(self, surface: str) -> None:
        asked = exchange("DM")["request"]
        instagram = Account("instagram", US.id, "stadpoldem", "https://graph.instagram.com")
        made = request(reply(surface, "hello"), instagram)

        assert (made.url, made.json) == (asked["url"], asked["json"])

    def test_a_live_comment_is_answered_in_private_only(self) -> None:
        made = request(reply("live_comment", "dag", "99"))

        assert made.url.endswith(f"/{US.id}/messages")
        assert made.json == {"recipient": {"comment_id": "99"}, "message": {"text": "dag"}}

    @pytest.mark.parametrize("text", ["a" * 1000, "é" * 500, "😀" * 250])
    def test_a_message_has_a_thousand_bytes(self, text: str) -> None:
        request(reply("dm", text))

        with pytest.raises(outgoing.TooLongError):
            request(reply("dm", text + "!"))

    def test_a_version_in_the_base_address_is_kept(self) -> None:
        account = Account("instagram", "1", "x", "https://graph.facebook.com/v26.0")

        assert request(reply("comment", "x", "2/3"), account).url.endswith("/v26.0/2%2F3/replies")

    def test_without_a_token_nothing_goes_out(self) -> None:
        with pytest.raises(NotConfiguredError):
            outgoing.request(reply("dm", "x"), US, {})


class TestRead:
    def test_a_comment_that_was_taken(self) -> None:
        response = exchange("reply to comment")["response"]
        result = outgoing.read(answer(response), reply("comment", "x"), US)

        id_ = "17873440459141021"
        assert result == Sent(id_, f"instagram:{US.id}:comment:{id_}")

    def test_a_message_that_was_taken(self) -> None:
        response = exchange("DM")["response"]
        result = outgoing.read(answer(response), reply("dm", "x"), US)

        assert result == Sent(
            "aWdfZAG1faXRlbToxOk", f"instagram:{US.id}:message:aWdfZAG1faXRlbToxOk"
        )

    def test_outside_the_window(self) -> None:
        response = exchange("DM outside window")["response"]

        assert outgoing.read(answer(response), reply("dm", "x"), US) == Refused(
            "outside_window", permanent=True
        )

    def test_by_code_and_subcode(self) -> None:
        errors = json.loads((SAMPLES / "made" / "http_errors.json").read_bytes())
        results = {
            (e["status"], e["json"]["error"]["code"], e["json"]["error"].get("error_subcode")): (
                outgoing.read(answer(e), reply("dm", "x"), US)
            )
            for e in errors
        }

        def stop(reason: str) -> Refused:
            return Refused(reason, permanent=False, stop=True)

        def later(reason: str, wait_s: float = 60.0) -> Refused:
            return Refused(reason, permanent=False, wait_s=wait_s)

        def never(reason: str) -> Refused:
            return Refused(reason, permanent=True)

        assert results == {
            (400, 190, 463): stop("token_invalid"),
            (400, 102, None): stop("token_invalid"),
            (400, 10, 2534022): never("outside_window"),
            (400, 10, 2018300): never("other_app_controls"),
            (400, 10, None): stop("no_permission"),
            (400, 10, 2018108): never("cannot_receive"),
            (400, 551, 1545041): never("cannot_receive"),
            (400, 200, 1545041): never("cannot_receive"),
            (400, 200, None): stop("no_permission"),
            (400, 283, None): stop("no_permission"),
            (400, 100, None): never("bad_parameter"),
            (400, 100, 33): never("bad_parameter"),
            (400, 2534014, None): never("cannot_receive"),
            (400, 10900, 2534025): never("private_reply_used"),
            (400, 368, None): stop("policy_block"),
            (400, 4, None): later("rate_limited"),
            (400, 17, None): later("rate_limited"),
            (400, 613, None): later("rate_limited"),
            (400, 80002, None): later("rate_limited", 19 * 60),
            (400, 2, 1545133): later("transient"),
            (500, 2, None): Unsure("http_500"),
            (400, 77777, None): never("http_400"),
        }

    @pytest.mark.parametrize(
        ("status", "body"),
        [(200, b""), (200, b"{}"), (200, b'{"id":[]}'), (200, b"[" * 9999), (302, b""), (408, b"")],
    )
    def test_what_leaves_it_open_is_unsure(self, status: int, body: bytes) -> None:
        assert isinstance(outgoing.read(Answer(status, {}, body), reply("dm", "x"), US), Unsure)

    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (401, Refused("http_401", permanent=False, stop=True)),
            (429, Refused("http_429", permanent=False, wait_s=60.0)),
            (404, Refused("http_404", permanent=True)),
        ],
    )
    def test_without_an_error_body_the_status_decides(self, status: int, expected: Refused) -> None:
        assert outgoing.read(Answer(status, {}, b"<html>"), reply("dm", "x"), US) == expected
