"""The ledger of coverage is blind to order and repetition."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics import mood
from services.metrics.coverage import (
    BLOCK,
    CONFLICT,
    CONTEXT,
    DEAD,
    MARKS,
    SAMPLED,
    Judged,
    Standing,
    Tally,
    block_of,
    judge,
    sampled,
)
from services.metrics.mood import Said
from toog.contracts.topics import EVENTS
from toog.contracts.verdicts import DROPPED_REASONS, LANES

MENTION = Standing("addressed", "mention")
HASHTAG = Standing("dropped", "hashtag_only")


def of_the_message(offset: int, standing: Standing) -> Said:
    """As the router does: sentiment and kind are the message's own, whatever the verdict."""
    sentiment = offset * 7 - 100
    if standing.kind == "addressed":
        return Said(sentiment, "question" if offset % 2 else "complaint", "nl")
    in_sample = standing.kind == "dropped" and offset % 3 == 0
    return Said(sentiment) if in_sample else mood.NOTHING


def verdict_on(offset: int, standing: Standing) -> Judged:
    said = of_the_message(offset, standing)
    return Judged(EVENTS.name, 0, offset, offset // 10, standing, said)


def series(standings: list[Standing]) -> st.SearchStrategy[list[Judged]]:
    offsets = st.integers(min_value=0, max_value=30)
    return st.lists(st.builds(verdict_on, offsets, st.sampled_from(standings)))


verdicts = series(sorted(MARKS))


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
        together.mood.update(tally.mood)
        together.conflicts += tally.conflicts
    return blocks, together


def said(offset: int, standing: Standing, minute: int = 7, what: Said = mood.NOTHING) -> Judged:
    return Judged(EVENTS.name, 0, offset, minute, standing, what)


def shown(tally: Tally) -> dict[tuple[str, str], int]:
    """The rows of the mood over all minutes, without those that came to nothing."""
    rows: dict[tuple[str, str], int] = {}
    for (_, kind, label), n in tally.mood.items():
        rows[kind, label] = rows.get((kind, label), 0) + n
    return {key: n for key, n in rows.items() if n}


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


@settings(deadline=None, max_examples=60)  # a busy machine is no finding
@given(
    series([s for s in MARKS if s != CONTEXT]),  # context tells no sentiment, see below
    st.randoms(use_true_random=False),
)
def test_the_mood_is_that_of_what_stands_in_any_order_and_any_repetition(
    once: list[Judged], dice: random.Random
) -> None:
    again = once + [dice.choice(once) for _ in once]
    dice.shuffle(again)
    middle = dice.randrange(len(again) + 1)
    highest: dict[int, Judged] = {}
    for verdict in once:
        before = highest.setdefault(verdict.offset, verdict)
        if MARKS[verdict.standing] > MARKS[before.standing]:
            highest[verdict.offset] = verdict
    expected = Tally()
    for one in highest.values():
        if one.standing.kind != "dead":
            where = mood.COUNTER if one.standing.kind == "addressed" else mood.ROOM
            for kind, label, n in mood.adds(one.said, where):
                expected.mood[one.minute, kind, label] += n

    _, tally = run(again[:middle], again[middle:])

    assert {k: n for k, n in tally.mood.items() if n} == {
        k: n for k, n in expected.mood.items() if n
    }


def test_a_message_told_twice_adds_its_sentiment_once() -> None:
    happy = said(4, MENTION, what=Said(60, "compliment", "fr"))
    loud = said(5, HASHTAG, what=Said(-35))

    _, tally = run([happy, loud, happy], [loud, happy])

    assert shown(tally) == {
        ("sentiment", "counter"): 60,
        ("sentiment_messages", "counter"): 1,
        ("kind", "compliment"): 1,
        ("language", "fr"): 1,
        ("sentiment", "room"): -35,
        ("sentiment_messages", "room"): 1,
    }


def test_what_was_dropped_first_leaves_the_room_when_it_turns_out_to_be_addressed() -> None:
    blocks, tally = run(
        [said(4, HASHTAG, what=Said(-35))], [said(4, MENTION, what=Said(-35, "other", "nl"))]
    )

    assert not sampled(blocks[EVENTS.name, 0, 0][4])
    assert tally.mood[7, "sentiment", "room"] == tally.mood[7, "sentiment_messages", "room"] == 0
    assert tally.mood[7, "sentiment", "counter"] == -35


def test_what_was_never_in_the_sample_is_not_taken_out_of_the_room() -> None:
    _, tally = run([said(4, HASHTAG)], [said(4, MENTION, what=Said(-35, "other", "nl"))])

    assert ("sentiment", "room") not in shown(tally)
    assert ("sentiment_messages", "room") not in shown(tally)


def test_of_a_verdict_that_tells_no_sentiment_the_room_keeps_what_it_had() -> None:
    _, tally = run([said(4, HASHTAG, what=Said(-35))], [said(4, CONTEXT)])

    assert shown(tally) == {("sentiment", "room"): -35, ("sentiment_messages", "room"): 1}


@pytest.mark.parametrize("first", [HASHTAG, MENTION])
def test_what_was_left_out_counts_once(first: Standing) -> None:
    wrong = said(4, first, what=Said(wrong=("ce_sentiment",)))

    _, tally = run([wrong, wrong], [wrong])

    assert shown(tally)["left_out", "ce_sentiment"] == 1


def test_the_bit_of_the_sample_is_no_part_of_any_mark_below_context() -> None:
    below = [mark for mark in MARKS.values() if mark < MARKS[CONTEXT]]

    assert not any(mark & SAMPLED for mark in below)
    assert max(below) | SAMPLED < MARKS[CONTEXT]


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

    assert (
        dropped
        | {
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
        }
        == dropped
    )
