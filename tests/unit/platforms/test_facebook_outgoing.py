"""The requests that answer on Facebook, and each class of answer to them."""

import json
from pathlib import Path
from typing import Any

import pytest

from toog.platforms.accounts import Account
from toog.platforms.base import Answer, NotConfiguredError, Refused, Reply, Sent, Unsure
from toog.platforms.facebook import graph, outgoing

SAMPLES = Path(__file__).parents[2] / "samples" / "facebook"
US = Account("facebook", "1234567890321", "stadpoldem", "https://graph.facebook.com")
SECRETS = {"page_token": "schrijver"}
EXCHANGES = {e["name"]: e for e in json.loads((SAMPLES / "http_exchanges.json").read_bytes())}
ERRORS = json.loads((SAMPLES / "http_errors.json").read_bytes())


def reply(surface: str = "comment", text: str = "Dank voor uw bericht") -> Reply:
    return Reply("r1", text, surface, "901097836652708_903438993085259", "987654321432", None)


def answered(status: int, body: Any = None, surface: str = "comment", **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return outgoing.read(Answer(status, named, content), reply(surface), US)


def error(code: int, subcode: int | None = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": "x", "code": code, "error_subcode": subcode, **more}}


@pytest.mark.parametrize("surface", ["comment", "visitor_post", "post", "reply"])
def test_a_comment_answers_whatever_is_public(surface: str) -> None:
    exchange = EXCHANGES["reply to comment"]

    request = outgoing.request(reply(surface), US, SECRETS)

    assert (request.method, request.url) == ("POST", exchange["request"]["url"])
    assert request.form == exchange["request"]["form"]
    assert request.headers["authorization"] == "Bearer schrijver"
    made = exchange["response"]["json"]["id"]
    sent = answered(200, exchange["response"]["json"], surface)
    assert sent == Sent(made, f"facebook:{US.id}:comment:{made}")


@pytest.mark.parametrize("surface", ["dm", "story_reply"])
def test_a_message_answers_in_messenger(surface: str) -> None:
    exchange = EXCHANGES["messenger reply"]
    asked = exchange["request"]

    request = outgoing.request(reply(surface, asked["json"]["message"]["text"]), US, SECRETS)

    assert (request.method, request.url, request.json) == ("POST", asked["url"], asked["json"])
    made = exchange["response"]["json"]["message_id"]
    sent = answered(200, exchange["response"]["json"], surface)
    assert sent == Sent(made, f"facebook:{US.id}:message:{made}")


def test_without_a_token_nothing_is_asked() -> None:
    with pytest.raises(NotConfiguredError):
        outgoing.request(reply(), US, {"app_secret": "geheim"})


EXPECTED = {
    (190, 463): Refused("token_invalid", permanent=False, stop=True),
    (10, 2018278): Refused("outside_window", permanent=True),
    (551, 1545041): Refused("unreachable", permanent=True),
    (100, None): Refused("bad_parameter", permanent=True),
    (80001, None): Refused("rate_limited", permanent=False, wait_s=60.0),
    (4, None): Refused("rate_limited", permanent=False, wait_s=60.0),
    (613, None): Refused("rate_limited", permanent=False, wait_s=60.0),
    (2, None): Unsure("http_500"),
    (200, None): Refused("permission_missing", permanent=False, stop=True),
    (10, 2018300): Refused("thread_control", permanent=True),
}


@pytest.mark.parametrize("given", ERRORS, ids=lambda e: str(e["json"]["error"]["code"]))
def test_the_documented_errors(given: dict[str, Any]) -> None:
    about = given["json"]["error"]

    result = answered(given["status"], given["json"])

    assert result == EXPECTED[about["code"], about.get("error_subcode")]


@pytest.mark.parametrize(
    ("code", "subcode", "expected"),
    [
        (1, None, Unsure("code_1")),
        (2, 1545133, Refused("temporary", permanent=False, wait_s=60.0)),
        (17, None, Refused("rate_limited", permanent=False, wait_s=60.0)),
        (32, None, Refused("rate_limited", permanent=False, wait_s=60.0)),
        (80002, None, Refused("rate_limited", permanent=False, wait_s=60.0)),
        (80006, None, Refused("rate_limited", permanent=False, wait_s=60.0)),
        (102, None, Refused("token_invalid", permanent=False, stop=True)),
        (10, 2534022, Refused("outside_window", permanent=True)),
        (10, 2018108, Refused("unreachable", permanent=True)),
        (200, 1545041, Refused("unreachable", permanent=True)),
        (100, 2534014, Refused("unreachable", permanent=True)),
        (100, 2534025, Refused("already_answered", permanent=True)),
        (10900, None, Refused("already_answered", permanent=True)),
        (10, None, Refused("permission_missing", permanent=False, stop=True)),
        (283, None, Refused("permission_missing", permanent=False, stop=True)),
        (368, None, Refused("blocked_by_policy", permanent=False, stop=True)),
        (10, 999, Refused("code_10", permanent=True)),
        (31337, None, Refused("code_31337", permanent=True)),
    ],
)
def test_each_code_by_what_has_to_happen(code: int, subcode: int | None, expected: Any) -> None:
    assert answered(400, error(code, subcode)) == expected


@pytest.mark.parametrize("status", [301, 408, 500, 502, 503])
def test_what_may_have_gone_out_is_never_sent_again(status: int) -> None:
    assert answered(status, error(2)) == Unsure(f"http_{status}")
    assert answered(status, b"<html>") == Unsure(f"http_{status}")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id":null}', b"{}", b"[" * 9000])
@pytest.mark.parametrize("status", [200, 400, 403])
def test_an_answer_that_nobody_can_read_leaves_it_open(status: int, body: bytes) -> None:
    assert answered(status, body) == Unsure("unreadable_answer")


def test_a_200_may_hold_an_error() -> None:
    assert answered(200, error(190)).stop


def test_a_limit_waits_as_long_as_graph_asks() -> None:
    usage = {"1": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 7}]}
    told = {"x_business_use_case_usage": json.dumps(usage)}

    assert answered(400, error(80001), **told).wait_s == 420.0
    assert answered(429, b"", **told) == Refused("rate_limited", permanent=False, wait_s=420.0)


@pytest.mark.parametrize("odd", ["", "x", "[]", '{"1":7}', '{"1":[7,{"call_count":"many"}]}'])
def test_odd_usage_headers_say_nothing(odd: str) -> None:
    headers = {"x-app-usage": odd, "x-business-use-case-usage": odd}

    assert graph.usage(headers) == 0
    assert graph.wait_s(headers) is None


def test_the_highest_share_counts() -> None:
    headers = {
        "x-app-usage": '{"call_count":12,"total_cputime":85,"total_time":3}',
        "x-business-use-case-usage": '{"1":[{"call_count":40}]}',
    }

    assert graph.usage(headers) == 85.0
