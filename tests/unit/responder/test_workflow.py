"""The rules of a case, without anything around them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.responder import workflow
from services.responder.workflow import Case, ConflictError, Said

NOW = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
SOON = NOW + timedelta(seconds=60)
CASE = Case(
    id="1",
    platform="x",
    lane="mention",
    state="waiting",
    version=3,
    since=NOW,
    first_received_at=NOW,
)
HELD = replace(CASE, holder="one", lease_until=SOON)


def test_a_case_is_one_conversation_with_one_citizen_on_one_account() -> None:
    places = [
        ("x", "a", "c", "1"),
        ("x", "a", "c", "2"),
        ("x", "b", "c", "1"),
        ("m", "a", "c", "1"),
    ]
    places += [("x", "a", "d", "1"), ("xa", "", "c", "1")]

    assert len({workflow.case_id(*place) for place in places}) == len(places)
    assert workflow.case_id(*places[0]) == workflow.case_id(*places[0])


def test_a_lease_in_the_past_is_nobodys() -> None:
    assert HELD.held(NOW)
    assert not HELD.held(SOON)
    assert workflow.shown_state("waiting", SOON, NOW) == "claimed"
    assert workflow.shown_state("waiting", SOON, SOON) == "waiting"
    assert workflow.shown_state("answered", SOON, NOW) == "answered"
    assert workflow.shown_state("waiting", None, NOW) == "waiting"


def test_a_message_in_a_waiting_case_keeps_its_holder_and_the_oldest_time() -> None:
    after = workflow.after_message(replace(HELD, refused=True), "dm", SOON)

    assert after == replace(HELD, version=4, lane="dm", since=NOW, refused=False)
    assert workflow.after_message(CASE, "thread", SOON).lane == "mention"


def test_a_message_in_an_answered_case_makes_it_wait_for_anybody() -> None:
    after = workflow.after_message(replace(HELD, state="answered"), "thread", SOON)

    assert after == replace(CASE, version=4, since=SOON)


def test_a_message_in_a_closed_case_starts_anew() -> None:
    closed = replace(CASE, state="closed", lane="emergency", close_reason="done")
    after = workflow.after_message(closed, "thread", SOON)

    assert after == replace(CASE, lane="thread", version=4, since=SOON)


def test_a_withdrawn_case_is_closed_unless_it_was_answered() -> None:
    closed = workflow.withdrawn(HELD, SOON)
    assert (closed.state, closed.close_reason, closed.holder) == ("closed", "withdrawn", None)
    answered = replace(CASE, state="answered")
    assert workflow.withdrawn(answered, SOON) == answered


@pytest.mark.parametrize(
    ("newest", "state"), [(None, "answered"), (NOW, "answered"), (SOON, "waiting")]
)
def test_a_reply_from_elsewhere_answers_what_stood_before_it(
    newest: datetime | None, state: str
) -> None:
    after = workflow.answered_outside(CASE, NOW + timedelta(seconds=1), newest)

    assert (after.state, after.version) == (state, 4)
    assert after.answered_outside_at == NOW + timedelta(seconds=1)


def test_a_reply_from_elsewhere_does_not_open_what_is_closed() -> None:
    closed = replace(CASE, state="closed")
    assert workflow.answered_outside(closed, NOW, None).state == "closed"


def test_claiming() -> None:
    workflow.may_claim(CASE, "one", NOW)
    workflow.may_claim(HELD, "one", NOW)
    workflow.may_claim(HELD, "two", SOON)
    with pytest.raises(ConflictError, match="another agent"):
        workflow.may_claim(HELD, "two", NOW)
    with pytest.raises(ConflictError, match="closed"):
        workflow.may_claim(replace(CASE, state="closed"), "one", NOW)


def test_settling_takes_the_lease_and_the_version() -> None:
    workflow.may_settle(HELD, "one", 3, NOW)
    for case, agent, now in ((CASE, "one", NOW), (HELD, "two", NOW), (HELD, "one", SOON)):
        with pytest.raises(ConflictError, match="claim it"):
            workflow.may_settle(case, agent, 3, now)
    with pytest.raises(ConflictError, match="read version 3"):
        workflow.may_settle(HELD, "one", 2, NOW)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Ja.", None),
        ("é" * 280, None),
        ("é" * 281, "281 characters"),
        (" \n\t", "empty"),
        ("a\x00", "NUL"),
    ],
)
def test_the_text_of_a_reply(text: str, wrong: str | None) -> None:
    error = workflow.reply_text_error(text, len(text), 280)
    assert error is None if wrong is None else error is not None and wrong in error


def test_a_reply_answers_the_newest_message_that_is_still_there() -> None:
    first, second = Said("1", "n1", False, NOW), Said("2", "n2", False, NOW)
    gone = replace(second, deleted=True)

    assert workflow.to_answer([first, second], None) == second
    assert workflow.to_answer([first, gone], None) == first
    assert workflow.to_answer([first, replace(second, native=None)], None) == first
    with pytest.raises(ConflictError, match="close the case"):
        workflow.to_answer([gone], None)


def test_an_older_message_that_came_after_our_last_reply_is_the_one_to_answer() -> None:
    revived = Said("1", "n1", False, NOW + timedelta(minutes=9))
    answered = Said("2", "n2", False, NOW)
    replied = NOW + timedelta(minutes=1)

    assert workflow.to_answer([revived, answered], replied) == revived
    assert workflow.to_answer([revived, answered], NOW + timedelta(hours=1)) == answered
    assert workflow.to_answer([replace(revived, deleted=True), answered], replied) == answered
