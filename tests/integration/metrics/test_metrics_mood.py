"""The mood on a real broker and a real database: every message counts once, whatever is told twice."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import support.ledger
from support.ledger import Ledger, about, addressed, dropped

from services.metrics import audit
from services.metrics.handlers import Intake
from services.metrics.offsets import Offsets
from services.metrics.store import reading
from toog.kit.postgres import open_pool
from toog.local.kafka import Kafka


@pytest.fixture
async def ledger(
    kafka: Kafka, prefix: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Ledger]:
    monkeypatch.setattr(audit, "EVERY_S", 0.1)  # so that a test waits for no round
    at = datetime.now(UTC)  # whatever is said of a record, however late, carries its receipt on
    monkeypatch.setattr(support.ledger, "received", lambda: at)
    async with Ledger(kafka.bootstrap, prefix, database).played() as made:
        yield made


async def test_sentiment_kinds_and_languages_are_sums_by_minute_and_in_total(
    ledger: Ledger,
) -> None:
    await ledger.received(6)
    await ledger.say(
        addressed(0, **about("complaint", -0.75)),
        addressed(1, **about("compliment", 0.5, "fr-BE")),
        addressed(2, **about("question", 0.0, None)),
        addressed(3),
        dropped(4, sentiment=-0.25),
        dropped(5),
    )
    await ledger.committed(6)
    async with ledger.service():
        figures = await ledger.balance()
        shown = await ledger.metrics()
        (minute,) = [m for m in (await ledger.get("/api/v1/load")).json() if m["received"]]

    assert (figures["received"], figures["balance"], minute["received"]) == (6, 0, 6)
    assert minute["mood"] == {
        "counter": {"n": 3, "sum": -0.25, "mean": -0.083},
        "room": {"n": 1, "sum": -0.25, "mean": -0.25},
    }
    assert {kind: n for kind, n in minute["kinds"].items() if n} == {
        "complaint": 1,
        "compliment": 1,
        "question": 1,
    }
    assert shown['toog_sentiment_sum{where="counter"}'] == -0.25
    assert shown['toog_sentiment_messages{where="counter"}'] == 3
    assert shown['toog_sentiment_sum{where="room"}'] == -0.25
    assert shown['toog_sentiment_messages{where="room"}'] == 1
    assert shown['toog_kinds_total{kind="complaint"}'] == 1
    assert shown['toog_kinds_total{kind="incident"}'] == 0
    languages = {w: shown[f'toog_languages_total{{language="{w}"}}'] for w in ("nl", "fr", "en")}
    assert languages == {"nl": 1, "fr": 1, "en": 0}
    assert shown['toog_languages_total{language="unknown"}'] == 2
    assert shown['toog_about_left_out_total{field="ce_sentiment"}'] == 0


async def test_a_value_that_is_none_is_left_out_and_counted_and_no_dead_letter(
    ledger: Ledger,
) -> None:
    await ledger.received(2)
    wrong = about("complaint", 0.0) | {"ce_sentiment": b"nan", "ce_language": b"\xff"}
    await ledger.say(addressed(0, **wrong), dropped(1, sentiment=7.5))
    await ledger.committed(2)
    async with ledger.service():
        figures = await ledger.balance()
        shown = await ledger.metrics()

    assert (figures["addressed"], figures["dropped"]["hashtag_only"], figures["dead"]) == (1, 1, 0)
    assert shown['toog_dead_total{stage="metrics"}'] == 0
    assert shown['toog_sentiment_messages{where="counter"}'] == 0
    assert shown['toog_sentiment_messages{where="room"}'] == 0
    assert shown['toog_kinds_total{kind="complaint"}'] == 1
    assert shown['toog_languages_total{language="unknown"}'] == 1
    for field in ("ce_sentiment", "ce_language", "sentiment"):
        assert shown[f'toog_about_left_out_total{{field="{field}"}}'] == 1


async def test_told_again_after_a_restart_the_sums_stay_and_differing_verdicts_keep_them_right(
    ledger: Ledger,
) -> None:
    mine = about("criticism", -0.5)
    await ledger.received(3)
    await ledger.say(addressed(0, **mine), dropped(1, sentiment=-0.5), dropped(2, sentiment=0.1))
    await ledger.committed(3)
    async with ledger.service():
        await ledger.balance()
        before = await ledger.metrics()
    await ledger.say(addressed(0, **mine), dropped(0, sentiment=-0.5), dropped(2, sentiment=0.1))
    await ledger.say(addressed(1, **mine), dropped(1, sentiment=-0.5), addressed(1, **mine))
    await ledger.say(addressed(2, **mine, ce_origin=b"revive"))
    async with ledger.service():
        figures = await ledger.balance()
        after = await ledger.metrics()
        (minute,) = [m for m in (await ledger.get("/api/v1/load")).json() if m["received"]]

    assert before['toog_sentiment_sum{where="counter"}'] == -0.5
    assert before['toog_sentiment_sum{where="room"}'] == -0.4
    assert (figures["conflicts"], figures["balance"]) == (2, 0)
    assert after['toog_sentiment_sum{where="counter"}'] == -1.0
    assert after['toog_sentiment_messages{where="counter"}'] == 2
    assert after['toog_sentiment_sum{where="room"}'] == 0.1
    assert after['toog_sentiment_messages{where="room"}'] == 1
    assert after['toog_kinds_total{kind="criticism"}'] == 2
    assert minute["mood"] == {
        "counter": {"n": 2, "sum": -1.0, "mean": -0.5},
        "room": {"n": 1, "sum": 0.1, "mean": 0.1},
    }


async def test_a_batch_that_is_handled_twice_adds_its_mood_once(ledger: Ledger) -> None:
    """As after a kill between the database's commit and Kafka's."""
    await ledger.received(2)
    await ledger.say(addressed(0, **about("question", 0.25)), dropped(1, sentiment=-0.75))
    pool = await open_pool(ledger.settings, size=2)
    offsets = Offsets(ledger.settings)
    shown = type("Shown", (), {"totals": None})()
    intake = Intake(settings=ledger.settings, pool=pool, offsets=offsets, figures=shown)
    records = await ledger.written_so_far()
    minutes = "SELECT kind, label, n FROM metrics.minute WHERE kind LIKE 'sentiment%' ORDER BY 1, 2"
    try:
        await intake(records)
        once = shown.totals
        await intake([*records, *records])

        assert shown.totals == once == await reading.totals(pool)
        assert await ledger.sql(minutes) == [
            ("sentiment", "counter", 25),
            ("sentiment", "room", -75),
            ("sentiment_messages", "counter", 1),
            ("sentiment_messages", "room", 1),
        ]
    finally:
        await offsets.close()
        await pool.close()
