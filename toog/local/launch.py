"""Becomes the given program after tying its life to its parent's; run as a script, never imported.

Usage: `python -I -S launch.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM ARGUMENT…` (UID and GID
`-` keep the present user).

A small program of its own instead of `preexec_fn`, because Python code between fork and exec can
deadlock in a process that has threads. The order matters: changing the user clears the death
signal, so it is set last; and a parent that died before that is noticed by the changed parent id.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> None:
    """Drop to the user, ask for the death signal, become the program."""
    parent, death_signal, uid, gid, *program = arguments
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal))
    if os.getppid() != int(parent):
        sys.exit("The parent is gone.")
    os.execvp(program[0], program)  # noqa: S606 - becoming the program without a shell is the task


main(sys.argv[1:])
