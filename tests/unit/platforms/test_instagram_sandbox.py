"""The played Instagram: what it tells in which shape, and that Toog reads the ids in the ledger."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
import pytest

from toog.contracts.events import Event
from toog.platforms.accounts import Account, Accounts
from toog.platforms.instagram import incoming
from toog.platforms.instagram import sandbox as played
from toog.platforms.instagram.sandbox import InstagramSandbox
from toog.platforms.instagram.sandbox.fields import FieldsError, read_fields
from toog.platforms.instagram.sandbox.webhook import Update, Webhook
from toog.platforms.playing import Act, ActKind, Citizen, Ledger

NOW = datetime(2026, 9, 14, 20, 40, tzinfo=UTC)
US = Account("instagram", "17841400000000000", "stadpoldem", "http://127.0.0.1:1/instagram")
SECRETS = {"app_secret": "geheim", "verify_token": "woord", "token": "sleutel"}
AN = Citizen("5600000000000022", "an.demo", "An D.")
BO = Citizen("5600000000000033", "bo.demo", "Bo D.")
BASE = f"instagram:{US.id}"


class Told:
    """Stands where the webhook is and keeps what it was given."""

    def __init__(self) -> None:
        self.updates: list[Update] = []

    def put(self, update: Update) -> None:
        self.updates.append(update)


class Night:
    """A played Instagram and what it told."""

    def __init__(self, **limits: int) -> None:
        self.instagram = InstagramSandbox(
            US, SECRETS, webhook_url=None, ledger=Ledger(), seed=1, **limits
        )
        self.told = Told()
        self.instagram._webhook = self.told  # type: ignore[assignment]  # keeps what it would send
        self.shapes = Webhook("x", SECRETS, US.id, Ledger(), Random(1))
        (self.post,) = self.instagram.world.ours()

    async def does(
        self, kind: ActKind, text: str = "", target: str | None = None, who: Citizen = AN
    ) -> str:
        native = await self.instagram.act(Act(kind, who, text, target=target))
        assert native is not None
        return native

    def heard(self) -> list[Event]:
        """What Toog reads of all that was told, in one batch; the ids must be those told."""
        updates, self.told.updates = self.told.updates, []
        parsed = incoming.parse(
            self.shapes.body(updates), accounts=Accounts([US]), account=None, source="x", now=NOW
        )
        assert parsed.unreadable == ()
        assert [h.event.id for h in parsed.heard] == [update.event_id for update in updates]
        return [h.event for h in parsed.heard]


@pytest.fixture
def night() -> Night:
    return Night()


@pytest.fixture
async def graph(night: Night) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=night.instagram.app())
    headers = {"authorization": "Bearer sleutel"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://graph", headers=headers
    ) as client:
        yield client


def places(monkeypatch: pytest.MonkeyPatch, *, ours: float, caption: float) -> None:
    monkeypatch.setattr(played, "ON_OURS_SHARE", ours)
    monkeypatch.setattr(played, "IN_CAPTION_SHARE", caption)


class TestTold:
    async def test_comments_under_our_post_and_answers_to_them(self, night: Night) -> None:
        comment = await night.does("reply", "Waar staan jullie?", night.post.id)
        answer = await night.does("bystander", "Aan de brug 😀", comment, who=BO)
        deeper = await night.does("reply", "Dank!", answer)

        first, second, third = night.heard()

        assert (first.id, first.surface) == (f"{BASE}:comment:{comment}", "comment")
        assert first.conversation == f"{night.post.id}:{comment}"
        for event in (second, third):
            assert event.in_reply_to is not None
            assert event.in_reply_to.id == first.id
            assert event.conversation == first.conversation
        assert second.text == "Aan de brug 😀"
        assert third.native == deeper

    async def test_a_mention_under_our_post(
        self, night: Night, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        places(monkeypatch, ours=1, caption=0)
        await night.does("mention", "@stadpoldem er ligt glas")

        (event,) = night.heard()

        assert event.surface == "comment"
        assert not event.incomplete
        assert [mention.handle for mention in event.mentions] == ["stadpoldem"]

    @pytest.mark.parametrize(("caption", "type_"), [(0, "comment"), (1, "media")])
    async def test_a_mention_elsewhere_is_ids_only(
        self, night: Night, monkeypatch: pytest.MonkeyPatch, caption: float, type_: str
    ) -> None:
        places(monkeypatch, ours=0, caption=caption)
        native = await night.does("mention", "@stadpoldem er ligt glas")

        (event,) = night.heard()

        assert event.id == f"{BASE}:{type_}:{native}"
        assert (event.text, event.author, event.incomplete) == ("", None, True)

    async def test_messages(self, night: Night) -> None:
        await night.does("dm", "Mag ik iets vragen?")
        await night.does("story_reply", "Mooi!")
        await night.does("story_mention", "@stadpoldem")

        plain, reply, mention = night.heard()

        assert (plain.surface, plain.text) == ("dm", "Mag ik iets vragen?")
        assert (reply.surface, reply.text) == ("story_reply", "Mooi!")
        assert (mention.surface, mention.text) == ("story_mention", "")
        assert {event.conversation for event in (plain, reply, mention)} == {f"{US.id}:{AN.id}"}

    async def test_edited_and_unsent_messages(self, night: Night) -> None:
        mid = await night.does("dm", "glas op straat")
        assert await night.does("edit", "glas op de stoep", mid) == mid
        await night.does("edit", "glas op de stoep, veel", mid)
        await night.does("delete", target=mid)

        _, edited, again, gone = night.heard()

        assert edited.id == f"{BASE}:message:{mid}:edit:1"
        assert (again.id, again.text) == (
            f"{BASE}:message:{mid}:edit:2",
            "glas op de stoep, veel",
        )
        assert gone.id == f"{BASE}:message:{mid}:deleted"

    async def test_of_changed_comments_nothing_is_told(self, night: Night) -> None:
        comment = await night.does("reply", "oei", night.post.id)
        night.heard()

        for kind in ("edit", "delete", "delete"):
            assert await night.instagram.act(Act(kind, AN, "x", target=comment)) is None
        assert night.told.updates == []

    @pytest.mark.parametrize("kind", ["noise", "quote", "repost", "visitor_post", "edit", "reply"])
    async def test_what_makes_no_message(self, night: Night, kind: ActKind) -> None:
        assert await night.instagram.act(Act(kind, AN, "x #politie247", target="weg")) is None
        assert night.told.updates == []

    async def test_only_the_author_changes_a_message(self, night: Night) -> None:
        mid = await night.does("dm", "van An")

        assert await night.instagram.act(Act("edit", BO, "x", target=mid)) is None
        assert await night.instagram.act(Act("delete", BO, target=mid)) is None

    async def test_our_own_doings(self, night: Night) -> None:
        post = await night.does("own_post", "Goedenavond")
        assert night.told.updates == []
        comment = await night.does("reply", "Dag!", post)
        await night.does("own_post", "Dag An", comment)

        _, ours = night.heard()

        assert ours.own
        assert ours.in_reply_to is not None
        assert await night.instagram.act(Act("own_delete", AN, target=post)) is None
        assert await night.instagram.act(Act("reply", AN, "x", target=post)) is None

    async def test_both_shapes_in_the_long_run(self, night: Night) -> None:
        for number in range(20):
            await night.does("reply", f"vraag {number}", night.post.id)

        body = json.loads(night.shapes.body(night.told.updates))

        assert any("field" in entry for entry in body["entry"])
        assert any("changes" in entry for entry in body["entry"])
        assert len(night.heard()) == 20

    async def test_the_body_is_ascii_with_escaped_slashes(self, night: Night) -> None:
        await night.does("dm", "é / 😀")

        assert rb"\u00e9 \/ \ud83d\ude00" in night.shapes.body(night.told.updates)

    async def test_the_same_seed_tells_the_same(self) -> None:
        nights = [Night(), Night()]
        for night in nights:
            for kind in ("mention", "dm", "mention", "mention"):
                await night.does(kind, "@stadpoldem hallo")

        assert nights[0].told.updates[0].event_id == nights[1].told.updates[0].event_id
        assert [u.event_id for u in nights[0].told.updates] == [
            u.event_id for u in nights[1].told.updates
        ]


class TestGraph:
    @pytest.mark.parametrize("version", ["", "/v24.0", "/v25.0", "/v26.0"])
    async def test_with_a_version_or_without(self, graph: httpx.AsyncClient, version: str) -> None:
        answer = await graph.get(f"{version}/me", params={"fields": "id,username"})

        assert answer.json() == {"id": US.id, "username": "stadpoldem"}

    @pytest.mark.parametrize(
        ("headers", "params", "status", "code"),
        [
            ({"authorization": ""}, {}, 400, 104),
            ({"authorization": "Bearer fout"}, {}, 401, 190),
            ({"authorization": ""}, {"access_token": "fout"}, 401, 190),
            ({"authorization": ""}, {"access_token": "sleutel"}, 200, None),
            ({"authorization": "OAuth sleutel"}, {}, 200, None),
        ],
    )
    async def test_the_token_is_checked(
        self,
        graph: httpx.AsyncClient,
        headers: dict[str, str],
        params: dict[str, str],
        status: int,
        code: int | None,
    ) -> None:
        answer = await graph.get("/me", headers=headers, params=params)

        assert answer.status_code == status
        assert answer.json().get("error", {}).get("code") == code

    async def test_usage_is_told_after_some_calls_and_then_it_is_over(self) -> None:
        night = Night(call_limit=6)
        transport = httpx.ASGITransport(app=night.instagram.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://graph") as client:
            answers = [await client.get("/me?access_token=sleutel") for _ in range(7)]

        assert "x-app-usage" not in answers[0].headers
        assert json.loads(answers[4].headers["x-app-usage"])["call_count"] == 84
        assert answers[6].status_code == 400
        assert answers[6].json()["error"]["code"] == 80002
        (usage,) = json.loads(answers[6].headers["x-business-use-case-usage"])[US.id]
        assert usage["call_count"] == 100
        assert usage["estimated_time_to_regain_access"] > 0

    async def test_fields_are_expanded_and_paged(
        self, night: Night, graph: httpx.AsyncClient
    ) -> None:
        comments = [await night.does("reply", f"v{n}", night.post.id) for n in range(3)]
        await night.does("bystander", "ja", comments[2], who=BO)
        fields = "id,comments.limit(2){id,username,replies{text}}"

        (post,) = (await graph.get("/me/media", params={"fields": fields})).json()["data"]
        after = post["comments"]["paging"]["cursors"]["after"]
        rest = await graph.get(f"/{night.post.id}/comments", params={"after": after, "limit": "2"})

        assert [one["id"] for one in post["comments"]["data"]] == [comments[2], comments[1]]
        assert post["comments"]["data"][0]["replies"]["data"][0]["text"] == "ja"
        assert post["comments"]["data"][1] == {"id": comments[1], "username": "an.demo"}
        assert rest.json()["data"] == [{"id": comments[0]}]
        assert "next" not in rest.json()["paging"]

    @pytest.mark.parametrize(
        ("path", "params", "code"),
        [
            ("/me", {"fields": "id,geheim"}, 100),
            ("/me", {"fields": "id{"}, 100),
            ("/404", {}, 100),
            ("/me/iets", {}, 100),
            ("/me", {"fields": "mentioned_comment.comment_id(404){id}"}, 100),
        ],
    )
    async def test_what_is_not_there(
        self, graph: httpx.AsyncClient, path: str, params: dict[str, str], code: int
    ) -> None:
        answer = await graph.get(path, params=params)

        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == code

    async def test_foreign_comments_are_readable_only_by_the_look_up(
        self, night: Night, graph: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        places(monkeypatch, ours=0, caption=0)
        native = await night.does("mention", "@stadpoldem er ligt glas")

        direct = await graph.get(f"/{native}", params={"fields": "id,text"})
        looked_up = await graph.get(
            f"/{US.id}", params={"fields": f"mentioned_comment.comment_id({native}){{id,text}}"}
        )

        assert direct.status_code == 400
        assert looked_up.json()["mentioned_comment"]["text"] == "@stadpoldem er ligt glas"

    async def test_refused_answers_are_kept_as_refused(
        self, night: Night, graph: httpx.AsyncClient
    ) -> None:
        await graph.post("/404/replies", data={"message": "dag"})
        body = {"recipient": {"id": AN.id}, "message": {"text": "dag"}}
        unknown = await graph.post("/me/messages", json=body)
        await night.does("dm", "vraag")
        await graph.post("/me/messages", json=body)

        assert unknown.json()["error"]["error_subcode"] == 2534014
        assert [(r.in_reply_to, r.accepted) for r in night.instagram.ledger.replies] == [
            ("404", False),
            (AN.id, False),
            (AN.id, True),
        ]

    async def test_after_a_day_only_a_human_may_write(
        self, night: Night, graph: httpx.AsyncClient
    ) -> None:
        mid = await night.does("dm", "vraag")
        night.instagram.world.messages[mid].at -= 25 * 3600
        body: dict[str, Any] = {"recipient": {"id": AN.id}, "message": {"text": "dag"}}

        late = await graph.post("/me/messages", json=body)
        human = await graph.post("/me/messages", json=body | {"tag": "HUMAN_AGENT"})

        assert late.json()["error"]["error_subcode"] == 2534022
        assert human.status_code == 200

    async def test_a_comment_is_answered_privately_once(
        self, night: Night, graph: httpx.AsyncClient
    ) -> None:
        comment = await night.does("reply", "vraag", night.post.id)
        body = {"recipient": {"comment_id": comment}, "message": {"text": "dag"}}

        first, second = [await graph.post("/me/messages", json=body) for _ in range(2)]

        assert first.json()["recipient_id"] == AN.id
        assert second.json()["error"]["error_subcode"] == 2534025

    async def test_we_take_back_our_comment(self, night: Night, graph: httpx.AsyncClient) -> None:
        data = {"message": "Goedenavond"}
        made = (await graph.post(f"/{night.post.id}/comments", data=data)).json()["id"]

        assert (await graph.delete(f"/{made}")).json() == {"success": True}
        assert (await graph.get(f"/{made}")).status_code == 400


class TestFields:
    def test_reads_nested_expressions(self) -> None:
        first, second = read_fields("id , media.limit(2).order(x){id,from{id}}")

        assert first.name == "id"
        assert second.arguments == {"limit": "2", "order": "x"}
        assert [one.name for one in second.inner] == ["id", "from"]
        assert second.inner[1].inner[0].name == "id"

    @pytest.mark.parametrize("text", ["id{", "}", "{id}", ".limit(2)", "id(", "A", "a{b{c{d{e{f"])
    def test_refuses_what_is_no_expression(self, text: str) -> None:
        with pytest.raises(FieldsError):
            read_fields(text)
