"""What no commit may hold: addresses of package indexes, unhashed locks, secrets, machine paths.

`python -m tests.hygiene` prints each finding as `file:line: what` and exits with 1.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-java.txt")
FORBIDDEN_FILES = ("uv.lock", "poetry.lock", "Pipfile.lock", "package-lock.json", "yarn.lock")
RULES = {
    "address of a package index": re.compile(
        r"--(?:extra-)?index-url|--find-links|files\.pythonhosted|pypi\.(?:org|python)"
        r"|repo1?\.maven|registry\.npmjs"
    ),
    "path of a machine": re.compile(r"(?<![\w.])/(?:root|home/\w+|work)/\w"),
    "reference to what stands beside the project": re.compile(r"\.\./shared|\.\./\.library"),
    "secret": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY|ghp_\w{30}|AKIA[0-9A-Z]{16}|toog_[\w-]{43}"
    ),
}
SELF = "tests/hygiene.py"


def findings(name: str, text: str) -> Iterator[str]:
    """What stands in this file that may not; `name` is its path in the project."""
    if Path(name).name in FORBIDDEN_FILES:
        yield f"{name}:1: this lock names index addresses; use requirements*.txt"
    if name != SELF and not name.startswith("tests/unit/test_hygiene"):
        for number, line in enumerate(text.splitlines(), 1):
            for what, pattern in RULES.items():
                if pattern.search(line):
                    yield f"{name}:{number}: {what}"
    if name in LOCKS:
        yield from unhashed(name, text)


def unhashed(name: str, text: str) -> Iterator[str]:
    """Requirements of a lock that name no version or no hash."""
    for block in re.split(r"\n(?=\S)", text):
        first = block.splitlines()[0] if block.strip() else "#"
        if first.startswith("#"):
            continue
        if "==" not in first or "--hash=sha256:" not in block:
            yield f"{name}: {first.split()[0]} has no version or no hash"


def main() -> int:
    """Looks through everything that git tracks, and what it does not ignore."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [
        finding
        for name in listing.stdout.splitlines()
        if (ROOT / name).is_file()
        for finding in findings(name, (ROOT / name).read_text(errors="replace"))
    ]
    for finding in found:
        sys.stdout.write(finding + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
