"""What it costs to parse: microseconds of processor time per event, over the platform's samples."""

import time
from collections.abc import Iterator
from typing import Final

from support.bench import Row
from support.parsing import SPOKEN, body_of, parse, samples

GOAL_US: Final = 100.0
"""At 3,000 events/s, less than a third of a core."""
ROUNDS: Final = 5
LASTS_S: Final = 0.1


def rows() -> Iterator[Row]:
    """A row per platform, best of five: what disturbs only ever makes it slower."""
    for platform in SPOKEN:
        value = min(_round(platform) for _ in range(ROUNDS))
        yield Row(f"platforms.parse_us.{platform}", value, "µs per event", GOAL_US)


def _round(platform: str) -> float:
    bodies = [body_of(value) for value in samples(platform).values()]
    events = sum(len(parse(platform, body).heard) for body in bodies)
    began, passes = time.process_time(), 0
    while time.process_time() - began < LASTS_S:
        for body in bodies:
            parse(platform, body)
        passes += 1
    return (time.process_time() - began) / (events * passes) * 1e6
