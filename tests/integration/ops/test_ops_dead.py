"""`toog dead` on a real log: what could not be read is listed, shown, replayed or left."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.aside import NOW, SOURCE, at_the_door, set_aside
from support.served import WHO, Served

from toog.contracts.topics import DEAD, EVENTS
from toog.local.kafka import Kafka

pytestmark = pytest.mark.timeout(60)  # several verbs and services, a process each


@pytest.fixture
async def served(kafka: Kafka, prefix: str, database: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(kafka.bootstrap, prefix, database, tmp_path).open() as opened:
        yield opened


async def test_the_list_shows_each_once_and_no_text(served: Served) -> None:
    (broken,) = await served.hear(b'{"tekst": "mijn fiets"')
    await served.judged()
    await set_aside(served, "router", broken)  # the batch was read again
    body = await at_the_door(served, b"<html>mijn fiets</html>")
    everything = await served.toog("dead", "list")
    router = await served.toog("dead", "list", "--stage", "router", "--json")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    later = await served.toog("dead", "list", "--from", NOW.isoformat(), "--to", until, "--json")
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
