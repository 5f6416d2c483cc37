"""What it costs to read a text of 150 characters: danger, kind, language, mood, in µs of CPU."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from support.bench import Row

from services.router.kind import kind_of
from services.router.language import language_of
from services.router.policy import read_policy, shipped_policy
from services.router.sentiment import sentiment

SAMPLES: Final = Path(__file__).parents[1] / "samples"
CHARACTERS: Final = 150
ROUNDS: Final = 5
_danger: Final = read_policy(shipped_policy()).sounds_like_danger

READ: Final[dict[str, tuple[Callable[[str], object], float]]] = {
    "danger": (_danger, 100.0),
    "kind": (kind_of, 100.0),
    "language": (language_of, 100.0),
    "sentiment": (lambda text: sentiment(text, "nl"), 15.0),
}
"""By name what reads a text, and its goal; all four are asked only of what is addressed."""


def rows() -> Iterator[Row]:
    """A row each, best of five over the lines that people wrote for kinds."""
    lines = (SAMPLES / "kind" / "independent.tsv").read_text().splitlines()[1:]
    texts = [(line.split("\t")[2] + " ") * 10 for line in lines]
    texts = [text[:CHARACTERS] for text in texts]
    for name, (read, goal) in READ.items():
        read(texts[0])
        value = min(_round(read, texts) for _ in range(ROUNDS))
        yield Row(f"router.read_us.{name}", value, "µs per text", goal)


def _round(read: Callable[[str], object], texts: list[str]) -> float:
    began = time.process_time()
    for text in texts:
        read(text)
    return (time.process_time() - began) / len(texts) * 1e6
