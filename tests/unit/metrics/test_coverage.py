"""The ledger of coverage is blind to order and repetition."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.coverage import (
    BLOCK,
    CONFLICT,
    CONTEXT,
    DEAD,
    MARKS,
    Judged,
    Standing,
    Tally,
    block_of,
    judge,
)
from toog.contracts.topics import EVENTS
from toog.contracts.verdicts import DROPPED_REASONS, LANES

MENTION = Standing("addressed", "mention")
HASHTAG = Standing("dropped", "hashtag_only")

verdicts = st.lists(
    st.builds(
        lambda offset, standing: Judged(EVENTS.name, 0, offset, offset // 10, standing),
        st.integers(min_value=0, max_value=30),
        st.sampled_from(sorted(MARKS)),
    )
)


def run(*batches: list[Judged]) -> tuple[dict, Tally]:
    blocks: dict = {}
    together = Tally()
    for batch in batches:
        for verdict in batch:
            blocks.setdefault(block_of(verdict), bytearray(BLOCK))
        tally = judge(blocks, batch)
        together.standing.update(tally.standing)
        together.overruled.update(tally.overruled)
        together.minutes.update(tally.minutes)
        together.conflicts += tally.conflicts
    return blocks, together


def said(offset: int, standing: Standing, minute: int = 7) -> Judged:
    return Judged(EVENTS.name, 0, offset, minute, standing)


@settings(deadline=None, max_examples=60)  # a busy machine is no finding
@given(verdicts, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_the_same_ledger_and_the_same_counts(
    once: list[Judged], dice: random.Random
) -> None:
    again = once + [dice.choice(once) for _ in once]
    dice.shuffle(again)
    middle = dice.randrange(len(again) + 1)

    blocks, tally = run(once)
    others, other = run(again[:middle], again[middle:])

    assert others == blocks
    assert +other.standing == +tally.standing
    assert +other.minutes == +tally.minutes
    assert other.conflicts == tally.conflicts


@settings(deadline=None, max_examples=60)  # a busy machine is no finding
@given(verdicts)
def test_every_offset_counts_once_and_what_was_shown_never_falls(once: list[Judged]) -> None:
    _, tally = run(once)

    assert tally.standing.total() == len({verdict.offset for verdict in once})
    assert all(tally.standing[s] + tally.overruled[s] >= 0 for s in MARKS)


def test_addressed_wins_and_the_conflict_is_counted_once() -> None:
    blocks, tally = run([said(4, HASHTAG), said(4, MENTION), said(4, HASHTAG), said(4, MENTION)])

    assert blocks[EVENTS.name, 0, 0][4] == MARKS[MENTION] | CONFLICT
    assert +tally.standing == {MENTION: 1}
    assert tally.overruled == {HASHTAG: 1}
    assert tally.conflicts == 1


def test_a_verdict_counts_in_the_minute_of_the_record() -> None:
    _, tally = run([said(1, CONTEXT, 7), said(2, DEAD, 8), said(2, DEAD, 9)])

    assert tally.minutes == {(7, CONTEXT): 1, (8, DEAD): 1}


def test_blocks_hold_a_thousand_offsets() -> None:
    blocks, _ = run([said(999, CONTEXT), said(1000, CONTEXT)])

    assert {key[2]: marks.index(MARKS[CONTEXT]) for key, marks in blocks.items()} == {0: 999, 1: 0}


def test_every_lane_and_reason_of_the_contract_has_a_mark_of_its_own() -> None:
    contract = {Standing("dropped", reason) for reason in DROPPED_REASONS}
    contract |= {Standing("addressed", lane) for lane in LANES} | {CONTEXT, DEAD}

    assert contract == MARKS.keys()
    assert len(set(MARKS.values())) == len(MARKS)
    assert all(0 < mark < CONFLICT for mark in MARKS.values())


def test_the_higher_outcome_has_the_higher_mark_and_lanes_keep_their_order() -> None:
    rank = ("dead", "dropped", "context", "addressed")
    by_mark = sorted(MARKS, key=MARKS.__getitem__)

    assert [rank.index(s.kind) for s in by_mark] == sorted(rank.index(s.kind) for s in by_mark)
    assert [s.label for s in by_mark if s.kind == "addressed"] == list(reversed(LANES))


def test_the_numbers_in_the_database_never_move() -> None:
    dropped = {s.label: mark for s, mark in MARKS.items() if s.kind == "dropped"}

    assert dropped | {
        "signal": 16,
        "own_post": 17,
        "repost": 18,
        "no_words": 19,
        "tags_friends": 20,
        "bystander": 21,
        "quote_of_ours": 22,
        "quote_other": 23,
        "hashtag_only": 24,
        "not_addressed": 25,
        "blocked_author": 26,
    } == dropped
