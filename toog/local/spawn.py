"""Starting and ending one process: it never outlives us, and never hears the terminal's Ctrl-C."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LAUNCHER: Final = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class User:
    """A user of this machine by its numbers."""

    uid: int
    gid: int


@functools.cache
def _spawner() -> ThreadPoolExecutor:
    """The one thread that starts every child.

    The kernel sends the death signal when the *thread* that started the child ends, not the
    process. A child started from a short-lived worker thread (asyncio.to_thread) would be killed
    for no visible reason; this thread lives as long as the interpreter.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="toog-spawn")


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: User | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start `argv` with its output appended to `log`. The process id is the program's own.

    `death_signal` is what the kernel sends it when we die, however we die. The new session keeps
    the terminal's signals away, so that the order of stopping is ours. `user` needs root.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    owner = (str(user.uid), str(user.gid)) if user else ("-", "-")
    start = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(death_signal))]

    def start_it() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                [*start, *owner, *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )

    return _spawner().submit(start_it).result()


def end(process: subprocess.Popen[bytes], how: signal.Signals, within: float) -> int:
    """Ask the process to leave, and after `within` seconds make it. Returns its exit code."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            return process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def end_of(process: subprocess.Popen[bytes], within: float) -> int:
    """The exit code of a process that ends by itself; after `within` seconds it is killed."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(timeout=within)
    process.kill()
    return process.wait()


def wait_for_line(
    process: subprocess.Popen[bytes], log: Path, *, line: bytes, after: int, within: float
) -> bool:
    """Whether `line` appears in `log` beyond byte `after` while the process lives.

    `after` is the log's size before the start: in a log that is used again, an older line would
    be a false ready.
    """
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if line in read_after(log, after):
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    return False


def size(log: Path) -> int:
    """The bytes in `log`, 0 where it does not exist."""
    return log.stat().st_size if log.exists() else 0


def read_after(log: Path, after: int) -> bytes:
    """What was written to `log` beyond byte `after`."""
    if not log.exists():
        return b""
    with log.open("rb") as written:
        written.seek(after)
        return written.read()


def last_lines(log: Path, after: int = 0, count: int = 5) -> str:
    """The last lines of `log` beyond byte `after`, joined by ` | ` to fit into a sentence."""
    text = read_after(log, after).decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-count:]) or "(it wrote nothing)"


def peak_memory_kb(pid: int) -> int:
    """The most memory that the process has held so far (VmHWM, in KiB); 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak[0]) if peak else 0
