"""The system as a whole comes up in order, guards its home, and leaves nothing behind."""

import asyncio
from pathlib import Path

import httpx
import pytest

from toog.local import ports
from toog.local.errors import LocalError
from toog.local.kafka import Libs
from toog.local.project import HOME
from toog.local.system import System


def quiet(_: str) -> None: ...


def system(home: Path, asked: dict[str, int] | None = None) -> System:
    """The servers, the jobs and one service: enough to see the order."""
    return System(
        home,
        cache=HOME,
        durable=False,
        services=("router",),
        sandbox=False,
        ports=asked,
        tell=quiet,
    )


def exists(pid: int | None) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_it_comes_up_guards_its_home_and_leaves_nothing(tmp_path: Path, libs: Libs) -> None:
    async with system(tmp_path) as running:
        async with httpx.AsyncClient(trust_env=False) as client:
            ready = await client.get(f"{running.internal['router']}/readyz")
        with pytest.raises(LocalError, match="already runs in"):
            await system(tmp_path).start()
        pids = [running.kafka.pid, running.postgres.pid, running.supervisor.pid("router")]
        bootstrap = running.kafka.bootstrap
        peak = running.peak_memory_mb

    assert ready.status_code == 200
    assert {"kafka", "router"} == set(peak)
    assert min(peak.values()) > 0
    assert [pid for pid in pids if exists(pid)] == []
    assert ports.is_free(int(bootstrap.rpartition(":")[2]))
    assert (running.run or tmp_path).joinpath("secrets.toml").stat().st_mode & 0o777 == 0o600


async def test_a_start_that_is_interrupted_leaves_nothing(tmp_path: Path, libs: Libs) -> None:
    interrupted = system(tmp_path)
    start = asyncio.create_task(interrupted.start())
    while interrupted._kafka is None or interrupted._kafka.pid is None:
        await asyncio.sleep(0.05)
        assert not start.done()

    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start

    assert interrupted.kafka.pid is None
    assert interrupted.postgres.pid is None
    interrupted._lock.take()  # given back, so that the next one gets it
    interrupted._lock.give_back()


async def test_a_taken_port_that_was_asked_for_is_one_sentence(tmp_path: Path, libs: Libs) -> None:
    server = await asyncio.start_server(lambda *_: None, ports.HOST, 0)
    taken = server.sockets[0].getsockname()[1]

    with pytest.raises(LocalError, match=rf"Port {taken}, asked for responder, is taken"):
        await system(tmp_path, {"responder": taken}).start()

    server.close()


def test_without_maven_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name == "mvn" else f"/usr/bin/{name}")

    with pytest.raises(LocalError, match="Maven is needed"):
        System(tmp_path, tell=quiet).prepare()
