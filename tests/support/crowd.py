"""A loud night's intake records: the platforms' own samples, parsed, as new messages of many citizens."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Final

import msgspec

from services.ingest import doors
from services.router.policy import Policy, read_policy, shipped_policy
from services.router.rules import Facts, judge
from support.parsing import OURS, SPOKEN, accounts_of, body_of, parse, samples
from toog.contracts.events import Author, Mention
from toog.contracts.ids import citizen_key
from toog.contracts.topics import EVENTS
from toog.contracts.verdicts import Reason, Verdict
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Accounts
from toog.platforms.base import Heard, Parsed

APPEAL: Final = "appeal-for-witnesses"
BLOCKED: Final = "blocked-author"
PRESS: Final = "press-account"
POLICY: Final = (
    shipped_policy().replace(
        "followed_conversations = []", f'followed_conversations = ["x:{APPEAL}"]'
    )
    + f"""
[[block]]
platform = "x"
id = "{BLOCKED}"
reason = "threats"
until = 2999-01-01T00:00:00Z

[[organisation]]
platform = "x"
id = "{PRESS}"
tag = "press"
"""
)
"""What the routers are given: the shipped policy, an appeal, a block and an organisation."""

ACCOUNTS: Final = "\n".join(
    f'[[account]]\nplatform = "{platform}"\nid = "{id_}"\nhandle = "{handle}"\n'
    f'base_url = "http://{platform}.example"'
    for platform, ours in OURS.items()
    for id_, handle in ours.items()
)
OUR_ACCOUNTS: Final = Accounts(
    account for platform in OURS for account in accounts_of(platform).all
)

NOISE: Final = 0.7
"""The part of the night that is hashtag noise; the rest is spread over every sort of event."""
COPIES: Final = 0.02
"""The part that a platform delivers a second time, later."""
CITIZENS: Final = 3_000

_facts: Final = msgspec.json.Decoder(Facts)


@cache
def policy() -> Policy:
    """The policy as the routers read it."""
    return read_policy(POLICY)


def expected(topic: str, value: bytes | None) -> Verdict | None:
    """What the rules say of a record of this intake topic; None where it cannot be read."""
    try:
        facts = _facts.decode(value or b"")
    except (ValueError, RecursionError):
        return None
    return judge(facts, "own" if topic == EVENTS.name else "room", policy(), OUR_ACCOUNTS)


@cache
def _templates() -> dict[Reason, list[Heard]]:
    """An event of every sort that a platform told us, by the reason that the rules give it."""
    heard = [
        told
        for platform in SPOKEN
        for value in samples(platform).values()
        for told in parse(platform, body_of(value)).heard
    ]
    found: dict[Reason, list[Heard]] = {}
    for one in [*heard, *_rare(heard)]:
        found.setdefault(_reason(one), []).append(one)
    return found


def _reason(heard: Heard) -> Reason:
    (record,) = doors.records(
        Parsed(heard=(heard,)), source="test", trace="", now=heard.event.received_at
    )
    verdict = expected(record.topic.name, record.value)
    assert verdict is not None
    return verdict.reason


def _rare(heard: Sequence[Heard]) -> list[Heard]:
    """What no sample is: danger among other people, a blocked author, the press, an appeal, friends."""
    by_reason = {_reason(one): one for one in heard}
    friends = (Mention("buurvrouw"), Mention("nonkel"))
    danger = "Er wordt hier nu ingebroken bij de buren, kom snel!"

    def other(reason: Reason, *, room: bool = False, **fields: object) -> Heard:
        one = by_reason[reason]
        return replace(one, event=msgspec.structs.replace(one.event, **fields), room=room)

    return [
        other("mention", text=danger),
        other("bystander", text=danger),
        other("hashtag_only", platform="x", text="Straf!", hashtags=(), room=True),
        other("hashtag_only", platform="x", conversation=APPEAL, hashtags=()),
        other("comment", text="@buurvrouw @nonkel", mentions=friends),
        other("private_message", platform="x", author=Author(BLOCKED)),
        other("private_message", platform="x", author=Author(PRESS)),
    ]


class Crowd:
    """Makes records, each a new message of some citizen, every reason among them."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)
        self._told = 0
        self._again: list[Outgoing] = []

    def records(self, count: int, citizen: str | None = None) -> list[Outgoing]:
        """The next ones. `citizen`: all by this one, addressed to us."""
        return [
            self._mention(citizen) if citizen is not None else self._next() for _ in range(count)
        ]

    def _mention(self, citizen: str) -> Outgoing:
        return self._varied(_templates()["mention"][0], citizen)

    def _next(self) -> Outgoing:
        if self._again and self._random.random() < COPIES:
            copy = self._again.pop(self._random.randrange(len(self._again)))
            now_ms = int(datetime.now(UTC).timestamp() * 1000)
            return Outgoing(copy.topic, copy.key, copy.value, copy.headers, now_ms)
        templates = _templates()
        reason = self._random.choice(sorted(templates))
        if self._random.random() < NOISE:
            reason = "hashtag_only"
        record = self._varied(
            self._random.choice(templates[reason]), f"citizen{self._random.randrange(CITIZENS)}"
        )
        if len(self._again) < 200:
            self._again.append(record)
        return record

    def _varied(self, template: Heard, citizen: str) -> Outgoing:
        """The same event under a new id, by this citizen, received now."""
        self._told += 1
        event, now = template.event, datetime.now(UTC)
        author = event.author
        by_citizen = author is not None and not event.own and author.id not in {BLOCKED, PRESS}
        varied = msgspec.structs.replace(
            event,
            id=f"{event.id}~{self._told}",
            of=f"{event.of}~{self._told}" if event.of else None,
            author=Author(citizen, citizen) if by_citizen else author,
            received_at=now,
            occurred_at=now,
        )
        key = citizen_key(event.platform, event.account, citizen)
        heard = replace(template, event=varied, key=key)
        (record,) = doors.records(
            Parsed(heard=(heard,)), source=event.source, trace="00-test-test-01", now=now
        )
        return record


UNREADABLE: Final = (
    b"",
    b"{",
    b"\xff\xfe\x00",
    b'{"id": "x:1:post:1"}',
    b'{"id": "x:1:post:1", "kind": "shouted", "platform": "x", "account": "1"}',
    b'["not", "an", "event"]',
    b"[" * 100_000,
    b'{"id": "\xed\xa0\x80", "kind": "created"}',
)
"""Bodies that no decoder takes, each for a reason of its own."""


def unreadable(number: int, key: bytes | None = None) -> Outgoing:
    """An intake record that cannot be read, by its own citizen unless told whose."""
    now = datetime.now(UTC)
    return Outgoing(
        topic=EVENTS,
        key=key or f"x:1:odd{number}".encode(),
        value=UNREADABLE[number % len(UNREADABLE)],
        headers=[("ce_id", f"odd-{number}".encode())],
        timestamp_ms=int(now.timestamp() * 1000),
    )
