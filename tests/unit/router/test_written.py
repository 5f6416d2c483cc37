"""What the router writes of dropped events: pages of the ledger, as the contract says."""

from datetime import UTC, datetime

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.router.handlers import Judge
from services.router.policy import read_policy
from services.router.telemetry import RouterMetrics
from toog.contracts import ledger, wire
from toog.contracts.ledger import LINES, PAGE_BYTES, Line, Page
from toog.contracts.topics import DROPPED, ROOM
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Accounts

POLICY = read_policy("")
AT = datetime(2026, 11, 22, 20, 41, 7, 25_000, tzinfo=UTC)
AT_MS = 1_795_380_067_025


def line(offset: int, received_ms: int = AT_MS) -> Line:
    return Line(offset, "h", "hashtag_only", "x", AT, received_ms)


def pages(*partitions: tuple[int, list[Line]]) -> list[Outgoing]:
    judge = Judge(
        ROOM,
        "room",
        policy=POLICY,
        accounts=Accounts([]),
        send=None,
        metrics=RouterMetrics(CollectorRegistry()),
    )
    return list(judge.pages(dict(partitions)))


def test_a_page_has_the_headers_of_every_record_and_the_key_of_its_partition() -> None:
    lines = [line(44, AT_MS - 3), line(45), line(51, AT_MS - 1)]
    (page,) = pages((3, lines))

    assert (page.topic, page.key, page.timestamp_ms) == (DROPPED, b"social.room.v1:3", AT_MS)
    assert page.headers == wire.cloud_event(
        "social.room.v1:3:44-51", "/router", "social.dropped.v2", AT
    )
    read = ledger.decode(page.value)
    assert (read.topic, read.partition, read.rules) == (ROOM.name, 3, POLICY.rules)
    assert list(read.lines) == lines


def test_lines_of_different_partitions_never_share_a_page() -> None:
    found = [ledger.decode(page.value) for page in pages((3, [line(1)]), (5, [line(1), line(2)]))]

    assert [(page.partition, len(page.lines)) for page in found] == [(3, 1), (5, 2)]


def test_a_page_that_is_full_is_followed_by_another_in_order() -> None:
    found = [
        ledger.decode(page.value) for page in pages((0, [line(n) for n in range(2 * LINES + 1)]))
    ]

    assert [len(page.lines) for page in found] == [LINES, LINES, 1]
    assert [one.offset for page in found for one in page.lines] == list(range(2 * LINES + 1))


def test_a_page_of_nothing_but_hashtags_is_split_until_it_fits_and_a_line_alone_always_does() -> (
    None
):
    tags = tuple(f"feest{n:05}" for n in range(500))
    huge = msgspec.structs.replace(line(8), hashtags=tuple(f"politie{n:06}" for n in range(9_000)))
    lines = [msgspec.structs.replace(line(n), hashtags=tags) for n in range(8)] + [huge, line(9)]
    found = pages((0, lines))

    sizes = [(len(page.value), ledger.decode(page.value).lines) for page in found]
    assert [one for _, some in sizes for one in some] == lines
    assert all(size <= PAGE_BYTES for size, some in sizes if len(some) > 1)
    assert max(sizes)[0] > PAGE_BYTES
    assert len(found) > 2


def test_a_page_of_more_lines_than_the_contract_allows_is_no_page() -> None:
    page = Page(ROOM.name, 0, "1", [line(n) for n in range(LINES + 1)])

    with pytest.raises(msgspec.ValidationError, match="length"):
        ledger.decode(ledger.encode(page))
