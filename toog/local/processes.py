"""The supervisor: starts programs, restarts what ends unexpectedly, stops all in reverse order."""

import asyncio
import random
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

import httpx

from toog.local import spawn
from toog.local.errors import LocalError
from toog.local.project import PROJECT

LOOK_EVERY_S: Final = 0.05
RESTARTS_A_MINUTE: Final = 6
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and when it counts as ready: when `ready_url` answers 200 (None: at once).

    `env` is all that it sees of the environment.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    ready_url: str | None = None
    ready_within_s: float = 30.0
    stop_within_s: float = 15.0


@dataclass
class _Running:
    """One supervised program through all its restarts."""

    program: Program
    process: subprocess.Popen[bytes]
    log_begin: int
    peak_kb: int = 0
    restarts: int = 0
    recent: deque[float] = field(default_factory=deque)
    watch: asyncio.Task[None] | None = None

    def look(self) -> int | None:
        """Note the memory; the exit code once it has ended. The peak survives restarts."""
        self.peak_kb = max(self.peak_kb, spawn.peak_memory_kb(self.process.pid))
        return self.process.poll()

    def last_words(self) -> str:
        return spawn.last_lines(self.program.log, self.log_begin)


class Supervisor:
    """Programs under watch, in the order of their start.

    Make, start and stop it in one event loop. Children end with this process however it ends;
    Ctrl-C in the terminal does not reach them, so that the order of stopping is kept.
    """

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}
        self._failed = asyncio.Event()
        self._failure = ""

    async def start(self, program: Program) -> None:
        """Start it, wait until it is ready, then keep it running.

        Raises LocalError with its last lines if it ends before that or is not ready in time.
        """
        if program.name in self._running:
            raise ValueError(f"{program.name} runs already")
        process, begin = _spawn(program)
        running = self._running[program.name] = _Running(program, process, begin)
        await _until_ready(running)
        running.watch = asyncio.create_task(self._watch(running), name=f"watch {program.name}")

    async def until_ready(self, name: str) -> None:
        """Wait until it is ready (again), over a restart if need be; LocalError after its bound."""
        running = self._running[name]
        deadline = time.monotonic() + running.program.ready_within_s
        async with _client() as client:
            while not await _is_ready(client, running):
                if time.monotonic() > deadline or self._failure:
                    raise LocalError(
                        f"{name} is not ready again; its last words: {running.last_words()}"
                    )
                await asyncio.sleep(LOOK_EVERY_S)

    async def until_failure(self) -> NoReturn:
        """Wait until a program cannot be kept running; then raise LocalError. Else for ever."""
        await self._failed.wait()
        raise LocalError(self._failure)

    def kill(self, name: str) -> None:
        """SIGKILL, as a fault; the watch restarts it."""
        running = self._running[name]
        running.look()
        running.process.kill()

    def pid(self, name: str) -> int:
        """The process id of its present (or last) run."""
        return self._running[name].process.pid

    @property
    def restarts(self) -> dict[str, int]:
        """How often each program was restarted after an unexpected end."""
        return {name: running.restarts for name, running in self._running.items()}

    @property
    def peak_memory_mb(self) -> dict[str, int]:
        """The most memory each program has held, in MiB rounded up, over all its restarts."""
        for running in self._running.values():
            running.look()
        return {name: -(-running.peak_kb // 1024) for name, running in self._running.items()}

    async def stop(self, name: str) -> None:
        """SIGTERM, and after the program's bound SIGKILL; it is not restarted."""
        running = self._running[name]
        if running.watch:
            running.watch.cancel()
            await asyncio.gather(running.watch, return_exceptions=True)
        if running.look() is None:
            running.process.terminate()
        if not await _within(running.program.stop_within_s, lambda: running.look() is not None):
            running.process.kill()
        running.process.wait()  # a killed process is gone at once

    async def stop_all(self) -> None:
        """Stop each in the reverse order of its start."""
        for name in reversed(self._running):
            await self.stop(name)

    def kill_all(self) -> None:
        """SIGKILL to all at once, for a second Ctrl-C; blocks until they are gone."""
        for running in self._running.values():
            if running.watch:
                running.watch.cancel()
            running.process.kill()
            running.process.wait()

    async def _watch(self, running: _Running) -> None:
        name = running.program.name
        while True:
            code = running.look()
            if code is None:
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            pause = _next_pause(running.recent, time.monotonic())
            if pause is None:
                self._failure = (
                    f"{name} ended {RESTARTS_A_MINUTE + 1} times within a minute (exit code {code}) "
                    f"and is not restarted any more; its last words: {running.last_words()}; "
                    f"see {running.program.log}."
                )
                self._failed.set()
                return
            await asyncio.sleep(pause)
            running.process, running.log_begin = _spawn(running.program)
            running.restarts += 1


async def run_job(program: Program, within_s: float = 60.0) -> None:
    """Run a program that ends by itself; LocalError with its last lines unless it exits with 0."""
    process, begin = _spawn(program)
    timely = False
    try:
        timely = await _within(within_s, lambda: process.poll() is not None)
    finally:
        process.kill()
        process.wait()
    if not timely or process.returncode != 0:
        how = (
            f"failed (exit code {process.returncode})" if timely else f"took over {within_s:.0f} s"
        )
        last = spawn.last_lines(program.log, begin)
        raise LocalError(f"{program.name} {how}; its last words: {last}; see {program.log}.")


async def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true in time, looking again and again."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return True


def _spawn(program: Program) -> tuple[subprocess.Popen[bytes], int]:
    begin = spawn.size(program.log)
    return spawn.spawn(program.argv, log=program.log, env=program.env, cwd=PROJECT), begin


def _next_pause(recent: deque[float], now: float) -> float | None:
    """Seconds to wait before the next restart; None when there were too many within a minute.

    The first one is quick: a single crash should cost the citizens nothing.
    """
    while recent and now - recent[0] > 60:
        recent.popleft()
    if len(recent) >= RESTARTS_A_MINUTE:
        return None
    pause: float = min(FIRST_PAUSE_S * 2 ** len(recent), LONGEST_PAUSE_S)
    recent.append(now)
    return pause * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret


def _client() -> httpx.AsyncClient:
    # A proxy of the person's environment has no business between us and 127.0.0.1.
    return httpx.AsyncClient(timeout=3, trust_env=False)


async def _until_ready(running: _Running) -> None:
    program = running.program
    deadline = time.monotonic() + program.ready_within_s
    async with _client() as client:
        while not await _is_ready(client, running):
            code = running.look()
            if code is not None or time.monotonic() > deadline:
                how = (
                    f"was not ready within {program.ready_within_s:.0f} s"
                    if code is None
                    else f"ended before it was ready (exit code {code})"
                )
                raise LocalError(
                    f"{program.name} {how}; its last words: {running.last_words()}; "
                    f"see {program.log}."
                )
            await asyncio.sleep(LOOK_EVERY_S)


async def _is_ready(client: httpx.AsyncClient, running: _Running) -> bool:
    if running.look() is not None:
        return False
    if running.program.ready_url is None:
        return True
    try:
        answer = await client.get(running.program.ready_url)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200
