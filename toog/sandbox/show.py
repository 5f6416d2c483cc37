"""The night that is on: started once, played to its end or repeated, with a status to look at."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from toog.platforms.playing import Ledger, Played
from toog.sandbox.crowd import night, size_of
from toog.sandbox.curve import phase
from toog.sandbox.plan import Desk
from toog.sandbox.player import Player

EPISODE_S: Final = 1_800.0


class RunningError(Exception):
    """The night is on already."""


@dataclass(frozen=True, slots=True)
class Programme:
    """Which night: `rate` events a second in the mean, `seconds` 0 repeats episodes for ever."""

    seed: int
    rate: float
    seconds: float

    @property
    def episode_s(self) -> float:
        """The length of one episode."""
        return self.seconds or EPISODE_S


class Show:
    """Plays the programme on the platforms, in a task of its own."""

    def __init__(
        self, played: Mapping[str, Played], ledger: Ledger, desks: Mapping[str, Desk]
    ) -> None:
        self._played, self._ledger, self._desks = played, ledger, desks
        self._programme: Programme | None = None
        self._player = Player(played, ledger)
        self._task: asyncio.Task[None] | None = None
        self._started = 0.0
        self._episode = 0

    def start(self, programme: Programme) -> None:
        """Lets the night begin now. Raises RunningError while one is on."""
        if self._task is not None and not self._task.done():
            raise RunningError
        self._programme = programme
        self._task = asyncio.create_task(self._run(programme), name="night")

    async def stop(self) -> None:
        """Ends the night where it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, programme: Programme) -> None:
        self._episode = 0
        while self._episode == 0 or programme.seconds == 0:
            self._player = Player(self._played, self._ledger)
            seed, length = programme.seed + self._episode, programme.episode_s
            deeds = night(seed, rate=programme.rate, seconds=length, desks=self._desks)
            self._started = time.monotonic()
            self._episode += 1
            await self._player.play(deeds, self._started)
            # the last minutes of an evening may be silent; the next episode keeps its hour
            await asyncio.sleep(max(self._started + length - time.monotonic(), 0.0))

    def status(self) -> dict[str, Any]:
        """What the demo shows; times in seconds, lateness in milliseconds."""
        task, programme, player = self._task, self._programme, self._player
        base = {
            "running": task is not None and not task.done(),
            "done": task is not None and task.done(),
            "broken": _broken(task),
            "acted": player.acted,
            "skipped": player.skipped,
            "failed": player.failed,
            "late_ms": round(player.late_s * 1000),
            "worst_late_ms": round(player.worst_late_s * 1000),
            "acts": self._ledger.acts,
            "counts": self._ledger.counts,
        }
        if programme is None:
            return {**base, "phase": "voor", "episode_time_s": 0.0, "planned": 0}
        length = programme.episode_s
        now = min(time.monotonic() - self._started, length) if self._episode else 0.0
        return {
            **base,
            "phase": phase(now / length),
            "episode": self._episode,
            "episode_time_s": round(now, 1),
            "episode_length_s": length,
            "planned": size_of(programme.rate, length, self._desks),
            "seed": programme.seed,
        }

    @property
    def late_s(self) -> float:
        """How late the last act was."""
        return self._player.late_s


def _broken(task: asyncio.Task[None] | None) -> str | None:
    """The sort of error that ended the night before its time, or None."""
    if task is None or not task.done() or task.cancelled() or task.exception() is None:
        return None
    return type(task.exception()).__name__
