"""Server-sent events, as far as Mastodon's streaming server speaks them: bytes in, events out."""

from typing import NamedTuple


class ServerSent(NamedTuple):
    """One event: its name (`update`, `notification` …) and its data, lines joined."""

    name: str
    data: bytes


_FIELDS = (b"event:", b"data:", b"id:", b"retry:", b":")


def is_sse(body: bytes) -> bool:
    """Whether these bytes are server-sent events and not JSON: no JSON text begins this way."""
    return body.lstrip().startswith(_FIELDS)


def server_sent(body: bytes) -> list[ServerSent]:
    """The events of these bytes, in order; comments (`:thump`, `:)`, `:`) are heartbeats: none.

    The last one counts without an empty line behind it too: whoever splits the stream has already
    taken that line away.
    """
    found: list[ServerSent] = []
    name, data = "", list[bytes]()
    for line in [*body.splitlines(), b""]:
        if not line:
            if name or data:
                found.append(ServerSent(name or "message", b"\n".join(data)))
            name, data = "", []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode(errors="replace")
        elif field == b"data":
            data.append(value)
    return found
