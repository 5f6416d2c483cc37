"""A short broadcast night through the command that people use, with a service killed half-way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.timeout(150)

TOOG = [sys.executable, "-c", "from toog.cli import app; app()"]


def children_of(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def test_a_night_with_a_kill_loses_nothing_and_answers_once(tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            *TOOG,
            "demo",
            "--for",
            "25",
            "--json",
            "--rate",
            "60",
            "--seed",
            "11",
            "--kill",
            "router",
            "--home",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr[-3000:]
    (line,) = ended.stdout.splitlines()
    night = json.loads(line)
    assert night["balance"] == night["lost"] == night["duplicates_seen"] == night["in_flight"] == 0
    assert night["received"] == (
        night["addressed"] + night["context"] + sum(night["dropped"].values()) + night["dead"]
    )
    assert night["received"] > 1000
    assert min(night["replies_by_platform"].values()) > 0
    assert night["replies_sent"] == night["replies_seen"]


def test_ctrl_c_stops_everything_and_frees_the_folder(tmp_path: Path) -> None:
    night = subprocess.Popen(
        [*TOOG, "demo", "--rate", "10", "--home", str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert night.stderr is not None
        for line in night.stderr:
            if "ev/s" in line:
                break
        running = children_of(night.pid)
        night.send_signal(signal.SIGINT)
        assert night.wait(40) == 0
    finally:
        if night.poll() is None:
            os.killpg(night.pid, signal.SIGKILL)
        night.stderr.close()
    deadline = time.monotonic() + 5
    while any(psutil.pid_exists(pid) for pid in running) and time.monotonic() < deadline:
        time.sleep(0.1)

    assert len(running) >= 6
    assert [pid for pid in running if psutil.pid_exists(pid)] == []


def test_a_second_demo_in_the_same_folder_says_so_in_one_sentence(tmp_path: Path) -> None:
    from toog.local.home import Lock

    lock = Lock(tmp_path)
    lock.take()
    ended = subprocess.run(
        [*TOOG, "demo", "--for", "5", "--json", "--home", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    lock.give_back()

    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "already runs" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json"], "--for"),
        (["--for", "1"], "at least 5"),
        (["--for", "30", "--kill", "kafka"], "choose ingest"),
        (["--kill", "router"], "--for"),
        (["--misbehave", "z:cut=1"], "begin with one of x, "),
    ],
)
def test_a_mistake_on_the_command_line_is_a_sentence_and_exit_code_2(
    arguments: list[str], said: str
) -> None:
    ended = subprocess.run(
        [*TOOG, "demo", *arguments], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 2
    assert said in ended.stderr


def test_no_maven_is_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    # An own cache, so that nothing is there yet, and a PATH on which there is no mvn.
    program = (
        "import sys, pathlib; from toog.local import night; "
        "night.HOME = pathlib.Path(sys.argv.pop(1)); from toog.cli import app; app()"
    )
    bare = {**os.environ, "PATH": str(tmp_path)}
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            str(tmp_path / "cache"),
            "demo",
            "--for",
            "5",
            "--home",
            str(tmp_path / "home"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=bare,
    )

    assert ended.returncode == 2, ended.stderr
    assert "Maven" in ended.stderr.splitlines()[-1] or "Java" in ended.stderr.splitlines()[-1]
