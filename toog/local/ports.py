"""Free ports on 127.0.0.1."""

import errno
import secrets
import socket
from typing import Final

HOST: Final = "127.0.0.1"

# Below the range that the kernel takes the ports of outgoing connections from (32768 and up), so
# that a program that is restarted does not find its port taken by some client of the night.
FIRST: Final = 20_000
COUNT: Final = 12_000
TRIES: Final = 100

_given: set[int] = set()


def is_free(port: int) -> bool:
    """Whether a listener can be bound to `port` now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def free_port() -> int:
    """A port that was free a moment ago and that this process has not handed out before.

    Somebody else may take it before it is used: whoever binds it tries again with another one.
    """
    for _ in range(TRIES):
        port = FIRST + secrets.randbelow(COUNT)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise OSError(errno.EADDRINUSE, f"no free port found between {FIRST} and {FIRST + COUNT}")
