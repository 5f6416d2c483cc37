"""The home folder of the local system: one user at a time, a fresh run each time, room on the disk."""

import fcntl
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from toog.local import ports, postgres
from toog.local.errors import LocalError

LEAST_FREE_BYTES: Final = 1 << 30
KEPT_RUNS: Final = 2


class Lock:
    """The right to use a home folder. The kernel takes it back however the process ends."""

    def __init__(self, home: Path) -> None:
        self._path = home / "run.lock"
        self._file: int | None = None

    def take(self) -> None:
        """Take it, or raise LocalError naming the process that has it."""
        if self._file is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 32).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise LocalError(
                f"A system already runs in {self._path.parent} (process {holder}): "
                "stop it with Ctrl-C or choose another home folder."
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def give_back(self) -> None:
        """Let the next one in."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def check_room(home: Path) -> None:
    """LocalError with less than 1 GiB free where `home` lies: a full disk stops Kafka half-way."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(home).free
    except OSError as error:
        raise LocalError(
            f"{home} cannot hold the data ({error.strerror}): choose another home folder."
        ) from None
    if free < LEAST_FREE_BYTES:
        raise LocalError(
            f"Only {free >> 20} MiB are free on the disk of {home} and a night needs 1 GiB: "
            "make room or choose a home folder on another disk."
        )


def check_ports(asked: Mapping[str, int]) -> None:
    """LocalError for a port that was asked for by number and is taken."""
    for name, port in asked.items():
        if not ports.is_free(port):
            raise LocalError(
                f"Port {port}, asked for {name}, is taken on {ports.HOST}: "
                "free it, choose another, or leave the choice to the program."
            )


def new_run(home: Path) -> Path:
    """A fresh folder for this run; the one before it is kept, to be looked into."""
    runs = home / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    for old in sorted(runs.iterdir())[: 1 - KEPT_RUNS]:
        postgres.remove_data(old / "postgres")
        shutil.rmtree(old, ignore_errors=True)
    run = runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    run.mkdir()
    return run
