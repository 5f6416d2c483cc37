"""Metrics on a real broker and a real database: the balance sees exactly what is missing."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import support.ledger
from support.ledger import (
    AT_DESK,
    INTAKE,
    Ledger,
    addressed,
    context,
    dropped,
    happened,
    letter,
    page,
    place,
    progress,
    written,
)

from services.metrics import audit
from services.metrics.handlers import Intake
from services.metrics.offsets import Offsets
from services.metrics.store import reading
from toog.contracts.ledger import LINES
from toog.contracts.topics import ACTIVITY, DESK, EVENTS
from toog.kit.postgres import open_pool
from toog.local.kafka import Kafka
from toog.local.postgres import Postgres


@pytest.fixture
async def ledger(
    kafka: Kafka, prefix: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Ledger]:
    monkeypatch.setattr(audit, "EVERY_S", 0.1)  # so that a test waits for no round
    at = datetime.now(UTC)  # whatever is said of a record, however late, carries its receipt on
    monkeypatch.setattr(support.ledger, "received", lambda: at)
    async with Ledger(kafka.bootstrap, prefix, database).played() as made:
        yield made


def adds_up(figures: dict) -> bool:
    judged = figures["addressed"] + figures["context"] + figures["dead"]
    judged += sum(figures["dropped"].values())
    return figures["received"] == judged + figures["in_flight"] + figures["balance"]


async def test_every_record_with_a_verdict_is_zero_and_one_suppressed_is_one(
    ledger: Ledger,
) -> None:
    await ledger.received(10)
    await ledger.say(
        addressed(0),
        addressed(1, "dm"),
        context(2),
        letter("router", place(3)),
        *(dropped(offset) for offset in range(4, 8)),
    )
    await ledger.committed(8)
    async with ledger.service():
        figures = await ledger.balance()

        assert (figures["balance"], figures["in_flight"], figures["received"]) == (0, 2, 10)
        assert figures["lanes"] == {
            "emergency": 0, "dm": 1, "mention": 1, "comment": 0, "thread": 0
        }  # fmt: skip
        assert (figures["addressed"], figures["context"], figures["dead"]) == (2, 1, 1)
        assert figures["dropped"]["hashtag_only"] == 4
        assert figures["partitions"] == []
        assert adds_up(figures)

        await ledger.say(dropped(9, "repost"))  # and none for offset 8
        await ledger.committed(10)
        figures = await ledger.balance()

        assert (figures["balance"], figures["in_flight"]) == (1, 0)
        (hole,) = figures["partitions"]
        assert (hole["topic"], hole["partition"]) == (EVENTS.name, INTAKE)
        assert (hole["holes"], hole["missing"]) == (1, [place(8)])
        assert adds_up(figures)

        await ledger.say(context(8))  # late, and all is well
        figures = await ledger.balance()

        assert (figures["balance"], figures["partitions"]) == (0, [])
        assert adds_up(figures)


async def test_verdicts_told_twice_count_once_and_of_differing_ones_addressed_wins(
    ledger: Ledger,
) -> None:
    await ledger.received(3)
    await ledger.say(dropped(0), dropped(0), addressed(1), addressed(1, ce_origin=b"elsewhere"))
    await ledger.say(dropped(2), addressed(2), dropped(2), dropped(0))
    await ledger.committed(3)
    async with ledger.service():
        figures = await ledger.balance()
        shown = await ledger.metrics()
        (minute,) = [m for m in (await ledger.get("/api/v1/load")).json() if m["received"]]

    assert (figures["addressed"], figures["dropped"]["hashtag_only"]) == (2, 1)
    assert (figures["conflicts"], figures["balance"]) == (1, 0)
    assert adds_up(figures)
    assert shown["toog_received_total"] == minute["received"] == 3
    assert shown['toog_addressed_total{lane="mention"}'] == minute["addressed"]["mention"] == 2
    assert shown["toog_verdict_conflicts_total"] == 1
    assert minute["dropped"]["hashtag_only"] == 1


async def test_a_restart_keeps_the_totals_and_counts_nothing_again(ledger: Ledger) -> None:
    await ledger.received(4)
    await ledger.say(
        addressed(0),
        dropped(1),
        letter("ingest", "x:webhook:abc"),
        happened("a", "reply_sent", case="c", reply="r", first_response_s=42.0),
        happened("a", "reply_sent", case="c", reply="r", first_response_s=42.0),
        happened("b", "case_opened", case="c"),
    )
    await ledger.committed(2)
    async with ledger.service():
        before = await ledger.balance()
        (minute,) = [m for m in (await ledger.get("/api/v1/load")).json() if m["replies_sent"]]
    await ledger.say(dropped(2), dropped(1))
    await ledger.committed(3)
    async with ledger.service():
        after = await ledger.balance()
        shown = await ledger.metrics()

    assert (before["received"], before["in_flight"], minute["replies_sent"]) == (4, 2, 1)
    assert (after["addressed"], after["dropped"]["hashtag_only"], after["in_flight"]) == (1, 2, 1)
    assert adds_up(after)
    assert shown['toog_dropped_total{reason="hashtag_only"}'] == 2
    assert shown['toog_dropped_total{reason="repost"}'] == 0
    assert shown['toog_dead_total{stage="ingest"}'] == 1
    assert shown['toog_activity_total{kind="reply_sent"}'] == 1
    assert shown['toog_activity_total{kind="case_opened"}'] == 1
    assert shown['toog_first_response_seconds_bucket{le="30.0"}'] == 0
    assert shown['toog_first_response_seconds_bucket{le="60.0"}'] == 1
    assert shown["toog_first_response_seconds_count"] == 1
    assert shown["toog_first_response_seconds_sum"] == 42
    assert shown["toog_balance"] == 0
    assert shown["toog_balance_age_seconds"] < 5


async def test_a_database_from_before_is_read_again_from_where_it_stood(ledger: Ledger) -> None:
    await ledger.received(3)
    await ledger.say(addressed(0), dropped(1), context(2))
    await ledger.committed(3)
    async with ledger.service():
        figures = await ledger.balance()
    for table in ("position", "coverage", "total", "minute"):
        await ledger.sql(f"DELETE FROM metrics.{table}")
    async with ledger.service():
        assert await ledger.balance() | {"age_s": 0} == figures | {"age_s": 0}


async def test_what_retention_took_before_it_was_read_counts_and_what_was_judged_stays(
    ledger: Ledger,
) -> None:
    await ledger.received(10)
    await ledger.say(*(dropped(offset) for offset in range(5)))
    await ledger.committed(5)
    await ledger.expired(8)
    async with ledger.service():
        figures = await ledger.balance()

    assert (figures["received"], figures["balance"], figures["in_flight"]) == (10, 3, 2)
    assert figures["partitions"][0]["eaten"] == 3
    assert adds_up(figures)


async def test_killed_in_the_middle_of_its_work_it_counts_every_verdict_once(
    ledger: Ledger, tmp_path: Path
) -> None:
    await ledger.received(6000)
    await ledger.committed(6000)
    async with ledger.process(tmp_path) as process:
        for first in range(0, 6000, 100):
            await ledger.say(*(dropped(offset) for offset in range(first, first + 100)))
            if first == 3000:
                process.kill()
        await asyncio.to_thread(process.wait, 5)
    async with ledger.process(tmp_path) as process:
        figures = await ledger.balance()
        process.terminate()
        stopped = await asyncio.to_thread(process.wait, 10)

    assert (figures["received"], figures["balance"], figures["conflicts"]) == (6000, 0, 0)
    assert figures["dropped"]["hashtag_only"] == 6000
    assert stopped == 0


async def test_away_the_broker_costs_rounds_and_all_recovers_alone(
    ledger: Ledger, kafka: Kafka
) -> None:
    await ledger.received(2)
    await ledger.say(addressed(0))
    await ledger.committed(1)
    async with ledger.service():
        assert (await ledger.balance())["in_flight"] == 1
        await asyncio.to_thread(kafka.kill)
        await asyncio.sleep(1)
        alive = await ledger.http.get("/livez")
        await asyncio.to_thread(kafka.start)
        await ledger.say(dropped(1))
        await ledger.committed(2)
        figures = await ledger.balance()

    assert alive.status_code == 200
    assert (figures["balance"], figures["in_flight"], figures["received"]) == (0, 0, 2)


async def test_the_second_line_is_zero_when_the_desk_tells_of_every_record(ledger: Ledger) -> None:
    await ledger.received(6)
    await ledger.say(*(addressed(offset) for offset in range(5)), context(5))
    await ledger.committed(6)
    await ledger.say(
        progress(0, 1, stored=2),
        progress(0, 1, stored=2),  # the outbox told it twice
        letter("responder", f"{DESK.name}:{AT_DESK}:2"),
        letter("responder", f"{DESK.name}:{AT_DESK}:2"),
        progress(4, 4, duplicates=1),
    )
    await ledger.desk_committed(5)
    async with ledger.service():
        figures = await ledger.balance()

        assert figures["desk"] == {
            "stored": 2, "duplicates": 1, "applied": 0, "dead": 1, "lag": 1, "balance": 1
        }  # fmt: skip

        await ledger.say(progress(3, 3, stored=1), progress(5, 5, applied=1))
        await ledger.desk_committed(6)
        figures = await ledger.balance()

    assert figures["desk"] == {
        "stored": 3, "duplicates": 1, "applied": 1, "dead": 1, "lag": 0, "balance": 0
    }  # fmt: skip


async def test_a_record_that_cannot_be_read_becomes_a_dead_letter_and_a_hole(
    ledger: Ledger,
) -> None:
    await ledger.received(2)
    await ledger.say(addressed(0), written(DESK, b"{}", [("ce_outcome", b"addressed")]))
    await ledger.say(written(ACTIVITY, b"no activity"))
    await ledger.committed(2)
    async with ledger.service():
        # a round may end before them: a batch is in the database before its dead letters are written
        shown = await ledger.counted('toog_dead_total{stage="metrics"}', 2)
        figures = await ledger.balance()

    assert (figures["balance"], figures["partitions"][0]["missing"]) == (1, [place(1)])
    assert shown['toog_dead_total{stage="metrics"}'] == 2


async def test_a_batch_that_is_handled_twice_counts_once(ledger: Ledger) -> None:
    """As after a kill between the database's commit and Kafka's."""
    await ledger.received(3)
    await ledger.say(
        addressed(0), dropped(1), happened("a", "reply_sent"), progress(0, 0, stored=1)
    )
    pool = await open_pool(ledger.settings, size=2)
    offsets = Offsets(ledger.settings)
    shown = type("Shown", (), {"totals": None})()
    intake = Intake(settings=ledger.settings, pool=pool, offsets=offsets, figures=shown)
    records = await ledger.written_so_far()
    try:
        await intake(records)
        once, minutes = shown.totals, await ledger.sql("SELECT * FROM metrics.minute ORDER BY 1, 2")
        await intake(records)

        assert shown.totals == once == await reading.totals(pool)
        assert await ledger.sql("SELECT * FROM metrics.minute ORDER BY 1, 2") == minutes
        assert await ledger.sql("SELECT stored FROM metrics.desk") == [(1,)]
    finally:
        await offsets.close()
        await pool.close()


async def test_a_batch_of_full_pages_is_made_durable_in_parts_and_counts_every_line(
    ledger: Ledger,
) -> None:
    full = [
        page(*((LINES * n + offset, "hashtag_only", None) for offset in range(LINES)))
        for n in range(45)
    ]
    held = LINES * len(full)
    await ledger.received(held)
    await ledger.say(*full, dropped(held - 1))  # the last line again
    await ledger.committed(held)
    async with ledger.service():
        figures = await ledger.balance()

        assert (figures["received"], figures["balance"]) == (held, 0)
        assert figures["dropped"]["hashtag_only"] == held
        assert adds_up(figures)


async def test_away_the_database_costs_rounds_and_answers_503_and_all_recovers_alone(
    ledger: Ledger, postgres: Postgres
) -> None:
    await ledger.received(2)
    await ledger.say(addressed(0))
    await ledger.committed(1)
    async with ledger.service():
        assert (await ledger.balance())["balance"] == 0
        postgres.kill()
        away = await ledger.get("/api/v1/load")
        unready = await ledger.http.get("/readyz")
        await ledger.say(dropped(1))
        await ledger.committed(2)
        shown = await ledger.metrics()
        postgres.start()
        began = time.monotonic()
        figures = await ledger.balance()

    assert (away.status_code, "Retry-After" in away.headers) == (503, True)
    assert away.headers["Content-Type"] == "application/problem+json"
    assert (unready.status_code, "database" in unready.json()) == (503, True)
    assert shown["toog_balance"] == 0  # the last one, and its age is shown
    assert (figures["balance"], figures["received"], figures["in_flight"]) == (0, 2, 0)
    assert time.monotonic() - began < 12


async def test_the_api_asks_for_a_token_that_may_see_figures(ledger: Ledger) -> None:
    async with ledger.service():
        nobody = await ledger.http.get("/api/v1/balance")
        agent = {"Authorization": f"Bearer {await ledger.token('desk')}"}
        forbidden = await ledger.http.get("/api/v1/load", headers=agent)
        wrong = [await ledger.get("/api/v1/load", hours=hours) for hours in (0, 49, "many")]
        fine = await ledger.get("/api/v1/load", hours=1)
        schema = await ledger.http.get("/api/v1/openapi.json")
        resumed = await ledger.http.post("/resume")

    assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert nobody.headers["Content-Type"] == "application/problem+json"
    assert (forbidden.status_code, schema.status_code) == (403, 404)
    assert [answer.status_code for answer in wrong] == [422, 422, 422]
    assert len(fine.json()) == 60
    assert resumed.json() == {"opened": []}
