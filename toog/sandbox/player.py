"""Plays a planned night in real time on the played platforms."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Final

import structlog

from toog.platforms.playing import Act, Ledger, Played
from toog.sandbox.plan import Deed, Target

_REFERRED_TO: Final = frozenset(
    {"noise", "mention", "reply", "bystander", "quote", "own_post", "visitor_post", "dm"}
)
_REST_EVERY: Final = 20
"""Acts in a row, when late, before others of the process get their turn."""

_log = structlog.get_logger(__name__)


class Player:
    """Does each deed when it is due; when late, at once: due times stay those of the plan.

    `late_s` is how late the last act was, `worst_late_s` the worst of the night.
    """

    def __init__(self, played: Mapping[str, Played], ledger: Ledger) -> None:
        self.acted, self.skipped, self.failed = 0, 0, 0
        self.late_s, self.worst_late_s = 0.0, 0.0
        self._played, self._ledger = played, ledger
        self._natives = _Natives(ledger)

    async def play(self, deeds: Iterator[Deed], started: float) -> None:
        """Plays all deeds and ends. `started` is on the clock of `time.monotonic`."""
        for deed in deeds:
            wait = started + deed.at - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            elif deed.number % _REST_EVERY == 0:
                await asyncio.sleep(0)
            self.late_s = max(time.monotonic() - started - deed.at, 0.0)
            self.worst_late_s = max(self.worst_late_s, self.late_s)
            await self._do(deed)

    async def _do(self, deed: Deed) -> None:
        target = self._natives.of(deed)
        if deed.target is not None and target is None:
            self.skipped += 1
            return
        act = Act(deed.kind, deed.citizen, deed.text, deed.language, target)
        try:
            native = await self._played[deed.platform].act(act)
        except Exception:  # noqa: BLE001 - one act that cannot be played must not end the evening
            self.failed += 1
            _log.exception("act failed", platform=deed.platform, kind=deed.kind)
            return
        self.acted += 1
        what = f"{deed.platform} {deed.kind}"
        self._ledger.acts[what] = self._ledger.acts.get(what, 0) + 1
        if native is not None and deed.kind in _REFERRED_TO:
            self._natives.learn(deed, native)


class _Natives:
    """Which message of the platform a deed of the plan became, and what we answered to it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._read = 0
        self._by_number: dict[int, str] = {}
        self._answers: dict[tuple[str, str], str] = {}

    def learn(self, deed: Deed, native: str) -> None:
        self._by_number[deed.number] = native

    def of(self, deed: Deed) -> str | None:
        """The native id that the deed's target has by now, or None when there is none."""
        target = deed.target
        if target is None:
            return None
        if not target.our_answer:
            return self._by_number.get(target.number)
        return self._answer(deed.platform, target) or self._otherwise(target)

    def _answer(self, platform: str, target: Target) -> str | None:
        for reply in self._ledger.replies[self._read :]:
            if reply.accepted and reply.native_id is not None:
                self._answers[reply.platform, reply.in_reply_to] = reply.native_id
        self._read = len(self._ledger.replies)
        native = self._by_number.get(target.number)
        return self._answers.get((platform, native)) if native is not None else None

    def _otherwise(self, target: Target) -> str | None:
        return None if target.otherwise is None else self._by_number.get(target.otherwise)
