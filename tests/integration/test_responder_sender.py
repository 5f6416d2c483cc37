"""Replies on their way out: each at most once, whatever the platform, the database or a kill does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import asyncpg
import httpx
import pytest
from prometheus_client import CollectorRegistry
from support.desk import ACCOUNTS, World, pool_of, said

from services.responder import settle
from services.responder.acts import Desk
from services.responder.sender import Sender
from services.responder.store import figures, replies
from services.responder.telemetry import WorkMetrics
from toog.local.postgres import Postgres
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import (
    Answer,
    NotConfiguredError,
    Refused,
    Reply,
    Request,
    SendResult,
    Sent,
    Unsure,
)

RESULTS: dict[int, SendResult] = {
    403: Refused("reply_not_allowed", permanent=True),
    429: Refused("rate_limited", permanent=False, wait_s=2.0),
    401: Refused("unauthorized", permanent=False, stop=True),
    503: Unsure("http_503"),
}


class Outgoing:
    """A platform's `outgoing.py` in the smallest form."""

    def request(self, reply: Reply, account: Account, secrets: Mapping[str, str]) -> Request:
        if "token" not in secrets:
            raise NotConfiguredError
        body = {"text": reply.text, "to": reply.to_message, "who": reply.to_citizen}
        return Request("POST", f"{account.base_url}/send", json=body)

    def read(self, answer: Answer, reply: Reply, account: Account) -> SendResult:
        if answer.status == 200:
            native = f"n-{reply.id}"
            return Sent(native, f"x:a:post:{native}")
        return RESULTS[answer.status]


@dataclass
class Platform:
    """What is called instead of the network: answers, or fails, as told."""

    answers: list[int | Exception] = field(default_factory=list)
    got: list[bytes] = field(default_factory=list)
    wait: asyncio.Event | None = None
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.got.append(request.content)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.wait is not None:
                await self.wait.wait()
            answer = self.answers.pop(0) if self.answers else 200
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(answer)
        finally:
            self.at_once -= 1


