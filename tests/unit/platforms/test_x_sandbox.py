"""The played X: what it tells, by which way, and that Toog reads from it the ids in the ledger."""

import itertools
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
import pytest
from starlette.datastructures import QueryParams

from toog.platforms.accounts import Account, Accounts, SourceConfig
from toog.platforms.base import Heard
from toog.platforms.playing import Act, ActKind, Citizen, Ledger
from toog.platforms.x import incoming, sources, streams
from toog.platforms.x.sandbox import XSandbox
from toog.platforms.x.sandbox import activity as sandbox_activity
from toog.platforms.x.sandbox import stream as sandbox_stream
from toog.platforms.x.sandbox.rules import Rule, RuleError, read_rule
from toog.platforms.x.sandbox.show import Asked
from toog.platforms.x.sandbox.world import Person, Post, World

NOW = datetime(2026, 9, 14, 20, 30, tzinfo=UTC)
US = Account(
    "x", "1111", "StadPolDem", "http://127.0.0.1:1", (), (SourceConfig("stream", ("politie247",)),)
)
SECRETS = {"consumer_secret": "geheim", "bearer": "lezer", "user_token": "schrijver"}
AN = Citizen("22", "an_a", "An A.")
BO = Citizen("33", "bo_b", "Bo B.")
ASKED = Asked.of(QueryParams(list(sources.FIELDS)))


