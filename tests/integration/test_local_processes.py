"""The supervisor, with tiny stand-ins for the services."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from toog.local import ports
from toog.local.errors import LocalError
from toog.local.postgres import remove_data
from toog.local.processes import Program, Supervisor, run_job
from toog.local.project import PROJECT

# Serves 200 at its port; at SIGTERM it writes its name down and leaves.
STAND_IN = """
import http.server, os, pathlib, signal, sys
name, port, story = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
def leave(*_):
    with story.open("a") as lines: lines.write(name + " ")
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
print("stand-in is up", flush=True)
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""
CRASHING = """
import pathlib, sys, time
while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.02)
print("no luck")
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


def stand_in(name: str, folder: Path) -> Program:
    port = ports.free_port()
    return Program(
        name=name,
        argv=[sys.executable, "-c", STAND_IN, name, str(port), str(folder / "story")],
        env=dict(os.environ),
        log=folder / f"{name}.log",
        ready_url=f"http://127.0.0.1:{port}/",
    )


def script(name: str, text: str, folder: Path, *arguments: str) -> Program:
    return Program(
        name=name,
        argv=[sys.executable, "-c", text, *arguments],
        env=dict(os.environ),
        log=folder / f"{name}.log",
        stop_within_s=0.3,
    )


def is_alive(pid: int) -> bool:
    """Zombies do not count: they wait for their new parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until_gone(pids: list[int], within: float = 5.0) -> list[int]:
    deadline = time.monotonic() + within
    while left := [pid for pid in pids if is_alive(pid)]:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.02)
    return left


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    watching = Supervisor()
    yield watching
    watching.kill_all()


async def test_a_killed_program_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(stand_in("router", tmp_path))
    first = supervisor.pid("router")

    supervisor.kill("router")
    left = await until_gone([first])
    await supervisor.until_ready("router")

    assert left == []
    assert supervisor.pid("router") != first
    assert supervisor.restarts == {"router": 1}
    assert 5 < supervisor.peak_memory_mb["router"] < 200


async def test_all_are_stopped_in_reverse_order(supervisor: Supervisor, tmp_path: Path) -> None:
    for name in ("sandbox", "router", "ingest"):
        await supervisor.start(stand_in(name, tmp_path))
    pids = [supervisor.pid(name) for name in ("sandbox", "router", "ingest")]

    await supervisor.stop_all()

    assert (tmp_path / "story").read_text() == "ingest router sandbox "
    assert await until_gone(pids, within=0) == []
    assert supervisor.restarts == {"sandbox": 0, "router": 0, "ingest": 0}


async def test_who_does_not_hear_sigterm_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(script("deaf", DEAF, tmp_path))
    for _ in range(250):
        if "deaf" in (tmp_path / "deaf.log").read_text():
            break
        await asyncio.sleep(0.02)

    await supervisor.stop_all()

    assert not is_alive(supervisor.pid("deaf"))


async def test_a_program_that_ends_at_once_says_why(supervisor: Supervisor, tmp_path: Path) -> None:
    port = ports.free_port()
    broken = Program(
        name="metrics",
        argv=[sys.executable, "-c", "raise SystemExit('TOOG_KAFKA is missing')"],
        env=dict(os.environ),
        log=tmp_path / "metrics.log",
        ready_url=f"http://127.0.0.1:{port}/",
    )

    with pytest.raises(LocalError, match=r"exit code 1.*TOOG_KAFKA is missing"):
        await supervisor.start(broken)


async def test_a_program_that_is_never_ready_is_given_up(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock() -> float:  # its time is over as soon as it has spoken
        log = tmp_path / "slow.log"
        return 60.0 if log.exists() and "still busy" in log.read_text() else 0.0

    monkeypatch.setattr("toog.local.processes.time", SimpleNamespace(monotonic=clock))
    slow = Program(
        name="slow",
        argv=[sys.executable, "-c", "import time; print('still busy', flush=True); time.sleep(60)"],
        env=dict(os.environ),
        log=tmp_path / "slow.log",
        ready_url=f"http://127.0.0.1:{ports.free_port()}/",
        ready_within_s=30,
    )

    with pytest.raises(LocalError, match=r"not ready within .*still busy"):
        await supervisor.start(slow)


async def test_a_program_that_keeps_ending_is_not_restarted_for_ever(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toog.local.processes.LONGEST_PAUSE_S", 0.05)
    started = tmp_path / "started"  # before that it does not end
    await supervisor.start(script("crashing", CRASHING, tmp_path, str(started)))
    started.touch()

    with pytest.raises(LocalError, match=r"not restarted any more.*no luck"):
        await asyncio.wait_for(supervisor.until_failure(), timeout=15)


async def test_a_job_that_fails_says_why(tmp_path: Path) -> None:
    await run_job(script("good", "print('done')", tmp_path))

    with pytest.raises(LocalError, match=r"exit code 3.*cannot"):
        await run_job(script("bad", "print('cannot'); raise SystemExit(3)", tmp_path))
    with pytest.raises(LocalError, match="took over 0 s"):
        await run_job(script("long", "import time; time.sleep(60)", tmp_path), within_s=0.2)


async def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    parent_script = f"""
import asyncio, sys
from pathlib import Path
from toog.local.archive import prepare
from toog.local.kafka import Kafka
from toog.local.postgres import Postgres
from toog.local.processes import Program, Supervisor

async def main():
    folder = Path({str(tmp_path)!r})
    kafka, postgres = Kafka(folder / "kafka", prepare()), Postgres(folder / "pg", durable=False)
    supervisor = Supervisor()
    # From worker threads on purpose: their end must not be taken for the parent's.
    await asyncio.gather(asyncio.to_thread(kafka.start), asyncio.to_thread(postgres.start))
    await supervisor.start(Program(
        name="sleeper", argv=["sleep", "60"], env={{}}, log=folder / "sleeper.log"))
    print(kafka.pid, postgres.pid, supervisor.pid("sleeper"), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent_script, stdout=asyncio.subprocess.PIPE, cwd=PROJECT
    )
    assert parent.stdout is not None
    pids = [int(number) for number in (await parent.stdout.readline()).split()]
    assert len(pids) == 3
    assert all(is_alive(pid) for pid in pids)

    parent.kill()
    await parent.wait()

    assert await until_gone(pids) == []
    remove_data(tmp_path / "pg")
