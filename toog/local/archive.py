"""Makes ready, once per machine, what every broker start uses: jars and the class archive."""

import hashlib
import shutil
from pathlib import Path

from toog.local.jars import fetch_jars, one_at_a_time
from toog.local.java import find_java
from toog.local.kafka import Kafka, Libs
from toog.local.project import HOME, Say, say


def prepare(cache: Path = HOME, tell: Say = say) -> Libs:
    """Fetch the jars and record the archive where either is missing; quick when both are there.

    Raises LocalError without Java, Maven or network.
    """
    java = find_java()
    cache = cache.resolve()  # it goes into the class path, which must be the same each time
    with one_at_a_time(cache):
        jars = fetch_jars(cache, java, tell)
        # The archive fits exactly one Java and one class path, so both are in its name.
        key = hashlib.sha256(f"{java.version}{[str(jar) for jar in jars]}".encode()).hexdigest()
        archive = cache / f"kafka-{key[:12]}.jsa"
        if not archive.exists():
            tell("Recording Kafka's class archive (a few seconds, once) …")
            _record(Libs(java, jars), archive, cache / "archive.part")
    return Libs(java, jars, archive)


def _record(libs: Libs, archive: Path, scratch: Path) -> None:
    """Run a broker once and let Java write down at its exit which classes it had loaded."""
    shutil.rmtree(scratch, ignore_errors=True)
    broker = Kafka(scratch, libs)
    recorded = scratch / "classes.jsa"
    try:
        broker.start(archive_at_exit=recorded)
    finally:
        broker.stop()
    if recorded.exists():  # without it the broker only starts more slowly
        recorded.rename(archive)
    shutil.rmtree(scratch)
