"""A night on which every platform has a bad day: nothing is lost, nobody is answered twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

TOOG = [sys.executable, "-c", "from toog.cli import app; app()"]
META = "batch=1000,duplicates=0.3,reorder=0.3,swallow=0.2,error_5xx=0.1,cut=0.1,half=0.1"
BAD_DAY = (
    "x:latency_ms=100,error_5xx=0.1,cut=0.1,half=0.1,duplicates=0.3,reorder=0.3,swallow=0.1",
    f"facebook:{META},duration_s=20",
    f"instagram:{META},duration_s=20",
    "mastodon:cut=0.2,half=0.1,error_429=0.2,duration_s=20",
    "bluesky:cut=0.2,half=0.1,error_429=0.1,error_5xx=0.1,duration_s=20",
)


def test_a_bad_day_of_all_platforms_loses_nothing_and_answers_once(tmp_path: Path) -> None:
    wishes = [part for wish in BAD_DAY for part in ("--misbehave", wish)]
    night = ["--for", "40", "--rate", "30", "--json", "--seed", "12"]

    ended = subprocess.run(
        [*TOOG, "demo", *night, *wishes, "--home", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr[-3000:]
    figures = json.loads(ended.stdout)
    assert figures["lost"] == figures["duplicates_seen"] == figures["balance"] == 0
    assert figures["dropped"]["signal"] > 2_000  # what Meta's bodies were filled up with
    assert figures["unknown"] > 0
    assert figures["replies_sent"] <= figures["replies_seen"]
    assert figures["replies_seen"] <= figures["replies_sent"] + figures["unknown"]
