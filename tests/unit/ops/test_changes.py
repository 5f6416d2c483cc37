"""What another policy would change, and the verdicts that it is held against."""

from datetime import UTC, datetime

import pytest
from aiokafka.structs import ConsumerRecord

from toog.contracts import ledger
from toog.contracts.ledger import Line, Page
from toog.contracts.topics import DEAD, DESK, DROPPED, EVENTS, Topic, record_of
from toog.contracts.verdicts import Verdict
from toog.contracts.wire import origin_headers, verdict_headers
from toog.kit.stream import dead
from toog.ops.changes import (
    UNREADABLE,
    Change,
    Example,
    Examples,
    Word,
    changes,
    shortened,
    word_of,
)
from toog.ops.given import Given

PLACE = (EVENTS.name, 3)
MENTION = Word("addressed", "mention", "mention")
TAG = Word("dropped", "hashtag_only")
EDIT = Word("context", "edit")
CHANGE = Change(TAG, MENTION)

Told = tuple[Topic, ConsumerRecord]


def record(value: bytes = b"", *headers: tuple[str, bytes]) -> ConsumerRecord:
    return ConsumerRecord("t", 0, 0, 1, 0, b"", value, None, 0, len(value), tuple(headers))


def at(offset: int) -> str:
    return record_of(*PLACE, offset)


def sent(verdict: Verdict, offset: int, *more: tuple[str, bytes]) -> Told:
    return DESK, record(b"", *verdict_headers(verdict, "1", at(offset)), *more)


def addressed(offset: int, lane: str = "mention") -> Told:
    return sent(Verdict("addressed", "mention", lane), offset)


def dropped(*offsets: int, reason: str = "hashtag_only", partition: int = PLACE[1]) -> Told:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    lines = [Line(offset, "h", reason, "x", now, 1) for offset in offsets]
    return DROPPED, record(ledger.encode(Page(PLACE[0], partition, "1", lines)))


def letter(offset: int, stage: str = "router") -> Told:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    out = dead.letter(
        stage=stage, record=at(offset), key="k", error="E", body=b"", now=now, source_partition="p"
    )
    return DEAD, record(out.value, *out.headers)


def given(*told: Told) -> Given:
    made = Given([(*PLACE, 100, 110)])
    made.take(told)
    return made


def test_each_pair_is_counted_also_without_a_change_or_a_verdict() -> None:
    counted = changes([TAG, TAG, MENTION, None], [MENTION, MENTION, MENTION, TAG])

    assert counted == {CHANGE: 2, Change(MENTION, MENTION): 1, Change(None, TAG): 1}


@pytest.mark.parametrize(
    ("old", "new", "newly"),
    [
        (TAG, MENTION, True),
        (EDIT, MENTION, True),
        (MENTION, Word("addressed", "mention", "emergency"), False),
        (MENTION, TAG, False),
        (UNREADABLE, MENTION, False),  # that is for `toog dead replay`
        (None, MENTION, False),
        (TAG, EDIT, False),
    ],
)
def test_newly_addressed_is_what_was_dropped_or_mere_context(
    old: Word | None, new: Word, newly: bool
) -> None:
    assert Change(old, new).newly_addressed is newly


def test_what_was_given_is_read_off_desk_ledger_and_dead_letters() -> None:
    found = given(addressed(100), sent(Verdict("context", "edit"), 101), dropped(102), letter(103))

    words = [found.at(PLACE, offset) for offset in range(100, 105)]
    assert words == [MENTION, EDIT, TAG, UNREADABLE, None]
    assert word_of(Verdict("addressed", "mention", "mention")) == MENTION


def test_each_line_of_a_page_is_a_verdict_on_its_own_record() -> None:
    found = given(
        dropped(99, 100, 102, 109, 110),
        dropped(101, 102, reason="repost"),
        dropped(103, partition=4),
    )

    words = [found.at(PLACE, offset) for offset in range(100, 110)]
    assert words == [TAG, Word("dropped", "repost"), TAG, *[None] * 6, TAG]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("lower", "higher", "stands"),
    [
        (letter(100), dropped(100), TAG),
        (dropped(100), sent(Verdict("context", "edit"), 100), EDIT),
        (sent(Verdict("context", "edit"), 100), addressed(100), MENTION),
        (addressed(100), addressed(100, "dm"), Word("addressed", "mention", "dm")),
    ],
)
def test_of_differing_verdicts_the_highest_stands_in_any_order(
    lower: Told, higher: Told, stands: Word, turned: bool
) -> None:
    told = [higher, lower, lower] if turned else [lower, higher, lower]

    assert given(*told).at(PLACE, 100) == stands


def test_what_came_to_the_desk_again_is_no_verdict_and_is_remembered() -> None:
    again = tuple(origin_headers("rejudge", "an"))
    rejudged = Verdict("addressed", "rejudged", "thread")
    found = given(dropped(100), sent(rejudged, 100, *again), sent(rejudged, 999, *again))

    assert found.at(PLACE, 100) == TAG
    assert (found.brought(PLACE, 100), found.brought(PLACE, 101)) == (True, False)
    assert found.brought(PLACE, 999)  # behind what is judged: an edit that followed


def test_what_says_nothing_of_these_records_is_passed_over_and_the_unreadable_counted() -> None:
    odd = sent(Verdict("dropped", "signal"), 100)[1]
    found = given(
        addressed(99),
        addressed(110),
        letter(101, stage="responder"),
        (DROPPED, record(b"no json")),
        (DROPPED, record(b'{"odd":' + b"[" * 100_000)),
        (DESK, record(b"", *odd.headers[1:])),
        (DESK, record()),
    )

    assert [found.at(PLACE, offset) for offset in range(100, 110)] == [None] * 10
    assert found.unreadable == 4


def test_examples_are_the_same_whatever_the_order_and_at_most_so_many() -> None:
    all_ = [Example(at(n), f"m{n}", "x", "post", f"text {n}") for n in range(200)]
    drawn = []
    for order in (all_, all_[::-1]):
        some = Examples(3)
        for one in order:
            some.offer(CHANGE, one)
        drawn.append(some.of(CHANGE))

    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 3
    assert some.of(Change(TAG, EDIT)) == []


def test_examples_of_deleted_messages_are_left_out() -> None:
    some = Examples(3)
    for n in range(2):
        some.offer(CHANGE, Example(at(n), f"m{n}", "x", "post", "text"))
    some.without({"m0"})

    assert [one.record for one in some.all] == [at(1)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("kort", "kort"),
        ("twee\nregels\t en\x1b[2J \u202emeer", "twee regels en [2J meer"),
        ("a" * 80, "a" * 80),
        ("a" * 81, "a" * 79 + "…"),
    ],
)
def test_a_text_is_one_line_of_80_characters(text: str, shown: str) -> None:
    assert shortened(text) == shown
