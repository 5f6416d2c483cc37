"""The draw of a review: even, repeatable, ten times as many quotes, bounded."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from services.responder.draw import SLICES, Drawn, Sample, pages, pieces, share
from toog.contracts import ledger
from toog.contracts.ids import digest
from toog.contracts.ledger import LINES, Page
from toog.contracts.topics import DROPPED, record_of
from toog.contracts.verdicts import DROPPED_REASONS, DroppedReason
from toog.kit.stream.read import Span

AT = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
EVER = range(1 << 62)


def line(number: int, reason: Any = "hashtag_only", **fields: Any) -> ledger.Line:
    values = {
        "event": digest(f"x:a:post:{number}"),
        "platform": "x",
        "occurred_at": AT,
        "received_ms": number,
    }
    return ledger.Line(offset=number, reason=reason, **{**values, **fields})


def written(lines: Iterable[ledger.Line], size: int = LINES) -> list[bytes]:
    """Pages of these lines in their order, each partition's apart."""
    parts = defaultdict(list)
    for one in lines:
        parts[one.offset % 12].append(one)
    return [
        ledger.encode(Page("social.room.v1", number, "1", part[begin : begin + size]))
        for number, part in parts.items()
        for begin in range(0, len(part), size)
    ]


def drawn(
    lines: Iterable[ledger.Line], per_reason: int = 5, only: DroppedReason | None = None
) -> list[Drawn]:
    sample = Sample(EVER, per_reason, only)
    for page in written(lines):
        sample.offer(page)
    return sample.drawn()


@pytest.mark.parametrize("size", [1, 7, LINES])
def test_the_same_lines_give_the_same_sample_in_whatever_order_and_however_often(
    size: int,
) -> None:
    lines = [line(n, reason) for n in range(300) for reason in ("signal", "hashtag_only")]
    shuffled = lines * 2
    random.Random(1).shuffle(shuffled)
    sample = Sample(EVER, 5)
    for page in written(shuffled, size):
        sample.offer(page)

    first = drawn(lines)
    assert first == sample.drawn()
    assert len(first) == 10


def test_what_is_drawn_says_what_the_line_and_its_page_say() -> None:
    told = line(7, "signal", surface="post", hashtags=("politie247",), sentiment=0.5)

    (one,) = drawn([told])
    assert (one.record, one.reason, one.rules) == ("social.room.v1:7:7", "signal", "1")
    assert msgspec.structs.asdict(one.line) == {
        field: value
        for field, value in msgspec.structs.asdict(told).items()
        if field not in {"hashtags", "sentiment"}
    }


def test_asking_for_more_adds_and_takes_nothing_away() -> None:
    lines = [line(n) for n in range(500)]

    few, many = ({one.record for one in drawn(lines, k)} for k in (5, 50))
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
            number = one.line.offset % count
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
    again = line(0, event=line(1).event)

    for lines in ([line(1), line(1), again, line(2)], [again, line(2), line(1)]):
        assert {one.record for one in drawn(lines)} == {line_record(0), line_record(2)}


def line_record(number: int) -> str:
    return record_of("social.room.v1", number % 12, number)


def test_one_reason_alone_is_drawn_and_all_are_counted() -> None:
    sample = Sample(EVER, 5, "signal")
    for page in written(line(n, "signal" if n % 3 else "repost") for n in range(9)):
        sample.offer(page)

    assert {one.reason for one in sample.drawn()} == {"signal"}
    assert sample.seen == {"signal": 6, "repost": 3}


def test_of_a_page_that_reaches_over_an_end_of_the_time_only_the_lines_inside_count() -> None:
    lines = [line(12 * n, received_ms=n) for n in range(50)]
    (page,) = written(lines)
    sample = Sample(range(20, 30), 50)
    sample.offer(page)

    assert {one.line.received_ms for one in sample.drawn()} == set(range(20, 30))
    assert (sample.passed, sample.lines, sample.seen) == (50, 10, {"hashtag_only": 10})


def test_a_reason_that_is_not_known_here_is_passed_over_and_its_page_is_not() -> None:
    (page,) = written([line(0, "mention"), line(12)])
    sample = Sample(EVER, 5)
    sample.offer(page)

    assert [one.record for one in sample.drawn()] == [line_record(12)]
    assert (sample.lines, sample.seen) == (2, {"hashtag_only": 1})


