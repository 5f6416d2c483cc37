"""A batch is made durable in parts: none too large, each with the offsets that it goes up to."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from aiokafka.structs import ConsumerRecord
from support.ledger import dropped, page

from services.metrics.handlers import AT_ONCE, Intake
from services.metrics.records import Told
from services.metrics.store import taking
from toog.contracts.ledger import LINES
from toog.contracts.topics import DROPPED
from toog.kit.settings import KafkaSettings

Part = tuple[int, dict[tuple[str, int], int]]
"""How many verdicts, and the offsets to read next."""


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Part]:
    parts: list[Part] = []

    async def take_in(
        _pool: object, told: Sequence[Told], positions: dict[tuple[str, int], int]
    ) -> str:
        parts.append((sum(len(one.verdicts) for one in told), dict(positions)))
        return f"after {len(parts)}"

    monkeypatch.setattr(taking, "take_in", take_in)
    return parts


def record(offset: int, value: bytes, partition: int = 0) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord(DROPPED.name, partition, offset, 1, 0, b"k", value, None, 1, 1, ())


def full(first: int) -> bytes:
    return page(*((first + n, "hashtag_only", None) for n in range(LINES))).value


async def taking_in(records: list[ConsumerRecord]) -> tuple[list[int], object]:
    figures = SimpleNamespace(totals=None)
    intake = Intake(settings=KafkaSettings(), pool=None, offsets=None, figures=figures)
    rejected = await intake(records)
    return [one.record.offset for one in rejected], figures.totals


async def test_a_small_batch_is_one_part(taken: list[Part]) -> None:
    await taking_in([record(4, dropped(0).value), record(9, dropped(1).value, partition=2)])

    assert taken == [(2, {(DROPPED.name, 0): 5, (DROPPED.name, 2): 10})]


async def test_full_pages_are_taken_in_part_by_part_and_the_unreadable_between_are_named(
    taken: list[Part],
) -> None:
    per_part = AT_ONCE // LINES
    values = [full(LINES * n) for n in range(2 * per_part + 1)]
    values.insert(per_part, b"{")
    rejected, shown = await taking_in([record(n, value) for n, value in enumerate(values)])

    place = (DROPPED.name, 0)
    assert taken == [
        (AT_ONCE, {place: per_part}),
        (AT_ONCE, {place: 2 * per_part + 1}),
        (LINES, {place: 2 * per_part + 2}),
    ]
    assert (rejected, shown) == ([per_part], "after 3")


async def test_nothing_is_taken_in_after_a_batch_that_fills_its_last_part(
    taken: list[Part],
) -> None:
    await taking_in([record(n, full(LINES * n)) for n in range(AT_ONCE // LINES)])

    assert [verdicts for verdicts, _ in taken] == [AT_ONCE]
