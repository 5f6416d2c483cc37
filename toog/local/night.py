"""A broadcast night on this machine, from first start to summary: `toog demo`."""

import asyncio
import contextlib
import json as jsonlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import asyncpg
import httpx
import msgspec
from pydantic import SecretStr
from rich.console import Console
from rich.live import Live

from toog.contracts.verdicts import LANES
from toog.kit import access
from toog.kit.postgres import open_pool
from toog.kit.settings import PostgresSettings
from toog.local import figures, store
from toog.local.errors import LocalError
from toog.local.intake import read_intake
from toog.local.picture import Moment, one_line, picture
from toog.local.programs import Crowd
from toog.local.project import HOME, say
from toog.local.system import System
from toog.sandbox.robots import Stats, work

ROBOTS: Final = 6
DRAIN_S: Final = 60.0
QUIET_S: Final = 3.0
LONGEST_AGE_S: Final = 5.0
OPEN_ENDED_S: Final = 180.0
LOOK_EVERY_S: Final = 0.5
LINE_EVERY_S: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Night:
    """What `toog demo` was asked for."""

    seconds: float | None
    json: bool
    rate: float
    seed: int
    kill: str | None
    home: Path
    misbehave: tuple[Mapping[str, Any], ...] = ()

    def system(self) -> System:
        """The system that plays it, looked over and with everything fetched that it needs."""
        length = self.seconds or OPEN_ENDED_S
        crowd = Crowd(rate=self.rate, seconds=length, seed=self.seed)
        system = System(self.home, cache=HOME, crowd=crowd)
        system.prepare()
        return system