class Sending(World):
    """A desk whose replies really leave, to a platform of our own."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        super().__init__(pool)
        self.platform = Platform()
        self.desk = Desk(pool, lease_s=60, reply_length=lambda _: 280)
        self.secrets = {f"x:{ACCOUNTS['x']}": {"token": "t"}}

    def sender(self) -> Sender:
        account = Account("x", ACCOUNTS["x"], "StadPolDem", "http://platform")
        return Sender(
            self.pool,
            http=httpx.AsyncClient(transport=httpx.MockTransport(self.platform)),
            outgoing={"x": Outgoing()},
            accounts=Accounts([account]),
            secrets=self.secrets,
            metrics=WorkMetrics(CollectorRegistry()),
        )

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[Sender]:
        sender = self.sender()
        task = asyncio.create_task(sender.run())
        try:
            yield sender
        finally:
            sender.stop()
            await task

    async def approve(self, count: int = 1) -> None:
        for n in range(count):
            await self.addressed(said(str(n), author=str(n), seconds=n))
        for n in range(count):
            rows = await self.desk.next("one")
            assert rows is not None
            await self.desk.reply("one", rows.case["id"], f"Antwoord {n}", 1, None)

    async def until(self, **states: int) -> None:
        async with asyncio.timeout(10):
            while await self.states() != states:  # noqa: ASYNC110 - another connection writes it
                await asyncio.sleep(0.02)

    async def states(self) -> dict[str, int]:
        rows = await self.pool.fetch("SELECT state, count(*) FROM responder.replies GROUP BY state")
        return {row[0]: row[1] for row in rows}


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Sending]:
    pool = await pool_of(database)
    yield Sending(pool)
    await pool.close()


async def test_a_reply_is_sent_once_and_told_with_the_first_response(desk: Sending) -> None:
    await desk.approve()
    async with desk.sending():
        await desk.until(sent=1)

    assert desk.platform.got == [b'{"text":"Antwoord 0","to":"0","who":"0"}']
    row, case = await desk.one("replies"), await desk.one("cases")
    assert row["event_id"] == f"x:a:post:{row['native_id']}"
    assert case["state"] == "answered"
    told = (await desk.told())[-1]
    assert (told.kind, told.case, told.reply) == ("reply_sent", case["id"], row["id"])
    seconds = (row["sent_at"] - case["first_received_at"]).total_seconds()
    assert told.first_response_s == pytest.approx(seconds)


async def test_only_the_first_answer_of_a_case_is_its_first_response(desk: Sending) -> None:
    await desk.approve()
    async with desk.sending() as sender:
        await desk.until(sent=1)
        case = await desk.one("cases")
        await desk.desk.reply("one", case["id"], "Nog iets", case["version"], None)
        sender.wake()
        await desk.until(sent=2)

    told = [a.first_response_s for a in await desk.told() if a.kind == "reply_sent"]
    assert [value is None for value in told] == [False, True]


async def test_four_at_a_time_and_all_of_them(desk: Sending) -> None:
    desk.platform.wait = asyncio.Event()
    await desk.approve(10)
    async with desk.sending():
        await desk.until(sending=4, queued=6)
        desk.platform.wait.set()
        await desk.until(sent=10)

    assert desk.platform.most_at_once == 4
    assert len(set(desk.platform.got)) == len(desk.platform.got) == 10


async def test_what_the_platform_refuses_waits_again_for_a_person(desk: Sending) -> None:
    desk.platform.answers = [403]
    await desk.approve()
    async with desk.sending():
        await desk.until(refused=1)

    row, case = await desk.one("replies"), await desk.one("cases")
    assert row["reason"] == "reply_not_allowed"
    assert (case["state"], case["refused"]) == ("waiting", True)
    await desk.pool.execute("UPDATE responder.cases SET lease_until = NULL")
    assert await desk.desk.next("two") is None
    assert (await desk.desk.claim("two", case["id"])).case["holder"] == "two"
    assert (await desk.kinds())[-2:] == ["reply_refused", "case_claimed"]


async def test_what_is_limited_is_held_and_goes_out_later(desk: Sending) -> None:
    desk.platform.answers = [429]
    await desk.approve(1)
    async with desk.sending():
        await desk.until(held=1)
        assert (await desk.one("replies"))["reason"] == "rate_limited"
        await desk.until(sent=1)

    assert len(desk.platform.got) == 2


async def test_an_account_whose_token_is_refused_sends_nothing_more(desk: Sending) -> None:
    desk.platform.answers = [401] * 8
    await desk.approve(6)
    async with desk.sending():
        await desk.until(held=4, queued=2)
        await asyncio.sleep(0.7)

    assert len(desk.platform.got) == 4


async def test_without_a_token_nothing_is_called_and_nothing_lost(desk: Sending) -> None:
    desk.secrets = {}
    await desk.approve()
    async with desk.sending():
        await desk.until(held=1)

    assert not desk.platform.got
    assert (await desk.one("replies"))["reason"] == "not_configured"


@pytest.mark.parametrize(
    "answer",
    [503, httpx.ReadTimeout(""), httpx.WriteError(""), httpx.RemoteProtocolError(""), ValueError()],
)
async def test_what_may_have_gone_out_is_unknown_and_never_sent_again(
    desk: Sending, answer: int | Exception
) -> None:
    desk.platform.answers = [answer]
    await desk.approve()
    async with desk.sending():
        await desk.until(unknown=1)
    async with desk.sending():
        await asyncio.sleep(0.3)

    assert len(desk.platform.got) == 1
    assert (await desk.kinds())[-1] == "reply_unknown"
    assert (await desk.one("cases"))["state"] == "answered"


async def test_what_surely_did_not_go_out_is_sent_again(desk: Sending) -> None:
    desk.platform.answers = [httpx.ConnectError(""), httpx.ConnectTimeout("")]
    await desk.approve()
    async with desk.sending() as sender:
        await _hurry(desk, sender, lambda: len(desk.platform.got) == 3)
        await desk.until(sent=1)

    assert (await desk.one("replies"))["attempts"] == 3


async def _hurry(desk: Sending, sender: Sender, done: Callable[[], bool]) -> None:
    """Takes the waiting out of the back-off."""
    async with asyncio.timeout(8):
        while not done():
            await desk.pool.execute(
                "UPDATE responder.replies SET not_before = now() WHERE state = 'queued'"
            )
            sender.wake()
            await asyncio.sleep(0.05)


async def test_what_a_killed_sender_was_sending_is_unknown_and_never_sent_again(
    desk: Sending,
) -> None:
    await desk.approve(2)
    await desk.pool.execute(
        "UPDATE responder.replies SET state = 'sending' WHERE text = 'Antwoord 0'"
    )
    async with desk.sending():
        await desk.until(unknown=1, sent=1)

    assert len(desk.platform.got) == 1
    assert b"Antwoord 1" in desk.platform.got[0]
    dead = next(a for a in await desk.told() if a.kind == "reply_unknown")
    assert dead.reply is not None


async def test_a_stop_waits_for_the_call_under_way(desk: Sending) -> None:
    desk.platform.wait = asyncio.Event()
    await desk.approve()
    async with desk.sending() as sender:
        await desk.until(sending=1)
        sender.stop()
        await asyncio.sleep(0.2)
        desk.platform.wait.set()

    assert await desk.states() == {"sent": 1}


async def test_a_second_sender_waits_its_turn(desk: Sending) -> None:
    desk.platform.wait = asyncio.Event()
    await desk.approve()
    async with desk.sending():
        await desk.until(sending=1)
        async with desk.sending():
            await asyncio.sleep(0.3)
            assert await desk.states() == {"sending": 1}
            desk.platform.wait.set()
            await desk.until(sent=1)

    assert len(desk.platform.got) == 1


async def test_a_result_outlives_an_absent_database(desk: Sending, postgres: Postgres) -> None:
    desk.platform.wait = asyncio.Event()
    await desk.approve(5)
    async with desk.sending():
        await desk.until(sending=4, queued=1)
        await asyncio.to_thread(postgres.stop)
        desk.platform.wait.set()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(postgres.start)
        await desk.pool.expire_connections()
        await desk.until(sent=5)

    assert len(set(desk.platform.got)) == len(desk.platform.got) == 5


async def test_an_echo_that_comes_before_the_answer_is_no_reply_from_elsewhere(
    desk: Sending,
) -> None:
    desk.platform.wait = asyncio.Event()
    await desk.approve()
    async with desk.sending():
        await desk.until(sending=1)
        reply = await desk.one("replies")
        echo = said(f"n-{reply['id']}", to="x:a:post:0", author="us", own=True, seconds=30)
        await desk.take(desk.log.context(echo, "own_reply"))
        assert len(await desk.rows("messages")) == 2
        desk.platform.wait.set()
        await desk.until(sent=1)

    assert len(await desk.rows("messages")) == 1
    assert (await desk.one("cases"))["answered_outside_at"] is None
    await desk.take(desk.log.context(echo, "own_reply"))
    assert len(await desk.rows("messages")) == 1


async def test_our_reply_deleted_on_the_platform_is_marked(desk: Sending) -> None:
    await desk.approve()
    async with desk.sending():
        await desk.until(sent=1)
    reply = await desk.one("replies")
    gone = said("z", kind="deleted", id="d", of=reply["event_id"], author=None, own=True)
    await desk.take(desk.log.context(gone, "deletion"))

    row = await desk.one("replies")
    assert (row["state"], row["deleted_at"] is not None) == ("sent", True)


async def test_the_third_line_of_the_balance(desk: Sending) -> None:
    desk.platform.answers = [403, 503, 200]
    await desk.approve(3)
    async with desk.sending():
        await desk.until(refused=1, unknown=1, sent=1)

    read = await figures.read(desk.pool)
    assert (read.balance, read.replies) == (0, {"refused": 1, "unknown": 1, "sent": 1})
    assert (read.stored, read.duplicates, read.applied) == (3, 0, 0)
    assert read.waiting == {"mention": 1}
    assert read.oldest_s["mention"] >= 0
    assert read.unsent == len(await desk.rows("outbox"))
    await desk.pool.execute("DELETE FROM responder.replies WHERE state = 'sent'")
    assert (await figures.read(desk.pool)).balance == 1


@pytest.mark.parametrize(
    "late",
    [
        Refused("ConnectError", permanent=False),
        Refused("duplicate", permanent=True),
        Unsure("ReadTimeout"),
        Sent("n1", "x:1:post:n1"),
    ],
    ids=["back", "refused", "unknown", "sent"],
)
async def test_a_repeated_write_of_an_earlier_attempt_leaves_the_running_one_alone(
    desk: Sending, late: SendResult
) -> None:
    """The answer to a commit got lost: its write comes again while the next attempt is under way."""
    await desk.approve()
    async with desk.pool.acquire() as connection:
        (first,) = await replies.take(connection, "x", [], 1)
        await settle._settle(connection, first, Refused("ConnectError", permanent=False))
        await connection.execute("UPDATE responder.replies SET not_before = clock_timestamp()")
        (second,) = await replies.take(connection, "x", [], 1)
        await settle._settle(connection, first, late)
    reply = await desk.one("replies")

    assert (first["attempts"], second["attempts"]) == (1, 2)
    assert (reply["state"], reply["attempts"]) == ("sending", 2)
