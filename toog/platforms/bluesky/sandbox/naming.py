"""The played network's names for things: record keys, content ids, tokens; and facets of typed text."""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable
from typing import Final

import msgspec

Json = dict[str, object]

DIGITS: Final = "234567abcdefghijklmnopqrstuvwxyz"

_FACET: Final = re.compile(
    r"(?P<uri>https?://[^\s<>\"]+[^\s<>\".,;:!?])"
    r"|(?<![\w@/])@(?P<handle>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)"
    r"|(?<![\w&#/])#(?P<tag>\w*[^\W\d_]\w*)"
)


class Clock:
    """Microseconds since 1970 that never come twice, and names made of them."""

    def __init__(self) -> None:
        self._last = 0

    def micros(self) -> int:
        """Later than every moment before."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last


def tid(micros: int, maker: int = 0) -> str:
    """https://atproto.com/specs/tid: sorts as its time does."""
    number = micros << 10 | maker
    return "".join(DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def cid(value: object) -> str:
    """A well-formed content id: the same content has the same one."""
    digest = hashlib.sha256(msgspec.json.encode(value, order="sorted")).digest()
    return "b" + base64.b32encode(b"\x01\x71\x12\x20" + digest).decode().lower().rstrip("=")


def iso(micros: int) -> str:
    """The moment as the network writes it."""
    seconds, rest = divmod(micros, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:03d}Z"


def jwt(scope: str, did: str, issued: int, expires: int, key: bytes) -> str:
    """A token that clients can look into; the server itself knows which ones it gave."""
    claims = {"scope": scope, "sub": did, "iat": issued // 1_000_000, "exp": expires // 1_000_000}
    parts = [{"typ": "at+jwt", "alg": "HS256"}, {**claims, "jti": tid(issued)}]
    text = ".".join(_b64(msgspec.json.encode(part)) for part in parts)
    return f"{text}.{_b64(hmac.digest(key, text.encode(), 'sha256'))}"


def facets(text: str, known: Callable[[str], str | None]) -> list[Json]:
    """What an app marks while somebody types; `known` gives the DID that has a handle."""
    found: list[Json] = []
    for match in _FACET.finditer(text):
        did = known(match["handle"]) if match["handle"] else None
        if match["uri"]:
            feature = {"$type": "app.bsky.richtext.facet#link", "uri": match["uri"]}
        elif match["tag"]:
            feature = {"$type": "app.bsky.richtext.facet#tag", "tag": match["tag"]}
        elif did:
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": did}
        else:
            continue
        start, end = (len(text[:at].encode()) for at in match.span())
        found.append({"index": {"byteStart": start, "byteEnd": end}, "features": [feature]})
    return found


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
