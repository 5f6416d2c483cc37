"""Desk records on a real database: each has its effect once, whatever order and company it has."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from support.desk import NOW, Log, World, deleted, edited, pool_of, said

from toog.contracts.events import Author


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    pool = await pool_of(database)
    yield World(pool)
    await pool.close()


async def test_a_message_opens_a_case(world: World) -> None:
    await world.addressed(said(), lane="dm")

    case, message = await world.one("cases"), await world.one("messages")
    assert (case["state"], case["lane"], case["version"]) == ("waiting", "dm", 1)
    assert case["since"] == message["received_at"] == NOW + timedelta(seconds=1)
    assert (message["id"], message["case_id"], message["native"]) == ("x:a:post:1", case["id"], "1")
    assert await world.kinds() == ["case_opened"]
    assert await world.counts() == (1, 0, 0)


async def test_the_same_batch_again_does_nothing(world: World) -> None:
    batch = [world.log.addressed(said(str(n), conversation=f"c{n}")) for n in range(5)]
    await world.take(*batch)
    told = await world.told()

    await world.take(*batch)
    await world.take(*batch[2:], world.log.addressed(said("9", conversation="c9")))

    assert len(await world.rows("cases")) == 6
    assert await world.counts() == (6, 0, 0)
    assert (await world.told())[: len(told)] == told
    last = (await world.told())[-1].progress
    assert last is not None
    assert (last.first, last.last, last.stored) == (5, 5, 1)


async def test_a_copy_is_a_duplicate_and_raises_the_lane(world: World) -> None:
    await world.addressed(said(), said(), lane="mention")
    await world.addressed(said(), lane="emergency")
    await world.addressed(said(), lane="thread")

    case = await world.one("cases")
    assert (case["lane"], case["lane_rank"], case["version"]) == ("emergency", 1, 1)
    assert await world.counts() == (1, 3, 0)


async def test_messages_join_by_what_they_answer_then_by_citizen_and_conversation(
    world: World,
) -> None:
    first = said("1")
    await world.addressed(first, said("2", seconds=1), said("3", author="901"))
    await world.addressed(said("4", author="902", conversation="else", to=first.id))

    cases = {row["id"]: row["version"] for row in await world.rows("cases")}
    homes = {row["native"]: row["case_id"] for row in await world.rows("messages")}
    assert homes["1"] == homes["2"] == homes["4"] != homes["3"]
    assert cases == {homes["1"]: 3, homes["3"]: 1}


async def test_a_message_without_conversation_or_author_has_a_case_of_its_own(
    world: World,
) -> None:
    await world.addressed(
        said("1", conversation=None),
        said("2", conversation=None),
        said("3", author=None),
        said("4", author=None),
    )

    assert len(await world.rows("cases")) == 4


async def test_a_closed_case_opens_again_in_the_lane_of_the_new_message(world: World) -> None:
    await world.addressed(said("1"), lane="emergency")
    await world.pool.execute("UPDATE responder.cases SET state = 'closed', close_reason = 'x'")
    await world.addressed(said("2", seconds=60))

    case = await world.one("cases")
    assert (case["state"], case["lane"], case["version"]) == ("waiting", "mention", 2)
    assert case["since"] == NOW + timedelta(seconds=61)
    assert await world.kinds() == ["case_opened", "case_reopened"]


async def test_an_answered_case_waits_again_and_is_anybodys(world: World) -> None:
    await world.addressed(said("1"), lane="emergency")
    await world.pool.execute(
        "UPDATE responder.cases SET state = 'answered', holder = 'a', "
        "lease_until = now() + interval '1 hour'"
    )
    await world.addressed(said("2", seconds=60))

    case = await world.one("cases")
    assert (case["state"], case["lane"], case["holder"]) == ("waiting", "emergency", None)
    assert await world.kinds() == ["case_opened"]


async def test_the_newest_edit_wins_whatever_the_order(world: World) -> None:
    message = said(revision="")
    await world.addressed(message)
    for text, revision in (("tweede", "2"), ("eerste", "1")):
        await world.take(world.log.context(edited(message, text, revision), "edit"))

    row = await world.one("messages")
    assert (row["text"], row["revision"], row["edited_at"] is not None) == ("tweede", "2", True)
    assert (await world.one("cases"))["version"] == 2
    assert await world.counts() == (1, 0, 2)


async def test_an_addressed_edit_before_its_message_opens_the_case_and_keeps_its_text(
    world: World,
) -> None:
    message = said()
    await world.addressed(edited(message, "nieuw", "2"))
    await world.addressed(message)

    row = await world.one("messages")
    assert (row["id"], row["text"]) == (message.id, "nieuw")
    assert await world.counts() == (1, 1, 0)


async def test_an_edit_of_what_we_do_not_have_is_applied_as_nothing(world: World) -> None:
    await world.take(world.log.context(edited(said(), "nieuw", "2"), "edit"))

    assert not await world.rows("messages")
    assert await world.counts() == (0, 0, 1)


async def test_a_deletion_takes_the_text_and_closes_what_waited_for_it(world: World) -> None:
    await world.addressed(said())
    await world.take(world.log.context(deleted(said()), "deletion"))

    row, case = await world.one("messages"), await world.one("cases")
    assert (row["text"], row["author_name"], row["deleted_at"] is not None) == ("", None, True)
    assert (case["state"], case["close_reason"], case["version"]) == ("closed", "withdrawn", 2)
    assert await world.kinds() == ["case_opened", "case_closed"]


async def test_a_case_with_another_message_goes_on_waiting(world: World) -> None:
    await world.addressed(said("1"), said("2", seconds=5))
    await world.take(world.log.context(deleted(said("1")), "deletion"))

    assert (await world.one("cases"))["state"] == "waiting"


@pytest.mark.parametrize("together", [True, False])
async def test_what_was_deleted_before_it_came_is_never_stored(
    world: World, *, together: bool
) -> None:
    batch = [world.log.context(deleted(said()), "deletion"), world.log.addressed(said())]
    if together:
        await world.take(*batch)
    else:
        for record in batch:
            await world.take(record)
    await world.addressed(edited(said(), "terug", "3"))

    assert not await world.rows("messages")
    assert not await world.rows("cases")
    assert await world.counts() == (0, 0, 3)


async def test_our_reply_from_elsewhere_answers_the_case(world: World) -> None:
    await world.addressed(said("1"))
    ours = said("50", to="x:a:post:1", author="us", own=True, seconds=9, conversation=None)
    await world.take(world.log.context(ours, "own_reply"), world.log.context(ours, "own_reply"))

    case = await world.one("cases")
    assert (case["state"], case["answered_outside_at"]) == ("answered", NOW + timedelta(seconds=9))
    assert [row["own"] for row in await world.rows("messages")] == [False, True]
    assert await world.counts() == (1, 0, 2)


async def test_our_reply_from_elsewhere_leaves_waiting_what_came_after_it(world: World) -> None:
    await world.addressed(said("1"), said("2", seconds=20))
    ours = said("50", author="us", own=True, seconds=9, surface="dm")
    await world.take(world.log.context(ours, "own_reply"))

    assert (await world.one("cases"))["state"] == "waiting"


async def test_our_reply_to_nobody_that_we_know_is_applied_as_nothing(world: World) -> None:
    ours = said("50", to="x:a:post:404", author="us", own=True, conversation="elsewhere")
    await world.take(world.log.context(ours, "own_reply"))

    assert not await world.rows("messages")
    assert await world.counts() == (0, 0, 1)


async def test_an_enriched_edit_names_the_author(world: World) -> None:
    bare = said(author=None, incomplete=True)
    await world.addressed(bare)
    full = msgspec.structs.replace(edited(bare, "volledig", "1"), author=Author("77", "nieuw"))
    await world.take(world.log.context(full, "edit"))

    row = await world.one("messages")
    assert (row["author"], row["author_handle"], row["text"]) == ("77", "nieuw", "volledig")


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"{", {"ce_outcome": "addressed", "ce_reason": "mention", "ce_lane": "dm"}),
        (None, {"ce_outcome": "addressed", "ce_reason": "mention"}),
        (None, {"ce_outcome": "addressed", "ce_reason": "whim", "ce_lane": "dm"}),
        (None, {"ce_outcome": "dropped", "ce_reason": "signal"}),
        (None, {}),
    ],
)
async def test_what_breaks_the_contract_is_rejected_and_the_rest_is_taken(
    world: World, value: bytes | None, headers: dict[str, str]
) -> None:
    bad = world.log.put(value or said("66"), headers)
    good = world.log.addressed(said())
    rejected = await world.take(bad, good)

    assert [r.record.offset for r in rejected] == [bad.offset]
    assert await world.counts() == (1, 0, 0)


async def test_what_only_the_database_refuses_is_rejected_alone_and_again_after_a_kill(
    world: World,
) -> None:
    spoken = [said(str(n), conversation=f"c{n}") for n in range(7)]
    spoken[3] = msgspec.structs.replace(spoken[3], text="nul \x00 nul")
    batch = [world.log.addressed(event) for event in spoken]
    poison = batch[3]

    rejected = await world.take(*batch)
    after_kill = await world.take(*batch)

    assert [r.record.offset for r in rejected] == [poison.offset]
    assert isinstance(rejected[0].error, asyncpg.CharacterNotInRepertoireError)
    assert [r.record.offset for r in after_kill] == [poison.offset]
    assert await world.counts() == (6, 0, 0)


async def test_what_was_undecodable_and_is_not_any_more_is_taken_in_although_others_went_on(
    world: World,
) -> None:
    later = world.log.addressed(said("1"))
    bad = world.log.put(b"{", {})
    good = world.log.addressed(said("2"))
    assert len(await world.take(later, bad, good)) == 1
    world.log.end = bad.offset
    mended = world.log.addressed(said("3"))

    assert not await world.take(mended, good)
    assert await world.counts() == (3, 0, 0)
    assert not await world.rows("desk_refused")


async def test_partitions_are_counted_each_by_itself(world: World) -> None:
    other = Log(partition=3)
    await world.take(
        world.log.addressed(said("1")),
        other.addressed(said("2")),
        other.context(deleted(said("9")), "deletion"),
    )

    told = {a.id: a.progress for a in await world.told() if a.progress is not None}
    assert set(told) == {"desk:0:0-0", "desk:3:0-1"}
    assert (told["desk:3:0-1"].stored, told["desk:3:0-1"].applied) == (1, 1)
    assert await world.counts() == (2, 0, 1)


async def test_citizens_own_words_stay_out_of_the_outbox(world: World) -> None:
    await world.addressed(said(text="heel bijzonder woord"))

    for row in await world.rows("outbox"):
        assert b"bijzonder" not in row["value"]
        assert b"burger" not in row["value"]
