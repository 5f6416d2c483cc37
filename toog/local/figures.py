"""What a night came to: plain values in, the summary and its judgement out. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from toog.local.accounts import IDS

PLATFORMS: Final = tuple(IDS)


class Seen(msgspec.Struct, frozen=True):
    """A reply as the played platform saw it."""

    platform: str
    in_reply_to: str
    text: str
    native_id: str | None
    accepted: bool


class Ledger(msgspec.Struct, frozen=True):
    """What the sandbox keeps of the night."""

    sent_at: dict[str, float]
    played: list[str]
    replies: list[Seen]


class Desk(msgspec.Struct, frozen=True):
    """What stands in the responder's tables. `stored_at`: event id → seconds since the epoch."""

    stored: int
    cases: int
    answered: int
    replies: dict[str, int]
    sent: list[tuple[str, str]]
    stored_at: dict[str, float]
    outbox: int


class DeskLine(msgspec.Struct, frozen=True):
    """The second line of the balance."""

    stored: int
    duplicates: int
    applied: int
    dead: int
    lag: int
    balance: int


class Balance(msgspec.Struct, frozen=True):
    """What metrics' `GET /api/v1/balance` says; unknown fields are ignored."""

    received: int
    addressed: int
    context: int
    dropped: dict[str, int]
    dead: int
    in_flight: int
    balance: int
    desk: DeskLine
    age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """What stands on the intake topics: how many records, and their event ids."""

    records: int
    ids: frozenset[str]


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that `share` (0..1) of the values do not exceed; None without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def summary(
    *,
    ledger: Ledger,
    desk: Desk,
    balance: Balance,
    intake: Intake,
    memory: Mapping[str, int],
    seed: int,
) -> dict[str, Any]:
    """The one JSON object of `toog demo --json`; every figure is measured, none is assumed."""
    lost = set(ledger.played) - intake.ids
    accepted = [reply for reply in ledger.replies if reply.accepted]
    attempts = Counter((r.platform, r.in_reply_to, r.text) for r in ledger.replies)
    waits = [
        (stored - ledger.sent_at[id_]) * 1000
        for id_, stored in desk.stored_at.items()
        if id_ in ledger.sent_at
    ]
    p95, p99 = percentile(waits, 0.95), percentile(waits, 0.99)
    return {
        "played": len(ledger.played),
        "lost": len(lost),
        "received": balance.received,
        "records": intake.records,
        "distinct": len(intake.ids),
        "addressed": balance.addressed,
        "context": balance.context,
        "dropped": {reason: n for reason, n in sorted(balance.dropped.items()) if n},
        "dead": balance.dead,
        "in_flight": balance.in_flight,
        "balance": balance.balance,
        "desk_balance": balance.desk.balance,
        "stored": desk.stored,
        "cases": desk.cases,
        "answered": desk.answered,
        "queued": desk.replies.get("queued", 0) + desk.replies.get("sending", 0),
        "unknown": desk.replies.get("unknown", 0),
        "held": desk.replies.get("held", 0),
        "refused": desk.replies.get("refused", 0),
        "replies_sent": desk.replies.get("sent", 0),
        "replies_seen": len(accepted),
        "duplicates_seen": sum(n - 1 for n in attempts.values()),
        "replies_by_platform": {
            name: sum(r.platform == name for r in accepted) for name in PLATFORMS
        },
        "event_to_case_p95_ms": None if p95 is None else round(p95, 1),
        "event_to_case_p99_ms": None if p99 is None else round(p99, 1),
        "peak_memory_mb": dict(memory),
        "seed": seed,
    }


def faults(figures: Mapping[str, Any], ledger: Ledger, desk: Desk) -> list[str]:
    """What is wrong with this night, a sentence each; empty when it was a good one."""
    zero = ("balance", "desk_balance", "lost", "duplicates_seen", "in_flight")
    found = [f"{name} is {figures[name]}, not 0" for name in zero if figures[name] != 0]
    by_outcome = figures["addressed"] + figures["context"] + sum(figures["dropped"].values())
    if figures["received"] != by_outcome + figures["dead"] + figures["in_flight"]:
        found.append("received is not addressed + context + dropped + dead + in_flight")
    if figures["received"] != figures["records"]:
        found.append("metrics counts another number of records than the broker holds")
    if figures["received"] == 0:
        found.append("nothing was received")
    seen = Counter((reply.platform, reply.native_id) for reply in ledger.replies if reply.accepted)
    found += [
        f"a reply recorded as sent was seen {seen[reply]} times by {reply[0]}"
        for reply in desk.sent
        if seen[reply] != 1
    ]
    found += [
        f"{name} got no reply" for name, n in figures["replies_by_platform"].items() if n == 0
    ]
    return found
