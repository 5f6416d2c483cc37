"""Review and revive over a socket: a real broker with the real verdicts, a real database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr
from support.desk import ACCOUNTS, deleted, edited, pool_of, said
from support.judged import US, Night, noise
from support.ledger import Ledger
from support.served import ready
from support.verbs import toog

from services.responder import gather
from services.responder.app import serve
from services.responder.settings import Settings
from services.responder.telemetry import DeskFigures
from toog.contracts import ledger
from toog.contracts.events import Author, Event, Reference
from toog.contracts.ids import digest
from toog.contracts.ledger import LINES, Line, Page
from toog.contracts.topics import DESK, DROPPED, ROOM, parse_record
from toog.contracts.wire import header
from toog.kit import access
from toog.kit.stream.produce import Outgoing
from toog.kit.stream.read import look
from toog.local.kafka import Kafka
from toog.local.ports import free_port
from toog.local.postgres import Postgres

# Kafka keeps an intake record for 72 hours by its time, and takes none from the future
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
AT = int(BEGIN.timestamp() * 1000)
EVENING = {"from": BEGIN.isoformat(), "to": (BEGIN + timedelta(hours=1)).isoformat()}
WHY = {"why": "she asks us something"}


class Desk(Night):
    """The night, its desk, and an agent who looks at what did not come there."""

    def __init__(self, kafka: Kafka, prefix: str, dsn: str, folder: Path) -> None:
        super().__init__(kafka.bootstrap, prefix)
        self.dsn = dsn
        accounts = folder / "accounts.toml"
        accounts.write_text(
            f'[[account]]\nplatform = "x"\nid = "{ACCOUNTS["x"]}"\nhandle = "stadpoldem"\n'
            'base_url = "http://127.0.0.1:1"\n'
        )
        self.responder = Settings(
            kafka=kafka.bootstrap,
            kafka_prefix=prefix,
            postgres=SecretStr(dsn),
            instance="responder-1",
            accounts=accounts,
            internal_bind=f"127.0.0.1:{free_port()}",
            public_bind=f"127.0.0.1:{free_port()}",
            dependency_wait_s=10,
        )
        self.pool: asyncpg.Pool[asyncpg.Record]
        self.api: httpx.AsyncClient

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Desk"]:
        """Everything there for the block, the responder ready."""
        self.pool = await pool_of(self.dsn)
        token = await access.create(self.pool, "els", {"desk"})
        self.api = httpx.AsyncClient(
            base_url=f"http://{self.responder.public_bind}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=25,
        )
        async with self.begun():
            serving = asyncio.create_task(serve(self.responder))
            try:
                await ready(self.responder.internal_bind, serving)
                yield self
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
                await self.api.aclose()
                await self.pool.close()

    async def dropped(self, *heard: Event, room: bool = False, by: str = "7") -> list[str]:
        """These were heard, and the router judged them."""
        records = await self.hear(*heard, room=room, at_ms=AT + 1000, by=by)
        await self.judged()
        return records

    async def told(self, *, pages: int, lines: int) -> None:
        """So many pages of so many lines stand in the ledger."""
        await self.out.send(self.page(number, [AT] * lines) for number in range(pages))

    def page(self, number: int, received_ms: list[int]) -> Outgoing:
        """A page of lines of these receipts, each line's event another one."""
        partition, first = number % ROOM.partitions, number * len(received_ms)
        lines = [
            Line(n, digest(f"x:a:post:{n}"), "hashtag_only", "x", BEGIN, at_ms)
            for n, at_ms in enumerate(received_ms, first)
        ]
        value = ledger.encode(Page(ROOM.name, partition, "1", lines))
        key = f"{ROOM.name}:{partition}".encode()
        return Outgoing(DROPPED, key, value, [], max(received_ms))

    async def review(self, **asked: Any) -> dict[str, Any]:
        answer = await self.api.get("/review", params={**EVENING, **asked})
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def revive(self, record: str, **why: str) -> httpx.Response:
        return await self.api.post(f"/review/{record}/revive", json=why or WHY)

    async def at_desk(self) -> list[Any]:
        """The desk topic as it stands."""
        found = []
        async with look(self.kafka) as looking:
            async for bite in looking.scan(await looking.spans([DESK])):
                found += [record for _, record in bite]
        return found

    async def settled(self) -> None:
        """Waits until the desk has taken in all that stands on its topic."""
        async with asyncio.timeout(15):
            while await self._taken() < sum(await self.ends(DESK)):  # noqa: ASYNC110 - a figure is polled
                await asyncio.sleep(0.05)

    async def _taken(self) -> int:
        total: int = await self.pool.fetchval(
            "SELECT coalesce(sum(next_offset), 0)::int FROM responder.desk_progress"
        )
        return total

    async def audit(self) -> list[asyncpg.Record]:
        return await self.pool.fetch(
            "SELECT agent, act, why, records FROM responder.audit ORDER BY id"
        )

    async def figures(self) -> dict[str, float]:
        """What `/metrics` of a responder that starts now says of reviews."""
        found = CollectorRegistry()
        reading = asyncio.create_task(DeskFigures(self.pool, found).run())
        try:
            async with asyncio.timeout(10):
                while found.get_sample_value("toog_responder_revived_unseen_total") is None:  # noqa: ASYNC110 - a figure is polled
                    await asyncio.sleep(0.02)
        finally:
            reading.cancel()
        lines = generate_latest(found).decode().splitlines()
        told = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {
            name: float(value)
            for name, _, value in told
            if name.startswith(("toog_responder_re", "toog_responder_false"))
        }

    async def reviewed(self) -> dict[str, tuple[str | None, bool, bool]]:
        rows = await self.pool.fetch("SELECT * FROM responder.reviewed")
        return {
            row["record"]: (
                row["reason"],
                row["shown_at"] is not None,
                row["revived_at"] is not None,
            )
            for row in rows
        }


