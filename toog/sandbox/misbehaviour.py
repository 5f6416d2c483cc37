"""What a played platform does wrong on request, decided by a seed. Pure: `now` is a parameter."""

import hashlib
from collections import Counter
from random import Random
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

Wrong = Literal["error_429", "error_5xx", "cut", "half"]

_WRONGS: Final[tuple[Wrong, ...]] = ("error_429", "error_5xx", "cut", "half")
_LATENCY_SPREAD: Final = (0.5, 1.5)
_HELD_S: Final = (0.2, 1.5)
_AGAIN_S: Final = (0.0, 1.0)
_DONE_FIRST: Final = 0.5
_LONGEST_S: Final = 3_600

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong on one platform for `duration_s` seconds; shares are of all requests (0..1).

    Its API: `latency_ms` in the mean before each answer; `error_429`, `error_5xx`; `cut`: the
    connection dies in the middle of the answer; `half`: half an answer that looks whole.
    Its webhooks: `duplicates`; `reorder`: held back while others pass; `swallow`: never sent;
    `batch`: bodies filled up to so many updates (Facebook and Instagram).
    """

    duration_s: Annotated[float, msgspec.Meta(gt=0, le=_LONGEST_S)] = 10.0
    seed: int = 1
    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=60_000)] = 0.0
    error_429: Share = 0.0
    error_5xx: Share = 0.0
    cut: Share = 0.0
    half: Share = 0.0
    duplicates: Share = 0.0
    reorder: Share = 0.0
    swallow: Share = 0.0
    batch: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0


class Treatment(NamedTuple):
    """What happens to one request: a wait in seconds, then perhaps something wrong.

    `done_first`: the platform does what it was asked before it answers with an error.
    """

    wait_s: float = 0.0
    wrong: Wrong | None = None
    done_first: bool = False


class Delivery(NamedTuple):
    """What happens to one webhook delivery; `again_s` is the wait before a second copy."""

    swallowed: bool = False
    wait_s: float = 0.0
    again_s: float | None = None
    batch: int = 0


class Behaviour:
    """How one platform behaves: well, until `ask`; then as asked, until its time is over.

    `chance` serves those who play what was decided. `done` counts what went wrong, by its name.
    """

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self.done: Counter[str] = Counter()
        self._asked = Asked()
        self._until = 0.0
        self.chance = Random(platform)

    def ask(self, asked: Asked, now: float) -> None:
        """Misbehaves as asked from now on; what was asked before is forgotten."""
        self._asked, self._until = asked, now + asked.duration_s
        self.chance = Random(f"{self.platform} {asked.seed}")
        self.done.clear()

    def request(self, now: float) -> Treatment:
        """The treatment of a request that comes in now."""
        if now >= self._until:
            return Treatment()
        asked = self._asked
        wait = asked.latency_ms / 1000 * self.chance.uniform(*_LATENCY_SPREAD)
        if wait:
            self.done["latency_ms"] += 1
        drawn, first = self.chance.random(), self.chance.random() < _DONE_FIRST
        for wrong in _WRONGS:
            share = getattr(asked, wrong)
            if drawn < share:
                return Treatment(wait, wrong, first)
            drawn -= share
        return Treatment(wait)

    def delivery(self, body: bytes, now: float) -> Delivery:
        """The treatment of a delivery. The same body is swallowed each time it is tried again."""
        if now >= self._until:
            return Delivery()
        asked = self._asked
        if _drawn_from(body, asked.seed) < asked.swallow:
            self.done["swallow"] += 1
            return Delivery(swallowed=True)
        held = self.chance.random() < asked.reorder
        again = self.chance.random() < asked.duplicates
        self.done.update({"reorder": int(held), "duplicates": int(again)})
        return Delivery(
            wait_s=self.chance.uniform(*_HELD_S) if held else 0.0,
            again_s=self.chance.uniform(*_AGAIN_S) if again else None,
            batch=asked.batch,
        )

    def status(self, now: float) -> dict[str, Any] | None:
        """What is asked, the seconds left and what was done so far; None when all is well."""
        if now >= self._until:
            return None
        done = {name: n for name, n in self.done.items() if n}
        asked = {k: v for k in Asked.__struct_fields__ if (v := getattr(self._asked, k))}
        return {"asked": asked, "left_s": round(self._until - now, 1), "done": done}


def _drawn_from(body: bytes, seed: int) -> float:
    """A number from 0 to 1 that is the same for the same bytes and seed."""
    digest = hashlib.blake2b(body, digest_size=8, salt=(seed % 2**64).to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big") / 2**64
