"""Routers as the processes they are, a crowd that writes to their intake, and a watch on the rest."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from support import crowd
from support.watch import Watch, everything_judged_once, no_effect_twice, order_holds
from toog.contracts.topics import EVENTS, ROOM
from toog.kit.errors import UnavailableError
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import topic_name
from toog.kit.stream.produce import Outgoing, Producer
from toog.kit.stream.topics import ensure_topics
from toog.local.ports import free_port
from toog.ops.balance import balance, committed_offsets

ROOT = Path(__file__).parents[2]
LATE_S = 1.0
"""An event that waits longer than this for its verdict is behind."""


class Router:
    """One slot: started, killed and started again under the same name and address."""

    def __init__(self, environment: dict[str, str], name: str, folder: Path) -> None:
        bind = f"127.0.0.1:{free_port()}"
        self.name = name
        self.address = f"http://{bind}"
        self._environment = environment | {"TOOG_INSTANCE": name, "TOOG_INTERNAL_BIND": bind}
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the program; `ready` waits for it."""
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.router"],
                env=self._environment,
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self, *, over: bool = False) -> None:
        """SIGSTOP, or SIGCONT when it is over."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT if over else signal.SIGSTOP)

    async def leave(self, within: float = 20) -> int:
        """SIGTERM; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, within)

    async def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        """The status and the answer of its internal listener; (0, None) where nobody answers."""
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            try:
                answer = await client.request(method, f"{self.address}/{path}")
            except httpx.TransportError:
                return 0, None
            return answer.status_code, answer.json()

    async def failures(self) -> int:
        """Batches that failed and were read again, since its last start."""
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            page = (await client.get(f"{self.address}/metrics")).text
        lines = [x for x in page.splitlines() if x.startswith("toog_consumer_failures_total")]
        return sum(int(float(line.rpartition(" ")[2])) for line in lines)

    async def ready(self, within: float = 30) -> None:
        """Waits until it says that it is."""
        said: tuple[int, Any] = (0, None)
        end = time.monotonic() + within
        while (said := await self.ask("readyz"))[0] != 200:
            assert self.runs, f"{self.name} ended: {self.words}"
            assert time.monotonic() < end, f"{self.name} is not ready: {said}"
            await asyncio.sleep(0.05)

    @property
    def words(self) -> str:
        """The last of what it wrote."""
        return self._log.read_text()[-2000:]


class Flow:
    """Topics under a prefix of their own, with everything that writes to them and reads them."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.settings = KafkaSettings(kafka=bootstrap, kafka_prefix=prefix, instance="test")
        self.watch = Watch(self.settings)
        self.crowd = crowd.Crowd()
        self._producer = Producer(self.settings)
        self._folder = folder
        self._routers: list[Router] = []
        self._unsent = self._rate = 0

    async def __aenter__(self) -> Self:
        (self._folder / "accounts.toml").write_text(crowd.ACCOUNTS)
        (self._folder / "policy.toml").write_text(crowd.POLICY)
        await ensure_topics(self.settings)
        await self._producer.start()
        await self.watch.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for router in self._routers:
            router.kill()
        await self._producer.stop()
        await self.watch.stop()

    async def routers(self, *names: str) -> list[Router]:
        """New ones, started together and ready."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TOOG_")}
        environment = ours | {
            "TOOG_ACCOUNTS": str(self._folder / "accounts.toml"),
            "TOOG_POLICY": str(self._folder / "policy.toml"),
            "TOOG_KAFKA": self.settings.kafka,
            "TOOG_KAFKA_PREFIX": self.settings.kafka_prefix,
        }
        made = [Router(environment, name, self._folder) for name in names]
        self._routers += made
        for router in made:
            router.start()
        for router in made:
            await router.ready()
        return made

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Writes them; again, as a platform does, when Kafka is away."""
        async with asyncio.timeout(120):
            while True:
                try:
                    await self._producer.send(records)
                except UnavailableError:
                    continue
                return

    async def load(self, rate: int, seconds: float, citizen: str | None = None) -> None:
        """So many events per second by the clock: what was not taken meanwhile comes at once.

        `citizen`: half of them are by this one.
        """
        begun, sent, total = time.monotonic(), 0, int(rate * seconds)
        self._rate = rate
        while sent < total:
            due = min(total, int(rate * (time.monotonic() - begun)) + 1)
            self._unsent = due - sent
            count = min(self._unsent, 2_000)
            hot = count // 2 if citizen is not None else 0
            await self.send([*self.crowd.records(count - hot), *self.crowd.records(hot, citizen)])
            sent += count
            self._unsent = due - sent
            await asyncio.sleep(0 if self._unsent else 0.05)

    async def kill_in_the_middle(self, router: Router, tries: int = 30) -> None:
        """SIGKILL between the verdicts of a batch and its commit: it is held until it stands there.

        Held, what it has written stays uncommitted; what the other routers wrote does not.
        """
        for _ in range(tries):
            await self.send(self.crowd.records(500))
            router.pause()
            await asyncio.sleep(0.1)  # the watch sees what was written
            written = dict(self.watch.furthest)
            await asyncio.sleep(0.1)
            committed = await committed_offsets(self.settings)
            if any(committed.get(place, 0) < end for place, end in written.items()):
                break
            router.pause(over=True)
        router.kill()

    async def caught_up(self, within: float = 60) -> float:
        """Seconds from now until no event is late any more, and the crowd is not held up.

        An event is late after `LATE_S`: it takes as long to see that none will be.
        """
        begun = last = time.monotonic()
        while time.monotonic() - last < 2 * LATE_S:
            if self._late():
                last = time.monotonic()
            waiting = len(self.watch.waiting)
            assert last - begun < within, f"{waiting} events wait after {within} s"
            await asyncio.sleep(0.02)
        return last - begun

    def _late(self) -> bool:
        oldest = min(self.watch.waiting.values(), default=time.time())
        return self._unsent > LATE_S * self._rate or time.time() - oldest > LATE_S

    async def whole(self, within: float = 60) -> dict[str, object]:
        """Nothing lost, no effect twice, order kept, everything committed; the figures of it."""
        await self._at_rest(within)
        everything_judged_once(self.watch)
        effects, ordered = no_effect_twice(self.watch), order_holds(self.watch)
        drawn = (await balance(self.settings)).drawn.balance
        assert (drawn.balance, drawn.in_flight, drawn.conflicts) == (0, 0, 0)
        assert drawn.received == len(self.watch.intake)
        waits = self.watch.waits()
        assert len(waits) == len(self.watch.intake)
        return {
            "events": len(self.watch.intake),
            "effects": effects,
            "citizens_in_order": ordered,
            "delivered_again": self.watch.again,
            "longest_wait_s": f"{max(waits.values()):.1f}",
        }

    async def _at_rest(self, within: float) -> None:
        end = time.monotonic() + within
        while not await self._all_read_and_committed():
            assert time.monotonic() < end, f"{len(self.watch.waiting)} events without a verdict"
            await asyncio.sleep(0.1)

    async def _all_read_and_committed(self) -> bool:
        if self.watch.waiting or not await self.watch.at_end():
            return False
        ends = {
            (topic.name, partition): len(records)
            for topic in (EVENTS, ROOM)
            for partition in range(topic.partitions)
            if (records := self.watch.logs[topic.name, partition])
        }
        committed = await committed_offsets(self.settings)
        return all(committed.get(place) == end for place, end in ends.items())

    def at(self, partition: int) -> str:
        """An intake partition of our own doors as the routers name it."""
        return f"{topic_name(self.settings, EVENTS)}:{partition}"