class Desk:
    """The running system as the demo sees it: over its APIs, and the database for the rest."""

    def __init__(
        self, system: System, client: httpx.AsyncClient, pool: "asyncpg.Pool[asyncpg.Record]"
    ) -> None:
        self.system = system
        self.pool = pool
        self.token = ""
        self._client = client
        self._last = (time.monotonic(), 0)
        self._rate = 0.0

    async def _get(self, url: str, token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return (await self._client.get(url, headers=headers)).raise_for_status()

    async def start_crowd(self, seed: int, misbehave: Iterable[Mapping[str, Any]] = ()) -> None:
        """Lets the crowd begin this night, and with it what the platforms are to do wrong."""
        url = f"{self.system.public['sandbox']}/_night"
        for wish in misbehave:
            (await self._client.post(f"{url}/misbehave", json=wish)).raise_for_status()
        (await self._client.post(f"{url}/start", json={"seed": seed})).raise_for_status()

    async def crowd(self) -> dict[str, Any]:
        """How far the crowd is."""
        answer = await self._get(f"{self.system.public['sandbox']}/_night/status")
        status: dict[str, Any] = answer.json()
        return status

    async def ledger(self) -> figures.Ledger:
        """What was played and what came back."""
        answer = await self._get(f"{self.system.public['sandbox']}/_night/ledger")
        return msgspec.json.decode(answer.content, type=figures.Ledger)

    async def balance(self) -> figures.Balance | None:
        """The balance now; None while metrics is away or still counting for the first time."""
        try:
            answer = await self._get(
                f"{self.system.internal['metrics']}/api/v1/balance", self.token
            )
            return msgspec.json.decode(answer.content, type=figures.Balance)
        except (httpx.HTTPError, msgspec.ValidationError):
            return None

    async def moment(self) -> Moment:
        """The picture's figures."""
        crowd, balance = await self.crowd(), await self.balance()
        waiting, oldest = await store.waiting(self.pool)
        moment = Moment(
            phase=crowd["phase"],
            time_s=crowd["episode_time_s"],
            length_s=crowd.get("episode_length_s", 0.0),
            waiting=waiting,
            oldest_s=oldest,
            answered=await store.answered(self.pool),
            addressed=await store.addressed(self.pool, LANES),
        )
        if balance is not None:
            now, (then, before) = time.monotonic(), self._last
            if balance.received != before:
                self._rate = (balance.received - before) / max(0.1, now - then)
                self._last = now, balance.received
            moment.events_per_s = self._rate
            moment.received, moment.context = balance.received, balance.context
            moment.dropped = balance.dropped
            moment.balance, moment.desk_balance = balance.balance, balance.desk.balance
        return moment


async def play(night: Night, system: System) -> int:
    """Plays the night; the exit code: 0 only when it was a good one."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        async with system, _desk(system) as desk:
            return await _play(night, desk)
    except asyncio.CancelledError:
        say("Stopped; nothing is left running.")
        return 130 if night.seconds is not None else 0


@contextlib.asynccontextmanager
async def _desk(system: System) -> AsyncIterator[Desk]:
    settings = PostgresSettings(postgres=SecretStr(system.dsn), instance="demo")
    pool = await open_pool(settings, size=4)
    try:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            desk = Desk(system, client, pool)
            desk.token = await access.create(pool, "demo", {"figures"})
            yield desk
    finally:
        await pool.close()


async def _play(night: Night, desk: Desk) -> int:
    evening = asyncio.create_task(_evening(night, desk), name="evening")
    failure = asyncio.create_task(desk.system.until_failure(), name="failure")
    try:
        await asyncio.wait({evening, failure}, return_when=asyncio.FIRST_COMPLETED)
        if not evening.done() or evening.exception():
            # a server or program that ended explains every other error
            await asyncio.wait({failure}, timeout=1)
        if failure.done():
            await failure
        return await evening
    finally:
        for task in (evening, failure):
            task.cancel()
        await asyncio.gather(evening, failure, return_exceptions=True)


async def _evening(night: Night, desk: Desk) -> int:
    """Crowd and robots, until the crowd is done or for ever; then the exit code."""
    tokens = [await access.create(desk.pool, f"robot-{n + 1}", {"desk"}) for n in range(ROBOTS)]
    stop, stats = asyncio.Event(), Stats()
    url = desk.system.public["responder"]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work(url, tokens, seed=night.seed, stop=stop, stats=stats))
        if night.kill:
            tasks.create_task(_kill(night, desk))
        await _watch(night, desk)
        stop.set()
    say("The crowd is silent; letting the flow drain …")
    await _drain(desk)
    return await _report(night, desk)


async def _kill(night: Night, desk: Desk) -> None:
    assert night.kill is not None  # noqa: S101 - asked by the caller
    assert night.seconds is not None  # noqa: S101 - the command refuses --kill without --for
    await asyncio.sleep(night.seconds / 2)
    say(f"Killing {night.kill} (SIGKILL) …")
    desk.system.supervisor.kill(night.kill)


async def _watch(night: Night, desk: Desk) -> None:
    """Shows the night until the crowd is done; without an end, one night follows the other."""
    seed = night.seed
    await desk.start_crowd(seed, night.misbehave)
    with _Screen(desk.system, plain=night.json or not sys.stderr.isatty()) as screen:
        while True:
            screen.show(await desk.moment())
            crowd = await desk.crowd()
            if crowd.get("broken"):
                raise LocalError(f"The crowd broke off ({crowd['broken']}); look into its log.")
            if crowd["done"]:
                if night.seconds is not None:
                    return
                seed += 1
                await desk.start_crowd(seed)
            await asyncio.sleep(LOOK_EVERY_S)


class _Screen:
    """A live picture on a terminal, a line now and then elsewhere; always on standard error."""

    def __init__(self, system: System, *, plain: bool) -> None:
        self._addresses = addresses(system)
        self._plain = plain
        self._live = Live(console=Console(stderr=True), auto_refresh=False)
        self._said = 0.0

    def __enter__(self) -> Self:
        if self._plain:
            for name, url in self._addresses.items():
                say(f"{name:<10} {url}")
        else:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._plain:
            self._live.stop()

    def show(self, moment: Moment) -> None:
        """Shows this moment."""
        if not self._plain:
            self._live.update(picture(moment, self._addresses), refresh=True)
        elif time.monotonic() - self._said >= LINE_EVERY_S:
            self._said = time.monotonic()
            say(one_line(moment))


def addresses(system: System) -> Mapping[str, str]:
    """What a person can open, and how to get a token for it."""
    run = system.run or system.home
    return {
        "API": f"{system.public['responder']}/api/v1/openapi.json",
        "webhooks": f"{system.public['ingest']}/webhooks/x",
        **{name: f"{url}/metrics" for name, url in system.internal.items()},
        "sandbox": f"{system.public['sandbox']}/_night/status",
        "operator": f"export TOOG_KAFKA={system.kafka.bootstrap} "
        f"TOOG_POSTGRES_FILE={run / 'postgres.dsn'} TOOG_ACCOUNTS={run / 'accounts.toml'}",
        "token": f"TOOG_POSTGRES_FILE={run / 'postgres.dsn'} .venv/bin/toog token create "
        "--agent ik --scope desk --scope figures",
        "logs": str(run / "logs"),
    }


async def _drain(desk: Desk) -> None:
    """Waits until nothing moves any more. Raises LocalError when it has not after a minute."""
    deadline = time.monotonic() + DRAIN_S
    still: figures.Balance | None = None
    since = time.monotonic()
    while time.monotonic() < deadline:
        now = await _at_rest(desk)
        if now is None or still is None or now.received != still.received:
            still, since = now, time.monotonic()
        elif time.monotonic() - since >= QUIET_S:
            return
        await asyncio.sleep(LOOK_EVERY_S)
    raise LocalError(
        f"The flow did not come to rest within {DRAIN_S:.0f} s "
        f"({_under_way(await desk.balance())}, {await store.pending(desk.pool)} waiting to leave); "
        f"look into {desk.system.run}/logs."
    )


def _under_way(balance: figures.Balance | None) -> str:
    if balance is None:
        return "metrics does not answer"
    return (
        f"{balance.in_flight} records without a verdict, {balance.desk.lag} before the desk, "
        f"balance {balance.balance} and {balance.desk.balance}"
    )


async def _at_rest(desk: Desk) -> figures.Balance | None:
    """The balance, if it is fresh and nothing is under way anywhere; else None."""
    balance = await desk.balance()
    if balance is None or balance.age_s is None or balance.age_s > LONGEST_AGE_S:
        return None
    if balance.in_flight or balance.desk.lag or balance.desk.balance:
        return None
    return balance if await store.pending(desk.pool) == 0 else None


async def _report(night: Night, desk: Desk) -> int:
    ledger, balance = await desk.ledger(), await desk.balance()
    if balance is None:
        raise LocalError("metrics does not answer any more; look into its log.")
    at_desk = await store.desk(desk.pool)
    summary = figures.summary(
        ledger=ledger,
        desk=at_desk,
        balance=balance,
        intake=await read_intake(desk.system.kafka.bootstrap),
        memory=desk.system.peak_memory_mb,
        seed=night.seed,
    )
    wrong = figures.faults(summary, ledger, at_desk)
    for sentence in wrong:
        say(f"Not good: {sentence}.")
    if night.json:
        sys.stdout.write(jsonlib.dumps(summary) + "\n")
    else:
        Console().print_json(data=summary)
    return 1 if wrong else 0
