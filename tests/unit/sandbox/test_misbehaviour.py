"""What goes wrong is decided by the seed, by the shares that were asked for, and only for a while."""

from collections import Counter

import msgspec
import pytest

from toog.sandbox.batches import merged
from toog.sandbox.misbehaviour import Asked, Behaviour, Delivery, Treatment
from toog.sandbox.refusals import not_now, too_often

PLATFORMS = ("x", "facebook", "instagram", "mastodon", "bluesky")


def badly(**asked: object) -> Behaviour:
    one = Behaviour("x")
    one.ask(msgspec.convert({"duration_s": 10, **asked}, Asked), now=100.0)
    return one


def test_a_platform_behaves_until_it_is_asked_not_to_and_after_its_time() -> None:
    fresh, over = Behaviour("x"), badly(cut=1, swallow=1)

    assert fresh.request(100.0) == over.request(110.0) == Treatment()
    assert fresh.delivery(b"{}", 100.0) == over.delivery(b"{}", 110.0) == Delivery()
    assert over.request(109.9).wrong == "cut"
    assert over.status(110.0) is None


def test_the_shares_are_those_that_were_asked_for() -> None:
    one = badly(error_429=0.1, error_5xx=0.2, cut=0.3, half=0.1)

    drawn = Counter(one.request(100.0).wrong for _ in range(4_000))

    for wrong, share in {"error_429": 0.1, "error_5xx": 0.2, "cut": 0.3, "half": 0.1}.items():
        assert abs(drawn[wrong] / 4_000 - share) < 0.04
    assert drawn[None] > 1_000


def test_the_same_seed_misbehaves_the_same_way() -> None:
    one, same, other = (badly(cut=0.5, seed=s) for s in (3, 3, 4))

    first, second, third = ([b.request(100.0) for _ in range(50)] for b in (one, same, other))

    assert first == second != third


def test_latency_is_the_mean_and_varies() -> None:
    one = badly(latency_ms=200)

    waits = [one.request(100.0).wait_s for _ in range(500)]

    assert 0.1 <= min(waits) < max(waits) <= 0.3


def test_a_swallowed_delivery_is_swallowed_at_each_try() -> None:
    one = badly(swallow=0.5)
    bodies = [str(n).encode() for n in range(400)]

    first = [one.delivery(body, 100.0).swallowed for body in bodies]

    assert first == [one.delivery(body, 101.0).swallowed for body in bodies]
    assert 140 < sum(first) < 260


def test_deliveries_are_doubled_and_held_back() -> None:
    one = badly(duplicates=1, reorder=1, batch=500)

    delivery = one.delivery(b"{}", 100.0)

    assert delivery.again_s is not None
    assert delivery.wait_s > 0
    assert delivery.batch == 500
    assert one.status(101.0) == {
        "asked": {"duration_s": 10, "seed": 1, "duplicates": 1, "reorder": 1, "batch": 500},
        "left_s": 9.0,
        "done": {"reorder": 1, "duplicates": 1},
    }


@pytest.mark.parametrize("wrong", [{"cut": 1.01}, {"duration_s": 1e9}, {"batch": 1_001}])
def test_what_has_no_bound_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Asked)


def test_each_platform_says_too_often_in_its_own_words() -> None:
    said = {name: too_often(name, "17841400000000001", 1_800_000_000.5) for name in PLATFORMS}
    codes = {n: msgspec.json.decode(said[n].body)["error"] for n in ("facebook", "instagram")}

    assert {name: refusal.status for name, refusal in said.items()} == {
        "x": 429,
        "facebook": 400,
        "instagram": 400,
        "mastodon": 429,
        "bluesky": 429,
    }
    assert said["x"].headers["x-rate-limit-reset"] == "1800000002"
    assert said["mastodon"].headers["x-ratelimit-reset"] == "2027-01-15T08:00:02.500000Z"
    assert said["bluesky"].headers["retry-after"] == "2"
    assert (codes["facebook"]["code"], codes["instagram"]["code"]) == (80001, 80002)
    assert "17841400000000001" in said["instagram"].headers["x-business-use-case-usage"]


def test_x_is_sometimes_down_in_html() -> None:
    one = Behaviour("x")

    kinds = {not_now("x", one.chance).headers["content-type"] for _ in range(50)}

    assert kinds == {"application/json; charset=utf-8", "text/html"}
    assert all(not_now(name, one.chance).status >= 500 for name in PLATFORMS)


def page_body(comment: str) -> bytes:
    value = {"item": "comment", "verb": "add", "comment_id": comment}
    entry = {"id": "1", "time": 1, "changes": [{"field": "feed", "value": value}]}
    return msgspec.json.encode({"object": "page", "entry": [entry]})


def test_a_batch_holds_what_waited_and_is_filled_up() -> None:
    body = merged([page_body("a"), page_body("b")], 1_000, 1_800_000_000.0, 1)

    assert body is not None
    entries = msgspec.json.decode(body)["entry"]
    changes = [change["value"] for entry in entries for change in entry["changes"]]
    assert [change["comment_id"] for change in changes[:2]] == ["a", "b"]
    assert len(changes) == 1_000
    assert len({change["from"]["id"] for change in changes[2:]}) == 998


@pytest.mark.parametrize("nested", [True, False])
def test_an_instagram_batch_is_filled_with_read_receipts(nested: bool) -> None:
    update = {"field": "comments", "value": {"id": "1"}}
    one = {"id": "17", "time": 1, **({"changes": [update]} if nested else update)}
    body = merged([msgspec.json.encode({"object": "instagram", "entry": [one]})], 3, 2.0, 7)

    assert body is not None
    entries = msgspec.json.decode(body)["entry"]
    assert [len(entry.get("messaging", [])) for entry in entries] == [0, 2]
    assert len({seen["read"]["mid"] for seen in entries[1]["messaging"]}) == 2


@pytest.mark.parametrize("body", [b"", b"[]", b'{"entry": 3}', b'{"object": "page", "entry": []}'])
def test_what_is_no_body_of_meta_is_left_alone(body: bytes) -> None:
    assert merged([body], 10, 1.0, 1) is None
