"""PostgreSQL refuses to run as root: who runs it then, and where that user can reach its files."""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path

from toog.local.errors import LocalError
from toog.local.spawn import User


def stand_in() -> User | None:
    """The user to run as instead of root; None when we are an ordinary user ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise LocalError(
            "PostgreSQL does not run as root, and this machine has no user `nobody` to run it: "
            "run this as an ordinary user."
        ) from None
    return User(nobody.pw_uid, nobody.pw_gid)


def can_reach(path: Path, user: User | None) -> bool:
    """Whether `user` may enter `path` and every folder above it.

    A part that is missing is no obstacle: it will be made.
    """
    if user is None:
        return True
    folders = [path.resolve(), *path.resolve().parents]
    return all(_may_enter(folder.stat(), user) for folder in folders if folder.exists())


def _may_enter(found: os.stat_result, user: User) -> bool:
    if found.st_uid == user.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == user.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def place_for(folder: Path, user: User | None) -> Path:
    """Where the user can work on what belongs to `folder`: there, else in a shelter.

    A shelter is a folder in the temporary folder, always the same one for the same `folder`. It
    serves a clone under /root or in a private temporary folder, whose rights are not ours to
    widen. Nothing is made yet.
    """
    if can_reach(folder, user):
        return folder
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"toog-{name}"


def make_place(place: Path) -> None:
    """Make the folder that `place_for` named; LocalError if it is somebody else's."""
    place.mkdir(mode=0o755, parents=True, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise LocalError(f"{place} belongs to somebody else: remove it and run this again.")
    place.chmod(0o755)


def copy_programs(package: Path, place: Path) -> Path:
    """A copy of an installed wheel and its libraries under `place`; the copied package."""
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists() and not (place / part.name).exists():
            shutil.copytree(
                part, place / part.name, ignore=shutil.ignore_patterns("include", "__pycache__")
            )
    return place / package.name
