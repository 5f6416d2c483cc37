"""The guard bites: each rule has been seen to fail."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("hygiene", Path(__file__).parents[1] / "hygiene.py")
hygiene = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hygiene)


@pytest.mark.parametrize(
    "line",
    [
        "pip install --index-url https://example.org/simple x",
        "see /root/somewhere",
        "copied from ../shared/fixtures",
        "-----BEGIN RSA PRIVATE KEY-----",
        "toog_" + "a" * 43,
    ],
)
def test_a_forbidden_line_is_found(line: str) -> None:
    assert list(hygiene.findings("docs/x.md", line))


def test_an_ordinary_line_is_not() -> None:
    assert not list(hygiene.findings("docs/x.md", "run `make demo` in the folder /srv/toog"))


def test_a_lock_without_hash_is_found() -> None:
    locked = "# made by pip-compile\nmsgspec==0.22.0 \\\n    --hash=sha256:abc\nhttpx==0.28.1\n"

    assert list(hygiene.unhashed("requirements.txt", locked)) == [
        "requirements.txt: httpx==0.28.1 has no version or no hash"
    ]


def test_uv_lock_is_refused() -> None:
    assert list(hygiene.findings("uv.lock", ""))
