"""The request that answers on X, and each class of answer to it."""

import json
from pathlib import Path
from typing import Any

import pytest

from toog.platforms.accounts import Account
from toog.platforms.base import Answer, NotConfiguredError, Refused, Reply, Sent, Unsure
from toog.platforms.x import outgoing

SAMPLES = Path(__file__).parents[2] / "samples" / "x"
US = Account("x", "1111111111111111111", "StadPolDem", "https://api.x.com")
SECRETS = {"user_token": "schrijver"}
EXCHANGES = {e["name"]: e for e in json.loads((SAMPLES / "http_exchanges_ok.json").read_bytes())}
ERRORS = json.loads((SAMPLES / "http_errors.json").read_bytes())


def reply(surface: str = "reply", text: str = "Dank voor uw melding.") -> Reply:
    return Reply("r1", text, surface, "2083000000000000001", "2222222222222222222", "an_a")


def answered(status: int, body: Any = None, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return outgoing.read(Answer(status, named, content), reply(), US)


@pytest.mark.parametrize(
    ("name", "surface"), [("create reply", "post"), ("send DM to participant", "dm")]
)
def test_the_documented_exchanges(name: str, surface: str) -> None:
    exchange = EXCHANGES[name]
    asked, given = exchange["request"], exchange["response"]
    message = reply(surface, asked["json"]["text"])

    request = outgoing.request(message, US, SECRETS)

    assert (request.method, request.url, request.json) == (
        asked["method"],
        asked["url"],
        asked["json"],
    )
    assert request.headers == {"authorization": "Bearer schrijver"}
    body = json.dumps(given["json"]).encode()
    result = outgoing.read(Answer(given["status"], given["headers"], body), message, US)
    assert isinstance(result, Sent)
    native = given["json"]["data"].get("id") or given["json"]["data"]["dm_event_id"]
    assert result == Sent(native, f"x:{US.id}:{surface}:{native}")


def test_without_token_nothing_can_be_sent() -> None:
    with pytest.raises(NotConfiguredError):
        outgoing.request(reply(), US, {"bearer": "lezer"})


@pytest.mark.parametrize("status", [300, 302, 408, 500, 502, 503, 504, 100])
def test_may_have_gone_out(status: int) -> None:
    assert answered(status, b"<html>") == Unsure(f"http_{status}")


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data":{}}', b'{"data":{"id":5}}'])
def test_a_success_that_names_no_id_may_have_gone_out(body: bytes) -> None:
    assert answered(201, body) == Unsure("unreadable_answer")
    dm = outgoing.read(Answer(201, {}, b'{"data":{"id":"5"}}'), reply("dm"), US)
    assert dm == Unsure("unreadable_answer")


def test_the_documented_errors() -> None:
    results = [answered(error["status"], error["json"]) for error in ERRORS]

    assert results == [
        Refused("rate_limited", permanent=False, wait_s=60),
        Refused("http_400", permanent=True),
        Refused("duplicate", permanent=True),
        Refused("reply_not_allowed", permanent=True),
        Unsure("unreadable_answer"),
        Unsure("http_503"),
    ]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, b"", "unauthorized"),
        (402, b"", "credits_depleted"),
        (403, {"type": "https://api.x.com/2/problems/client-forbidden"}, "client_forbidden"),
        (403, {"type": "https://api.twitter.com/2/problems/usage-capped"}, "usage_capped"),
        (429, {"type": "https://api.x.com/2/problems/usage-capped"}, "usage_capped"),
    ],
)
def test_a_person_must_act(status: int, body: Any, reason: str) -> None:
    assert answered(status, body) == Refused(reason, permanent=False, stop=True)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, {"detail": "iets anders"}, "forbidden"),
        (403, b"<html>", "forbidden"),
        (403, {"detail": "You do not have permission to DM one or more …"}, "dm_not_allowed"),
        (404, {}, "http_404"),
    ],
)
def test_never(status: int, body: Any, reason: str) -> None:
    assert answered(status, body) == Refused(reason, permanent=True)


class TestRateLimit:
    DATE = "Mon, 14 Sep 2026 20:30:00 GMT"
    NOW_S = 1789417800

    def wait(self, **headers: str) -> float | None:
        result = answered(429, b"", **headers)
        assert isinstance(result, Refused)
        assert not result.permanent
        return result.wait_s

    def test_until_the_reset_by_the_platforms_own_clock(self) -> None:
        headers = {"x_rate_limit_remaining": "0", "x_rate_limit_reset": str(self.NOW_S + 90)}

        assert self.wait(date=self.DATE, **headers) == 90
        assert self.wait(**headers) == 60

    def test_the_days_limit_outlasts_the_window(self) -> None:
        headers = {
            "x_rate_limit_remaining": "12",
            "x_rate_limit_reset": str(self.NOW_S + 90),
            "x_user_limit_24hour_remaining": "0",
            "x_user_limit_24hour_reset": str(self.NOW_S + 7200),
        }

        assert self.wait(date=self.DATE, **headers) == 7200

    def test_odd_headers_wait_a_minute(self) -> None:
        assert self.wait() == 60
        odd = {"x_rate_limit_remaining": "0", "x_rate_limit_reset": "?"}
        assert self.wait(date=self.DATE, **odd) == 60
        past = {"x_rate_limit_remaining": "0", "x_rate_limit_reset": str(self.NOW_S - 5)}
        assert self.wait(date=self.DATE, **past) == 1
