"""From a body to Kafka records. Pure: which topic, key, headers and time each event gets."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from toog.contracts import events, wire
from toog.contracts.ids import digest
from toog.contracts.topics import EVENTS, MAX_RECORD_BYTES, ROOM
from toog.kit.stream import dead
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard, Incoming, Parsed, Unreadable

LETTER_BYTES: Final = 8 * 1024 * 1024
"""So much of an unreadable body is kept: in base64 it still is one record."""

VALUE_BYTES: Final = MAX_RECORD_BYTES - 64 * 1024
"""The broker refuses what is larger for ever, so it must not come to that."""


MAX_DEPTH: Final = 200
"""No platform nests so deeply. Near Python's own limit one reader could decode what another cannot,
and would read it again for ever."""

_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_BRACKET: Final = re.compile(rb"[^\[\]{}]+")


def parse(
    incoming: Incoming,
    body: bytes,
    *,
    accounts: Accounts,
    account: Account | None,
    source: str,
    now: datetime,
) -> Parsed:
    """What this body holds; a parser that fails makes it unreadable, and the door stays open."""
    try:
        return incoming.parse(body, accounts=accounts, account=account, source=source, now=now)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is a dead letter
        return Parsed(unreadable=(Unreadable(body, type(error).__name__),))


def records(parsed: Parsed, *, source: str, trace: str, now: datetime) -> list[Outgoing]:
    """All records of one body or group: the events in their order, then the dead letters."""
    made: list[Outgoing] = []
    for heard in parsed.heard:
        made.append(_record(heard, trace))
        value = made[-1].value
        if len(value) > VALUE_BYTES:
            made[-1] = letter(Unreadable(value, "TooLarge"), source, now)
        elif too_deep(value):
            made[-1] = letter(Unreadable(value, "TooDeep"), source, now)
    made.extend(letter(unreadable, source, now) for unreadable in parsed.unreadable)
    return made


def _record(heard: Heard, trace: str) -> Outgoing:
    event = heard.event
    return Outgoing(
        topic=ROOM if heard.room else EVENTS,
        key=heard.key.encode(),
        value=events.encode(event),
        headers=wire.cloud_event(
            event.id, f"/ingest/{event.source}", events.EVENT_TYPE, event.occurred_at, trace
        ),
        timestamp_ms=int(event.received_at.timestamp() * 1000),
    )


def too_deep(value: bytes) -> bool:
    """Whether this JSON is nested deeper than every reader is sure to follow.

    Counting is enough for nearly all; only what holds very many brackets is looked at closely.
    """
    if value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return False
    depth = deepest = 0
    for bracket in _NOT_BRACKET.sub(b"", _STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH


def letter(unreadable: Unreadable, source: str, now: datetime) -> Outgoing:
    """The dead letter of what could not be read: the same bytes give the same id again."""
    record = f"{source}:{digest(unreadable.body)}"
    return dead.letter(
        stage="ingest",
        record=record,
        key=f"dead:ingest:{record}",
        error=unreadable.error,
        body=unreadable.body[:LETTER_BYTES],
        now=now,
        source_partition=source,
    )


def merged(parts: Sequence[Parsed]) -> Parsed:
    """What several items held, as one."""
    return Parsed(
        tuple(heard for part in parts for heard in part.heard),
        tuple(unreadable for part in parts for unreadable in part.unreadable),
    )
