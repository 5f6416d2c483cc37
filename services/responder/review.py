"""Looking into what was dropped: a sample with its texts, read from Kafka and never stored."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

from services.responder import intake
from services.responder.gather import Showing, Shown, Wish, gathered
from services.responder.store import Pool, audit, desk, reviewed, transaction
from services.responder.telemetry import ReviewMetrics
from toog.contracts.events import Event
from toog.kit.errors import UnavailableError
from toog.kit.postgres import AWAY
from toog.kit.revive import (
    Revived,
    Send,
    Standing,
    coordinates,
    message_of,
    revive,
)
from toog.kit.settings import KafkaSettings
from toog.kit.stream.read import look

WITHIN_S: Final = 30.0
"""A review or a revival that takes longer is given up: Kafka is not well."""
REVIEWS_AT_ONCE: Final = 2
REVIVALS_AT_ONCE: Final = 4
BUSY_S: Final = 5.0


class Review:
    """Shows samples of what was dropped, and brings dropped events to the desk."""

    def __init__(
        self, pool: Pool, settings: KafkaSettings, *, send: Send, metrics: ReviewMetrics
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._send = send
        self._metrics = metrics
        self._reviews = asyncio.Semaphore(REVIEWS_AT_ONCE)
        self._revivals = asyncio.Semaphore(REVIVALS_AT_ONCE)

    async def show(self, agent: str, wish: Wish) -> Showing:
        """The sample, after its audit row. Raises UnavailableError when busy or Kafka is away."""
        async with self._turn("review", self._reviews), look(self._settings) as looking:
            showing = await gathered(looking, wish)
            shown = await self._accounted(agent, wish, showing.events)
        return showing._replace(events=shown)

    async def _accounted(self, agent: str, wish: Wish, found: Sequence[Shown]) -> Sequence[Shown]:
        """Takes out what was deleted meanwhile, and writes down who is shown what."""
        messages = {one.text.message for one in found if one.text is not None}
        async with transaction(self._pool) as connection:
            homes, deleted = await desk.known(connection, messages)
            shown = [_standing(one, homes, deleted) for one in found]
            records = [one.drawn.record for one in shown]
            await audit.write_log_act(connection, agent, "review", str(wish), records)
            await reviewed.shown(
                connection,
                [
                    (one.drawn.record, one.drawn.reason, one.drawn.rules, one.case)
                    for one in shown
                    if one.text is not None and one.text.unfit is None
                ],
            )
        return shown

    async def revive(self, agent: str, record: str, why: str) -> tuple[Revived, str]:
        """Brings the record to the desk; the case that it joins, or stands in already.

        Raises what `toog.kit.revive.revive` raises, and UnavailableError when busy.
        """
        act = _Act(self._pool, agent, coordinates(record), why)
        async with self._turn("revive", self._revivals), look(self._settings) as looking:
            done = await revive(
                act.record,
                by=agent,
                look=looking,
                send=self._send,
                standing=act.standing,
                audited=act.audited,
                rules=await act.rules(),
            )
        return done, act.case

    @contextlib.asynccontextmanager
    async def _turn(self, act: str, turns: asyncio.Semaphore) -> AsyncIterator[None]:
        if turns.locked():
            self._metrics.acts.labels(act, "busy").inc()
            raise UnavailableError(f"another {act}", BUSY_S)
        result = "refused"
        try:
            async with turns, asyncio.timeout(WITHIN_S) as bound:
                yield
            result = "done"
        except TimeoutError as error:
            result = "away"
            if bound.expired():
                raise UnavailableError("Kafka") from error
            raise
        except (UnavailableError, *AWAY):
            result = "away"
            raise
        finally:
            self._metrics.acts.labels(act, result).inc()


class _Act:
    """One revival: what the desk knows of the message, and the row that says who wanted it."""

    def __init__(self, pool: Pool, agent: str, record: str, why: str) -> None:
        self._pool = pool
        self._agent = agent
        self._why = why
        self.record = record
        self.case = ""

    async def rules(self) -> str | None:
        async with transaction(self._pool) as connection:
            return await reviewed.rules_of(connection, self.record)

    async def standing(self, event: Event) -> Standing:
        message, parent = message_of(event), event.in_reply_to
        asked = [message] if parent is None else [message, parent.id]
        async with transaction(self._pool) as connection:
            homes, deleted = await desk.known(connection, asked)
        known = homes.get(message)
        self.case = known.case if known is not None else intake.case_of(event, homes)
        if message in deleted:
            return "deleted"
        return "known" if known is not None else "unknown"

    async def audited(self, _: Event) -> None:
        async with transaction(self._pool) as connection:
            await audit.write_log_act(connection, self._agent, "revive", self._why, [self.record])
            await reviewed.revived(connection, self.record)


def _standing(one: Shown, homes: dict[str, intake.Home], deleted: frozenset[str]) -> Shown:
    if one.text is None:
        return one
    if one.text.message in deleted:
        return one._replace(text=None, deleted=True)
    home = homes.get(one.text.message)
    return one._replace(case=home.case) if home is not None else one
