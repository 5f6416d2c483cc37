"""A reply to Mastodon: named, never wider than the question, and what each answer means."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toog.platforms.accounts import Account
from toog.platforms.base import Answer, NotConfiguredError, Refused, Reply, Sent, Unsure
from toog.platforms.mastodon import outgoing

SAMPLES = Path(__file__).parents[2] / "samples" / "mastodon"
US = Account("mastodon", "110", "stadpoldem", "https://toot.example")
REPLY = Reply(
    id="r1",
    text="Dank je, we kijken het na.",
    surface="reply",
    to_message="900",
    to_citizen="220",
    to_handle="mia@zee.example",
    visibility="unlisted",
    language="nl",
)


def form(**changes: Any) -> dict[str, str]:
    request = outgoing.request(replace(REPLY, **changes), US, {"token": "geheim"})
    assert request.form is not None
    return dict(request.form)


def answer(status: int, body: object = None, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps(body).encode())


def test_the_request_is_a_status_in_reply() -> None:
    request = outgoing.request(REPLY, US, {"token": "geheim"})

    assert (request.method, request.url) == ("POST", "https://toot.example/api/v1/statuses")
    assert request.headers == {"Authorization": "Bearer geheim", "Idempotency-Key": "r1"}
    assert request.form == {
        "status": "@mia@zee.example Dank je, we kijken het na.",
        "in_reply_to_id": "900",
        "visibility": "unlisted",
        "language": "nl",
    }


def test_without_a_token_nothing_is_sent() -> None:
    with pytest.raises(NotConfiguredError):
        outgoing.request(REPLY, US, {})


@pytest.mark.parametrize(
    ("handle", "text", "sent"),
    [
        ("mia", "Dag @mia, dank je", "Dag @mia, dank je"),
        ("mia", "Dag @Mia.", "Dag @Mia."),
        ("mia", "@mia@zee.example is een ander", "@mia @mia@zee.example is een ander"),
        ("mia", "x@mia.be of @mia.be", "@mia x@mia.be of @mia.be"),
        ("mia", "@miauw", "@mia @miauw"),
        ("mia@zee.example", "Dag @mia@zee.example!", "Dag @mia@zee.example!"),
        (None, "Dag", "Dag"),
    ],
)
def test_the_citizen_is_named_once(handle: str | None, text: str, sent: str) -> None:
    assert sent == form(to_handle=handle, text=text)["status"]


@pytest.mark.parametrize(
    ("surface", "visibility", "sent"),
    [
        ("post", "public", "public"),
        ("reply", "private", "private"),
        ("dm", "direct", "direct"),
        ("dm", "public", "direct"),
        ("reply", None, "direct"),
        ("reply", "limited", "direct"),
    ],
)
def test_an_answer_is_never_wider_than_the_question(
    surface: str, visibility: str | None, sent: str
) -> None:
    assert sent == form(surface=surface, visibility=visibility)["visibility"]


def test_no_language_is_left_to_the_server() -> None:
    assert "language" not in form(language=None)


def test_the_recorded_answer_is_sent() -> None:
    recorded = json.loads((SAMPLES / "post_reply_exchange.json").read_bytes())["response"]

    result = outgoing.read(answer(recorded["status"], recorded["json"]), REPLY, US)

    assert Sent("117020583258292382", "mastodon:110:status:117020583258292382") == result


RECORDED = {e["status"]: e for e in json.loads((SAMPLES / "http_errors.json").read_bytes())}


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (401, Refused("http_401", permanent=False, stop=True)),
        (404, Refused("http_404", permanent=True)),
        (422, Refused("http_422", permanent=True)),
        (429, Refused("http_429", permanent=False, wait_s=300.0)),
    ],
)
def test_the_recorded_errors(status: int, result: Refused) -> None:
    headers = {k.lower(): v for k, v in RECORDED[status].get("headers", {}).items()}
    said = answer(status, RECORDED[status]["json"], **headers)

    assert result == outgoing.read(said, REPLY, US)


@pytest.mark.parametrize("status", [400, 403, 410, 413])
def test_what_was_not_taken_is_permanent(status: int) -> None:
    assert Refused(f"http_{status}", permanent=True) == outgoing.read(answer(status), REPLY, US)


@pytest.mark.parametrize("status", [202, 302, 408, 409, 500, 502, 503, 504])
def test_what_nobody_can_tell_is_never_sent_again(status: int) -> None:
    assert Unsure(f"http_{status}") == outgoing.read(answer(status), REPLY, US)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"\xff", b'{"id": 5}'])
def test_an_unreadable_yes_is_unsure(body: bytes) -> None:
    assert Unsure("unreadable_answer") == outgoing.read(Answer(200, {}, body), REPLY, US)


@pytest.mark.parametrize(
    ("date", "wait"),
    [
        ("Sat, 01 Aug 2026 13:54:00 GMT", 60.248623),
        ("Sat, 01 Aug 2026 14:54:00 GMT", 1.0),
        ("Sat, 01 Aug 2026 13:54:00 -0000", 300.0),
        ("today", 300.0),
    ],
)
def test_a_limit_is_waited_out_by_the_servers_clock(date: str, wait: float) -> None:
    said = answer(429, **{"x-ratelimit-reset": "2026-08-01T13:55:00.248623Z", "date": date})
    result = outgoing.read(said, REPLY, US)

    assert isinstance(result, Refused)
    assert wait == pytest.approx(result.wait_s)
