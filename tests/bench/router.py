"""What the router is worth: four ways to do the same on one real broker, its latency, its flatness.

The arms take turns, so that what disturbs the machine disturbs them all; each is a process of its
own, and its best round counts. `docs/benchmarks.md` tells what each figure means.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Final

from bench.latency import addressed_p99_ms, mention_behind_noise_ms
from bench.stage import Stage, staged
from support.bench import Row
from support.meter import Measured, best, together

from toog.local.project import say

SCALE: Final = float(os.environ.get("BENCH_SCALE", "1"))
"""A part of the whole (0.1, say), to try the benchmark itself; figures are those of 1."""

ROUNDS: Final = 10
"""Of the arms; what disturbs a machine lasts seconds, and each arm should have met a quiet one."""
FLAT_ROUNDS: Final = 3
ARMS: Final[Mapping[str, float]] = {
    "limit": 200_000,
    "ours": 200_000,
    "confluent": 200_000,
    "documented": 3_000,  # some 400 a second
}
"""How many events each reads in a round."""
WITHIN_S: Final = 180.0
WARM: Final = 50_000
FLAT: Final = tuple((partitions, count) for partitions in (6, 48) for count in (10_000, 1_000_000))
PLAYS: Final = {10_000: 10, 1_000_000: 1}
"""So often a run of so many events is played: one that lasts a tenth of a second meets the machine
at its fastest or slowest, one of eleven seconds never does, and the two cannot be held together."""


def rows() -> Iterator[Row]:
    """All rows of the router; nine to twelve minutes."""
    yield from asyncio.run(_measure())


async def _measure() -> list[Row]:
    async with staged() as stage:
        arms = await _arms(stage)
        say("Latency at 500 events/s …")
        p99 = await addressed_p99_ms(stage, rate=500, seconds=max(5, 40 * SCALE))
        say("A mention behind the noise …")
        behind = await mention_behind_noise_ms(stage, fill=150_000, waiting=50_000)
        flat = await _flat(stage)
    return [
        *compared(arms),
        Row("router.addressed_p99_ms", p99, "ms", 100),
        Row("router.mention_behind_noise_ms", behind, "ms", 1000),
        *flatness(flat),
        *plain(arms),
    ]


async def _arms(stage: Stage) -> dict[str, Measured]:
    """The best round of each arm."""
    counts = {arm: round(count * SCALE) for arm, count in ARMS.items()}
    rounds: dict[str, list[Measured]] = {arm: [] for arm in ARMS}
    async with stage.filled("arms.", max(counts.values())):
        for number in range(ROUNDS):
            say(f"Round {number + 1} of {ROUNDS} …")
            for arm, count in counts.items():
                measured = await stage.play(arm, "arms.", warm=0, count=count, within_s=WITHIN_S)
                rounds[arm].append(measured)
    return {arm: best(found) for arm, found in rounds.items()}


async def _flat(stage: Stage) -> dict[tuple[int, int], Measured]:
    """The best of three runs per number of partitions and of events; a short run is several plays.

    The room's events alone: of a backlog our own doors are read first, so that a short run would
    hold none of them after its warm part and a long one many, and like would not meet like.
    """
    warm = round(WARM * SCALE)
    counts = {(partitions, whole): round(whole * SCALE) for partitions, whole in FLAT}
    prefixes = {of: f"flat-{of[0]}-{of[1]}." for of in counts}
    rounds: dict[tuple[int, int], list[Measured]] = {of: [] for of in counts}
    async with contextlib.AsyncExitStack() as stack:
        for of, count in counts.items():
            filled = stage.filled(prefixes[of], warm + count, of[0], stage.room)
            await stack.enter_async_context(filled)
        for number in range(FLAT_ROUNDS):
            say(f"Flatness, round {number + 1} of {FLAT_ROUNDS} …")
            for of, count in counts.items():
                plays = [
                    await stage.play(
                        "ours", prefixes[of], warm=warm, count=count, within_s=WITHIN_S
                    )
                    for _ in range(PLAYS[of[1]])
                ]
                rounds[of].append(together(plays))
    return {of: best(found) for of, found in rounds.items()}


def compared(arms: Mapping[str, Measured]) -> list[Row]:
    """Ours against the others: events per second of processor time, or its inverse."""
    ours = arms["ours"]
    return [
        Row(
            "router.vs_documented",
            ours.per_cpu_s / arms["documented"].per_cpu_s,
            "times",
            30,
            least=True,
        ),
        Row("router.vs_confluent", ours.per_cpu_s / arms["confluent"].per_cpu_s, "times", 0.9, least=True),
        Row("router.cpu_vs_limit", ours.cpu_us / arms["limit"].cpu_us, "times", 1.5),
    ]  # fmt: skip


def flatness(found: Mapping[tuple[int, int], Measured]) -> list[Row]:
    """The largest processor time per event over the smallest, and each of them."""
    costs = {of: measured.cpu_us for of, measured in found.items()}
    return [
        Row("router.flatness", max(costs.values()) / min(costs.values()), "times", 1.25),
        *(
            Row(f"router.cpu_us.{partitions}_partitions.{count}", cost, "µs per event")
            for (partitions, count), cost in costs.items()
        ),
    ]


def plain(arms: Mapping[str, Measured]) -> list[Row]:
    """What each arm came to, without a goal."""
    return [
        row
        for arm, measured in arms.items()
        for row in (
            Row(f"router.{arm}.cpu_us", measured.cpu_us, "µs per event"),
            Row(f"router.{arm}.events_per_cpu_s", measured.per_cpu_s, "events/s"),
            Row(f"router.{arm}.events_per_s", measured.per_s, "events/s"),
            Row(f"router.{arm}.peak_mb", measured.peak_mb, "MiB"),
        )
    ]
