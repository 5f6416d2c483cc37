"""Whatever is heard and however often it is read: nothing is lost, nothing counts twice.

The real judges, dead letters, readers and count, on a log in memory. What a broker does to a
delivery is no part of this: see tests/integration and tests/chaos.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.desk import ACCOUNTS
from support.memory import Memory

from services.metrics.balance import Balance, Intake, draw_up, settle
from services.metrics.coverage import BLOCK, block_of, judge
from services.metrics.load import CONFLICT, Total
from services.metrics.records import READERS
from services.router.policy import read_policy
from toog.contracts import events
from toog.contracts.events import Author, Event, Media, Mention, Reference
from toog.contracts.topics import EVENTS, ROOM, record_of
from toog.kit.stream.produce import Outgoing
from toog.ops.ledger import Drawn, Ledger, Part

BEGIN_MS = 1_795_000_000_000
AT = datetime.fromtimestamp(BEGIN_MS / 1000, UTC)
POLICIES = (
    read_policy('followed_hashtags = ["politie247"]\nemergency_phrases = ["help mij"]'),
    read_policy(
        'followed_conversations = ["x:c1", "bluesky:c1"]\n[switches]\nbystander = ["x", "bluesky"]'
    ),
)

people = st.sampled_from(
    [Mention("stadpoldem", ACCOUNTS["x"]), Mention("stadpoldem"), Mention("buur", "77")]
)
some_people = st.lists(people, max_size=2).map(tuple)
authors = st.sampled_from([None, "77", *ACCOUNTS.values()])
references = st.none() | st.builds(Reference, id=st.just("x:a:post:0"), author=authors)
heard = st.builds(
    Event,
    id=st.integers(0, 9).map(lambda n: f"x:a:post:{n}"),
    kind=st.sampled_from(["created", "edited", "deleted", "signal"]),
    platform=st.sampled_from(["x", "facebook", "instagram", "mastodon", "bluesky"]),
    account=st.just("a"),
    occurred_at=st.just(AT),
    received_at=st.just(AT),
    source=st.just("test"),
    signal=st.sampled_from([None, "reaction", "standby", "unknown_account"]),
    surface=st.sampled_from(
        [None, "post", "reply", "quote", "repost", "comment", "live_comment", "visitor_post",
         "story_reply", "story_mention", "dm"]
    ),
    conversation=st.sampled_from([None, "c1", "c2"]),
    author=st.none() | st.builds(Author, id=st.sampled_from(["77", *ACCOUNTS.values()])),
    own=st.booleans(),
    text=st.sampled_from(["", "👮", "help mij!", "@buur", "#politie247 straf"]) | st.text(max_size=9),
    mentions=some_people,
    reply_prefix=some_people,
    hashtags=st.sampled_from([(), ("politie247",), ("brand",)]),
    media=st.sampled_from([(), (Media("photo"),)]),
    in_reply_to=references,
    root_author=authors,
    quotes=references,
).map(events.encode)  # fmt: skip
unreadable = st.sampled_from(
    [b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"id":', b"[" * 4000, b'{"id":"1","kind":"odd"}']
)

Step = Callable[[Memory], None]


def hear(topic: object, citizen: int, seconds: int, bodies: list[bytes]) -> Step:
    key, at = b"x:1:%d" % citizen, BEGIN_MS + seconds * 1000
    return lambda log: log.write(
        Outgoing(topic, key, body, [("ce_id", b"1")], at) for body in bodies
    )


def read(which: int, size: int, policy: int, lost: int | None) -> Step:
    return lambda log: on_one(
        log, which, lambda place: log.batch(place, size, POLICIES[policy], lost=lost)
    )


def again(which: int, offset: int) -> Step:
    return lambda log: on_one(log, which, lambda place: log.again(place, offset))


def once_more(which: int, offset: int, origin: str) -> Step:
    return lambda log: on_one(log, which, lambda place: log.once_more(place, offset, origin))


def on_one(log: Memory, which: int, act: Callable[[tuple[str, int]], None]) -> None:
    if log.intake:
        act(log.intake[which % len(log.intake)])


hears = st.builds(
    hear,
    st.sampled_from([EVENTS, ROOM]),
    st.integers(0, 3),
    st.integers(0, 300),
    st.lists(heard | heard | unreadable, min_size=1, max_size=5),
)
small = st.integers(0, 9)
reads = st.builds(read, small, st.integers(1, 8), st.integers(0, 1), st.none())
stops = st.builds(read, small, st.integers(1, 8), st.integers(0, 1), small)
nights = st.lists(
    hears
    | hears
    | reads
    | reads
    | stops
    | st.builds(again, small, small)
    | st.builds(once_more, small, small, st.sampled_from(["revive", "rejudge"])),
    min_size=1,
    max_size=16,
)


def played(steps: list[Step]) -> Memory:
    log = Memory()
    for step in steps:
        step(log)
    return log


def parts(log: Memory) -> list[Part]:
    return [
        Part(*place, 0, len(log.logs[place]), log.committed.get(place), clipped=False)
        for place in log.intake
    ]


def by_toog_balance(log: Memory, dice: random.Random | None = None) -> Drawn:
    """As the verb counts: in any order, some of it twice."""
    told = log.told
    if dice is not None and told:
        told += dice.choices(told, k=3)
        dice.shuffle(told)
    ledger = Ledger(parts(log))
    ledger.take(told[: len(told) // 2])
    ledger.take(told[len(told) // 2 :])
    assert ledger.unreadable == 0
    return ledger.drawn()


def by_metrics(log: Memory) -> Balance:
    """As the service counts, without its database: all verdicts, also those ahead of a commit."""
    verdicts = [
        verdict for topic, record in log.told for verdict in READERS[topic.name](record).verdicts
    ]
    blocks = {block_of(verdict): bytearray(BLOCK) for verdict in verdicts}
    tally = judge(blocks, verdicts)
    lines = []
    for part in parts(log):
        own = {n: bytes(b) for (*place, n), b in blocks.items() if place == list(part[:2])}
        intake = Intake(part.topic, part.partition, 0, part.end, part.committed, own)
        lines.append((intake, settle(intake)))
    totals = {tuple(standing): Total(n) for standing, n in tally.standing.items()}
    return draw_up(lines, (), {**totals, (CONFLICT, ""): Total(tally.conflicts)})


def told_of(drawn: Balance) -> int:
    judged = drawn.addressed + drawn.context + sum(drawn.dropped.values()) + drawn.dead
    return judged + drawn.in_flight


@pytest.mark.cpu(6.0)
@settings(deadline=None, max_examples=80)
@given(nights, st.randoms(use_true_random=False))
def test_at_any_moment_what_was_received_is_judged_or_in_flight(
    steps: list[Step], dice: random.Random
) -> None:
    log = played(steps)

    drawn = by_toog_balance(log, dice).balance

    assert drawn.received == sum(len(log.logs[place]) for place in log.intake) == told_of(drawn)
    assert (drawn.balance, drawn.partitions) == (0, [])
    assert drawn.in_flight == sum(
        len(log.logs[place]) - log.committed.get(place, 0) for place in log.intake
    )
    assert by_metrics(log).balance == 0


@pytest.mark.cpu(6.0)
@settings(deadline=None, max_examples=60)
@given(nights)
def test_at_rest_the_service_and_the_verb_say_the_same(steps: list[Step]) -> None:
    log = played(steps)
    for place in log.intake:
        log.batch(place, len(log.logs[place]), POLICIES[0], lost=None)

    drawn = by_toog_balance(log).balance

    assert by_metrics(log) == drawn
    assert (drawn.received, drawn.balance, drawn.in_flight) == (told_of(drawn), 0, 0)


@pytest.mark.cpu(6.0)
@settings(deadline=None, max_examples=60)
@given(nights, st.randoms(use_true_random=False))
def test_with_any_one_verdict_lost_it_is_exactly_one(
    steps: list[Step], dice: random.Random
) -> None:
    log = played([*steps, hear(EVENTS, 0, 0, [b"{}"]), read(0, 99, 0, None)])
    place = dice.choice([place for place in log.intake if log.committed.get(place)])
    lost = record_of(*place, dice.randrange(log.committed[place]))

    log.forget(lost)
    drawn = by_toog_balance(log, dice).balance

    assert (drawn.balance, [hole.missing for hole in drawn.partitions]) == (1, [[lost]])
    assert drawn.received == told_of(drawn) + 1
    assert by_metrics(log).balance == 1
