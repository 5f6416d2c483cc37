"""How a night is judged: each fault alone makes it a bad one."""

from typing import Any

import pytest

from toog.local.figures import (
    PLATFORMS,
    Balance,
    Desk,
    DeskLine,
    Intake,
    Ledger,
    Seen,
    faults,
    summary,
)

X = Seen("x", "1", "dank u", "n1", True)
M = Seen("mastodon", "2", "dank je", "n2", True)
OTHERS = [Seen(p, "3", "merci", f"n-{p}", True) for p in PLATFORMS if p not in {"x", "mastodon"}]


def good() -> dict[str, Any]:
    return {
        "ledger": Ledger({"a": 1.0, "b": 2.0}, ["a", "b"], [X, M, *OTHERS]),
        "desk": Desk(2, 2, 2, {"sent": 2}, [("x", "n1"), ("mastodon", "n2")], {"a": 1.25}, 0),
        "balance": Balance(3, 2, 0, {"hashtag_only": 1}, 0, 0, 0, DeskLine(2, 0, 0, 0, 0, 0)),
        "intake": Intake(3, frozenset({"a", "b"})),
        "memory": {"router": 64},
        "seed": 1,
    }


def judged(**changed: Any) -> list[str]:
    night = {**good(), **changed}
    return faults(summary(**night), night["ledger"], night["desk"])


def test_a_good_night_has_no_fault() -> None:
    assert judged() == []
    assert summary(**good())["event_to_case_p99_ms"] == 250.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"intake": Intake(3, frozenset({"a"}))}, "lost is 1"),
        ({"ledger": Ledger({}, ["a", "b"], [X, X, M])}, "duplicates_seen is 1"),
        ({"ledger": Ledger({}, ["a", "b"], [X])}, "seen 0 times by mastodon"),
        ({"ledger": Ledger({}, ["a", "b"], [X])}, "mastodon got no reply"),
        (
            {"balance": Balance(3, 1, 0, {}, 0, 0, 1, DeskLine(2, 0, 0, 0, 0, 0))},
            "balance is 1",
        ),
        (
            {"balance": Balance(3, 2, 0, {"signal": 1}, 0, 0, 0, DeskLine(2, 0, 0, 0, 0, 2))},
            "desk_balance is 2",
        ),
        (
            {"balance": Balance(4, 2, 0, {"signal": 1}, 0, 0, 0, DeskLine(2, 0, 0, 0, 0, 0))},
            "received is not",
        ),
        ({"intake": Intake(4, frozenset({"a", "b"}))}, "metrics counts another"),
        ({"balance": Balance(0, 0, 0, {}, 0, 0, 0, DeskLine(0, 0, 0, 0, 0, 0))}, "nothing was"),
    ],
)
def test_a_fault_is_named(changed: dict[str, Any], said: str) -> None:
    assert any(said in sentence for sentence in judged(**changed))


def test_a_reply_that_the_platform_refused_is_an_attempt_but_not_seen() -> None:
    refused = Seen("x", "9", "nog eens", None, False)
    night = {**good(), "ledger": Ledger({}, ["a", "b"], [X, M, *OTHERS, refused])}

    assert summary(**night)["replies_seen"] == len(PLATFORMS)
    assert faults(summary(**night), night["ledger"], night["desk"]) == []
