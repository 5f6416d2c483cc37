"""Judging anew: which records are newly addressed, and what follows them to the desk."""

import msgspec
from aiokafka.structs import ConsumerRecord
from support.desk import deleted, edited, said
from support.judged import OURS

from services.router.policy import read_policy
from toog.contracts import events
from toog.contracts.events import Event
from toog.contracts.topics import DESK, EVENTS, ROOM, Topic
from toog.contracts.verdicts import Verdict
from toog.contracts.wire import verdict_headers
from toog.ops.changes import UNREADABLE, Word
from toog.ops.given import Given
from toog.ops.rejudging import Bring, Rejudging, Wish

FOLLOWS = read_policy('followed_conversations = ["x:oproep"]')
POST = said("1", text="ik herken die jas", conversation="oproep")
PLACE = (EVENTS.name, 0)


def heard(
    event: Event | bytes, offset: int, at_ms: int = 2_000, topic: Topic = EVENTS
) -> tuple[Topic, ConsumerRecord]:
    body = event if isinstance(event, bytes) else events.encode(event)
    return topic, ConsumerRecord("t", 0, offset, at_ms, 0, b"k", body, None, 1, len(body), ())


def rejudging(verdicts: dict[int, Verdict], examples: int = 3) -> Rejudging:
    """On offsets 0 to 9 of both topics' first partition, with these verdicts of the own door."""
    given = Given([(EVENTS.name, 0, 0, 10), (ROOM.name, 0, 0, 10)])
    for offset, verdict in verdicts.items():
        headers = verdict_headers(verdict, "1", f"{EVENTS.name}:0:{offset}")
        given.take([(DESK, ConsumerRecord("d", 0, 0, 1, 0, b"", b"", None, 0, 0, tuple(headers)))])
    return Rejudging(Wish(1_000, None, FOLLOWS, OURS, examples), given)


EDIT = Verdict("context", "edit")
LANED = Verdict("addressed", "mention", "mention")


def test_what_was_context_and_is_addressed_is_newly_so_and_what_has_no_verdict_is_not() -> None:
    made = rejudging({0: EDIT, 2: LANED})
    made.take([heard(edited(POST, "ik herken ze", "1"), 0), heard(POST, 1), heard(POST, 2)])

    assert made.newly == [Bring(PLACE, 0, POST.id, edit=True, lane="thread")]
    assert [change.old for change in made.changes] == [
        Word("context", "edit"),
        None,
        Word("addressed", "mention", "mention"),
    ]


def test_what_came_late_out_of_its_order_is_not_of_that_time() -> None:
    made = rejudging({})
    made.take([heard(POST, 0, at_ms=999), heard(POST, 1, at_ms=1_000)])

    assert made.changes.total() == 1


def test_the_unreadable_stays_so_and_is_never_sent() -> None:
    made = rejudging({0: LANED})
    made.take([heard(b"no json", 0), heard(b"[" * 100_000, 1)])

    assert {change.new for change in made.changes} == {UNREADABLE}
    assert (made.newly, made.examples.all) == ([], [])


def test_deletions_and_edits_of_the_time_are_kept() -> None:
    made = rejudging({0: EDIT, 1: EDIT})
    other = said("2", conversation="elders")
    made.take([heard(edited(other, "anders", "1"), 0), heard(deleted(POST), 1)])

    assert made.deleted == {POST.id}
    assert made.edits == [Bring(PLACE, 0, other.id, edit=True, lane=None)]


def test_after_the_time_only_what_concerns_the_newly_addressed_is_looked_at() -> None:
    made = rejudging({0: EDIT})
    made.take([heard(edited(POST, "ik herken ze", "1"), 0)])
    silent = msgspec.structs.replace(edited(POST, "ik zag hen", "2"), conversation="c")
    strange = edited(said("9", conversation="oproep"), "anders", "1")
    made.follow(
        [heard(silent, 20), heard(strange, 21), heard(POST, 22), heard(b'"kind":"edited"', 23)]
    )
    made.follow([heard(silent, 24, topic=ROOM), heard(edited(POST, "hun", "3"), 25)])
    made.follow([heard(deleted(POST), 26)])

    assert [(one.offset, one.lane) for one in made.edits] == [(20, None), (25, "thread")]
    assert made.deleted == {POST.id}
    assert made.changes.total() == 1  # they are not of that time


def test_without_examples_no_text_is_kept() -> None:
    made = rejudging({0: EDIT}, examples=0)
    made.take([heard(POST, 0)])

    assert len(made.newly) == 1
    assert made.examples.all == []
