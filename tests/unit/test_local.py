"""The parts of the local system that need no process."""

from collections import deque
from pathlib import Path

import pytest

from toog.local import accounts, home, processes, spawn, unprivileged
from toog.local.errors import LocalError
from toog.local.programs import Binds, Crowd, Programs
from toog.local.wishes import read_wish
from toog.platforms.accounts import read_accounts, read_secrets


def test_restarts_wait_longer_each_time_and_then_stop() -> None:
    recent: deque[float] = deque()

    pauses = [processes._next_pause(recent, now=100.0 + n) for n in range(7)]

    assert pauses[6] is None
    assert all(0.05 * 2**n <= pause <= 0.15 * 2**n for n, pause in enumerate(pauses[:6]) if pause)


def test_restarts_of_more_than_a_minute_ago_are_forgiven() -> None:
    recent = deque([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])

    pause = processes._next_pause(recent, now=100.0)

    assert pause is not None
    assert pause <= 0.15


def test_a_line_of_an_earlier_start_is_not_seen(tmp_path: Path) -> None:
    log = tmp_path / "program.log"
    log.write_text("started\n")

    begin = spawn.size(log)

    assert spawn.read_after(log, begin) == b""
    assert spawn.last_lines(log, begin) == "(it wrote nothing)"


def test_a_private_folder_is_out_of_reach_for_another_user(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    other = spawn.User(uid=folder.stat().st_uid + 1, gid=folder.stat().st_gid + 1)

    assert not unprivileged.can_reach(folder / "data", other)
    assert unprivileged.can_reach(folder / "data", None)
    assert unprivileged.can_reach(Path("/usr/bin"), other)


def test_a_second_system_in_the_same_home_is_told_who_has_it(tmp_path: Path) -> None:
    first, second = home.Lock(tmp_path), home.Lock(tmp_path)
    first.take()

    with pytest.raises(LocalError, match=r"already runs in .* \(process \d+\)"):
        second.take()

    first.give_back()
    second.take()
    second.give_back()


def test_a_full_disk_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "LEAST_FREE_BYTES", 1 << 62)

    with pytest.raises(LocalError, match="make room"):
        home.check_room(tmp_path)


def test_only_the_latest_runs_are_kept(tmp_path: Path) -> None:
    for name in ("20260101-000000-1", "20260102-000000-1", "20260103-000000-1"):
        (tmp_path / "runs" / name).mkdir(parents=True)

    new = home.new_run(tmp_path)

    assert {"20260103-000000-1", new.name} == {run.name for run in (tmp_path / "runs").iterdir()}


def test_the_platforms_layer_reads_what_we_write(tmp_path: Path) -> None:
    accounts.write_accounts(tmp_path / "accounts.toml", "http://127.0.0.1:1")
    accounts.write_secrets(tmp_path / "secrets.toml")

    ours = read_accounts((tmp_path / "accounts.toml").read_text())
    credentials = read_secrets((tmp_path / "secrets.toml").read_text())

    assert {a.base_url for a in ours.all} == {
        f"http://127.0.0.1:1/{name}"
        for name in ("x", "facebook", "instagram", "mastodon", "bluesky")
    }
    assert {a.name for a in ours.all} == set(credentials)


def test_secrets_are_for_us_alone_and_new_each_time(tmp_path: Path) -> None:
    accounts.write_secrets(tmp_path / "a.toml")
    accounts.write_secrets(tmp_path / "b.toml")

    assert (tmp_path / "a.toml").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a.toml").read_text() != (tmp_path / "b.toml").read_text()


def test_a_program_is_told_only_the_secrets_that_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOG_KAFKA", "somebody.elses:9092")
    names = ("ingest", "router", "responder", "metrics")
    programs = Programs(
        run=tmp_path,
        binds=Binds("127.0.0.1:1", {"ingest": "127.0.0.1:2"}, dict.fromkeys(names, "127.0.0.1:3")),
        kafka="127.0.0.1:4",
        postgres_file=tmp_path / "dsn",
        accounts=tmp_path / "accounts.toml",
        secrets=tmp_path / "secrets.toml",
    )

    told = {name: programs.service(name).env for name in names}
    told["sandbox"] = programs.sandbox(Crowd(rate=20, seconds=60, seed=7)).env

    assert {"ingest", "responder", "sandbox"} == {n for n in told if "TOOG_SECRETS_FILE" in told[n]}
    assert {"responder", "metrics"} == {n for n in told if "TOOG_POSTGRES_FILE" in told[n]}
    assert told["router"]["TOOG_KAFKA"] == "127.0.0.1:4"
    assert "TOOG_KAFKA" not in told["sandbox"]
    assert told["sandbox"]["TOOG_SANDBOX_WEBHOOKS"] == "http://127.0.0.1:2"


def test_a_wish_for_misbehaviour_lasts_the_night_unless_told() -> None:
    wish = read_wish("x:latency_ms=200,error_5xx=0.05", 30.0)
    short = read_wish("facebook:batch=1000,duration_s=3", None)

    assert (wish["platform"], wish["latency_ms"], wish["error_5xx"]) == ("x", 200.0, 0.05)
    assert (wish["duration_s"], short["duration_s"], short["batch"]) == (30.0, 3.0, 1000)


@pytest.mark.parametrize("wrong", ["", "z:cut=1", "x:cut=2", "x:cutt=1", "x:cut=much"])
def test_a_wish_that_is_not_understood_is_refused_in_a_sentence(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"--misbehave"):
        read_wish(wrong, 30.0)
