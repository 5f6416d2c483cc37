"""Which part of the log is counted, and what of it is then missing."""

import pytest
from support.ledger import context, dropped, letter, page, place, written
from support.memory import Memory

from toog.contracts.topics import DROPPED, EVENTS
from toog.ops.ledger import Ledger, Part

NAME, PARTITION = EVENTS.name, int(place(0).split(":")[1])


def part(first: int, end: int, committed: int | None, *, clipped: bool = False) -> Part:
    return Part(NAME, PARTITION, first, end, committed, clipped)


def counted(of: Part, *offsets: int) -> tuple[int, int, int, int]:
    """Received, judged, in flight and balance, with these offsets dropped."""
    log = Memory()
    log.write(dropped(offset) for offset in offsets)
    ledger = Ledger([of])
    ledger.take(log.told)
    drawn = ledger.drawn().balance
    return drawn.received, sum(drawn.dropped.values()), drawn.in_flight, drawn.balance


@pytest.mark.parametrize(
    ("of", "offsets", "figures"),
    [
        (part(10, 20, 15), range(15), (10, 5, 5, 0)),  # what stands before is not asked for
        (part(10, 20, 99), range(99), (10, 10, 0, 0)),  # nor what came later
        (part(10, 20, 15), range(20), (10, 5, 5, 0)),  # told ahead of the commit: in flight
        (part(10, 20, 15), (10, 11, 13, 14), (10, 4, 5, 1)),
        (part(10, 20, 4), (), (10, 0, 10, 0)),  # read up to before it: nothing to miss
        (part(10, 20, 4, clipped=True), (), (16, 0, 10, 6)),  # and then taken by retention
        (part(10, 20, None), (), (10, 0, 10, 0)),
        (part(10, 20, None, clipped=True), (), (10, 0, 10, 0)),
        (part(10, 20, None, clipped=True), (3,), (20, 0, 10, 10)),  # its commit was lost
        (part(10, 10, 10), (), (0, 0, 0, 0)),
        (part(0, 2500, 2500), range(2500), (2500, 2500, 0, 0)),
    ],
)
def test_what_is_received_is_judged_in_flight_or_missing(
    of: Part, offsets: range, figures: tuple[int, int, int, int]
) -> None:
    assert counted(of, *offsets) == figures


def test_it_is_in_doubt_while_older_verdicts_could_change_the_answer() -> None:
    def in_doubt(of: Part, *offsets: int) -> bool:
        log = Memory()
        log.write(dropped(offset) for offset in offsets)
        ledger = Ledger([of])
        ledger.take(log.told)
        return ledger.in_doubt

    assert in_doubt(part(0, 3, 3), 0, 2)
    assert not in_doubt(part(0, 3, 3), 0, 1, 2)
    assert in_doubt(part(5, 9, None, clipped=True))
    assert not in_doubt(part(5, 9, None, clipped=True), 1)
    assert not in_doubt(part(5, 9, 2, clipped=True))  # eaten, and no verdict can change that


def test_context_and_dead_letters_count_as_such_and_other_stages_do_not() -> None:
    log = Memory()
    log.write([context(0), letter("router", place(1)), letter("metrics", "a:0:1")])
    ledger = Ledger([part(0, 2, 2)])
    ledger.take(log.told)
    drawn = ledger.drawn().balance

    assert (drawn.context, drawn.dead, drawn.balance, ledger.unreadable) == (1, 1, 0, 0)


def test_each_line_of_a_page_counts_for_its_own_record() -> None:
    log = Memory()
    log.write(
        [
            page(*((offset, "hashtag_only", None) for offset in range(8, 13))),
            page((12, "hashtag_only", None), (13, "repost", None), (30, "repost", None)),
            written(DROPPED, b'{"topic":"social.events.v1"}'),
            written(DROPPED, b'{"topic":"social.events.v1","odd":' + b"[" * 4000),
        ]
    )
    ledger = Ledger([part(10, 20, 15)])
    ledger.take(log.told)
    drawn = ledger.drawn().balance

    assert (drawn.dropped["hashtag_only"], drawn.dropped["repost"]) == (3, 1)
    assert (drawn.received, drawn.balance, drawn.conflicts, ledger.unreadable) == (10, 1, 0, 2)
