"""The draw of a review: even, repeatable, ten times as many quotes, bounded."""

import random
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest

from services.responder.draw import SLICES, Drawn, Sample, share, slices
from toog.contracts.ids import digest
from toog.contracts.topics import DROPPED, record_of
from toog.contracts.verdicts import DROPPED_REASONS, Dropped, encode_dropped
from toog.kit.stream.read import Span

AT = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)


def line(number: int, reason: str = "hashtag_only", **fields: object) -> bytes:
    values = {
        "event": digest(f"x:a:post:{number}"),
        "record": record_of("social.room.v1", number % 12, number),
        "reason": reason,
        "rules": "1",
        "platform": "x",
        "occurred_at": AT,
    }
    return encode_dropped(Dropped(**{**values, **fields}))


def drawn(lines: list[bytes], per_reason: int = 5, only: str | None = None) -> list[Drawn]:
    sample = Sample(per_reason, only)
    for number, value in enumerate(lines):
        sample.offer(value, number)
    return sample.drawn()


def test_the_same_lines_give_the_same_sample_in_whatever_order_and_however_often() -> None:
    lines = [line(n, reason) for n in range(300) for reason in ("signal", "hashtag_only")]
    shuffled = lines * 2
    random.Random(1).shuffle(shuffled)

    first = [one.line for one in drawn(lines)]
    assert first == [one.line for one in drawn(shuffled)]
    assert len(first) == 10


def test_asking_for_more_adds_and_takes_nothing_away() -> None:
    lines = [line(n) for n in range(500)]

    few, many = ({one.line.record for one in drawn(lines, k)} for k in (5, 50))
    assert few < many


def test_the_sample_is_even_over_time_partitions_and_platforms() -> None:
    count, k = 3_000, 50
    platforms = ("x", "mastodon", "bluesky")
    hits, where = Counter[int](), Counter[str]()
    for night in range(20):
        lines = [
            line(night * count + n, platform=platforms[n % 3], event=digest(f"{night}:{n}"))
            for n in range(count)
        ]
        for one in drawn(lines, k):
            number = int(one.line.record.rpartition(":")[2]) % count
            hits[number * 10 // count] += 1
            where[one.line.platform] += 1

    assert hits.total() == 1_000
    # of a fair draw, each tenth has 100 ± 9.5: four deviations either way
    assert all(62 <= hits[tenth] <= 138 for tenth in range(10))
    assert all(333 - 60 <= where[platform] <= 333 + 60 for platform in platforms)


def test_quotes_of_ours_are_drawn_at_ten_times_the_rate() -> None:
    lines = [line(n, reason) for n in range(800) for reason in DROPPED_REASONS]

    counts = Counter(one.reason for one in drawn(lines, 7))
    assert counts == {r: 70 if r == "quote_of_ours" else 7 for r in DROPPED_REASONS}
    assert {reason: share(reason, 7) for reason in DROPPED_REASONS} == counts


def test_the_first_of_every_reason_come_before_the_second_of_any() -> None:
    lines = [line(n, reason) for n in range(20) for reason in ("signal", "repost", "no_words")]

    reasons = [one.reason for one in drawn(lines, 2)]
    assert set(reasons[:3]) == set(reasons[3:]) == {"signal", "repost", "no_words"}


def test_an_event_that_stands_there_twice_is_drawn_once() -> None:
    lines = [line(1), line(1), line(1, record="social.room.v1:0:0"), line(2)]

    found = drawn(lines)
    assert {one.line.record for one in found} == {"social.room.v1:0:0", line_record(2)}


def line_record(number: int) -> str:
    return record_of("social.room.v1", number % 12, number)


def test_one_reason_alone_is_drawn_and_all_are_counted() -> None:
    sample = Sample(5, "signal")
    for n in range(9):
        sample.offer(line(n, "signal" if n % 3 else "repost"), n)

    assert {one.reason for one in sample.drawn()} == {"signal"}
    assert sample.seen == {"signal": 6, "repost": 3}


def test_what_is_no_first_verdict_of_a_dropped_event_is_passed_over() -> None:
    lines = [line(1, origin="rejudge"), line(2, "mention"), line(3)]

    assert [one.line.record for one in drawn(lines)] == [line_record(3)]


@pytest.mark.parametrize("value", [b"", b"{}", b"null", b'{"event": 1}', b"\xff"])
def test_an_unreadable_line_is_named_as_such(value: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        Sample(5).offer(value, 0)


def test_it_holds_no_more_than_twice_what_it_gives() -> None:
    sample = Sample(5)
    for n in range(5_000):
        sample.offer(line(n), n)
        assert len(sample._kept["hashtag_only"]) <= 10
    assert len(sample.drawn()) == 5


def spans(*lengths: int) -> list[Span]:
    return [Span(DROPPED, n, 100, 100 + length, False) for n, length in enumerate(lengths)]


def test_what_is_short_enough_is_read_whole() -> None:
    assert slices(spans(10, 0, 90), 100) == [spans(10, 0, 90)]


@pytest.mark.parametrize("lengths", [(1_000, 1_000), (5_000, 50, 0), (123_457, 9_999, 3)])
def test_of_what_is_too_long_every_span_gives_its_share_evenly_spaced(
    lengths: tuple[int, ...],
) -> None:
    limit = sum(lengths) // 7
    pieces = slices(spans(*lengths), limit)

    assert len(pieces) == SLICES
    for number, length in enumerate(lengths):
        mine = sorted(piece[number][2:4] for piece in pieces)
        sizes = [end - first for first, end in mine]
        assert abs(sum(sizes) - length * limit / sum(lengths)) <= 1
        assert max(sizes) - min(sizes) <= 2
        stratum = length / SLICES
        assert all(abs(first - 100 - n * stratum) <= 1 for n, (first, _) in enumerate(mine))
        assert all(end <= after for (_, end), (after, _) in pairwise(mine))
        assert mine[-1][1] <= 100 + length


def test_whoever_stops_early_has_still_seen_the_whole_time() -> None:
    pieces = slices(spans(16_000), 1_600)

    quarters = {(piece[0].first - 100) // 4_000 for piece in pieces[:4]}
    assert quarters == {0, 1, 2, 3}
