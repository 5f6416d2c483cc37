"""The checks of the chaos runs bite: each is shown the fault that it is there for."""

from collections.abc import Callable, Iterable

import pytest
from aiokafka.structs import ConsumerRecord
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from support import crowd
from support.pages import forgetting, lines_of
from support.watch import Logs, everything_judged_once, letters, no_effect_twice, order_holds

from services.router.handlers import Judge
from services.router.telemetry import RouterMetrics
from toog.contracts import ledger
from toog.contracts.ids import partition_of
from toog.contracts.topics import DESK, DROPPED, EVENTS, ROOM, Topic
from toog.contracts.verdicts import Verdict
from toog.contracts.wire import header, verdict_headers
from toog.kit.stream import dead
from toog.kit.stream.produce import Outgoing

Change = Callable[[list[Outgoing]], list[Outgoing]]


@pytest.fixture(scope="module", autouse=True)
def _samples_parsed() -> None:
    """Once for all, outside the second that a unit test has."""
    crowd.Crowd().records(1)


def put(logs: Logs, out: Outgoing) -> ConsumerRecord:
    partition = partition_of(out.key, out.topic.partitions)
    record = ConsumerRecord(
        topic=out.topic.name,
        partition=partition,
        offset=len(logs.logs[out.topic.name, partition]),
        timestamp=out.timestamp_ms,
        timestamp_type=0,
        key=out.key,
        value=out.value,
        checksum=None,
        serialized_key_size=len(out.key),
        serialized_value_size=len(out.value),
        headers=tuple(out.headers),
    )
    logs.take(out.topic, record, out.timestamp_ms / 1000)
    return record


async def judged(change: Change = lambda verdicts: verdicts) -> Logs:
    """A short night with the verdicts of the real judge, after `change`."""
    logs, told = Logs(), crowd.Crowd()
    night = [*told.records(300), *told.records(3, citizen="loudest"), crowd.unreadable(1)]
    heard: dict[str, list[ConsumerRecord]] = {EVENTS.name: [], ROOM.name: []}
    for out in night:
        heard[out.topic.name].append(put(logs, out))
    verdicts: list[Outgoing] = []

    async def send(records: Iterable[Outgoing]) -> None:
        verdicts.extend(records)

    metrics = RouterMetrics(CollectorRegistry())
    for topic in (EVENTS, ROOM):
        judge = Judge(
            topic,
            "own" if topic is EVENTS else "room",
            policy=crowd.policy(),
            accounts=crowd.OUR_ACCOUNTS,
            send=send,
            metrics=metrics,
        )
        for record, error in await judge(heard[topic.name]):
            verdicts.append(dead.of_record(record, topic.name, "router", error))
    for out in change(verdicts):
        put(logs, out)
    return logs


def first(verdicts: list[Outgoing], topic: Topic) -> Outgoing:
    return next(out for out in verdicts if out.topic is topic)


def told_of(out: Outgoing) -> list[str]:
    """The intake records that it tells of."""
    if out.topic is DROPPED:
        return [place for place, _ in lines_of(out.value)]
    return [header(out.headers, "ce_record") or ""]


def loudest(verdicts: list[Outgoing]) -> list[int]:
    return [n for n, out in enumerate(verdicts) if out.key.endswith(b":loudest")]


async def test_a_good_night_and_one_told_twice_pass_every_check() -> None:
    for change in (lambda verdicts: verdicts, lambda verdicts: [*verdicts, *verdicts]):
        logs = await judged(change)
        everything_judged_once(logs)

        assert no_effect_twice(logs) > 250
        assert order_holds(logs) > 0
        assert len(letters(logs)) == 1
        assert not logs.waiting


@pytest.mark.parametrize("topic", [DESK, DROPPED])
async def test_a_verdict_that_is_missing_is_seen(topic: Topic) -> None:
    def change(verdicts: list[Outgoing]) -> list[Outgoing]:
        one = first(verdicts, topic)
        place = told_of(one)[0]
        left = forgetting(topic, one.value, one.headers, {place})
        rest = [v for v in verdicts if v is not one]
        return rest if left is None else [replace(one, value=left), *rest]

    logs = await judged(change)

    assert len(logs.waiting) == 1
    with pytest.raises(AssertionError, match="1 records judged otherwise"):
        everything_judged_once(logs)
    with pytest.raises(AssertionError):
        no_effect_twice(logs)


async def test_a_second_verdict_that_differs_is_seen() -> None:
    def change(verdicts: list[Outgoing]) -> list[Outgoing]:
        one = first(verdicts, DESK)
        record = header(one.headers, "ce_record") or ""
        own = [(name, value) for name, value in one.headers if name == "ce_id"]
        second = verdict_headers(Verdict("addressed", "revived", "thread"), "1", record)
        return [
            *verdicts,
            Outgoing(DESK, one.key, one.value, [*own, *second], one.timestamp_ms),
        ]

    logs = await judged(change)
    with pytest.raises(AssertionError, match="1 records judged otherwise"):
        everything_judged_once(logs)
    with pytest.raises(AssertionError, match="had two effects"):
        no_effect_twice(logs)


async def test_bytes_that_were_changed_on_the_way_are_seen() -> None:
    def change(verdicts: list[Outgoing]) -> list[Outgoing]:
        one = first(verdicts, DESK)
        other = Outgoing(DESK, one.key, one.value + b" ", one.headers, one.timestamp_ms)
        return [other if out is one else out for out in verdicts]

    with pytest.raises(AssertionError):
        no_effect_twice(await judged(change))


async def test_a_citizen_who_is_overtaken_is_seen() -> None:
    def change(verdicts: list[Outgoing]) -> list[Outgoing]:
        one, *_, other = loudest(verdicts)
        verdicts[one], verdicts[other] = verdicts[other], verdicts[one]
        return verdicts

    with pytest.raises(AssertionError, match="was overtaken"):
        order_holds(await judged(change))


async def test_lines_in_another_order_are_seen() -> None:
    def change(verdicts: list[Outgoing]) -> list[Outgoing]:
        one = next(v for v in verdicts if v.topic is DROPPED and len(told_of(v)) > 1)
        page = ledger.decode(one.value)
        turned = ledger.encode(replace(page, lines=page.lines[::-1]))
        return [replace(one, value=turned) if v is one else v for v in verdicts]

    with pytest.raises(AssertionError, match="was overtaken"):
        order_holds(await judged(change))


async def test_a_repeat_that_comes_late_overtakes_nobody() -> None:
    logs = await judged(lambda verdicts: [*verdicts, verdicts[loudest(verdicts)[0]]])

    assert order_holds(logs) > 0
    assert logs.again == 1
