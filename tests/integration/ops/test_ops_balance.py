"""`toog balance` on a real log: 0 when all is well, exactly what is missing when not."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from support.judged import OURS, POLICY, Night, evening, noise
from support.ledger import Ledger, addressed, context, dropped, letter, page, place, written
from support.verbs import toog

from services.router.handlers import Judge
from services.router.rules import Facts, judge
from services.router.telemetry import RouterMetrics
from toog.contracts import events
from toog.contracts.topics import DESK, DROPPED, EVENTS, ROOM, record_of
from toog.contracts.verdicts import Verdict
from toog.kit.errors import UnavailableError
from toog.kit.revive import REVIVED, once_more
from toog.kit.settings import KafkaSettings
from toog.kit.stream.read import look
from toog.kit.telemetry import registry
from toog.local.kafka import Kafka
from toog.ops.balance import Sheet, balance


@pytest.fixture
async def night(kafka: Kafka, prefix: str) -> AsyncIterator[Night]:
    async with Night(kafka.bootstrap, prefix).begun() as begun:
        yield begun


def sums_up(sheet: Sheet) -> bool:
    drawn = sheet.drawn.balance
    told = drawn.addressed + drawn.context + sum(drawn.dropped.values()) + drawn.dead
    return drawn.received == told + drawn.in_flight + drawn.balance


async def test_the_real_judges_over_both_topics_leave_nothing_missing(night: Night) -> None:
    for citizen in ("1", "2", "3"):
        await night.hear(*evening(citizen), by=citizen)
    await night.hear(*noise(40), room=True)
    await night.hear(b"no json", by="1")
    before = (await balance(night.kafka)).drawn.balance
    await night.judged()
    sheet = await balance(night.kafka)
    drawn = sheet.drawn.balance
    shown = await toog("balance", **night.environment)

    assert (before.received, before.in_flight, before.balance) == (56, 56, 0)
    assert (drawn.received, drawn.in_flight, drawn.balance) == (56, 0, 0)
    assert (drawn.addressed, drawn.lanes["mention"], drawn.lanes["dm"]) == (6, 3, 3)
    assert (drawn.context, drawn.dead, drawn.conflicts) == (3, 1, 0)
    assert drawn.dropped["hashtag_only"] == 40
    assert drawn.dropped["signal"] == drawn.dropped["not_addressed"] == 3
    assert sums_up(sheet)
    assert sheet.said == []
    assert (shown.code, shown.err) == (0, "")
    assert "every record that was read has its verdict" in shown.out


async def test_one_verdict_that_is_lost_is_one_and_its_place_is_named(night: Night) -> None:
    heard = await night.hear(*evening())
    shouted = await night.hear(*noise(10), room=True)
    night.out.forgets = {shouted[4]}
    await night.judged()
    one = await balance(night.kafka)
    shown = await toog("balance", "--json", **night.environment)
    table = await toog("balance", **night.environment)
    night.out.forgets = {heard[0], heard[3], shouted[4]}
    for place_ in (heard[0], shouted[0]):
        await night.commit(place_, 0)
    await night.judged()
    told = await balance(night.kafka)

    assert (one.drawn.balance.balance, one.drawn.balance.partitions[0].missing) == (1, [shouted[4]])
    assert sums_up(one)
    assert shown.code == table.code == 1
    assert json.loads(shown.out)["missing"][0]["missing"] == [shouted[4]]
    assert json.loads(shown.out)["balance"] == 1
    assert f"1 record without a verdict, the first: {shouted[4]}" in table.out
    assert told.drawn.balance.balance == 1  # what the first reading said of the others still stands


async def test_read_again_revived_and_rejudged_count_nothing_twice(night: Night) -> None:
    heard = await night.hear(*evening(), *noise(3))
    await night.judged()
    once = (await balance(night.kafka)).drawn.balance
    await night.commit(heard[0], 2)
    await night.judged()
    async with look(night.kafka) as log:
        for coordinates, origin in ((heard[3], "revive"), (heard[5], "rejudge")):
            record = await log.record(coordinates)
            event = events.decode(record.value)
            verdict = REVIVED if origin == "revive" else Verdict("addressed", "rejudged", "thread")
            again = once_more(record, coordinates, event, verdict, "9", origin, "operator")
            await night.out.send([again, again])
    sheet = await balance(night.kafka)

    assert sum(await night.ends(DESK)) == 3 + 1 + 4  # first, read again, revived and rejudged
    assert sheet.drawn.balance == once
    assert (once.received, once.balance, once.conflicts) == (8, 0, 0)


async def test_a_revived_record_without_a_verdict_of_its_own_is_missing_all_the_same(
    night: Night,
) -> None:
    heard = await night.hear(*noise(2))
    night.out.forgets = {heard[1]}
    await night.judged()
    night.out.forgets = ()
    async with look(night.kafka) as log:
        record = await log.record(heard[1])
        event = events.decode(record.value)
        await night.out.send([once_more(record, heard[1], event, REVIVED, "9", "revive", "me")])
    sheet = await balance(night.kafka)

    assert sheet.drawn.balance.partitions[0].missing == [heard[1]]


async def test_of_differing_verdicts_the_highest_counts_and_the_difference_too(
    night: Night,
) -> None:
    heard = await night.hear(*noise(3))
    await night.judged()
    other = Judge(
        EVENTS, "own", policy=POLICY, accounts=OURS, send=night.out.send,
        metrics=RouterMetrics(registry()),
    )  # fmt: skip
    async with look(night.kafka) as log:
        record = await log.record(heard[1])
        facts = msgspec.json.decode(record.value, type=Facts)
        changed = Verdict("addressed", "mention", "mention")
        assert judge(facts, "own", POLICY, OURS) != changed
        await night.out.send(other.to_desk([(record, facts, changed)]))
    sheet = await balance(night.kafka)
    shown = await toog("balance", **night.environment)

    drawn = sheet.drawn.balance
    assert (drawn.addressed, drawn.dropped["hashtag_only"], drawn.conflicts) == (1, 2, 1)
    assert (drawn.balance, shown.code) == (0, 0)
    assert "Differing verdicts on 1 record;" in shown.out
    assert sums_up(sheet)


async def test_what_retention_took_before_it_was_read_is_missing(night: Night) -> None:
    heard = await night.hear(*noise(10))
    await night.judged()
    await night.commit(heard[0], 4)
    await night.expired(heard[6])
    eaten = await balance(night.kafka)
    shown = await toog("balance", **night.environment)
    await night.commit(heard[0], 10)
    well = await balance(night.kafka)

    assert (eaten.drawn.balance.balance, eaten.drawn.balance.in_flight) == (2, 4)
    assert (eaten.drawn.balance.partitions[0].eaten, sums_up(eaten)) == (2, True)
    assert shown.code == 1
    assert "retention took 2 records before they were read" in shown.out
    assert (well.drawn.balance.balance, well.drawn.balance.received) == (0, 4)
    assert "retention took the beginning of 1 of 24 partitions" in well.said[0]


async def test_a_broker_that_is_back_is_asked_until_it_knows_the_commits_again(
    night: Night, kafka: Kafka
) -> None:
    heard = await night.hear(*noise(10))
    await night.judged()
    await night.commit(heard[0], 4)
    before = await balance(night.kafka)
    await asyncio.to_thread(kafka.stop)
    await asyncio.to_thread(kafka.start)
    after = await balance(night.kafka)

    assert (before.drawn.balance.in_flight, before.drawn.balance.balance) == (6, 0)
    assert after.drawn.balance == before.drawn.balance


async def test_a_time_counts_what_was_received_in_it_alone(night: Night) -> None:
    begin = int(time.time() * 1000) - 3_600_000
    minute = 60_000
    heard = []
    for n in range(10):
        heard += await night.hear(*noise(2, str(n)), at_ms=begin + n * minute)
    night.out.forgets = {heard[2], heard[13]}  # of the minutes 1 and 6
    await night.judged()
    whole = await balance(night.kafka)
    middle = await balance(night.kafka, from_ms=begin + 5 * minute, to_ms=begin + 8 * minute)
    quiet = await balance(night.kafka, from_ms=begin + 2 * minute, to_ms=begin + 6 * minute)
    nothing = await balance(night.kafka, from_ms=begin + 20 * minute)
    await night.expired(heard[3])
    clipped = await balance(night.kafka, from_ms=begin, to_ms=begin + 6 * minute)

    assert (whole.drawn.balance.received, whole.drawn.balance.balance) == (20, 2)
    assert (middle.drawn.balance.received, middle.drawn.balance.balance) == (6, 1)
    assert middle.drawn.balance.partitions[0].missing == [heard[13]]
    assert (quiet.drawn.balance.received, quiet.drawn.balance.balance) == (8, 0)
    assert (nothing.drawn.balance.received, nothing.drawn.balance.balance) == (0, 0)
    assert (clipped.drawn.balance.received, clipped.drawn.balance.balance) == (9, 0)
    assert [len(s.said) for s in (whole, middle, quiet, nothing, clipped)] == [0, 0, 0, 0, 1]
    assert all(map(sums_up, (whole, middle, quiet, nothing, clipped)))


async def test_verdicts_that_retention_took_are_called_so(night: Night) -> None:
    await night.hear(*noise(3))
    await night.judged()
    ends = await night.ends(DROPPED)
    await night.hear(*noise(2, "later"))
    await night.judged()
    number = next(number for number, end in enumerate(ends) if end)
    await night.expired(record_of(DROPPED.name, number, ends[number]))
    sheet = await balance(night.kafka)

    assert sheet.drawn.balance.balance == 3
    assert "may only have lost its verdict to retention" in sheet.said[0]


async def test_a_verdict_record_that_nobody_can_read_is_told(night: Night) -> None:
    await night.hear(*noise(2))
    await night.judged()
    await night.out.send([written(DROPPED, b"{}"), written(DESK, b"{}")])
    sheet = await balance(night.kafka)

    assert sheet.drawn.balance.balance == 0
    assert sheet.said == ["2 records of the verdict topics cannot be read"]


async def test_a_time_sees_verdicts_that_carry_an_older_time(night: Night) -> None:
    """A record that stands later than its time says, as one that is told again by a reparse."""
    begin = int(time.time() * 1000) - 3_600_000
    await night.hear(*noise(1), at_ms=begin + 600_000)
    await night.hear(*noise(1, "old"), at_ms=begin)
    await night.judged()
    sheet = await balance(night.kafka, from_ms=begin + 300_000)

    assert (sheet.drawn.balance.received, sheet.drawn.balance.balance) == (2, 0)


async def test_without_a_commit_nothing_is_missing_until_something_was_judged(
    night: Night,
) -> None:
    heard = await night.hear(*noise(5), room=True)
    await night.expired(heard[2])
    fresh = await balance(night.kafka)

    assert (fresh.drawn.balance.balance, fresh.drawn.balance.in_flight) == (0, 3)
    assert heard[0].startswith(ROOM.name)


async def test_metrics_and_toog_balance_say_the_same_of_the_same_log(
    kafka: Kafka, prefix: str, database: str
) -> None:
    async with Ledger(kafka.bootstrap, prefix, database).played() as ledger, ledger.service():
        await ledger.received(12)
        await ledger.say(
            addressed(0), addressed(1, "dm"), addressed(1, "dm"), context(2), dropped(1),
            letter("router", place(3)), letter("ingest", "x:webhook:abc"),
            page(*((offset, "repost", None) for offset in range(4, 8))), dropped(8, "repost"),
            addressed(5, ce_origin=b"revive"),
        )  # fmt: skip
        await ledger.committed(10)
        live = await ledger.balance()
        ours = (await balance(ledger.settings)).drawn.balance
        await ledger.expired(11)  # more than was read
        live_later = await ledger.balance()
        ours_later = (await balance(ledger.settings)).drawn.balance

    figures = ("received", "addressed", "lanes", "context", "dropped", "dead", "in_flight",
               "balance", "conflicts")  # fmt: skip
    assert {f: live[f] for f in figures} == {f: getattr(ours, f) for f in figures}
    assert (ours.balance, ours.partitions[0].missing) == (1, [place(9)])
    assert (live_later["balance"], live_later["in_flight"]) == (1, 1)
    assert (ours_later.balance, ours_later.in_flight) == (1, 1)


async def test_no_broker_and_a_wrong_time_are_a_sentence_and_exit_code_2(night: Night) -> None:
    away = await toog("balance", TOOG_KAFKA="127.0.0.1:1")
    wrong = await toog("balance", "--from", "half past", **night.environment)

    assert (away.code, away.out, wrong.code, wrong.out) == (2, "", 2, "")
    assert away.err == (
        "toog: Kafka is not available now: check that it runs and that TOOG_KAFKA is right\n"
    )
    assert "half past is no time" in wrong.err
    with pytest.raises(UnavailableError):
        await balance(KafkaSettings(kafka="127.0.0.1:1", instance="operator"))