@pytest.mark.parametrize(
    "value",
    [b"", b"{}", b"null", b'{"lines": 1}', b"\xff", ledger.encode(Page("t", 0, "1", []))[:-1]],
)
def test_an_unreadable_page_is_named_as_such(value: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        Sample(EVER, 5).offer(value)


def test_it_holds_no_more_than_twice_what_it_gives() -> None:
    sample = Sample(EVER, 5)
    for page in written((line(n) for n in range(5_000)), 3):
        sample.offer(page)
        assert len(sample._kept["hashtag_only"]) <= 10
    assert len(sample.drawn()) == 5


def spans(*lengths: int) -> list[Span]:
    return [Span(DROPPED, n, 100, 100 + length, False) for n, length in enumerate(lengths)]


def read(
    spans_: list[Span], most: int, full: int = LINES, only: int | None = None
) -> tuple[list[list[Span]], Sample]:
    """The pieces of these spans if each page holds `full` lines; after `only` of them one stops."""
    sample, found = Sample(EVER, 5), []
    for piece in pieces(spans_, most, sample):
        sample.passed += pages(piece) * full
        found.append(piece)
        if len(found) == only:
            break
    return found, sample


def offsets(found: list[list[Span]], number: int) -> list[int]:
    """The offsets that these pieces give of one span, in their order."""
    return [offset for piece in found for offset in range(piece[number].first, piece[number].end)]


def test_what_is_short_enough_is_read_whole() -> None:
    assert read(spans(10, 0, 90), 100 * LINES)[0] == [spans(10, 0, 90)]


@pytest.mark.parametrize("lengths", [(1_000, 1_000), (5_000, 50, 0), (123_457, 9_999, 3)])
def test_of_what_is_too_long_every_span_gives_its_share_evenly_spaced(
    lengths: tuple[int, ...],
) -> None:
    limit = sum(lengths) // 7
    found, sample = read(spans(*lengths), limit * LINES)

    assert len(found) == SLICES
    assert limit - len(lengths) < sample.passed / LINES <= limit
    for number, length in enumerate(lengths):
        mine = sorted(piece[number][2:4] for piece in found)
        sizes = [end - first for first, end in mine]
        assert abs(sum(sizes) - length * limit / sum(lengths)) <= 1
        assert max(sizes) - min(sizes) <= 2
        stratum = length / SLICES
        assert all(abs(first - 100 - n * stratum) <= 1 for n, (first, _) in enumerate(mine))
        assert all(end <= after for (_, end), (after, _) in pairwise(mine))
        assert mine[-1][1] <= 100 + length


@pytest.mark.parametrize("full", [1, 10, 50, 99, 100])
def test_of_pages_that_are_not_full_more_are_read_and_none_twice(full: int) -> None:
    lengths, most = (5_000, 700, 0, 3), 1_000 * LINES
    found, sample = read(spans(*lengths), most, full)

    could = min(most, sum(lengths) * full)
    assert could * (1 - 1 / SLICES) < sample.passed <= could + len(lengths) * full
    for number, length in enumerate(lengths):
        mine = offsets(found, number)
        assert len(mine) == len(set(mine))
        assert set(mine) <= set(range(100, 100 + length))
        assert len(mine) == pytest.approx(length * sample.passed / full / sum(lengths), abs=2)


def test_pages_of_one_line_are_all_read_where_the_lines_are_few_enough() -> None:
    found, _ = read(spans(5_000, 3), 6_000, 1)

    assert sorted(offsets(found, 0)) == list(range(100, 5_100))
    assert sorted(offsets(found, 1)) == [100, 101, 102]


def test_where_the_first_pages_were_emptier_than_the_rest_it_stops_in_time() -> None:
    sample, most, over = Sample(EVER, 5), 10_000, 0
    for number, piece in enumerate(pieces(spans(100_000), most, sample)):
        assert sample.passed < most
        sample.passed += pages(piece) * (1 if number < SLICES else LINES)
        over = pages(piece) * LINES

    assert most <= sample.passed < most + over


def test_whoever_stops_early_has_still_seen_the_whole_time() -> None:
    found, _ = read(spans(16_000), 1_600 * LINES, only=4)

    quarters = {(piece[0].first - 100) // 4_000 for piece in found}
    assert quarters == {0, 1, 2, 3}
