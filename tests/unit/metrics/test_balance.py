"""The first line counts exactly the holes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.balance import NAMED_HOLES, Intake, draw_up, settle, unjudged
from services.metrics.coverage import BLOCK
from services.metrics.load import Total
from toog.contracts.topics import EVENTS


def ledger(judged: set[int]) -> dict[int, bytes | None]:
    blocks: dict[int, bytearray] = {}
    for offset in judged:
        blocks.setdefault(offset // BLOCK, bytearray(BLOCK))[offset % BLOCK] = 64
    return {n: bytes(marks) if 0 in marks else None for n, marks in blocks.items()}


def part(
    judged: set[int], *, end: int, committed: int | None, log_start: int = 0, solid: int = 0
) -> Intake:
    blocks = ledger(judged)
    from_block = max(log_start, solid) // BLOCK
    older = sum(1 for offset in judged if offset // BLOCK < log_start // BLOCK)
    seen = {n: b for n, b in blocks.items() if n >= from_block or n == log_start // BLOCK}
    return Intake(EVENTS.name, 3, log_start, end, committed, seen, older, solid)


offsets = st.integers(min_value=0, max_value=3500)


@settings(deadline=None, max_examples=60)  # a busy machine is no finding
@given(missing=st.sets(offsets, max_size=40), log_start=offsets, committed=offsets, ahead=offsets)
def test_the_balance_is_exactly_the_holes_and_received_is_the_sum(
    missing: set[int], log_start: int, committed: int, ahead: int
) -> None:
    end = max(log_start, committed) + ahead
    judged = set(range(committed)) - missing

    line = settle(part(judged, end=end, committed=committed, log_start=log_start))
    expected = sorted(o for o in missing if log_start <= o < committed)

    assert line.holes == len(expected)
    assert line.missing == tuple(expected[:NAMED_HOLES])
    assert line.eaten == max(0, log_start - committed)
    assert line.received == len(judged) + line.in_flight + line.holes + line.eaten


@settings(deadline=None, max_examples=60)  # a busy machine is no finding
@given(missing=st.sets(offsets, max_size=5), first=offsets, second=offsets)
def test_a_later_round_that_skips_what_is_known_says_the_same(
    missing: set[int], first: int, second: int
) -> None:
    low, high = sorted((first, second))
    before = settle(part(set(range(low)) - missing, end=low, committed=low))
    judged = set(range(high)) - missing

    skipping = settle(part(judged, end=high, committed=high, solid=before.solid))

    assert skipping == settle(part(judged, end=high, committed=high))


def test_a_whole_missing_block_is_a_thousand_holes() -> None:
    judged = set(range(1000)) | set(range(2000, 3000))

    assert unjudged(ledger(judged), 0, 3000) == (1000, (1000, 1001, 1002, 1003, 1004))


def test_no_commit_yet_is_nothing_missing() -> None:
    line = settle(part(set(), end=50, committed=None))

    assert (line.holes, line.eaten, line.in_flight, line.received) == (0, 0, 50, 50)


def test_no_commit_on_a_topic_that_was_trimmed_before_us_is_nothing_missing() -> None:
    line = settle(part(set(), end=50, committed=None, log_start=40))

    assert (line.holes, line.eaten, line.in_flight, line.received) == (0, 0, 10, 10)


def test_a_lost_commit_where_something_was_judged_counts_from_the_beginning() -> None:
    assert settle(part({45}, end=50, committed=None, log_start=40)).eaten == 40


def test_what_retention_ate_unread_counts() -> None:
    line = settle(part(set(range(30)), end=50, committed=30, log_start=40))

    assert (line.holes, line.eaten, line.in_flight, line.received) == (0, 10, 10, 50)


def test_a_verdict_ahead_of_the_commit_neither_helps_nor_harms() -> None:
    line = settle(part({0, 1, 2, 3}, end=4, committed=2))

    assert (line.holes, line.in_flight) == (0, 2)


def test_the_sum_over_partitions_names_only_those_with_something_missing() -> None:
    well, ill = part({0, 1}, end=2, committed=2), part({0}, end=2, committed=2)
    totals = {
        ("addressed", "dm"): Total(1),
        ("dropped", "hashtag_only"): Total(1, overruled=1),
        ("context", ""): Total(1),
        ("conflict", ""): Total(1),
    }

    drawn = draw_up([(well, settle(well)), (ill, settle(ill))], [], totals)

    assert (drawn.received, drawn.balance, drawn.in_flight) == (4, 1, 0)
    assert (drawn.addressed, drawn.context, drawn.dead, drawn.conflicts) == (1, 1, 0, 1)
    assert drawn.dropped["hashtag_only"] == sum(drawn.dropped.values()) == 1
    assert [hole.missing for hole in drawn.partitions] == [["social.events.v1:3:1"]]