class Told:
    """Stands where the webhook is and keeps what it was given."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, Any]] = []

    def put(self, event_id: str, body: Any) -> None:
        self.bodies.append((event_id, json.loads(msgspec.json.encode(body))))


class Night:
    """A played X with rules set, an open stream without mischief, and a webhook that keeps."""

    def __init__(self) -> None:
        self.x = XSandbox(US, SECRETS, webhook_url=None, ledger=Ledger(), seed=1)
        self.told = Told()
        self.x._webhook = self.told  # type: ignore[assignment]  # keeps what a webhook would send
        for value, tag in streams.rules(US.handle, ("politie247",)).items():
            self.x.stream.rules[value] = Rule(value, value, tag, read_rule(value))
        self.lines = self.x.stream.read(ASKED, 0)

    async def does(
        self, kind: ActKind, text: str = "", target: str | None = None, who: Citizen = AN
    ) -> str:
        native = await self.x.act(Act(kind, who, text, target=target))
        assert native is not None
        return native

    def told_of(self, native: str) -> list[str]:
        return [
            body["data"]["event_type"]
            for _, body in self.told.bodies
            if body["data"]["payload"].get("id") == native
        ]

    def heard(self) -> list[Heard]:
        """What Toog reads from the webhooks so far; the ids must be those of the ledger."""
        found: list[Heard] = []
        for event_id, body in self.told.bodies:
            parsed = hear(json.dumps(body).encode())
            assert [h.event.id for h in parsed] == [event_id]
            found += parsed
        return found

    async def line(self) -> bytes:
        return await anext(self.lines)


def hear(body: bytes) -> list[Heard]:
    parsed = incoming.parse(
        body, accounts=Accounts([US]), account=US, source="x:1111:test", now=NOW
    )
    assert parsed.unreadable == ()
    return list(parsed.heard)


@pytest.fixture
async def night(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Night]:
    monkeypatch.setattr(sandbox_stream, "TWICE_SHARE", 0)
    monkeypatch.setattr(sandbox_stream, "LATER_SHARE", 0)
    monkeypatch.setattr(sandbox_activity, "SIGN_SHARE", 0)
    night = Night()
    assert await night.line() == b"\r\n"
    yield night
    night.x.stream.hang_up()
    async for _ in night.lines:
        pass


class TestTold:
    async def test_a_mention_comes_by_webhook_and_stream_under_one_id(self, night: Night) -> None:
        native = await night.does("mention", "@StadPolDem er ligt glas #meldpunt")

        (by_webhook,) = night.heard()
        (by_stream,) = hear(await night.line())

        assert night.told_of(native) == ["post.mention.create"]
        assert by_webhook.event.id == by_stream.event.id == f"x:1111:post:{native}"
        assert not by_stream.room
        for event in (by_webhook.event, by_stream.event):
            assert [m.handle for m in event.mentions] == ["StadPolDem"]
            assert event.author is not None
            assert event.author.handle == "an_a"
            assert event.hashtags == ("meldpunt",)
        assert by_stream.key == by_webhook.key == "x:1111:22"
        assert by_stream.event.id in night.x.ledger.played
        assert by_stream.event.id in night.x.ledger.sent_at

    async def test_noise_is_overheard_in_the_room_only(self, night: Night) -> None:
        native = await night.does("noise", "spannend! #Politie247")

        (heard,) = hear(await night.line())

        assert heard.room
        assert heard.event.native == native
        assert night.told.bodies == []

    async def test_a_direct_reply_carries_us_in_its_prefix(self, night: Night) -> None:
        post = await night.does("own_post", "De ring is weer open.")
        native = await night.does("reply", "dank u!", post)

        reply = night.heard()[-1].event
        (streamed,) = hear(await night.line())

        assert night.told_of(native) == ["post.reply.create"]
        assert reply.text == "@StadPolDem dank u!"
        assert [m.handle for m in reply.reply_prefix] == ["StadPolDem"]
        assert reply.mentions == ()
        assert reply.in_reply_to is not None
        assert (reply.in_reply_to.id, reply.in_reply_to.author) == (f"x:1111:post:{post}", "1111")
        assert reply.conversation == post
        assert streamed.event.id == reply.id

    async def test_a_reply_that_names_us_as_well_is_told_twice(self, night: Night) -> None:
        post = await night.does("own_post", "De ring is weer open.")
        native = await night.does("reply", "@StadPolDem ook de tunnel?", post)

        assert night.told_of(native) == ["post.mention.create", "post.reply.create"]
        assert len({heard.event.id for heard in night.heard()[1:]}) == 1

    async def test_a_bystander_comes_by_the_stream_alone(self, night: Night) -> None:
        post = await night.does("own_post", "De ring is weer open.")
        reply = await night.does("reply", "sinds wanneer?", post)
        native = await night.does("bystander", "al een uur", reply, BO)
        await night.line()

        (heard,) = hear(await night.line())

        assert night.told_of(native) == []
        assert [m.handle for m in heard.event.reply_prefix] == ["an_a", "StadPolDem"]
        assert heard.event.mentions == ()
        assert heard.event.root_author == "1111"
        assert not heard.room

    async def test_reposts_and_quotes(self, night: Night) -> None:
        post = await night.does("own_post", "Straks op tv #politie247")
        await night.does("repost", "", post)
        await night.does("quote", "kijken! #politie247", post, BO)

        own, repost, quote = [hear(await night.line())[0] for _ in range(3)]

        assert own.event.own
        assert (repost.event.surface, repost.room) == ("repost", True)
        assert (quote.event.surface, quote.room) == ("quote", True)
        assert quote.event.quotes is not None
        assert quote.event.quotes.author == "1111"
        kinds = [body["data"]["event_type"] for _, body in night.told.bodies]
        assert kinds == ["post.create", "post.quote.create"]
        assert night.heard()[-1].event.id == quote.event.id
        assert night.heard()[-1].event.quotes == quote.event.quotes

    async def test_texts_are_escaped_and_come_back_as_typed(self, night: Night) -> None:
        typed = "R&D <3 @StadPolDem #politie247 &amp; meer"
        await night.does("mention", typed)
        await night.does("dm", "ja & nee")

        line = json.loads(await night.line())["data"]

        assert line["text"] == "R&amp;D &lt;3 @StadPolDem #politie247 &amp;amp; meer"
        (tag,) = line["entities"]["hashtags"]
        assert line["text"][tag["start"] : tag["end"]] == "#politie247"
        assert [heard.event.text for heard in night.heard()] == [typed, "ja & nee"]

    async def test_an_edit_is_a_new_version_by_the_stream(self, night: Night) -> None:
        first = await night.does("mention", "@StadPolDem glas op straat")
        second = await night.does("edit", "@StadPolDem glas op de Markt", first)
        created, edited = [hear(await night.line())[0].event for _ in range(2)]

        assert edited.id == f"{created.id}:edit:{second}"
        assert (edited.kind, edited.of) == ("edited", created.id)
        assert edited.revision > created.revision
        assert edited.id in night.x.ledger.played
        assert len(night.told.bodies) == 1

    async def test_a_direct_message(self, night: Night) -> None:
        native = await night.does("dm", "mag ik u iets vragen?")

        (heard,) = night.heard()

        assert heard.event.id == f"x:1111:dm:{native}"
        assert (heard.event.surface, heard.event.conversation) == ("dm", "22-1111")
        assert heard.event.author is not None
        assert heard.event.author.handle == "an_a"

    async def test_deletions_are_told_of_ours_only(self, night: Night) -> None:
        theirs = await night.does("mention", "@StadPolDem hallo")
        ours = await night.does("own_post", "Vergissing.")
        before = len(night.told.bodies)

        assert await night.x.act(Act("delete", BO, target=theirs)) is None
        assert night.x.world.find(theirs) is not None
        assert await night.x.act(Act("delete", AN, target=theirs)) is None
        assert night.x.world.find(theirs) is None
        assert len(night.told.bodies) == before
        assert await night.x.act(Act("own_delete", AN, target=ours)) is None

        event = night.heard()[-1].event
        assert (event.kind, event.of) == ("deleted", f"x:1111:post:{ours}")

    async def test_what_refers_to_nothing_makes_nothing(self, night: Night) -> None:
        for kind in ("reply", "bystander", "quote", "repost", "edit", "own_delete"):
            assert await night.x.act(Act(kind, AN, "x", target="404")) is None

    async def test_our_replies_come_back_keyed_by_the_citizen(self, night: Night) -> None:
        native = await night.does("mention", "@StadPolDem glas")
        post = night.x.world.find(native)
        night.x.say("We komen kijken.", parent=post)
        night.x.write(night.x.world.people["22"], "Waar precies?")

        reply, message = night.heard()[-2:]

        assert reply.event.own
        assert message.event.own
        assert reply.key == message.key == "x:1111:22"
        assert [m.handle for m in reply.event.reply_prefix] == ["an_a"]

    async def test_activity_shows_what_the_documented_samples_show(self, night: Night) -> None:
        await night.does("mention", "hey @StadPolDem")
        body = night.told.bodies[0][1]["data"]

        assert set(body) == {
            "event_uuid",
            "filter",
            "event_type",
            "tag",
            "payload",
            "includes",
        }
        payload = body["payload"]
        assert payload["display_text_range"] == [0, 15]
        (named,) = payload["entities"]["mentions"]
        assert named == {
            "start": 4,
            "start_str": "4",
            "end": 15,
            "end_str": "15",
            "username": "StadPolDem",
            "id": "1111",
        }
        assert payload["edit_history_tweet_ids"] == [payload["id"]]
        assert payload["public_metrics"]["like_count_str"] == "0"
        assert [user["username"] for user in body["includes"]["users"]] == ["an_a", "StadPolDem"]


class TestStream:
    async def test_backfill_gives_again_what_was_missed(self, night: Night) -> None:
        night.x.stream.hang_up()
        native = await night.does("noise", "gemist #politie247")
        assert f"x:1111:post:{native}" in night.x.ledger.played

        reader = night.x.stream.read(ASKED, 1)
        lines = [await anext(reader), await anext(reader)]
        await reader.aclose()

        assert lines[0] == b"\r\n"
        assert hear(lines[1])[0].event.native == native
        assert night.x.ledger.counts["stream_backfilled"] == 1

    async def test_nothing_is_owed_before_anybody_ever_read(self) -> None:
        night = Night()
        native = await night.does("noise", "vroeg #politie247")

        assert f"x:1111:post:{native}" not in night.x.ledger.played
        assert f"x:1111:post:{native}" not in night.x.ledger.sent_at

    async def test_copies_and_disorder_lose_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox_stream, "LATER_S", 0.01)
        monkeypatch.setattr(sandbox_stream, "TWICE_SHARE", 0.3)
        monkeypatch.setattr(sandbox_stream, "LATER_SHARE", 0.3)
        night = Night()
        await night.line()
        said = [await night.does("noise", f"{n} #politie247") for n in range(60)]

        got: list[str | None] = []
        while set(got) != set(said):
            got += [heard.event.native for heard in hear(await night.line())]
        await night.lines.aclose()

        assert len(got) > len(said)
        assert list(dict.fromkeys(got)) != said

    async def test_a_slow_reader_is_disconnected(
        self, night: Night, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox_stream, "BACKLOG", 3)
        for n in range(4):
            await night.does("noise", f"{n} #politie247")

        rest = [line async for line in night.lines]

        assert len(rest) == 1
        assert b"operational-disconnect" in rest[0]
        assert hear(rest[0]) == []

    async def test_silence_is_broken_by_heartbeats(self, night: Night) -> None:
        night.x.stream.heartbeat_s = 0.01

        assert await night.line() == b"\r\n"

    async def test_without_fields_asked_only_the_usual_ones(self, night: Night) -> None:
        night.x.stream.hang_up()
        await night.does("noise", "kaal #politie247")
        reader = night.x.stream.read(Asked(), 1)
        await anext(reader)

        line = json.loads(await anext(reader))
        await reader.aclose()

        assert set(line) == {"data", "matching_rules"}
        assert set(line["data"]) == {"id", "text", "edit_history_tweet_ids"}
        assert line["matching_rules"] == [{"id": "#politie247", "tag": "room:politie247"}]


class TestRules:
    @pytest.fixture
    def posts(self) -> dict[str, Post]:
        world = World(Person("1111", "StadPolDem", "Stadspolitie"), Random(1))
        an = world.meet(Person("22", "an_a", "An"))
        ours = world.say(world.us, "Dag #Politie247", language="nl")
        return {
            "ours": ours,
            "mention": world.say(an, "@stadpoldem hallo", language="nl"),
            "reply": world.say(an, "dank", language="nl", parent=ours),
            "repost": world.repost(an, ours),
            "quote": world.say(an, "kijk", language="fr", quoted=ours),
            "noise": world.say(an, "wat een avond #politie247", language="nl"),
        }

    @pytest.mark.parametrize(
        ("value", "matched"),
        [
            (
                "(@StadPolDem OR to:StadPolDem) -from:StadPolDem -is:retweet",
                {"mention", "reply"},
            ),
            ("#politie247", {"ours", "repost", "noise"}),
            ("#politie247 -is:retweet -from:1111", {"noise"}),
            ("from:an_a is:quote", {"quote"}),
            ("is:reply OR lang:fr", {"reply", "quote"}),
            ('"een avond"', {"noise"}),
            ("hallo", {"mention"}),
            ("-(#politie247 OR is:quote) from:an_a", {"mention", "reply"}),
        ],
    )
    def test_matching(self, posts: dict[str, Post], value: str, matched: set[str]) -> None:
        matches = read_rule(value)

        assert {name for name, post in posts.items() if matches(post)} == matched

    @pytest.mark.parametrize("value", ["", "(", "a OR", ")", "a )", "has:videos_of_cats", "()"])
    def test_what_is_no_rule(self, value: str) -> None:
        with pytest.raises(RuleError):
            read_rule(value)


async def test_ids_look_like_those_of_x_and_only_grow(night: Night) -> None:
    ids = [await night.does("noise", f"{n}") for n in range(200)]

    assert {len(id_) for id_ in ids} == {19}
    assert all(int(a) < int(b) for a, b in itertools.pairwise(ids))


class TestActivities:
    """The X Activity API by stream, and the small signs of life."""

    async def play(self, x: XSandbox) -> None:
        post = x.say("Straks op tv").id
        await x.act(Act("quote", AN, "kijken!", target=post))
        await x.act(Act("dm", AN, "bent u daar?"))
        x.write(Person(AN.id, AN.handle, AN.name), "Jazeker.")

    async def test_the_stream_tells_what_a_webhook_is_told(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox_activity, "SIGN_SHARE", 1)
        x = XSandbox(US, SECRETS, webhook_url=None, ledger=Ledger(), seed=1)
        lines = x.activities.read(0)
        assert await anext(lines) == b"\r\n"

        await self.play(x)
        x.activities.hang_up()
        told = [json.loads(line)["data"]["event_type"] async for line in self.again(x)]

        assert told == [
            "post.create",
            "post.quote.create",
            "like.create",
            "dm.indicate_typing",
            "dm.received",
            "dm.sent",
            "dm.read",
        ]
        await lines.aclose()

    async def again(self, x: XSandbox) -> AsyncIterator[bytes]:
        """What a reader that comes back is told, until all has come again."""
        lines = x.activities.read(5)
        async for line in lines:
            if line.strip():
                yield line
                if b'"dm.read"' in line:
                    break
        await lines.aclose()

    async def test_what_was_read_once_is_owed_under_the_ids_that_toog_gives(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox_activity, "SIGN_SHARE", 1)
        x = XSandbox(US, SECRETS, webhook_url=None, ledger=Ledger(), seed=1)
        lines = x.activities.read(0)
        await anext(lines)

        await self.play(x)
        heard = [h for _ in range(7) for h in hear(await anext(lines))]

        assert {h.event.id for h in heard} == x.ledger.played == set(x.ledger.sent_at)
        assert [h.event.signal for h in heard if h.event.signal] == ["like", "typing", "read"]
        await lines.aclose()

    async def test_signs_are_few_and_the_same_for_the_same_seed(self) -> None:
        def signs() -> list[bool]:
            signs = sandbox_activity.Signs(Person("1111", "StadPolDem", "S"), 7)
            return [signs.typing(Person("22", "an_a", "A")) is not None for _ in range(200)]

        first, second = signs(), signs()

        assert first == second
        assert 5 <= sum(first) <= 50

    async def test_two_may_read_and_silence_is_broken(self) -> None:
        x = XSandbox(US, SECRETS, webhook_url=None, ledger=Ledger(), seed=1)
        x.activities.heartbeat_s = 0.01
        one, two = x.activities.read(0), x.activities.read(0)

        assert [await anext(one) for _ in range(2)] == [b"\r\n"] * 2
        assert not x.activities.full
        await anext(two)
        assert x.activities.full
        await one.aclose()
        assert not x.activities.full
        await two.aclose()