@pytest.fixture
async def desk(kafka: Kafka, prefix: str, database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with Desk(kafka, prefix, database, tmp_path).open() as opened:
        yield opened


def aside(native: str, **fields: Any) -> Event:
    """A post that names nobody: not addressed."""
    return said(native, text=f"wat een avond {native}", **fields)


async def test_a_review_shows_a_sample_of_each_reason_with_its_text_and_is_audited_first(
    desk: Desk,
) -> None:
    ours = Reference("x:a:post:900", ACCOUNTS["x"])
    await desk.hear(*(aside(f"q{n}", quotes=ours) for n in range(30)), at_ms=AT)
    await desk.hear(*noise(30), room=True, at_ms=AT)
    records = await desk.dropped(aside("1"), aside("2"))

    shown = await desk.review(per_reason=2)
    again = await desk.review(per_reason=2)

    by_reason: dict[str, list[dict[str, Any]]] = {}
    for event in shown["events"]:
        by_reason.setdefault(event["reason"], []).append(event)
    assert {reason: len(found) for reason, found in by_reason.items()} == {
        "quote_of_ours": 20,
        "hashtag_only": 2,
        "not_addressed": 2,
    }
    assert shown["dropped"] == {"quote_of_ours": 30, "hashtag_only": 30, "not_addressed": 2}
    assert (shown["lines"], shown["share"], shown["clipped"]) == (62, 1, False)
    assert (shown["from"], shown["to"]) == (
        BEGIN.isoformat().replace("+00:00", "Z"),
        (BEGIN + timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
    )
    assert again == shown
    first = next(event for event in shown["events"] if event["record"] == records[0])
    assert (first["text"], first["author_handle"]) == ("wat een avond 1", "burger900")
    assert (first["platform"], first["surface"], first["rules"][:2]) == ("x", "post", "0.")
    assert (first["gone"], first["deleted"], first["case"], first["note"]) == (
        False,
        False,
        None,
        None,
    )
    rows = await desk.audit()
    assert [(row["agent"], row["act"]) for row in rows] == [("els", "review")] * 2
    assert rows[0]["why"].startswith(f"2 of each reason, {BEGIN.isoformat()} to ")
    assert rows[0]["records"] == [event["record"] for event in shown["events"]]
    assert {reason for reason, *_ in (await desk.reviewed()).values()} == set(by_reason)
    for row in await desk.pool.fetch("SELECT r::text AS line FROM responder.reviewed AS r"):
        assert "avond" not in row["line"]
        assert "burger" not in row["line"]


async def test_one_reason_alone_and_only_of_that_time(desk: Desk) -> None:
    await desk.hear(*noise(3), room=True, at_ms=AT)
    await desk.hear(aside("early"), at_ms=AT - 1)
    await desk.hear(aside("late"), at_ms=AT + 3_600_000)
    await desk.dropped(aside("1"))  # behind a later one: the order of time is not quite kept

    alone = await desk.review(reason="not_addressed")
    last_hour = (await desk.api.get("/review")).json()  # that evening is another day

    assert [event["text"] for event in alone["events"]] == ["wat een avond 1"]
    assert (alone["lines"], alone["share"], alone["clipped"]) == (4, 1, False)
    assert alone["dropped"] == {"hashtag_only": 3, "not_addressed": 1}
    assert (last_hour["lines"], last_hour["share"], last_hour["clipped"]) == (0, 1, False)
    assert last_hour["events"] == []


async def test_what_retention_took_is_gone_and_what_was_deleted_is_not_shown(desk: Desk) -> None:
    gone, kept = await desk.hear(aside("1"), aside("2"), at_ms=AT)
    (withdrawn, _) = await desk.dropped(aside("3"), deleted(aside("3")), by="8")
    await desk.expired(kept)
    await desk.settled()

    events_ = {event["record"]: event for event in (await desk.review())["events"]}

    assert {record: event["text"] for record, event in events_.items()} == {
        gone: None,
        kept: "wat een avond 2",
        withdrawn: None,
    }
    assert (events_[gone]["gone"], events_[gone]["deleted"]) == (True, False)
    assert "72 hours" in events_[gone]["note"]
    assert (events_[withdrawn]["gone"], events_[withdrawn]["deleted"]) == (False, True)
    assert "deleted" in events_[withdrawn]["note"]
    assert events_[withdrawn]["author_handle"] is None
    assert set(await desk.reviewed()) == {kept}


async def test_a_long_text_is_shortened(desk: Desk) -> None:
    await desk.dropped(said("1", text="a" * (gather.TEXT_LENGTH + 1)))

    (event,) = (await desk.review())["events"]

    assert (len(event["text"]), event["shortened"]) == (gather.TEXT_LENGTH, True)


async def test_of_a_page_that_ends_long_after_the_time_the_lines_in_it_are_looked_at(
    desk: Desk,
) -> None:
    hour = 3_600_000
    await desk.out.send([desk.page(0, [AT - 1, AT, AT + hour - 1, AT + hour, AT + 2 * hour])])

    shown = await desk.review()

    assert {event["record"] for event in shown["events"]} == {f"{ROOM.name}:0:{n}" for n in (1, 2)}
    assert (shown["lines"], shown["share"], shown["clipped"]) == (2, 1, False)


async def test_of_a_long_night_only_so_many_lines_are_looked_at(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.told(pages=240, lines=LINES)
    monkeypatch.setattr(gather, "LINES", 96 * LINES)

    shown = await desk.review()

    assert 80 * LINES < shown["lines"] <= 96 * LINES
    assert shown["share"] == pytest.approx(shown["lines"] / LINES / 240)
    assert shown["clipped"]
    assert shown["dropped"] == {"hashtag_only": shown["lines"]}
    assert len(shown["events"]) == 5


async def test_of_a_long_quiet_time_more_pages_are_looked_at(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.told(pages=240, lines=2)
    monkeypatch.setattr(gather, "LINES", 20 * LINES)

    shown = await desk.review()

    assert (shown["lines"], shown["share"], shown["clipped"]) == (480, 1, False)
    assert shown["dropped"] == {"hashtag_only": 480}


async def test_a_page_that_cannot_be_read_was_not_seen(desk: Desk) -> None:
    await desk.dropped(aside("1"))
    deep = b'{"topic":"social.events.v1","odd":' + b"[" * 4000
    await desk.out.send([Outgoing(DROPPED, b"k", page, [], AT) for page in (b"{", deep)])

    shown = await desk.review()

    assert (shown["lines"], shown["clipped"]) == (1, True)
    assert shown["share"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("bound", ["LEDGER_S", "TEXTS_S"])
async def test_a_review_that_takes_too_long_shows_what_it_has_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    await desk.hear(*noise(3), room=True, at_ms=AT)
    await desk.dropped(*(aside(str(n)) for n in range(3)))
    monkeypatch.setattr(gather, bound, -1.0)
    monkeypatch.setattr(gather, "BITE", 1)

    shown = await desk.review()

    assert shown["clipped"]
    if bound == "LEDGER_S":
        assert shown["lines"] < 6
        assert shown["share"] < 1
    else:
        assert (shown["lines"], shown["share"], shown["events"]) == (6, 1, [])


async def test_a_revived_message_waits_at_the_desk_unchanged_in_lane_thread(desk: Desk) -> None:
    (record,) = await desk.dropped(aside("1"))
    await desk.review()

    answer = await desk.revive(record)
    await desk.settled()

    told = answer.json()
    assert answer.status_code == 202
    assert (told["record"], told["already"]) == (record, False)
    case = (await desk.api.get(f"/cases/{told['case']}")).json()
    assert (case["state"], case["lane"]) == ("waiting", "thread")
    (message,) = case["messages"]
    assert (message["text"], message["reason"]) == ("wat een avond 1", "revived")

    (written,) = await desk.at_desk()
    async with look(desk.kafka) as looking:
        source = await looking.record(record)
    assert source is not None
    assert (written.key, written.value, written.timestamp) == (
        source.key,
        source.value,
        source.timestamp,
    )
    headers = dict(written.headers)
    assert headers.items() >= dict(source.headers).items()
    assert headers["ce_outcome"] == b"addressed"
    assert (headers["ce_reason"], headers["ce_lane"]) == (b"revived", b"thread")
    assert (headers["ce_record"], headers["ce_origin"]) == (record.encode(), b"revive")
    assert headers["ce_by"] == b"els"
    (shown,) = (await desk.review())["events"]
    assert (shown["case"], shown["rules"]) == (told["case"], headers["ce_rules"].decode())
    revivals = [row for row in await desk.audit() if row["act"] == "revive"]
    assert [(r["agent"], r["why"], r["records"]) for r in revivals] == [
        ("els", WHY["why"], [record])
    ]
    assert await desk.reviewed() == {record: ("not_addressed", True, True)}


async def test_revived_twice_and_at_once_it_is_one_message(desk: Desk) -> None:
    (record,) = await desk.dropped(aside("1"))

    async with desk.pool.acquire() as hold, hold.transaction():
        # at once: the desk takes the first one in only after the last one was asked for
        await hold.execute("LOCK TABLE responder.messages IN SHARE MODE")
        together = await asyncio.gather(*(desk.revive(record) for _ in range(3)))
    await desk.settled()
    later = await desk.revive(record)
    await desk.settled()

    assert [answer.status_code for answer in together] == [202] * 3
    assert (later.status_code, later.json()["already"]) == (200, True)
    assert len({answer.json()["case"] for answer in [*together, later]}) == 1
    assert await desk.pool.fetchval("SELECT count(*) FROM responder.messages") == 1
    assert len(await desk.at_desk()) == 3  # the fourth found it there
    assert len([row for row in await desk.audit() if row["act"] == "revive"]) == 4


async def test_a_revived_edit_opens_a_case_with_its_text_and_changes_one_that_is_there(
    desk: Desk,
) -> None:
    first, second = await desk.dropped(
        edited(aside("1"), "toch een vraag", "2"), edited(aside("1"), "en nog een", "3"), room=True
    )

    opened = await desk.revive(first)
    await desk.settled()
    changed = await desk.revive(second)
    await desk.settled()

    assert (opened.status_code, changed.status_code) == (202, 200)
    assert opened.json()["case"] == changed.json()["case"]
    (message,) = await desk.pool.fetch("SELECT id, text, reason FROM responder.messages")
    assert tuple(message) == ("x:a:post:1", "en nog een", "revived")


async def test_a_revived_answer_joins_the_case_of_what_it_answers(desk: Desk) -> None:
    asked = said("1", text="@stadpoldem is de Meir dicht?", mentions=(US,))
    (_, record) = await desk.dropped(asked, aside("2", to=asked.id, author="901"))
    await desk.settled()

    answer = await desk.revive(record)
    await desk.settled()

    cases = await desk.pool.fetch("SELECT id, lane FROM responder.cases")
    assert [tuple(case) for case in cases] == [(answer.json()["case"], "mention")]


async def test_what_the_citizen_deleted_is_not_brought_back(desk: Desk) -> None:
    (before, _) = await desk.dropped(aside("1"), deleted(aside("1")))
    await desk.settled()
    refused = await desk.revive(before)

    (later,) = await desk.dropped(aside("2"), by="8")
    taken = await desk.revive(later)
    await desk.hear(deleted(aside("2")), at_ms=AT, by="8")
    await desk.judged()
    await desk.settled()

    assert (refused.status_code, taken.status_code) == (409, 202)
    assert "deleted" in refused.json()["detail"]
    assert [row["records"] for row in await desk.audit()] == [[later]]
    rows = await desk.pool.fetch("SELECT text FROM responder.messages")
    assert {row["text"] for row in rows} <= {""}


async def test_a_text_that_is_gone_is_410_and_what_never_was_is_404(desk: Desk) -> None:
    gone, kept = await desk.dropped(aside("1"), aside("2"))
    await desk.expired(kept)
    name, partition, offset = parse_record(kept)

    answers = [await desk.revive(one) for one in (gone, f"{name}:{partition}:{offset + 1}")]

    assert [answer.status_code for answer in answers] == [410, 404]
    assert "72 hours" in answers[0].json()["detail"]
    assert all(answer.json()["detail"] for answer in answers)
    assert not await desk.audit()
    assert not await desk.at_desk()


async def test_our_own_a_signal_a_deletion_and_the_unreadable_are_no_message_of_a_citizen(
    desk: Desk,
) -> None:
    records = await desk.hear(
        said("1", own=True, author="us"),
        said("2", kind="signal", signal="reaction", surface=None),
        deleted(aside("3")),
        b"no json",
        at_ms=AT,
    )

    answers = [await desk.revive(record) for record in records]

    assert [answer.status_code for answer in answers] == [422] * 4
    words = ("our own", "signal", "deletion", "cannot be read")
    for answer, word in zip(answers, words, strict=True):
        assert word in answer.json()["detail"]
    assert not await desk.audit()
    assert not await desk.at_desk()


async def test_what_is_blocked_or_has_no_author_can_be_revived(desk: Desk) -> None:
    nobody = msgspec.structs.replace(aside("1"), author=None, conversation=None)
    blocked = said("2", text="@stadpoldem hallo", author=Author("666"), mentions=(US,))
    records = await desk.hear(nobody, blocked, at_ms=AT)

    answers = [await desk.revive(record) for record in records]
    await desk.settled()

    assert [answer.status_code for answer in answers] == [202, 202]
    rows = await desk.pool.fetch("SELECT state, lane FROM responder.cases")
    assert [tuple(row) for row in rows] == [("waiting", "thread")] * 2


async def test_an_operator_revives_by_command_as_an_agent_does(desk: Desk) -> None:
    record, ours = await desk.dropped(aside("1"), said("2", own=True))
    environment = {**desk.environment, "TOOG_POSTGRES": desk.dsn}
    who = ("--operator", "an", "--reason", "asked by phone")

    done = await toog("revive", record, *who, **environment)
    await desk.settled()
    again = await toog("revive", record, *who, **environment)
    refused = await toog("revive", ours, *who, **environment)
    nobody = await toog("revive", record, "--operator", " ", "--reason", "x", **environment)

    (case,) = await desk.pool.fetch("SELECT id, lane FROM responder.cases")
    assert case["lane"] == "thread"
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{record}: it is on its way to the desk, in case {case['id']}\n"
    assert "has it already" in again.out
    assert (refused.code, nobody.code) == (2, 2)
    assert "our own" in refused.err
    assert "--operator NAME" in nobody.err
    assert [tuple(row)[:3] for row in await desk.audit()] == [("an", "revive", who[3])] * 2
    assert await desk.reviewed() == {record: (None, False, True)}
    (written,) = await desk.at_desk()
    assert header(written.headers, "ce_by") == "an"


async def test_both_balances_stay_0_and_metrics_tell_how_much_was_dropped_wrongly(
    desk: Desk, prefix: str, kafka: Kafka, database: str
) -> None:
    (never_shown,) = await desk.hear(aside("0"), at_ms=AT - 1)
    one, two, three = await desk.dropped(aside("1"), aside("2"), aside("3"))
    async with Ledger(kafka.bootstrap, prefix, database).played() as counted, counted.service():
        await desk.revive(three)  # before anybody was shown it
        await desk.review()
        for record in (one, one, never_shown):
            await desk.revive(record)
        await desk.settled()
        async with asyncio.timeout(20):
            while (drawn := await counted.balance())["desk"]["stored"] < 3:
                pass

    assert (drawn["received"], drawn["dropped"]["not_addressed"]) == (4, 4)
    assert (drawn["addressed"], drawn["balance"], drawn["conflicts"]) == (0, 0, 0)
    assert drawn["desk"]["balance"] == 0
    assert await desk.reviewed() == {
        one: ("not_addressed", True, True),
        two: ("not_addressed", True, False),
        three: ("not_addressed", True, True),
        never_shown: (None, False, True),
    }
    assert await desk.figures() == {
        'toog_responder_reviewed_total{reason="not_addressed"}': 3,
        'toog_responder_revived_total{reason="not_addressed"}': 2,
        'toog_responder_false_drop_ratio{reason="not_addressed"}': pytest.approx(2 / 3),
        "toog_responder_revived_unseen_total": 1,
    }


async def test_what_stands_at_the_desk_already_asks_for_no_judgement(desk: Desk) -> None:
    asked = said("1", text="@stadpoldem is de Meir dicht?", mentions=(US,))
    await desk.hear(asked, at_ms=AT)
    await desk.dropped(edited(asked, "laat maar", "2"), aside("2"), room=True)
    await desk.settled()

    shown = {event["text"]: event["case"] for event in (await desk.review())["events"]}

    (case,) = await desk.pool.fetchval("SELECT array_agg(id) FROM responder.cases")
    assert shown == {"laat maar": case, "wat een avond 2": None}
    assert len(await desk.reviewed()) == 1


async def test_what_was_shown_longer_ago_than_7_days_is_in_no_ratio(desk: Desk) -> None:
    await desk.pool.execute(
        """
        INSERT INTO responder.reviewed (record, reason, rules, shown_at, revived_at) VALUES
            ('a', 'signal', '1', now() - interval '8 days', now()),
            ('b', 'repost', '1', now() - interval '8 days', now()),
            ('c', 'repost', '1', now() - interval '6 days', NULL),
            ('d', 'repost', '1', now(), now()),
            ('e', 'repost', '1', now(), NULL),
            ('f', 'repost', '1', now(), NULL)
        """
    )

    figures = await desk.figures()

    assert figures['toog_responder_revived_total{reason="signal"}'] == 1
    assert 'toog_responder_false_drop_ratio{reason="signal"}' not in figures
    assert figures['toog_responder_reviewed_total{reason="repost"}'] == 5
    assert figures['toog_responder_false_drop_ratio{reason="repost"}'] == 0.25


async def test_without_the_database_nothing_is_shown(postgres: Postgres, desk: Desk) -> None:
    await desk.dropped(aside("1"))
    postgres.kill()

    answer = await desk.api.get("/review", params=EVENING)
    postgres.start()

    assert answer.status_code == 503
    assert "avond" not in answer.text


async def test_two_at_once_and_no_more(desk: Desk) -> None:
    await desk.dropped(*(aside(str(n)) for n in range(20)))

    async with desk.pool.acquire() as hold, hold.transaction():
        # both stand before their audit row until the others have come
        await hold.execute("LOCK TABLE responder.audit IN SHARE MODE")
        asked = [
            asyncio.create_task(desk.api.get("/review", params={**EVENING, "per_reason": 20}))
            for _ in range(6)
        ]
        async with asyncio.timeout(20):
            while sum(one.done() for one in asked) < 4:  # noqa: ASYNC110 - any four of them
                await asyncio.sleep(0.02)
    answers = await asyncio.gather(*asked)

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 200, 503, 503, 503, 503]
    busy = next(answer for answer in answers if answer.status_code == 503)
    assert busy.headers["retry-after"] == "5"
    assert len(await desk.audit()) == 2
