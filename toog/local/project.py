"""Where the project's own files lie, and where what is made from them is kept."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]
HOME: Final = PROJECT / ".local"  # git-ignored: jars, class archive, runs

Say = Callable[[str], None]


def say(sentence: str) -> None:
    """Progress for the person at the terminal: on stderr, because stdout carries results."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
