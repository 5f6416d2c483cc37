"""The whole system for one night: brokers, database, four services and the sandbox."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self, TypeVar

from toog.local import home as homes
from toog.local.accounts import write_accounts, write_private, write_secrets
from toog.local.archive import prepare
from toog.local.errors import LocalError
from toog.local.kafka import Kafka, Libs
from toog.local.postgres import Postgres
from toog.local.processes import Supervisor, run_job
from toog.local.programs import SERVICES, Binds, Crowd, Programs, choose_binds
from toog.local.project import HOME, Say, say

DATABASE: Final = "toog"
LOOK_EVERY_S: Final = 0.2

T = TypeVar("T")


class System:
    """Everything as processes under one home folder; an async context manager.

    `cache` is where jars and class archive are kept, the home itself unless told.
    `ports` asks for ports by number, by name (`kafka`, `postgres`, `sandbox`, `ingest`,
    `responder`, `metrics`, and `ingest-internal` and so on); the others are free ones.
    Of the four services only those in `services` are started. `durable=False` is for tests.
    Everything that goes wrong is a LocalError with one sentence.
    """

    def __init__(
        self,
        home: Path = HOME,
        *,
        cache: Path | None = None,
        durable: bool = True,
        crowd: Crowd | None = None,
        services: Sequence[str] = SERVICES,
        sandbox: bool = True,
        ports: Mapping[str, int] | None = None,
        tell: Say = say,
    ) -> None:
        self.home = home.resolve()
        self.cache = cache or self.home
        self.supervisor = Supervisor()
        self.run: Path | None = None
        self._durable = durable
        self._crowd = crowd or Crowd()
        self._services = services
        self._with_sandbox = sandbox
        self._asked = dict(ports or {})
        self._tell = tell
        self._lock = homes.Lock(self.home)
        self._libs: Libs | None = None
        self._binds: Binds | None = None
        self._kafka: Kafka | None = None
        self._postgres: Postgres | None = None

    @property
    def kafka(self) -> Kafka:
        """The broker; known after the start."""
        return _known(self._kafka)

    @property
    def postgres(self) -> Postgres:
        """The database server; known after the start."""
        return _known(self._postgres)

    @property
    def dsn(self) -> str:
        """The address of the system's database, with its password."""
        return self.postgres.dsn(DATABASE)

    @property
    def public(self) -> dict[str, str]:
        """The address for the outside (`http://…`) of the sandbox and each service that has one."""
        binds = _known(self._binds)
        return {
            name: f"http://{bind}"
            for name, bind in {"sandbox": binds.sandbox, **binds.public}.items()
        }

    @property
    def internal(self) -> dict[str, str]:
        """The address of probes and metrics per service, `http://…`."""
        return {name: f"http://{bind}" for name, bind in _known(self._binds).internal.items()}

    @property
    def peak_memory_mb(self) -> dict[str, int]:
        """The most memory that each program and Kafka have held, in MiB, over their restarts."""
        broker = -(-self.kafka.peak_memory_kb() // 1024)
        return {**self.supervisor.peak_memory_mb, "kafka": broker}

    def prepare(self) -> None:
        """Look whether it can start, take the home folder, fetch what is missing.

        Blocks, for minutes at the very first time: called before the event loop runs, Ctrl-C ends
        it at once. `start` does it otherwise.
        """
        homes.check_room(self.home)
        self._lock.take()
        try:
            homes.check_ports(self._asked)
            self._libs = prepare(self.cache, self._tell)
        except BaseException:
            self._lock.give_back()
            raise

    async def start(self) -> None:
        """Bring everything up, each part ready before what needs it.

        After an error, or when it is cancelled, everything is stopped again.
        """
        if self._libs is None:
            await _in_thread(self.prepare)
        try:
            await self._start(_known(self._libs))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything in reverse order and free the home folder; safe to repeat."""
        await self.supervisor.stop_all()
        if self._kafka:
            await _in_thread(self._kafka.stop)
        if self._postgres:
            await _in_thread(self._postgres.leave)
        self._lock.give_back()

    async def until_failure(self) -> NoReturn:
        """Waits until something cannot be kept running, a server or a program: LocalError then."""
        watches = [
            asyncio.create_task(self.supervisor.until_failure(), name="watch programs"),
            asyncio.create_task(self._until_a_server_ends(), name="watch servers"),
        ]
        try:
            await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            for watch in watches:
                if watch.done():
                    await watch
            raise LocalError("A watch ended without a reason.")
        finally:
            for watch in watches:
                watch.cancel()

    async def _until_a_server_ends(self) -> NoReturn:
        servers: dict[str, Kafka | Postgres] = {"Kafka": self.kafka, "PostgreSQL": self.postgres}
        while True:
            for name, server in servers.items():
                if server.pid is None:
                    raise LocalError(
                        f"{name} ended by itself; see {server.log} for its last words, "
                        "then start again."
                    )
            await asyncio.sleep(LOOK_EVERY_S)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _start(self, libs: Libs) -> None:
        run = self.run = homes.new_run(self.home)
        self._binds = choose_binds(self._asked)
        self._kafka = Kafka(run / "kafka", libs, self._asked.get("kafka"))
        self._postgres = Postgres(
            run / "postgres", durable=self._durable, port=self._asked.get("postgres")
        )
        self._tell("Starting Kafka and PostgreSQL …")
        await _together(_in_thread(self._kafka.start), _in_thread(self._start_database))
        programs = self._write_settings(run)
        self._tell("Creating topics and tables …")
        first = [run_job(programs.job("topics")), run_job(programs.job("migrate"))]
        if self._with_sandbox:
            first.append(self.supervisor.start(programs.sandbox(self._crowd)))
        await _together(*first)
        # Ingest last: what it takes in finds everybody at work.
        behind = [name for name in self._services if name != "ingest"]
        self._tell("Starting the services …")
        await _together(*(self.supervisor.start(programs.service(name)) for name in behind))
        if "ingest" in self._services:
            await self.supervisor.start(programs.service("ingest"))

    def _start_database(self) -> None:
        self.postgres.start()
        self.postgres.create_database(DATABASE)

    def _write_settings(self, run: Path) -> Programs:
        accounts, secrets, dsn = run / "accounts.toml", run / "secrets.toml", run / "postgres.dsn"
        write_accounts(accounts, self.public["sandbox"])
        write_secrets(secrets)
        write_private(dsn, self.dsn)
        return Programs(
            run=run,
            binds=_known(self._binds),
            kafka=self.kafka.bootstrap,
            postgres_file=dsn,
            accounts=accounts,
            secrets=secrets,
        )


def _known(thing: T | None) -> T:
    if thing is None:
        raise LocalError("The system has not been started yet.")
    return thing


async def _in_thread(work: Callable[[], None]) -> None:
    """Do blocking work beside the loop; when cancelled, wait for its (bounded) end first.

    A thread cannot be cancelled: a broker that is left to start by itself would miss the stop.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _together(*steps: Coroutine[object, object, None]) -> None:
    """Do all at once; the first that fails cancels the others and its sentence is raised."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for step in steps:
                tasks.create_task(step)
    except* LocalError as failed:
        raise _first(failed) from None


def _first(group: BaseExceptionGroup[LocalError]) -> LocalError:
    for error in group.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise group
