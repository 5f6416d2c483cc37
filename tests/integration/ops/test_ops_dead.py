"""`toog dead` on a real log: what could not be read is listed, shown, replayed or left."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.desk import said
from support.ingest import mention, mention_id
from support.judged import US
from support.served import WHO, Served

from services.ingest import doors
from toog.contracts import events
from toog.contracts.ids import digest, partition_of
from toog.contracts.topics import DEAD, DESK, DROPPED, EVENTS, record_of
from toog.contracts.verdicts import Verdict
from toog.contracts.wire import header, verdict_headers
from toog.kit.stream import dead
from toog.kit.stream.produce import Outgoing
from toog.kit.stream.read import look
from toog.local.kafka import Kafka
from toog.platforms.base import Unreadable

KEY = b"x:1:7"
NOW = datetime.now(UTC).replace(microsecond=0)
SOURCE = "x:webhook"


@pytest.fixture
async def served(kafka: Kafka, prefix: str, database: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(kafka.bootstrap, prefix, database, tmp_path).open() as opened:
        yield opened


async def set_aside(served: Served, stage: str, record: str) -> None:
    """The stage could not read this record: its letter, as the kit writes it."""
    async with look(served.kafka) as log:
        found = await log.record(record)
    assert found is not None
    topic = record.rsplit(":", 2)[0]
    await served.out.send([dead.of_record(found, topic, stage, ValueError("a text"))])


async def at_the_door(served: Served, body: bytes) -> str:
    """Ingest could not read this body; the name of its letter."""
    await served.out.send([doors.letter(Unreadable(body, "KeyError"), SOURCE, NOW)])
    return f"{SOURCE}:{digest(body)}"


async def at_desk(served: Served, native: str, of: str, **headers: str) -> str:
    """A record of the desk; its coordinates, if only this wrote there."""
    told = dict(verdict_headers(Verdict("addressed", "mention", "mention"), "1", of))
    told |= {"ce_id": b"1"} | {name: value.encode() for name, value in headers.items()}
    number = partition_of(KEY, DESK.partitions)
    first = (await served.ends(DESK))[number]
    body = events.encode(said(native))
    await served.out.send(
        [Outgoing(DESK, KEY, body, list(told.items()), int(NOW.timestamp()) * 1000)]
    )
    return record_of(DESK.name, number, first)


async def test_the_list_shows_each_once_and_no_text(served: Served) -> None:
    (broken,) = await served.hear(b'{"tekst": "mijn fiets"')
    await served.judged()
    await set_aside(served, "router", broken)  # the batch was read again
    body = await at_the_door(served, b"<html>mijn fiets</html>")
    everything = await served.toog("dead", "list")
    router = await served.toog("dead", "list", "--stage", "router", "--json")
    later = await served.toog("dead", "list", "--from", NOW.isoformat(), "--to", "23:59", "--json")
    none = await served.toog("dead", "list", "--stage", "metrics")
    wrong = await served.toog("dead", "list", "--stage", "mars")

    assert (everything.code, everything.err) == (0, "")
    assert "fiets" not in everything.out
    rows = [line for line in everything.out.splitlines() if broken in line]
    assert len(rows) == 1
    assert rows[0].split()[2:6] == ["router", "ValueError", "2", "open"]
    assert f"ingest KeyError {SOURCE} 1 open {body}" in " ".join(everything.out.split())
    (one,) = json.loads(router.out)
    assert (one["record"], one["times"], one["state"], one["by"]) == (broken, 2, "open", None)
    assert len(json.loads(later.out)) == 2
    assert none.out == "no dead letters\n"
    assert wrong.code == 2
    assert await served.audit() == []


async def test_the_list_without_a_database_says_that_it_does_not_know(served: Served) -> None:
    body = await at_the_door(served, b"<html>")
    away = await served.toog(
        "dead",
        "list",
        "--json",
        TOOG_POSTGRES="postgresql://x@127.0.0.1:1/x",
        TOOG_DEPENDENCY_WAIT_S="0",
    )

    assert away.code == 0
    assert "is not known" in away.err
    (one,) = json.loads(away.out)
    assert (one["record"], one["state"]) == (body, None)


async def test_what_is_shown_is_audited_first_and_cannot_move_the_cursor(served: Served) -> None:
    text = await at_the_door(served, b"mijn \x1b[2Jfiets")
    (record,) = await served.hear(b'{"id": 7, "text": "mijn fiets"}')
    await served.judged()
    binary = await at_the_door(served, b"\xff\xfe\x00fiets")

    shown = {one: await served.toog("dead", "show", one, *WHO) for one in (text, record, binary)}
    raw = await served.toog("dead", "show", text, *WHO, "--raw")
    missing = await served.toog("dead", "show", f"{EVENTS.name}:0:99", *WHO)
    nobody = await served.toog("dead", "show", text, "--operator", "", "--reason", "x")

    assert "mijn \\x1b[2Jfiets" in shown[text].out
    assert '  "text": "mijn fiets"' in shown[record].out
    assert "key: x:1:7" in shown[record].out
    assert "ce_id: 1" in shown[record].out
    assert "ff fe 00 66" in shown[binary].out
    assert raw.out == "mijn \x1b[2Jfiets"
    assert (missing.code, nobody.code) == (1, 2)
    seen = [(who, act, records) for who, act, _, records in await served.audit()]
    assert seen == [("an", "dead_show", [one]) for one in (text, record, binary, text)]


async def test_a_letter_of_the_router_is_judged_after_all_and_both_balances_stay_0(
    served: Served,
) -> None:
    """The bytes are whole; the release that could not read them is gone."""
    named = said("1", text="@stadpoldem is de Meir open?", mentions=(US,))
    broken, whole = await served.hear(b"no json", named)
    served.out.forgets = {whole}
    await served.judged()
    served.out.forgets = set()
    await set_aside(served, "router", whole)

    done = await served.toog("dead", "replay", "--stage", "router", *WHO)
    again = await served.toog("dead", "replay", "--stage", "router", *WHO)
    await served.judged()
    async with served.desk():
        await served.settled()
        drawn = await served.balance()
    states = json.loads((await served.toog("dead", "list", "--json")).out)

    assert done.code == 1
    assert f"{whole}: written to {EVENTS.name} again" in done.out
    assert f"{broken}: stays: still unreadable for router (DecodeError)" in done.out
    assert whole not in again.out
    old, new = [r for r in await served.read(EVENTS) if r.value == events.encode(named)]
    assert (new.key, new.headers, new.timestamp) == (old.key, old.headers, old.timestamp)
    assert (drawn["received"], drawn["addressed"], drawn["dead"]) == (3, 1, 2)
    assert (drawn["balance"], drawn["desk"]["balance"], drawn["desk"]["stored"]) == (0, 0, 1)
    assert {one["record"]: one["state"] for one in states} == {broken: "open", whole: "replayed"}
    assert await served.audit() == [("an", "dead_replay", WHO[3], [whole])]


async def test_a_letter_of_the_responder_goes_to_the_desk_again_and_both_balances_stay_0(
    served: Served,
) -> None:
    intake = await served.hear(said("1"), said("2"))
    await served.commit(intake[0], 2)
    bad = await at_desk(served, "1", intake[0], ce_lane="none")
    good = await at_desk(served, "2", intake[1])
    async with served.desk():
        await served.settled()
        before = await served.toog("dead", "replay", bad, *WHO)
        await set_aside(served, "responder", good)  # as if it had been refused; it is there
        done = await served.toog("dead", "replay", good, good, *WHO)
        await served.settled()
        drawn = await served.balance()

    assert (before.code, before.out) == (
        1,
        f"{bad}: stays: still unreadable for responder (ValueError)\n",
    )
    assert (done.code, done.out) == (0, f"{good}: written to {DESK.name} again\n")
    assert await served.sql("SELECT id FROM responder.messages") == [("x:a:post:2",)]
    assert (drawn["desk"]["stored"], drawn["desk"]["duplicates"], drawn["desk"]["dead"]) == (
        1,
        1,
        1,
    )
    assert (drawn["desk"]["balance"], drawn["conflicts"], drawn["addressed"]) == (0, 0, 1)


async def test_a_letter_of_metrics_counts_after_all(served: Served) -> None:
    (record,) = await served.hear(said("1", text="wat een avond"))
    await served.judged()
    (line,) = await served.read(DROPPED)
    place = record_of(DROPPED.name, line.partition, line.offset)
    await set_aside(served, "metrics", place)

    done = await served.toog("dead", "replay", "--all", *WHO)
    async with served.desk():
        drawn = await served.balance()

    assert done.err == ""
    assert (done.code, done.out) == (0, f"{place}: written to {DROPPED.name} again\n")
    old, new = await served.read(DROPPED)
    assert (new.value, new.key, new.headers, new.timestamp) == (
        old.value,
        old.key,
        old.headers,
        old.timestamp,
    )
    assert header(new.headers, "ce_record") == record
    assert (drawn["received"], drawn["dropped"]["not_addressed"], drawn["balance"]) == (1, 1, 0)


async def test_what_a_platform_sent_goes_through_todays_parser_by_the_same_door(
    served: Served,
) -> None:
    accounts = served.folder / "ours.toml"
    accounts.write_text(
        '[[account]]\nplatform = "x"\nid = "1111111111111111111"\nhandle = "StadPolDem"\n'
        'base_url = "http://127.0.0.1:9"\n'
    )
    readable = await at_the_door(served, mention(501))
    page = await at_the_door(served, b"<html>")

    done = await served.toog("dead", "replay", readable, page, *WHO, "--accounts", str(accounts))
    await served.judged()

    assert done.code == 1
    assert f"{readable}: 1 events read and written to the intake" in done.out
    assert f"{page}: stays: still unreadable" in done.out
    (record,) = await served.read(EVENTS)
    assert header(record.headers, "ce_id") == mention_id(501)
    assert record.timestamp == int(NOW.timestamp() * 1000)  # when it came
    assert events.decode(record.value).received_at == NOW
    assert len(await served.read(DESK)) == 1
    assert len(await served.read(DEAD)) == 2
    assert await served.audit() == [("an", "dead_replay", WHO[3], [readable])]


async def test_what_is_dropped_is_left_and_said_to_be(served: Served) -> None:
    one = await at_the_door(served, b"<html>")
    two = await at_the_door(served, b"<xml>")

    done = await served.toog("dead", "drop", one, one, *WHO)
    missing = await served.toog("dead", "drop", "x:webhook:none", *WHO)
    replay = await served.toog("dead", "replay", "--stage", "ingest", "--error", "KeyError", *WHO)
    states = json.loads((await served.toog("dead", "list", "--json")).out)

    assert (done.code, done.out) == (0, f"{one}: left as it is\n")
    assert missing.code == 1
    assert one not in replay.out
    assert two in replay.out
    assert {s["record"]: (s["state"], s["by"]) for s in states} == {
        one: ("dropped", "an"),
        two: ("open", None),
    }
    assert len(await served.read(DEAD)) == 2
    assert await served.audit() == [("an", "dead_drop", WHO[3], [one])]


async def test_it_must_be_said_which(served: Served) -> None:
    neither = await served.toog("dead", "replay", *WHO)
    both = await served.toog("dead", "replay", "x:webhook:1", "--all", *WHO)

    assert (neither.code, both.code) == (2, 2)
    assert "say which" in neither.err


async def test_the_valve_is_opened_after_its_audit_row_and_by_nobody_unnamed(
    served: Served,
) -> None:
    async with served.desk():
        done = await served.toog("resume", served.responder.internal_bind, *WHO)
        nobody = await served.toog(
            "resume", served.responder.internal_bind, "--operator", "an", "--reason", " "
        )
    away = await served.toog("resume", served.responder.internal_bind, *WHO)

    assert (done.code, done.out) == (0, "opened: nothing was closed\n")
    assert (nobody.code, away.code) == (2, 2)
    assert "does not answer" in away.err
    told = f"{served.responder.internal_bind}: {WHO[3]}"
    assert await served.audit() == [("an", "resume", told, [])]
