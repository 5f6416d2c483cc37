"""Meta's batches: what waits goes out as one body, filled up with what Meta sends in masses.

Up to 1,000 updates in one body: https://developers.facebook.com/docs/graph-api/webhooks/getting-started.
"""

import asyncio
import hashlib
import hmac
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from starlette.responses import Response

from toog.sandbox.misbehaviour import Behaviour

GATHERED_S: Final = 0.3
_SIGNATURE: Final = "x-hub-signature-256"
_LISTS: Final = ("changes", "messaging", "standby")


@dataclass(frozen=True, slots=True)
class Post:
    """One request on its way to Toog."""

    platform: str
    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Batches:
    """Gathers deliveries for a moment and sends them as one, signed anew with `app_secret`."""

    def __init__(
        self,
        behaviour: Behaviour,
        app_secret: str,
        forward: Callable[[Post], Awaitable[Response]],
    ) -> None:
        self._behaviour, self._secret, self._forward = behaviour, app_secret, forward
        self._open: tuple[list[Post], asyncio.Task[Response]] | None = None
        self._numbers = itertools.count(1)

    async def deliver(self, post: Post, size: int) -> Response:
        """Brings it with whatever else comes within the moment; all get the same answer."""
        if self._open is None:
            posts = [post]
            self._open = posts, asyncio.create_task(self._send(posts, size), name="batch")
        else:
            self._open[0].append(post)
        # one that gives up waiting must not take the others' delivery with it
        return await asyncio.shield(self._open[1])

    async def _send(self, posts: list[Post], size: int) -> Response:
        await asyncio.sleep(GATHERED_S)
        self._open = None
        body = merged([post.body for post in posts], size, time.time(), next(self._numbers))
        if body is None:
            return (await asyncio.gather(*(self._forward(post) for post in posts)))[0]
        self._behaviour.done["batch"] += 1
        mac = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
        others = {k: v for k, v in posts[0].headers.items() if not k.startswith("x-hub-")}
        headers = {**others, _SIGNATURE: f"sha256={mac}"}
        return await self._forward(replace(posts[0], headers=headers, body=body))


def merged(bodies: list[bytes], size: int, now: float, number: int) -> bytes | None:
    """One body with the updates of all, filled up to `size`; None where one is no Meta body.

    `number` makes the filling of one body unlike that of another.
    """
    entries: list[dict[str, Any]] = []
    kind = account = ""
    for body in bodies:
        try:
            envelope = msgspec.json.decode(body, type=dict[str, Any])
            entries += envelope["entry"]
            kind, account = envelope["object"], entries[-1]["id"]
        except (msgspec.DecodeError, KeyError, IndexError, TypeError):
            return None
    updates = sum(_updates_of(entry) for entry in entries)
    missing = range(size - updates)
    if missing:
        fill = _reactions if kind == "page" else _seen
        entries.append(fill(str(account), now, [f"{number}{n:04d}" for n in missing]))
    return msgspec.json.encode({"object": kind, "entry": entries})


def _updates_of(entry: Mapping[str, Any]) -> int:
    """How many updates an entry holds; in Instagram's flat shape it is one itself."""
    return sum(len(entry.get(name, ())) for name in _LISTS) or int("field" in entry)


def _reactions(page: str, now: float, names: list[str]) -> dict[str, Any]:
    """People who like a post of ours: nothing for the desk, and there are many of them."""
    post = f"{page}_1000000000000001"
    changes = [
        {
            "field": "feed",
            "value": {
                "item": "reaction",
                "verb": "add",
                "reaction_type": "like",
                "post_id": post,
                "parent_id": post,
                "created_time": int(now),
                "from": {"id": f"61{name:0>14}", "name": "Iemand Verzonnen"},
            },
        }
        for name in names
    ]
    return {"id": page, "time": int(now), "changes": changes}


def _seen(account: str, now: float, names: list[str]) -> dict[str, Any]:
    """People who read a message of ours."""
    ms = int(now * 1000)
    messaging = [
        {
            "sender": {"id": f"71{name:0>14}"},
            "recipient": {"id": account},
            "timestamp": ms,
            "read": {"mid": f"aWdfverzonnen{name}"},
        }
        for name in names
    ]
    return {"id": account, "time": ms, "messaging": messaging}
