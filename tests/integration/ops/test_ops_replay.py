"""`toog dead replay` on a real log: what could not be read goes in after all, and counts once."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.aside import NOW, at_the_door, set_aside
from support.desk import said
from support.ingest import mention, mention_id
from support.judged import US
from support.pages import lines_of
from support.served import WHO, Served

from toog.contracts import events
from toog.contracts.ids import partition_of
from toog.contracts.topics import DEAD, DESK, DROPPED, EVENTS, record_of
from toog.contracts.verdicts import Verdict
from toog.contracts.wire import header, verdict_headers
from toog.kit.stream.produce import Outgoing
from toog.local.kafka import Kafka

KEY = b"x:1:7"


pytestmark = pytest.mark.timeout(60)  # several verbs and services, a process each


@pytest.fixture
async def served(kafka: Kafka, prefix: str, database: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(kafka.bootstrap, prefix, database, tmp_path).open() as opened:
        yield opened


def gone(author: str) -> dict[str, Any]:
    """What Jetstream tells of a deletion."""
    commit = {"rev": "3k", "operation": "delete", "collection": "app.bsky.feed.post", "rkey": "3k"}
    return {"did": author, "time_us": 1_764_000_000_000_000, "kind": "commit", "commit": commit}


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
    counted = await served.toog("balance")
    states = json.loads((await served.toog("dead", "list", "--json")).out)

    assert done.code == 1
    assert f"{whole}: written to {EVENTS.name} again" in done.out
    assert f"{broken}: stays: still unreadable for router (DecodeError)" in done.out
    assert whole not in again.out
    old, new = [r for r in await served.read(EVENTS) if r.value == events.encode(named)]
    assert (new.key, new.headers, new.timestamp) == (old.key, old.headers, old.timestamp)
    assert (drawn["received"], drawn["addressed"], drawn["dead"]) == (3, 1, 2)
    assert (drawn["balance"], drawn["desk"]["balance"], drawn["desk"]["stored"]) == (0, 0, 1)
    assert counted.code == 0
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
    heard = await served.hear(*(said(f"{n}", text="wat een avond") for n in range(3)))
    await served.judged()
    before = await served.read(DROPPED)
    old = before[0]
    place = record_of(DROPPED.name, old.partition, old.offset)
    await set_aside(served, "metrics", place)

    done = await served.toog("dead", "replay", "--all", *WHO)
    async with served.desk():
        drawn = await served.balance()

    assert done.err == ""
    assert (done.code, done.out) == (0, f"{place}: written to {DROPPED.name} again\n")
    *same, new = await served.read(DROPPED)
    assert [one.offset for one in same] == [one.offset for one in before]
    assert (new.value, new.key, new.headers, new.timestamp) == (
        old.value,
        old.key,
        old.headers,
        old.timestamp,
    )
    assert {record for record, _ in lines_of(new.value)} <= set(heard)
    assert (drawn["received"], drawn["dropped"]["not_addressed"], drawn["balance"]) == (3, 3, 0)
    assert drawn["conflicts"] == 0


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
    assert f"{readable}: 1 event read and written to the intake" in done.out
    assert f"{page}: stays: still unreadable" in done.out
    (record,) = await served.read(EVENTS)
    assert header(record.headers, "ce_id") == mention_id(501)
    assert record.timestamp == int(NOW.timestamp() * 1000)  # when it came
    assert events.decode(record.value).received_at == NOW
    assert len(await served.read(DESK)) == 1
    assert len(await served.read(DEAD)) == 2
    assert await served.audit() == [("an", "dead_replay", WHO[3], [readable])]


async def test_what_a_whole_network_told_enters_only_where_its_message_did(served: Served) -> None:
    """Jetstream tells every deletion there is; a replay asks, as ingest does, which are ours."""
    me = "did:plc:toog"
    accounts = served.folder / "ours.toml"
    accounts.write_text(
        f'[[account]]\nplatform = "bluesky"\nid = "{me}"\nhandle = "pol.example"\n'
        'base_url = "http://127.0.0.1:9"\n'
    )
    ours, theirs = (json.dumps(gone(author)).encode() for author in ("did:plc:els", "did:plc:an"))
    letters = [
        await at_the_door(served, body, f"bluesky:{me}:jetstream") for body in (ours, theirs)
    ]
    there = said("1", id=f"bluesky:{me}:post:at://did:plc:els/app.bsky.feed.post/3k", account=me)
    await served.hear(msgspec.structs.replace(there, platform="bluesky"))

    done = await served.toog("dead", "replay", *letters, *WHO, "--accounts", str(accounts))

    assert (done.code, set(done.out.splitlines())) == (
        0,
        {
            f"{letters[0]}: 1 event read and written to the intake",
            f"{letters[1]}: read: nothing enters",
        },
    )
    entered = [events.decode(r.value) for r in await served.read(EVENTS)]
    assert sorted(event.kind for event in entered) == ["created", "deleted"]
