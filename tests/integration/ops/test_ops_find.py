"""`toog find` on a real log and a real database: every step of a post, and plainly what is not known."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from support.desk import ACCOUNTS, World, deleted, pool_of, said
from support.judged import US, Night, noise
from support.ledger import KEY, dropped, page, written
from support.verbs import Said, toog

from services.responder.acts import Desk
from services.responder.store import replies
from toog.contracts import events
from toog.contracts.events import Event
from toog.contracts.ids import partition_of
from toog.contracts.topics import DESK, DROPPED, EVENTS, record_of
from toog.kit.errors import StartError
from toog.kit.revive import REVIVED, once_more
from toog.kit.settings import PostgresSettings
from toog.kit.stream import dead
from toog.kit.stream.read import look
from toog.local.kafka import Kafka
from toog.ops.asked import asked
from toog.ops.audited import Operator
from toog.ops.whereabouts import Found, found
from toog.platforms.accounts import Account, Accounts

WORDS = "@stadpoldem staat mijn fiets bij jullie?"
NATIVE = "1990000000000000001"
LINK = f"https://x.com/burger900/status/{NATIVE}?s=20"
OURS = Accounts([Account("x", ACCOUNTS["x"], "stadpoldem", "https://api.example")])
ME = Operator("operator", "a citizen asked")


class Search:
    """A night, a desk, and the verb."""

    def __init__(self, night: Night, world: World, dsn: str) -> None:
        self.night = night
        self.world = world
        self.dsn = dsn
        self.database = PostgresSettings(
            postgres=SecretStr(dsn), instance="operator", dependency_wait_s=0
        )

    async def at_desk(self) -> None:
        """The desk takes in what stands on its topic."""
        async with look(self.night.kafka) as log:
            async for bite in log.scan(await log.spans([DESK])):
                await self.world.take(*(record for _, record in bite))

    async def find(self, text: str, *, database: bool = True, who: Operator | None = None) -> Found:
        what = asked(text).on(OURS)
        return await found(self.night.kafka, self.database if database else None, what, who=who)

    async def toog(self, *words: str) -> Said:
        environment = self.night.environment | {"TOOG_POSTGRES": self.dsn}
        return await toog("find", *words, **environment)


@pytest.fixture
async def search(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Search]:
    pool = await pool_of(database, size=2)
    async with Night(kafka.bootstrap, prefix).begun() as night:
        yield Search(night, World(pool), database)
    await pool.close()


def mention(native: str = NATIVE, **fields: object) -> Event:
    id_ = f"x:{ACCOUNTS['x']}:post:{native}"
    return said(native, id=id_, text=WORDS, mentions=(US,), **fields)


def way(shown: Found) -> list[str]:
    return [step.what for step in shown.steps]


def places(shown: Found) -> list[tuple[str, str]]:
    return [(step.what, step.where) for step in shown.steps]


async def test_the_whole_way_of_a_mention_by_whatever_name_it_is_called(search: Search) -> None:
    heard = await search.night.hear(mention(), *noise(3))
    await search.night.judged()
    await search.at_desk()
    desk = Desk(search.world.pool, lease_s=60, reply_length=lambda _: 280)
    rows = await desk.next("jo")
    assert rows is not None
    case = rows.case["id"]
    reply, _ = await desk.reply("jo", case, "Ja, kom gerust langs.", 1, None)
    async with search.world.pool.acquire() as connection:
        await replies.take(connection, "x", [], 1)
        await replies.sent(connection, reply["id"], 1, "1990000000000000777", "x:1:post:777")
    names = [LINK, NATIVE, mention().id, case, reply["id"]]
    found_ = [await search.find(name) for name in names]
    by_record = await search.find(heard[0])
    by_reply = await search.find("https://x.com/stadpoldem/status/1990000000000000777")
    shown = await search.toog(LINK)

    expected = ["received", "addressed", "stored", "case", "reply"]
    assert [way(one) for one in found_] == [expected] * len(names)
    assert found_[0].steps[0].where == heard[0]
    assert found_[0].steps[1].where.startswith("social.desk.v1:")
    assert "reason mention, lane mention, rules 0." in found_[0].steps[1].said
    assert "jo has it until" in found_[0].steps[3].said
    assert "sent, by jo" in found_[0].steps[4].said
    assert "at the platform 1990000000000000777" in found_[0].steps[4].said
    assert way(await search.find(found_[0].steps[1].where)) == expected  # the desk's coordinates
    assert way(by_record) == expected
    assert way(by_reply) == ["case", "reply"]
    assert (shown.code, shown.err) == (0, "")
    assert all(word in shown.out for word in (heard[0], "reason mention", case, reply["id"]))
    assert WORDS not in shown.out
    assert "burger" not in shown.out.lower()
    assert "langs" not in shown.out


async def test_in_flight_then_dropped_then_revived_and_all_of_it_twice(search: Search) -> None:
    post = said("5", text="#politie247 straf", hashtags=("politie247",))
    heard = await search.night.hear(post)
    waiting = await search.find(post.id)
    await search.night.judged()
    await search.night.hear(post, by="other")  # a second source told it too
    noise_ = await search.find(post.id)
    async with look(search.night.kafka) as log:
        record = await log.record(heard[0])
        again = once_more(
            record, heard[0], events.decode(record.value), REVIVED, "9", "revive", "jo"
        )
        await search.night.out.send([again])
    revived = await search.find(heard[0])

    assert way(waiting) == ["received", "in flight"]
    assert "committed up to offset 0" in waiting.steps[1].said
    assert way(noise_) == ["received", "dropped", "received", "in flight"]
    assert "reason hashtag_only, rules 0." in noise_.steps[1].said
    assert way(revived) == ["received", "dropped", "revived"]
    assert "through jo" in revived.steps[2].said
    assert waiting.said == noise_.said == []


async def test_a_page_of_one_line_is_followed_and_of_many_is_laid_out(search: Search) -> None:
    heard = await search.night.hear(*noise(4))
    three = page((1, "repost", None), (2, "signal", None), (3, "repost", None))
    await search.night.out.send([dropped(0), three, written(DROPPED, b'{"lines":[]}')])
    number = partition_of(KEY, DROPPED.partitions)
    one, many, odd = (record_of(DROPPED.name, number, offset) for offset in range(3))
    by_one = await search.find(one)
    async with look(search.night.kafka) as log:
        records = [await log.record(place) for place in (many, odd)]
    await search.night.out.send(
        dead.of_record(record, DROPPED.name, "metrics", ValueError("a text")) for record in records
    )
    by_many = await search.find(many)
    letter = by_many.steps[-1].where
    by_letter = await search.find(letter)
    by_line = await search.find(heard[2])
    by_odd = await search.find(odd)
    shown = await search.toog(many)
    nonsense = await search.toog(odd)

    assert places(by_one) == [("received", heard[0]), ("dropped", one)]
    assert places(by_many) == [*(("dropped", line) for line in heard[1:]), ("set aside", letter)]
    assert (by_letter.steps, by_letter.said) == (by_many.steps, by_many.said)
    assert [step.said for step in by_many.steps[:2]] == [
        "reason repost, rules 1",
        "reason signal, rules 1",
    ]
    assert f"has 3 lines, on offsets 1 to 3 of {EVENTS.name}, partition" in by_many.said[0]
    assert f"as {heard[1]}, to see its whole way" in by_many.said[0]
    assert places(by_line) == [("received", heard[2]), ("dropped", many), ("set aside", letter)]
    assert (way(by_odd), by_odd.said) == (["set aside"], ["this page of the ledger cannot be read"])
    assert (shown.code, shown.err, nonsense.code) == (0, "", 0)
    assert all(line in shown.out for line in (*heard[1:], "This page of the ledger has 3 lines"))


async def test_read_without_a_verdict_is_called_missing(search: Search) -> None:
    heard = await search.night.hear(mention())
    search.night.out.forgets = set(heard)
    await search.night.judged()
    shown = await search.find(LINK)

    assert way(shown) == ["received", "missing"]
    assert "toog balance" in shown.steps[1].said


async def test_what_could_not_be_read_is_found_by_the_ids_in_it(search: Search) -> None:
    broken = b'{"id":"x:1:post:%s","kind":"odd"' % NATIVE.encode()
    heard = await search.night.hear(broken)
    await search.night.judged()
    body = dead.letter(
        stage="ingest", record="x:webhook:abc", key="dead:x", error="DecodeError",
        body=b'{"id":"1990000000000000002"', now=datetime.now(UTC), source_partition="x:webhook",
    )  # fmt: skip
    await search.night.out.send([body])
    by_record = await search.find(heard[0])
    by_letter = await search.find(by_record.steps[1].where)
    by_id = await search.find(NATIVE)
    unheard = await search.find("https://x.com/a/status/1990000000000000002")

    assert way(by_record) == way(by_letter) == ["received", "set aside"]
    assert "router, " in by_record.steps[1].said
    assert "set aside" in way(by_id)
    assert way(unheard) == ["set aside"]
    assert "ingest, DecodeError" in unheard.steps[0].said
    assert "never entered it as an event" in unheard.said[0]


async def test_what_retention_took_is_known_by_what_it_left(search: Search) -> None:
    post = mention("7")
    chatter = said(
        "8", id=f"x:{ACCOUNTS['x']}:post:8", text="#politie247", hashtags=("politie247",)
    )
    heard = await search.night.hear(post, chatter, *noise(1))
    await search.night.judged()
    await search.night.expired(heard[2])
    at_desk = await search.find("https://x.com/a/status/7")
    noise_ = await search.find("https://x.com/a/status/8")
    by_record = await search.find(heard[1])
    never = await search.find("https://x.com/a/status/9")
    ahead = await search.find(heard[2].rpartition(":")[0] + ":99")

    assert way(at_desk) == ["received", "addressed"]
    assert way(noise_) == way(by_record) == ["received", "dropped"]
    assert "taken by retention" in noise_.steps[0].said
    assert "no longer in the intake" in noise_.said[0]
    assert (way(never), way(ahead)) == ([], [])
    assert "never came, or so long ago that retention took it" in never.said[0]
    assert "retention took the record of the intake" in by_record.said[0]
    assert "nothing stands at these coordinates yet" in ahead.said[0]


async def test_what_never_came_is_said_plainly(search: Search) -> None:
    await search.night.hear(mention())
    shown = await search.toog("https://x.com/burger/status/1990000000000000009")
    by_code = await search.toog("https://www.instagram.com/p/Cabc123/")
    wrong = await search.toog("https://example.org/news")

    assert (shown.code, by_code.code, wrong.code) == (1, 1, 2)
    assert "nothing there has this id: it never came" in shown.out
    assert "such a link names no id that the platform tells us" in by_code.out
    assert "is no link to a post" in wrong.err


async def test_a_deleted_message_has_its_tombstone(search: Search) -> None:
    post = mention()
    await search.night.hear(post)
    await search.night.judged()
    await search.at_desk()
    await search.night.hear(deleted(post))
    await search.night.judged()
    await search.at_desk()
    shown = await search.find(LINK)

    assert way(shown)[:4] == ["received", "addressed", "received", "context"]
    assert {"stored", "emptied", "deleted", "case"} <= set(way(shown))


async def test_text_is_shown_to_a_name_with_a_reason_after_an_audit_row(search: Search) -> None:
    heard = await search.night.hear(mention())
    nameless = await search.toog(LINK, "--text")
    audit = await search.world.rows("audit")
    shown = await search.toog(LINK, "--text", "--operator", "jo", "--reason", "asked", "--json")
    (row,) = await search.world.rows("audit")
    inside = await search.find(LINK, who=ME)

    assert (nameless.code, nameless.out, list(audit)) == (2, "", [])
    assert "--operator NAME --reason TEXT" in nameless.err
    assert json.loads(shown.out)["texts"] == [{"record": heard[0], "text": WORDS}]
    assert (row["agent"], row["act"], row["why"]) == ("jo", "find", "asked")
    assert row["records"] == heard
    assert inside.texts == [(heard[0], WORDS)]
    with pytest.raises(StartError, match="audit row"):
        await search.find(LINK, database=False, who=ME)


async def test_without_a_database_it_says_so_and_tells_what_kafka_knows(
    search: Search, tmp_path: Path
) -> None:
    heard = await search.night.hear(mention())
    environment = search.night.environment
    bare = await toog("find", LINK, **environment)
    away = await toog(
        "find", LINK, **environment, TOOG_POSTGRES="postgresql://toog@127.0.0.1:1/toog",
        TOOG_DEPENDENCY_WAIT_S="0",
    )  # fmt: skip
    text = await toog("find", LINK, "--text", "--operator", "jo", "--reason", "r", **environment)
    accounts = tmp_path / "accounts.toml"
    accounts.write_text("nonsense")
    wrong = await toog("find", LINK, **environment, TOOG_ACCOUNTS=str(accounts))

    for shown in (bare, away):
        assert shown.code == 0
        assert heard[0] in shown.out
        assert "in flight" in shown.out
        assert "Where it stands at the desk is not known" in shown.out
    assert "TOOG_POSTGRES" in bare.out
    assert "PostgreSQL does not answer" in away.out
    assert (text.code, WORDS in text.out) == (2, False)
    assert (wrong.code, "accounts.toml" in wrong.err) == (2, True)


async def test_one_post_is_found_among_ten_thousand(search: Search) -> None:
    for n in range(10):
        await search.night.hear(*noise(1000, f"{n}-"), room=True, by=str(n))
    heard = await search.night.hear(mention())
    told: list[tuple[int, int]] = []
    what = asked(LINK)
    shown = await found(search.night.kafka, None, what, progress=lambda *n: told.append(n))

    assert [step.where for step in shown.steps] == [heard[0]] * 2
    assert told[-1] == (10_001, 10_001)
