"""Where each record of a batch belongs: one of stored, duplicate, applied; whatever the order."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from support.desk import Log, deleted, edited, said

from services.responder import intake
from services.responder.intake import Home, Taken
from toog.contracts.verdicts import LANES, About


def batch(*records: object) -> list[Taken]:
    return [intake.read(record) for record in records]


def test_every_order_of_a_batch_gives_the_same_messages() -> None:
    log = Log()
    message = said()
    records = [
        log.addressed(message),
        log.addressed(message, lane="emergency"),
        log.addressed(edited(message, "nieuw", "2")),
        log.context(edited(message, "oud", "1"), "edit"),
    ]
    for order in itertools.permutations(records):
        made = intake.plan(batch(*order), {}, frozenset())
        assert [arrival.id for arrival in made.arrivals] == [message.id]
        assert made.fates.count("stored") == 1
        assert len(made.fates) == len(order)


def test_what_was_deleted_is_applied_and_nothing_else() -> None:
    log = Log()
    taken = batch(
        log.addressed(said()),
        log.addressed(edited(said(), "x", "1")),
        log.context(deleted(said()), "deletion"),
        log.context(said(own=True), "own_reply"),
    )
    made = intake.plan(taken, {}, frozenset(intake.deletions(taken)))

    assert made.fates == ["applied"] * 4
    assert [made.arrivals, made.edits, made.own, made.raised] == [[], {}, [], {}]


def test_a_message_joins_what_it_answers_even_inside_the_batch() -> None:
    log = Log()
    first = said("1")
    made = intake.plan(
        batch(
            log.addressed(first),
            log.addressed(said("2", author="2", conversation="z", to=first.id)),
            log.addressed(said("3", author="3", conversation="z", to="x:a:post:known")),
        ),
        {"x:a:post:known": Home("old")},
        frozenset(),
    )

    assert made.arrivals[0].case == made.arrivals[1].case
    assert made.arrivals[2].case == "old"


def test_our_reply_finds_its_case_by_what_it_answers() -> None:
    log = Log()
    made = intake.plan(
        batch(
            log.context(said("9", to="x:a:post:1", own=True), "own_reply"),
            log.context(said("8", to="x:a:post:404", own=True), "own_reply"),
            log.context(said("7", own=True), "own_reply"),
            log.addressed(said("1")),
        ),
        {"x:a:post:7": Home("ours")},
        frozenset(),
    )

    assert [(taken.event.native, case) for taken, case in made.own] == [
        ("9", made.arrivals[0].case),
        ("8", None),
    ]
    assert Counter(made.fates) == {"applied": 3, "stored": 1}


def test_the_figures_of_a_partition_count_every_record_once() -> None:
    log, other = Log(), Log(partition=4)
    taken = batch(
        *(log.addressed(said(str(n % 3))) for n in range(7)),
        log.context(said("z"), "thread_control"),
        other.addressed(said("other")),
    )
    made = intake.plan(taken, {}, frozenset())
    figures = intake.counted(taken, made, {a.id for a in made.arrivals if a.id[-1] != "0"})

    assert figures[0] == intake.Counted(0, 7, stored=2, duplicates=5, applied=1)
    assert figures[4] == intake.Counted(0, 0, stored=1)


@pytest.mark.parametrize("kind", ["edited", "deleted"])
def test_an_edit_or_deletion_of_nothing_breaks_the_contract(kind: str) -> None:
    with pytest.raises(ValueError, match="of nothing"):
        intake.read(Log().context(said(kind=kind), "edit"))


def test_the_events_own_language_stands_before_the_one_that_was_detected() -> None:
    log = Log()
    detected = About("question", "fr", 0.1)

    own, heard, none = batch(
        log.addressed(said(language="nl"), about=detected),
        log.addressed(said(language=None), about=detected),
        log.addressed(said(language=None)),
    )

    assert (own.language, heard.language, none.language) == ("nl", "fr", None)
    assert (own.about.kind, none.about.kind) == ("question", None)


def test_headers_that_say_what_cannot_be_are_none_and_no_dead_letter() -> None:
    record = Log().addressed(said(language=None), about=About("question", "nl", 0.1, "press"))
    wrong = {"ce_kind": b"\xff", "ce_language": b"n\0l", "ce_sentiment": b"sad", "ce_tag": b"vip"}
    headers = tuple((name, wrong.get(name, value)) for name, value in record.headers)

    taken = intake.read(replace(record, headers=headers))

    assert (taken.about.kind, taken.language, taken.about.tag) == (None, None, None)
    assert taken.about.wrong == ("ce_kind", "ce_sentiment", "ce_language", "ce_tag")


def test_the_lanes_stand_in_the_migration_in_the_order_of_service() -> None:
    from importlib import resources

    sql = "".join(
        file.read_text() for file in resources.files("services.responder.migrations").iterdir()
    )
    assert "ARRAY[" + ", ".join(f"'{lane}'" for lane in LANES) + "]" in sql
