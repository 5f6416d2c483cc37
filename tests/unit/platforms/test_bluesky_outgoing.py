"""A reply to Bluesky: under a key of its own, with facets, in the thread; what each answer means."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from toog.platforms.accounts import Account
from toog.platforms.base import Answer, NotConfiguredError, Refused, Reply, Sent, Unsure
from toog.platforms.bluesky import outgoing
from toog.platforms.bluesky.outgoing import session

SAMPLES = Path(__file__).parents[2] / "samples" / "bluesky"
EXCHANGE = json.loads((SAMPLES / "create_reply_exchange.json").read_bytes())
US = Account("bluesky", "did:plc:stadpoldem2demo2demo2dem", "stadpoldem.test", "https://PDS")
MIA = "did:plc:kbwvo3tu5gsegorseggojg5e"
SECRETS = {"identifier": "stadpoldem.test", "app_password": "geheim", "access_jwt": "toegang"}
ANSWERED = EXCHANGE["request"]["json"]["record"]["reply"]
REPLY = Reply(
    id="r1",
    text="De brug gaat om 18.00 uur weer open.",
    surface="reply",
    to_message=ANSWERED["parent"]["uri"],
    to_citizen=MIA,
    to_handle="mia.test",
    language="nl",
    context={
        "cid": ANSWERED["parent"]["cid"],
        "root_uri": ANSWERED["root"]["uri"],
        "root_cid": ANSWERED["root"]["cid"],
    },
    at=datetime(2026, 5, 25, 14, 26, tzinfo=UTC),
)
DM = replace(REPLY, surface="dm", to_message="3kc2demo", context={"convo": "3kb2demo"})


def sent(**changes: Any) -> dict[str, Any]:
    request = outgoing.request(replace(REPLY, **changes), US, SECRETS)
    assert isinstance(request.json, dict)
    return request.json


def answer(status: int, body: object = None, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps(body).encode())


def error(name: str) -> Answer:
    said = json.loads((SAMPLES / "made" / "http_errors.json").read_bytes())[name]
    return answer(said["status"], said["json"], **said.get("headers", {}))


def test_the_request_is_the_recorded_one_under_a_key_of_our_own() -> None:
    request = outgoing.request(REPLY, US, SECRETS)
    body = dict(sent())

    assert (request.method, request.url) == ("POST", EXCHANGE["request"]["url"])
    assert request.headers == {"Authorization": "Bearer toegang"}
    assert body.pop("rkey") == outgoing.key_of(REPLY)
    assert body == EXCHANGE["request"]["json"]


def test_the_key_is_a_tid_that_every_attempt_shares() -> None:
    key = outgoing.key_of(REPLY)
    assert REPLY.at is not None
    later = replace(REPLY, at=REPLY.at + timedelta(microseconds=1))

    assert (len(key), set(key) <= set("234567abcdefghijklmnopqrstuvwxyz")) == (13, True)
    assert key == outgoing.key_of(replace(REPLY, text="anders"))
    assert key != outgoing.key_of(replace(REPLY, id="r2"))
    assert key < outgoing.key_of(later)
    assert "3mmooaaaaaaaa"[:5] < key < "3zzzzzzzzzzzz"


def test_without_a_root_the_answered_post_is_the_root() -> None:
    record = sent(context={"cid": "c", "root_uri": "at://x"})["record"]

    assert record["reply"]["root"] == record["reply"]["parent"]
    assert record["reply"]["parent"] == {"uri": REPLY.to_message, "cid": "c"}


def test_links_tags_and_the_citizen_are_marked_by_bytes() -> None:
    text = "Dag @Mia.test 🚒, zie https://stad.example/brug?a=1#b. Groeten #politie247 @jan.test"
    facets = sent(text=text)["record"]["facets"]
    data = text.encode()

    marked = [
        (data[f["index"]["byteStart"] : f["index"]["byteEnd"]].decode(), f["features"][0])
        for f in facets
    ]
    kind = "app.bsky.richtext.facet#"
    assert marked == [
        ("@Mia.test", {"$type": f"{kind}mention", "did": MIA}),
        (
            "https://stad.example/brug?a=1#b",
            {"$type": f"{kind}link", "uri": "https://stad.example/brug?a=1#b"},
        ),
        ("#politie247", {"$type": f"{kind}tag", "tag": "politie247"}),
    ]


@pytest.mark.parametrize(
    "text", ["@mia.tester", "a@mia.test", "@mia.test.example", "#1", "a#b", "x"]
)
def test_what_only_looks_like_it_is_text(text: str) -> None:
    assert "facets" not in sent(text=text)["record"]


def test_a_chat_message_goes_to_its_conversation_through_the_proxy() -> None:
    request = outgoing.request(DM, US, SECRETS)

    assert request.url == "https://PDS/xrpc/chat.bsky.convo.sendMessage"
    assert request.headers["atproto-proxy"] == "did:web:api.bsky.chat#bsky_chat"
    assert request.json == {"convoId": "3kb2demo", "message": {"text": REPLY.text}}


def test_without_a_session_nothing_is_sent() -> None:
    with pytest.raises(NotConfiguredError):
        outgoing.request(REPLY, US, {"identifier": "x", "app_password": "y"})


@pytest.mark.parametrize("reply", [replace(REPLY, context={}), replace(DM, context={})])
def test_what_is_not_known_well_enough_is_not_answered(reply: Reply) -> None:
    with pytest.raises(ValueError, match="came without"):
        outgoing.request(reply, US, SECRETS)
    with pytest.raises(ValueError, match="time of its approval"):
        outgoing.key_of(replace(REPLY, at=None))


def test_the_recorded_answer_names_the_post() -> None:
    said = answer(200, EXCHANGE["response"]["json"])

    uri = "at://did:plc:stadpoldem2demo2demo2dem/app.bsky.feed.post/3mmookaaaaa2z"
    assert outgoing.read(said, REPLY, US) == Sent(uri, f"bluesky:{US.id}:post:{uri}")


def test_the_answer_to_a_chat_message_names_it() -> None:
    assert outgoing.read(answer(200, {"id": "3k1"}), DM, US) == Sent(
        "3k1", f"bluesky:{US.id}:message:3k1"
    )


@pytest.mark.parametrize("name", ["ExpiredToken", "InvalidToken"])
def test_a_session_that_is_over_is_no_refusal_for_good(name: str) -> None:
    assert outgoing.read(error(name), REPLY, US) == Refused(name, permanent=False, wait_s=1.0)
    assert session.over(error(name))


@pytest.mark.parametrize(
    "name", ["MessagesDisabled", "NotFollowedBySender", "BlockedActor", "ConvoLocked"]
)
def test_who_cannot_be_written_to_is_a_refusal_for_good(name: str) -> None:
    said = answer(400, {"error": name, "message": "x"})

    assert outgoing.read(said, DM, US) == Refused(name, permanent=True)
    assert not session.over(said)


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (answer(401, {"error": "AuthMissing"}), Refused("AuthMissing", permanent=False, stop=True)),
        (answer(403), Refused("http_403", permanent=True)),
        (error("RateLimitExceeded"), Refused("RateLimitExceeded", permanent=False, wait_s=120.0)),
        (error("used_key"), Unsure("InternalServerError")),
        (
            answer(400, {"error": "InvalidRequest", "message": "already a value"}),
            Unsure("key_is_used"),
        ),
        (answer(502, {"error": "UpstreamFailure"}), Unsure("UpstreamFailure")),
        (answer(408), Unsure("http_408")),
        (answer(200, {"cid": "c"}), Unsure("unreadable_answer")),
        (Answer(200, {}, b"\xff"), Unsure("unreadable_answer")),
        (Answer(500, {}, b"<html>"), Unsure("http_500")),
    ],
)
def test_what_each_answer_means(said: Answer, result: object) -> None:
    assert outgoing.read(said, REPLY, US) == result


def test_a_limit_is_counted_by_the_servers_own_clock() -> None:
    date = "Mon, 25 May 2026 14:20:00 GMT"
    headers = {"ratelimit-reset": "1779719400", "date": date}  # 14:30:00
    result = outgoing.read(answer(429, {}, **headers), REPLY, US)

    assert result == Refused("http_429", permanent=False, wait_s=600.0)


def test_a_session_is_asked_for_and_read() -> None:
    request = session.request(US, SECRETS)

    assert request.url == "https://PDS/xrpc/com.atproto.server.createSession"
    assert request.json == {"identifier": "stadpoldem.test", "password": "geheim"}
    got = session.read(answer(200, {"accessJwt": "a", "refreshJwt": "b", "did": US.id}))
    assert got == {"access_jwt": "a"}
    with pytest.raises(NotConfiguredError):
        session.request(US, {})


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (answer(401), Refused("session_401", permanent=False, stop=True)),
        (error("RateLimitExceeded"), Refused("session_429", permanent=False, wait_s=120.0)),
        (answer(503), Refused("session_503", permanent=False, wait_s=5.0)),
        (answer(200, {}), Refused("session_200", permanent=False, wait_s=5.0)),
    ],
)
def test_no_session_is_a_refusal_that_passes(said: Answer, result: Refused) -> None:
    assert session.read(said) == result
