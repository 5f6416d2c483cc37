"""`toog rejudge` on a real night: what another policy would change, and what it sends to the desk."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.desk import deleted, edited, said
from support.judged import US, noise
from support.served import WHO, Served

from toog.contracts.events import Event, Mention
from toog.contracts.topics import DESK, DROPPED
from toog.contracts.wire import header
from toog.local.kafka import Kafka

BEGIN = int(time.time()) - 3 * 3600
FRIEND = Mention("buurvrouw", "4711")


def at(seconds: int) -> int:
    return (BEGIN + seconds) * 1000


def moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(BEGIN + seconds))


HOUR = ("--from", moment(0), "--to", moment(3600))


pytestmark = pytest.mark.timeout(60)  # several verbs and services, a process each


@pytest.fixture
async def served(kafka: Kafka, prefix: str, database: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(kafka.bootstrap, prefix, database, tmp_path).open() as opened:
        yield opened


def appeal(native: str, **fields: Any) -> Event:
    """A post in a conversation that nobody follows yet."""
    return said(
        native, text=f"ik herken die jas {native}, uit de etalage", conversation="oproep", **fields
    )


def beside(native: str, text: str) -> Event:
    """A reply to somebody else in which we stand behind."""
    prefix = (FRIEND, US)
    return said(native, text=text, surface="reply", reply_prefix=prefix, conversation="elders")


def follows(served: Served, *more: str) -> str:
    """A policy that follows the appeal, in a file."""
    file = served.folder / "new.toml"
    lines = ['followed_hashtags = ["politie247"]', 'followed_conversations = ["x:oproep"]', *more]
    file.write_text("\n".join(lines))
    return str(file)


async def test_without_apply_it_tells_what_would_change_and_writes_nothing(served: Served) -> None:
    named = said("1", text="@stadpoldem is de Meir open?", mentions=(US,), author="66")
    heard = await served.hear(named, appeal("2"), appeal("3"), at_ms=at(60))
    await served.hear(*noise(20), room=True, at_ms=at(90))
    await served.hear(appeal("4"), at_ms=at(4000))  # after the hour
    await served.judged()
    before = [await served.ends(topic) for topic in (DESK, DROPPED)]
    block = f'[[block]]\nplatform = "x"\nid = "66"\nreason = "dreigt"\nuntil = {moment(10**7)}'

    told = await served.toog("rejudge", *HOUR, "--policy", follows(served, block), *WHO)

    assert (told.code, told.err) == (0, "")
    rows = {" ".join(line.split()) for line in told.out.splitlines()}
    assert "dropped not_addressed addressed followed_conversation thread 2" in rows
    assert "addressed mention mention dropped blocked_author 1" in rows
    assert "20 records keep their verdict" in told.out
    assert "ik herken die jas 2, uit de etalage" in told.out
    assert "burger" not in told.out  # no author
    assert "1 would not be addressed any more: they stay at the desk" in told.out
    assert "2 newly addressed would go to the desk: run it again with --apply" in told.out
    assert [await served.ends(topic) for topic in (DESK, DROPPED)] == before
    assert await served.audit() == [("an", "rejudge", WHO[3], sorted(heard))]


async def test_apply_sends_what_is_newly_addressed_once_and_both_balances_stay_0(
    served: Served,
) -> None:
    one, two = await served.hear(
        appeal("1"), beside("2", "daar gaat de sirene weer"), at_ms=at(60), by="5"
    )
    await served.hear(said("3", text="mijn fiets", surface="dm"), *noise(3), at_ms=at(61))
    (shouted,) = await served.hear(appeal("4"), room=True, at_ms=at(62))
    await served.judged()
    policy = follows(served, 'emergency_phrases = ["gaat de sirene"]')
    apply = ("rejudge", *HOUR, "--policy", policy, *WHO, "--apply", "--examples", "0")

    async with served.desk():
        first = await served.toog(*apply)
        again = await served.toog(*apply)
        await served.settled()
        once_more = await served.toog(*apply)
        drawn = await served.balance()

    assert (first.code, first.err) == (0, "")
    assert "3 newly addressed: 3 records sent to the desk." in first.out
    for repeated in (again, once_more):
        assert "3 went to the desk before" in repeated.out
        assert "Nothing is to be sent" in repeated.out
    brought = [r for r in await served.read(DESK) if header(r.headers, "ce_origin")]
    told = {header(r.headers, "ce_record"): dict(r.headers) for r in brought}
    assert (len(brought), set(told)) == (3, {one, two, shouted})
    words = {key: (h["ce_outcome"], h["ce_reason"], h["ce_lane"]) for key, h in told.items()}
    assert words[one] == words[shouted] == (b"addressed", b"rejudged", b"thread")
    assert words[two] == (b"addressed", b"rejudged", b"emergency")
    assert {(h["ce_origin"], h["ce_by"]) for h in told.values()} == {(b"rejudge", b"an")}
    assert len({h["ce_rules"] for h in told.values()}) == 1
    assert {h["ce_language"] for h in told.values()} == {b"nl"}
    assert all(h["ce_kind"] for h in told.values())
    assert {r.timestamp for r in brought} == {at(60), at(62)}
    rows = await served.sql("SELECT id, lane, reason FROM responder.messages ORDER BY id")
    assert rows == [
        ("x:a:post:1", "thread", "rejudged"),
        ("x:a:post:2", "emergency", "rejudged"),
        ("x:a:post:3", "dm", "private_message"),
        ("x:a:post:4", "thread", "rejudged"),
    ]
    assert (drawn["balance"], drawn["conflicts"], drawn["desk"]["balance"]) == (0, 0, 0)
    assert (drawn["addressed"], drawn["desk"]["stored"]) == (1, 4)
    shown, applied, *_ = await served.audit()
    assert shown == ("an", "rejudge", WHO[3], [])
    assert applied[2].startswith("--apply ")
    assert set(applied[3]) == {one, two, shouted}


async def test_what_its_author_deleted_is_neither_sent_nor_shown(served: Served) -> None:
    gone, told, stays = appeal("1"), appeal("2"), appeal("3")
    await served.hear(gone, told, stays, at_ms=at(60))
    await served.hear(deleted(gone), at_ms=at(5000), by="nobody")  # after the hour, another key
    await served.judged()
    await served.sql("INSERT INTO responder.deleted (id) VALUES ($1) RETURNING id", told.id)

    done = await served.toog("rejudge", *HOUR, "--policy", follows(served), *WHO, "--apply")

    assert "2 were deleted by their authors" in done.out
    assert "1 newly addressed: 1 records sent" in done.out
    assert ("jas 1, " in done.out, "jas 2, " in done.out, "jas 3, " in done.out) == (
        False,
        False,
        True,
    )
    sent = [header(r.headers, "ce_id") for r in await served.read(DESK)]
    assert len(sent) == 2  # the deletion itself, and the one


async def test_later_edits_come_along_so_that_the_desk_shows_the_newest_text(
    served: Served,
) -> None:
    post = appeal("1")
    inside = edited(post, "ik herken ze", "2")
    await served.hear(post, at_ms=at(60))
    other = said("9", text="anders", conversation="c9")
    elsewhere = msgspec.structs.replace(edited(post, "ik herken die", "3"), conversation=None)
    await served.hear(inside, at_ms=at(70))
    await served.hear(edited(other, "nog anders", "2"), at_ms=at(71))
    await served.hear(elsewhere, at_ms=at(4000))
    await served.judged()
    policy = follows(served)

    async with served.desk():
        done = await served.toog("rejudge", *HOUR, "--policy", policy, *WHO, "--apply")
        await served.settled()
        again = await served.toog("rejudge", *HOUR, "--policy", policy, *WHO, "--apply")

    assert "2 newly addressed and 1 later edits of them: 3 records sent" in done.out
    assert "Nothing is to be sent" in again.out
    assert await served.sql("SELECT id, text FROM responder.messages") == [
        ("x:a:post:1", "ik herken die")
    ]


async def test_what_is_in_flight_or_taken_by_retention_is_said(served: Served) -> None:
    first, second = await served.hear(appeal("1"), appeal("2"), at_ms=at(60))
    await served.judged()
    await served.expired(second)
    await served.hear(appeal("3"), at_ms=at(61))
    await served.hear(b"no json", at_ms=at(62))

    told = await served.toog("rejudge", *HOUR, "--policy", follows(served), *WHO)

    assert "1 newly addressed would go" in told.out
    assert "2 have no verdict yet" in told.out
    assert "retention took the beginning of that time on 1 of 24 partitions" in told.out
    assert first not in told.out


async def test_a_wrong_policy_time_account_or_nobody_is_a_sentence_each(served: Served) -> None:
    wrong = served.folder / "wrong.toml"
    wrong.write_text('lanes = {mention = "fast"}\nnonsense = 1\n[switches]\nbystander = ["z"]\n')
    good = follows(served)
    mistakes = await served.toog("rejudge", *HOUR, "--policy", str(wrong), *WHO)
    wrong.write_text('lanes = {mention = "fast", dm = "dm"}')
    senseless = await served.toog("rejudge", *HOUR, "--policy", str(wrong), *WHO)
    late = await served.toog("rejudge", "--from", "25:00", "--policy", good, *WHO)
    ours = await served.toog("rejudge", *HOUR, "--policy", good, *WHO, "--accounts", "none.toml")
    nobody = ("--operator", " ", "--reason", "x")
    anonymous = await served.toog("rejudge", *HOUR, "--policy", good, *nobody)

    answers = (mistakes, senseless, late, ours, anonymous)
    assert [answer.code for answer in answers] == [2] * 5
    assert mistakes.err.count("wrong.toml: ") == 3
    assert senseless.err.count("wrong.toml: ") == 2
    assert "25:00" in late.err
    assert "none.toml" in ours.err
    assert "--operator NAME" in anonymous.err
    assert await served.audit() == []


async def test_without_database_or_kafka_nothing_is_shown(served: Served) -> None:
    await served.hear(appeal("1"), at_ms=at(60))
    await served.judged()
    words = ("rejudge", *HOUR, "--policy", follows(served), *WHO)
    nowhere = {"TOOG_POSTGRES": "postgresql://x@127.0.0.1:1/x", "TOOG_DEPENDENCY_WAIT_S": "0"}

    unaudited = await served.toog(*words, **nowhere)
    no_log = await served.toog(*words, TOOG_KAFKA="127.0.0.1:1")

    assert (unaudited.code, unaudited.out) == (2, "")
    assert "PostgreSQL does not answer" in unaudited.err
    assert (no_log.code, no_log.out) == (2, "")
    assert "Kafka is not available now" in no_log.err
