"""Kafka's jars: asked for once with Maven, kept in a cache folder."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM
from typing import Final

from toog.local import spawn
from toog.local.errors import LocalError
from toog.local.java import Java
from toog.local.project import PROJECT, Say

POM: Final = PROJECT / "deploy" / "local" / "pom.xml"
FETCH_WITHIN_S: Final = 600.0


@contextlib.contextmanager
def one_at_a_time(cache: Path) -> Iterator[None]:
    """Only one process fills the cache; others wait for it and then find it full."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "cache.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch_jars(cache: Path, java: Java, say: Say) -> tuple[Path, ...]:
    """The jars in the order of the class path; from the cache when they are there.

    The folder is named after the pom, so that another Kafka version is another folder, and gets
    its name only when it is complete. Raises LocalError without Maven or network.
    """
    folder = cache / f"jars-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        _fetch(folder, java, say)
    return tuple(sorted(folder.glob("*.jar")))


def _fetch(folder: Path, java: Java, say: Say) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise LocalError(
            "Maven is needed once to fetch Kafka and is not installed: "
            "install it (Debian: `apt-get install maven`) and run this again."
        )
    half_done = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(half_done, ignore_errors=True)
    half_done.mkdir(parents=True)
    say("Fetching Kafka's jars with Maven (43 MB, once) …")
    log = folder.with_name("maven.log")
    log.unlink(missing_ok=True)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
    process = spawn.spawn(
        [maven, "-B", "-f", str(POM), *goal, f"-DoutputDirectory={half_done}"],
        log=log,
        env=_environment(java),
    )
    if _watch(process, log, half_done, say) != 0 or not any(half_done.glob("kafka_*.jar")):
        raise LocalError(
            f"Maven could not fetch Kafka's jars ({_reason(log)}): check the network and "
            f"Maven's settings, then run this again; all it said is in {log}."
        )
    half_done.rename(folder)


def _environment(java: Java) -> dict[str, str]:
    """Maven is a Java program too; it gets the broker's only on a machine that has no other.

    An older one will do for it, and a system's Java trusts what the system trusts.
    """
    if "JAVA_HOME" in os.environ or shutil.which("java"):
        return dict(os.environ)
    return {**os.environ, "JAVA_HOME": java.home}


def _watch(process: subprocess.Popen[bytes], log: Path, target: Path, say: Say) -> int | None:
    """Tell how far Maven is until it ends; its exit code, or that of its being stopped."""
    deadline = time.monotonic() + FETCH_WITHIN_S
    told = time.monotonic()
    try:
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
            if time.monotonic() - told > 2:
                told = time.monotonic()
                downloaded = spawn.read_after(log, 0).count(b"Downloaded from")
                copied = len(list(target.glob("*.jar")))
                say(f"  {downloaded} files downloaded, {copied} jars in place")
    finally:
        spawn.end(process, SIGTERM, within=5)
    return process.returncode


def _reason(log: Path) -> str:
    errors = [
        line.removeprefix("[ERROR]").strip()
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith("[ERROR]")
    ]
    return errors[0] if errors else spawn.last_lines(log, count=1)
