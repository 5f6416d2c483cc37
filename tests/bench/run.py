"""`make bench`: measures, prints a table and keeps it in `build/bench.json`.

Every module beside this one offers `rows()`; a new one is a word in MEASURED.
"""

import sys
from pathlib import Path
from typing import Final

from bench import platforms, router, texts
from support.bench import Row, keep, table

KEPT: Final = Path(__file__).parents[2] / "build" / "bench.json"
MEASURED: Final = (platforms.rows, texts.rows, router.rows)


def main() -> None:
    """A figure that misses its goal says so; whether that is a fault is for people to judge."""
    rows: list[Row] = [row for measure in MEASURED for row in measure()]
    sys.stdout.write(table(rows) + "\n")
    keep(rows, KEPT)


if __name__ == "__main__":
    main()
