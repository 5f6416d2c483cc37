"""Where the arms play: one real broker with the night on it, and each arm in a process of its own."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from bench import night
from bench.arms.task import Task
from support.meter import Measured

from services.router.settings import Settings
from toog.contracts.topics import EVENTS, ROOM
from toog.kit.settings import KafkaSettings
from toog.local import spawn
from toog.local.project import HOME, say
from toog.local.system import System

TESTS: Final = Path(__file__).parents[1]
LOOK_EVERY_S: Final = 0.1


class Stage:
    """One broker, the corpus, and the folder of the run."""

    def __init__(self, system: System, folder: Path, corpus: Sequence[night.Heard]) -> None:
        self.corpus = corpus
        self.kafka = system.kafka.bootstrap
        self._folder = folder
        self._accounts = folder / "accounts.toml"
        self._runs = 0

    @property
    def room(self) -> list[night.Heard]:
        """The part of the corpus that came through the room's topic."""
        return [heard for heard in self.corpus if heard.topic == ROOM.name]

    def settings(self, prefix: str) -> KafkaSettings:
        """How topics under this prefix are reached."""
        return KafkaSettings(kafka=self.kafka, kafka_prefix=prefix)

    def router_settings(self, prefix: str) -> Settings:
        """The same for a router, with the shipped policy."""
        return Settings(kafka=self.kafka, kafka_prefix=prefix, accounts=self._accounts)

    @property
    def accounts(self) -> Path:
        """The accounts file that the night was heard with."""
        return self._accounts

    @contextlib.asynccontextmanager
    async def filled(
        self,
        prefix: str,
        count: int,
        partitions: int = EVENTS.partitions,
        corpus: Sequence[night.Heard] | None = None,
    ) -> AsyncIterator[str]:
        """Topics under this prefix with `count` events on the intake, for the block."""
        settings = self.settings(prefix)
        await night.make_topics(settings, partitions)
        await night.fill(settings, corpus or self.corpus, count, partitions)
        try:
            yield prefix
        finally:
            await night.drop_topics(settings)

    async def play(
        self, arm: str, prefix: str, *, warm: int, count: int, within_s: float
    ) -> Measured:
        """Lets an arm read `warm + count` events and measures `count` of them.

        Raises RuntimeError with its last words where it fails or takes too long.
        """
        self._runs += 1
        run = f"{arm}-{self._runs}"
        result, log = self._folder / f"{run}.json", self._folder / f"{run}.log"
        task = Task(
            kafka=self.kafka,
            prefix=prefix,
            run=run,
            accounts=str(self._accounts),
            warm=warm,
            count=count,
            result=str(result),
        )
        argv = [sys.executable, "-m", f"bench.arms.{arm}", msgspec.json.encode(task).decode()]
        process = spawn.spawn(argv, log=log, env=environment(), cwd=TESTS.parent)
        try:
            await ended(process, within_s)
        finally:
            process.kill()
            process.wait()
        if not result.exists():
            raise RuntimeError(f"{run} did not finish; its last words: {spawn.last_lines(log)}")
        measured = msgspec.json.decode(result.read_bytes(), type=Measured)
        say(f"  {arm:<12}{measured.cpu_us:8.1f} µs  {measured.per_s:9.0f} events/s")
        return measured


@contextlib.asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """The broker with its night recorded; everything is gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="toog-bench-"))
    system = System(folder, cache=HOME, durable=False, services=("ingest",))
    try:
        async with system:
            say("Playing a night to have its events …")
            began = time.monotonic()
            corpus = await night.recorded(system)
            for name in ("ingest", "sandbox"):
                await system.supervisor.stop(name)
            await asyncio.to_thread(system.postgres.leave)
            size = sum(len(heard.value) for heard in corpus) / len(corpus)
            say(f"{len(corpus)} events of {size:.0f} bytes in {time.monotonic() - began:.0f} s")
            assert system.run is not None
            shutil.copy(system.run / "accounts.toml", folder / "accounts.toml")
            yield Stage(system, folder, corpus)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment() -> dict[str, str]:
    """Ours, without settings of Toog, and with the folder that the arms lie in."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TOOG_")}
    return {**ours, "PYTHONPATH": f"{TESTS}:{TESTS.parent}", "PYTHONUNBUFFERED": "1"}


async def ended(process: "subprocess.Popen[bytes]", within_s: float) -> None:
    """Returns when it has ended or the time is over."""
    deadline = time.monotonic() + within_s
    while process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 - a process offers no event
        await asyncio.sleep(LOOK_EVERY_S)
