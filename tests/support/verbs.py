"""`toog <verb>` as an operator calls it: a process of its own, with its exit code and what it says."""

import asyncio
import os
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Said(NamedTuple):
    """How it ended and what it wrote."""

    code: int
    out: str
    err: str


async def toog(*words: str, **environment: str) -> Said:
    """Calls the verb; `environment` is added to that of the test, without any `TOOG_` of it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TOOG_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from toog.cli import app; app()",
        *words,
        env={**own, **environment},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())
