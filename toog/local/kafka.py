"""A real Kafka broker (KRaft, one node) as a process of our own."""

import asyncio
import shutil
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from types import TracebackType
from typing import Final, Self

from toog.local import ports, spawn
from toog.local.errors import LocalError
from toog.local.java import Java

# Any constant will do; one that begins with "-" would be read as an option by the format tool.
CLUSTER_ID: Final = "dG9vZy1sb2NhbC1rYWZrYQ"
STARTED: Final = b"Kafka Server started"
START_WITHIN_S: Final = 30.0
STOP_WITHIN_S: Final = 15.0
PORT_TRIES: Final = 3

# min.insync.replicas 1 and replication 1: one node. The session timeout is short because a broker
# that comes back after a SIGKILL waits until the old one's session has run out.
PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{port}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
min.insync.replicas=1
controlled.shutdown.enable=true
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=4
"""

LOGGING: Final = """\
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server
logger.server.level=info
"""


@dataclass(frozen=True)
class Libs:
    """What it takes to run a broker: a Java, the jars, and the archive of loaded classes."""

    java: Java
    jars: tuple[Path, ...]
    archive: Path | None = None

    def command(self, *arguments: str, archive_at_exit: Path | None = None) -> list[str]:
        """The Java command line that runs `arguments` (a main class first).

        The archive (AppCDS) halves the start. The compiler's first tier is enough for one night.
        """
        options = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        if archive_at_exit:
            options.append(f"-XX:ArchiveClassesAtExit={archive_at_exit}")
        elif self.archive:
            options += [f"-XX:SharedArchiveFile={self.archive}", "-Xshare:auto"]
        jars = ":".join(str(jar) for jar in self.jars)
        return [self.java.executable, *options, "-cp", jars, *arguments]


class Kafka:
    """One broker with its data in `folder`; the same port and data at each start.

    Its methods block; in a coroutine use `asyncio.to_thread(kafka.stop)`. As an async context
    manager it starts and stops without blocking the loop. A `port` that is asked for is a
    promise; without one, another is tried when somebody else was quicker.
    """

    def __init__(self, folder: Path, libs: Libs, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.libs = libs
        self.log = self.folder / "kafka.log"
        self._asked_port = port
        self._ports: tuple[int, int] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, `host:port`; known after the first start."""
        if self._ports is None:
            raise LocalError("Kafka has no address before its first start.")
        return f"{ports.HOST}:{self._ports[0]}"

    @property
    def pid(self) -> int | None:
        """The broker's process id, None when it does not run."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self, archive_at_exit: Path | None = None) -> None:
        """Start and wait until clients are answered; LocalError with its last lines otherwise."""
        if self.pid is not None:
            return
        fresh = self._ports is None
        for attempt in range(1, PORT_TRIES + 1):
            if self._ports is None:
                self._format()
            begin = spawn.size(self.log)
            if self._try_start(archive_at_exit, begin):
                return
            self.kill()
            last = spawn.last_lines(self.log, begin)
            taken = b"Address already in use" in spawn.read_after(self.log, begin)
            if not (taken and fresh and self._asked_port is None and attempt < PORT_TRIES):
                raise LocalError(f"Kafka did not start; its last words: {last}; see {self.log}.")
            self._ports = None

    def stop(self) -> None:
        """Let it leave in good order; after 15 s it is killed. Data and port stay."""
        if self._process:
            spawn.end(self._process, SIGTERM, STOP_WITHIN_S)
            self._process = None

    def kill(self) -> None:
        """SIGKILL, as a machine that loses its power."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Stop it and remove its data; the log stays."""
        self.stop()
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def peak_memory_kb(self) -> int:
        """The most memory that the running broker has held (KiB)."""
        return spawn.peak_memory_kb(self.pid) if self.pid else 0

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _format(self) -> None:
        """Choose ports, write the settings, make an empty store."""
        data = self.folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        port = self._asked_port or ports.free_port()
        controller = ports.free_port()
        settings = self.folder / "server.properties"
        settings.write_text(
            PROPERTIES.format(port=port, controller=controller, data=data), encoding="ascii"
        )
        (self.folder / "log4j2.properties").write_text(LOGGING, encoding="ascii")
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(settings)]
        log = self.folder / "format.log"
        process = spawn.spawn(self.libs.command(*tool), log=log)
        if spawn.end_of(process, within=START_WITHIN_S) != 0:
            raise LocalError(f"Kafka's store could not be made: {spawn.last_lines(log)}.")
        self._ports = (port, controller)

    def _try_start(self, archive_at_exit: Path | None, begin: int) -> bool:
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        command = self.libs.command(
            logging,
            "kafka.Kafka",
            str(self.folder / "server.properties"),
            archive_at_exit=archive_at_exit,
        )
        self._process = spawn.spawn(command, log=self.log)
        deadline = time.monotonic() + START_WITHIN_S
        started = spawn.wait_for_line(
            self._process, self.log, line=STARTED, after=begin, within=START_WITHIN_S
        )
        while started and self._process.poll() is None and time.monotonic() < deadline:
            if self._ports and knows_a_broker(self._ports[0]):
                return True
            time.sleep(0.05)
        return False


def knows_a_broker(port: int) -> bool:
    """Whether the node at `port` answers a metadata request with at least one live broker.

    Written out in bytes (Metadata version 1, no topics; https://kafka.apache.org/protocol) because
    this is asked where no event loop may run.
    """
    request = struct.pack(">hhih4si", 3, 1, 1, 4, b"toog", 0)
    try:
        with socket.create_connection((ports.HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                size, _correlation, brokers = struct.unpack(">iii", answer.read(12))
    except (OSError, struct.error):
        return False
    return bool(size > 8 and brokers >= 1)
