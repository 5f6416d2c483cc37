"""The played Facebook: what it tells and shows, and that Toog reads from it the ids in the ledger."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
import pytest

from toog.contracts.events import Event, Mention
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Answer, Reply, Sent
from toog.platforms.facebook import incoming, outgoing
from toog.platforms.facebook.sandbox import FacebookSandbox
from toog.platforms.facebook.sandbox import webhook as sandbox_webhook
from toog.platforms.facebook.sandbox.asked import Asked, GraphError, picked, read_fields
from toog.platforms.facebook.sandbox.webhook import Update, Webhook, body_of
from toog.platforms.playing import Act, ActKind, Citizen, Ledger

NOW = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
US = Account("facebook", "1234", "stadpoldem", "http://graph")
SECRETS = {"app_secret": "geheim", "verify_token": "teken", "page_token": "schrijver"}
AN = Citizen("6101", "an", "An Verzonnen")
BO = Citizen("6102", "bo", "Bo Verzonnen")


class Told:
    """Stands where the webhook is and keeps what it was given."""

    def __init__(self) -> None:
        self.updates: list[Update] = []

    def put(self, update: Update) -> None:
        self.updates.append(update)


def read(body: bytes) -> list[Event]:
    parsed = incoming.parse(body, accounts=Accounts([US]), account=None, source="t", now=NOW)
    assert parsed.unreadable == ()
    return [heard.event for heard in parsed.heard]


class Night:
    """A played Facebook whose updates are kept, and a client of its Graph."""

    def __init__(self, http: httpx.AsyncClient, played: FacebookSandbox) -> None:
        self.http, self.played = http, played
        self.told = Told()
        played._webhook = self.told  # type: ignore[assignment]  # keeps what a webhook would send

    async def does(
        self, kind: ActKind, text: str = "", target: str | None = None, who: Citizen = AN
    ) -> str:
        native = await self.played.act(Act(kind, who, text, target=target))
        assert native is not None
        return native

    def heard(self) -> list[Event]:
        """What Toog reads from the updates so far; the ids must be those of the ledger."""
        found: list[Event] = []
        for update in self.told.updates:
            got = read(body_of(US.id, [update], 1795379000.5))
            assert [event.id for event in got] == [update.event_id]
            found += got
        return found

    async def get(self, path: str, **params: Any) -> Any:
        given = {"access_token": "schrijver", **params}
        return (await self.http.get(f"http://graph/v25.0/{path}", params=given)).json()

    async def post(self, path: str, **form: Any) -> Any:
        given = {"access_token": "schrijver", **form}
        return (await self.http.post(f"http://graph/v25.0/{path}", data=given)).json()

    async def answer(self, surface: str, text: str, message: str, citizen: str) -> Any:
        """Sends a reply just as Toog does, and reads what became of it."""
        reply = Reply("r1", text, surface, message, citizen, None)
        request = outgoing.request(reply, US, SECRETS)
        got = await self.http.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            data=dict(request.form) if request.form else None,
            json=request.json,
        )
        return outgoing.read(Answer(got.status_code, dict(got.headers), got.content), reply, US)


@pytest.fixture
async def night() -> AsyncIterator[Night]:
    played = FacebookSandbox(US, SECRETS, webhook_url=None, ledger=Ledger(), seed=1)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(played.app())) as http:
        yield Night(http, played)


class TestTold:
    async def test_comments_under_our_post_and_under_a_comment(self, night: Night) -> None:
        post = await night.does("own_post", "De ring is weer open. #Politie247")
        first = await night.does("reply", "en de tunnel?", post)
        await night.does("bystander", "die ook", first, BO)
        ours, top, under = night.heard()

        assert (ours.own, ours.surface, ours.native) == (True, "post", post)
        assert (top.surface, top.text, top.native) == ("comment", "en de tunnel?", first)
        assert top.in_reply_to is not None
        assert (top.in_reply_to.id, top.in_reply_to.author) == (ours.id, US.id)
        assert under.in_reply_to is not None
        assert under.in_reply_to.id == top.id
        assert under.conversation == top.conversation == first

    async def test_visitor_post_named_us(self, night: Night) -> None:
        await night.does("visitor_post", "Dag Stadspolitie Demo, er ligt glas")
        (event,) = night.heard()

        assert event.surface == "visitor_post"
        assert event.mentions == (Mention("Stadspolitie Demo", US.id),)

    async def test_mentions_elsewhere_often_say_little(self, night: Night) -> None:
        for n in range(40):
            await night.does("mention", f"Stadspolitie Demo {n}")
        got = night.heard()

        assert {event.surface for event in got} == {"post", "reply"}
        assert {bool(event.text) for event in got} == {True, False}
        assert {event.author is None for event in got} == {True, False}
        assert all(any(m.id == US.id for m in event.mentions) for event in got)

    async def test_edit_and_removal_by_their_own_author_only(self, night: Night) -> None:
        post = await night.does("visitor_post", "er ligt glas")
        assert await night.played.act(Act("edit", BO, "x", target=post)) is None
        assert await night.played.act(Act("own_delete", BO, target=post)) is None
        assert await night.does("edit", "er lag glas", post) == post
        assert await night.played.act(Act("delete", AN, target=post)) is None
        created, edited, deleted = night.heard()

        assert (edited.kind, edited.text, edited.of) == ("edited", "er lag glas", created.id)
        assert (deleted.kind, deleted.of) == ("deleted", created.id)
        assert await night.played.act(Act("reply", AN, "x", target=post)) is None

    async def test_messages_edited_and_unsent(self, night: Night) -> None:
        mid = await night.does("dm", "kan ik iemand spreken?")
        await night.does("edit", "kan ik u spreken?", mid)
        await night.played.act(Act("delete", AN, target=mid))
        created, edited, deleted = night.heard()

        assert (created.surface, created.conversation) == ("dm", f"{US.id}:{AN.id}")
        assert edited.id == f"{created.id}:edit:1"
        assert deleted.id == f"{created.id}:deleted"

    async def test_what_we_take_back(self, night: Night) -> None:
        post = await night.does("own_post", "fout bericht")
        comment = await night.does("reply", "hoezo?", post)
        await night.played.act(Act("own_delete", AN, target=post))

        assert night.heard()[-1].id.endswith(f"{post}:deleted")
        assert night.played.world.find(comment) is None

    @pytest.mark.parametrize("kind", ["noise", "repost", "quote", "story_reply"])
    async def test_what_meta_tells_nobody(self, night: Night, kind: ActKind) -> None:
        assert await night.played.act(Act(kind, AN, "#politie247")) is None
        assert night.told.updates == []


class TestAnswers:
    async def test_a_comment_of_ours_is_taken_and_comes_back(self, night: Night) -> None:
        post = await night.does("own_post", "De ring is weer open.")
        asked = await night.does("reply", "ook de tunnel?", post)
        sent = await night.answer("comment", "Ja, die ook.", asked, AN.id)

        assert isinstance(sent, Sent)
        back = night.heard()[-1]
        assert (back.id, back.own, back.text) == (sent.event_id, True, "Ja, die ook.")
        (seen,) = night.played.ledger.replies
        assert (seen.accepted, seen.in_reply_to, seen.native_id) == (True, asked, sent.native_id)
        assert seen.event_id == sent.event_id
        thanks = await night.does("reply", "dank u!", sent.native_id)
        assert night.heard()[-1].native == thanks
        assert night.heard()[-1].conversation == asked

    async def test_a_message_of_ours_is_echoed(self, night: Night) -> None:
        mid = await night.does("dm", "kan ik iemand spreken?")
        sent = await night.answer("dm", "Zeker.", mid, AN.id)
        await night.does("reply", "fijn", sent.native_id)
        asked, back, thanks = night.heard()

        assert (back.id, back.own) == (sent.event_id, True)
        assert back.conversation == asked.conversation == thanks.conversation
        assert night.played.ledger.replies[0].in_reply_to == AN.id

    async def test_a_mention_elsewhere_can_be_answered(self, night: Night) -> None:
        for _ in range(6):
            native = await night.does("mention", "Stadspolitie Demo?")
            assert isinstance(await night.answer("post", "Hallo!", native, ""), Sent)

        assert len(night.told.updates) == 6

    async def test_refusals_are_kept_and_understood(self, night: Night) -> None:
        mid = await night.does("dm", "hallo")
        stranger = await night.answer("dm", "Hallo!", mid, BO.id)
        night.played.world.heard_at[AN.id] -= 25 * 3600
        late = await night.answer("dm", "Hallo!", mid, AN.id)
        gone = await night.answer("comment", "Hallo!", "1_2", AN.id)
        empty = await night.answer("comment", " ", mid, AN.id)

        reasons = [one.reason for one in (stranger, late, gone, empty)]
        assert reasons == ["bad_parameter", "outside_window", "bad_parameter", "bad_parameter"]
        assert [seen.accepted for seen in night.played.ledger.replies] == [False] * 4

    async def test_a_human_has_seven_days(self, night: Night) -> None:
        await night.does("dm", "hallo")
        night.played.world.heard_at[AN.id] -= 25 * 3600
        form = {"recipient": json.dumps({"id": AN.id}), "message": json.dumps({"text": "Dag!"})}

        made = await night.post("me/messages", **form, tag="HUMAN_AGENT")

        assert made["recipient_id"] == AN.id

    async def test_a_private_reply_is_taken_once(self, night: Night) -> None:
        post = await night.does("own_post", "De ring is weer open.")
        comment = await night.does("reply", "ook de tunnel?", post)
        form = {"recipient": json.dumps({"comment_id": comment}), "message": '{"text":"Dag!"}'}

        assert "message_id" in await night.post("1234/messages", **form)
        assert (await night.post("1234/messages", **form))["error"]["code"] == 10900

    async def test_too_long_a_message(self, night: Night) -> None:
        await night.does("dm", "hallo")
        form = {"recipient": json.dumps({"id": AN.id})}

        assert "error" in await night.post(
            "1234/messages", **form, message=json.dumps({"text": "x" * 2001})
        )


class TestGraph:
    async def test_fields_within_fields(self, night: Night) -> None:
        post = await night.does("own_post", "open")
        first = await night.does("reply", "eerste", post)
        await night.does("reply", "tweede", first, BO)

        got = await night.get(
            "1234/feed",
            fields="message,from{id},comments.limit(1){message,comments{id,parent{id}}}",
        )

        (shown,) = got["data"]
        assert (shown["message"], shown["from"]) == ("open", {"id": "1234"})
        (comment,) = shown["comments"]["data"]
        assert (comment["id"], comment["message"]) == (first, "eerste")
        assert comment["comments"]["data"][0]["parent"] == {"id": first}

    async def test_lists_page_by_page(self, night: Night) -> None:
        post = await night.does("own_post", "open")
        said = [await night.does("reply", f"{n}", post) for n in range(5)]
        got: list[str] = []
        after: dict[str, str] = {}
        for _ in range(3):
            page = await night.get(f"{post}/comments", limit=2, **after)
            got += [comment["id"] for comment in page["data"]]
            after = {"after": page["paging"]["cursors"]["after"]}

        assert got == said
        assert "next" not in page["paging"]
        assert (await night.get(f"{post}/comments", **after))["data"] == []

    async def test_single_objects(self, night: Night) -> None:
        mid = await night.does("dm", "hallo")
        post = await night.does("visitor_post", "glas")

        assert (await night.get("me")) == {"id": "1234", "name": "Stadspolitie Demo"}
        assert (await night.get(mid, fields="message,from"))["from"]["id"] == AN.id
        assert (await night.get(post, fields="status_type"))["status_type"] == "wall_post"
        assert (await night.get(AN.id))["first_name"] == "An"
        assert (await night.get(f"t_{AN.id}", fields="messages{message}"))["messages"]["data"]
        (thread,) = (await night.get("me/conversations"))["data"]
        assert thread["id"] == f"t_{AN.id}"
        assert (await night.get("9_9"))["error"]["error_subcode"] == 33
        assert (await night.get("me/photos"))["error"]["code"] == 100
        assert (await night.get(f"{post}/comments", limit="x"))["error"]["code"] == 100

    async def test_subscriptions(self, night: Night) -> None:
        made = await night.post("1234/subscribed_apps", subscribed_fields="feed,mention,messages")
        listed = await night.get("1234/subscribed_apps")

        assert made == {"success": True}
        assert listed["data"][0]["subscribed_fields"] == ["feed", "mention", "messages"]

    async def test_posts_and_deletes(self, night: Night) -> None:
        made = await night.post("me/feed", message="Goedenavond")
        url = f"http://graph/v24.0/{made['id']}"
        headers = {"authorization": "Bearer schrijver"}

        assert (await night.http.delete(url, headers=headers)).json() == {"success": True}
        assert [event.kind for event in night.heard()] == ["created", "deleted"]
        assert (await night.post("me/feed", message=""))["error"]["code"] == 100

    @pytest.mark.parametrize(
        ("path", "params", "code"),
        [
            ("v25.0/me", {}, 104),
            ("v25.0/me", {"access_token": "fout"}, 190),
            ("v25.0/me", {"access_token": "schrijver", "appsecret_proof": "fout"}, 100),
            ("v12.0/me", {"access_token": "schrijver"}, 2635),
            ("v25.0/me", {"access_token": "schrijver", "fields": "id,{"}, 2500),
        ],
    )
    async def test_errors(self, night: Night, path: str, params: dict[str, str], code: int) -> None:
        got = await night.http.get(f"http://graph/{path}", params=params)

        assert got.status_code == 400
        assert got.json()["error"]["code"] == code
        assert got.json()["error"]["fbtrace_id"]

    async def test_a_body_that_is_no_json(self, night: Night) -> None:
        headers = {"authorization": "OAuth schrijver", "content-type": "application/json"}
        got = await night.http.post("http://graph/v26.0/me/messages", content=b"{", headers=headers)

        assert got.json()["error"]["code"] == 100

    async def test_usage_headers_appear_after_enough_calls_and_then_it_is_over(self) -> None:
        played = FacebookSandbox(
            US, SECRETS, webhook_url=None, ledger=Ledger(), seed=1, call_limit=20
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(played.app())) as http:
            answers = [
                await http.get("http://g/v25.0/me", params={"access_token": "schrijver"})
                for _ in range(21)
            ]

        assert "x-app-usage" not in answers[9].headers
        assert json.loads(answers[19].headers["x-app-usage"])["call_count"] == 100
        assert answers[20].json()["error"]["code"] == 80001
        (case,) = json.loads(answers[20].headers["x-business-use-case-usage"])[US.id]
        assert case["estimated_time_to_regain_access"] == 60


class TestFields:
    def test_read(self) -> None:
        fields = read_fields("id, from{id,name},comments.limit(5).order(x){message}")

        assert list(fields) == ["id", "from", "comments"]
        assert list(fields["from"].inner) == ["id", "name"]
        assert fields["comments"].modifiers == {"limit": "5", "order": "x"}

    @pytest.mark.parametrize("odd", ["", ",", "a{", "a{}", "a}", "a b", "a{b" * 20])
    def test_odd(self, odd: str) -> None:
        with pytest.raises(GraphError):
            read_fields(odd)

    def test_picked(self) -> None:
        shown = {"id": "1", "a": {"b": 1, "c": 2}, "d": lambda asked: {"data": [len(asked.inner)]}}

        assert picked(shown, read_fields("a{c},d{x,y},none")) == {
            "id": "1",
            "a": {"c": 2},
            "d": {"data": [2]},
        }
        assert picked(shown, {}, ("a",)) == {"id": "1", "a": {"b": 1, "c": 2}}
        assert Asked().inner == {}


class TestDeliveries:
    def update(self, n: int = 1, text: str = "café/zoë") -> Update:
        said = {
            "sender": {"id": AN.id},
            "recipient": {"id": US.id},
            "timestamp": 1795379000123,
            "message": {"mid": f"m_{n}", "text": text},
        }
        return Update(f"facebook:1234:message:m_{n}", "messaging", said)

    def hook(self, ledger: Ledger) -> Webhook:
        return Webhook("http://toog/webhooks/facebook", US.id, SECRETS, ledger, Random(1))

    def client(self, answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    async def test_a_body_is_signed_and_ascii_only(self) -> None:
        ledger = Ledger()

        def take(request: httpx.Request) -> httpx.Response:
            assert request.content.isascii()
            assert b"caf\\u00e9\\/zo\\u00eb" in request.content
            incoming.verify(dict(request.headers), request.content, SECRETS)
            assert [event.text for event in read(request.content)] == ["café/zoë"]
            return httpx.Response(200)

        async with self.client(take) as client:
            await self.hook(ledger)._deliver(client, [self.update()])

        assert ledger.played == {"facebook:1234:message:m_1"}
        assert set(ledger.sent_at) == ledger.played

    async def test_what_fails_is_tried_again_ever_more_rarely(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        monkeypatch.setattr(sandbox_webhook.asyncio, "sleep", sleep)
        ledger, answers = Ledger(), [503, 301, 202, 200]

        def take(request: httpx.Request) -> httpx.Response:
            return httpx.Response(answers.pop(0))

        async with self.client(take) as client:
            await self.hook(ledger)._deliver(client, [self.update()])
            assert ledger.played
            waits.clear()
            answers += [500] * sandbox_webhook.TRIES
            await self.hook(ledger)._deliver(client, [self.update(2)])

        assert len(waits) == sandbox_webhook.TRIES - 1
        assert waits[0] < waits[3] < waits[5] <= sandbox_webhook.RETRY_S[1] * 1.2
        assert "facebook:1234:message:m_2" not in ledger.played
        assert ledger.counts["webhook_failed"] == 1

    def test_an_entry_holds_updates_of_one_sort(self) -> None:
        change = Update("c", "changes", {"field": "feed"})
        body = json.loads(body_of(US.id, [self.update(), change, change], 1795379000.5))

        assert [sorted(entry) for entry in body["entry"]] == [
            ["id", "messaging", "time"],
            ["changes", "id", "time"],
        ]
        assert [entry["time"] for entry in body["entry"]] == [1795379000500, 1795379000]

    async def test_the_address_is_checked_before_anything_is_delivered(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger, seen = Ledger(), list[str]()

        def take(request: httpx.Request) -> httpx.Response:
            seen.append(request.method)
            if request.method == "POST":
                return httpx.Response(200)
            if len(seen) == 1:
                return httpx.Response(503)
            answer = incoming.handshake(dict(request.url.params), SECRETS)
            return httpx.Response(200, content=answer.body)

        client = self.client(take)
        monkeypatch.setattr(sandbox_webhook.httpx, "AsyncClient", lambda **_: client)
        monkeypatch.setattr(sandbox_webhook, "TWICE_SHARE", 0)
        hook = self.hook(ledger)
        hook.put(self.update(1))
        hook.put(self.update(2))
        running = asyncio.create_task(hook.run())
        async with asyncio.timeout(5):
            while len(ledger.played) < 2:  # noqa: ASYNC110 - nothing tells when it has delivered
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

        assert seen[:3] == ["GET", "GET", "POST"]
        assert ledger.counts["webhook_check_failed"] == 1
