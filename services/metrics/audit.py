"""The rounds: every two seconds Kafka's offsets are held against the books."""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from services.metrics.balance import Balance, Intake, IntakeLine, draw_up, settle
from services.metrics.desk import Desk, Pending, stood
from services.metrics.offsets import Offsets, Place
from services.metrics.store import Pool, reading
from services.metrics.store.reading import Books, DeskRow, Wanted
from services.metrics.telemetry import Rounds
from toog.contracts.topics import (
    ACTIVITY,
    DEAD,
    DESK,
    DROPPED,
    EVENTS,
    RESPONDER_GROUP,
    ROOM,
    ROUTER_EVENTS_GROUP,
    ROUTER_ROOM_GROUP,
)
from toog.kit.postgres import AWAY

log = structlog.get_logger(__name__)

INTAKE: Final = (EVENTS, ROOM)
TOLD_IN: Final = (DESK, DROPPED, DEAD, ACTIVITY)
EVERY_S: Final = 2.0
ROUND_S: Final = 15.0
CATCH_UP_S: Final = 5.0
LOOK_EVERY_S: Final = 0.05

NOTHING_TOLD: Final = DeskRow((), (), 0, 0, 0)


class BehindError(Exception):
    """We have not read up to the ends yet: a round now would call the rest missing."""


class Audit:
    """Keeps the last balance that could be drawn up; `rounds` tells how old it is."""

    def __init__(self, *, pool: Pool, offsets: Offsets, rounds: Rounds) -> None:
        self._pool = pool
        self._offsets = offsets
        self._rounds = rounds
        self._solid: dict[Place, int] = {}
        self._pending: dict[int, Pending] = {}

    async def run(self) -> None:
        """Rounds until cancelled. What is away or behind costs a round, not the last balance."""
        while True:
            try:
                async with asyncio.timeout(ROUND_S):
                    drawn = await self.round()
                self._rounds.done(drawn, time.monotonic())
            except (BehindError, KafkaError, *AWAY) as error:
                self._rounds.skipped(type(error).__name__)
                log.info("no balance this round", error=type(error).__name__)
            await asyncio.sleep(EVERY_S * random.uniform(0.9, 1.1))  # noqa: S311 - jitter

    async def round(self) -> Balance:
        """Steps: 1 commits; 2 log starts and ends; 3 ends of what tells; 4 we read so far; 5 compare.

        In this order: what was committed before has its verdict before the ends. Raises BehindError
        when we do not get so far in time.
        """
        committed = {
            **await self._offsets.committed(ROUTER_EVENTS_GROUP, [EVENTS]),
            **await self._offsets.committed(ROUTER_ROOM_GROUP, [ROOM]),
            **await self._offsets.committed(RESPONDER_GROUP, [DESK]),
        }
        starts = await self._offsets.log_starts((*INTAKE, DESK))
        ends = await self._offsets.log_ends((*INTAKE, *TOLD_IN))
        told_in = {topic.name for topic in TOLD_IN}
        await self._read_up_to({place: end for place, end in ends.items() if place[0] in told_in})
        wanted = [
            Wanted(topic.name, number, starts[topic.name, number], self._known(topic.name, number))
            for topic in INTAKE
            for number in range(topic.partitions)
        ]
        books = await reading.books(self._pool, wanted)
        intake = [self._intake(w, books, committed, ends) for w in wanted]
        desk = [self._desk(n, books, committed, starts, ends) for n in range(DESK.partitions)]
        return draw_up(intake, desk, books.totals)

    async def _read_up_to(self, ends: Mapping[Place, int]) -> None:
        try:
            async with asyncio.timeout(CATCH_UP_S):
                while True:
                    read = await reading.positions(self._pool)
                    if all(read.get(place, 0) >= end for place, end in ends.items() if end):
                        return
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise BehindError from None

    def _known(self, topic: str, number: int) -> int:
        return self._solid.get((topic, number), 0)

    def _intake(
        self,
        wanted: Wanted,
        books: Books,
        committed: Mapping[Place, int],
        ends: Mapping[Place, int],
    ) -> tuple[Intake, IntakeLine]:
        place = (wanted.topic, wanted.partition)
        part = Intake(
            topic=wanted.topic,
            partition=wanted.partition,
            log_start=wanted.log_start,
            end=ends[place],
            committed=committed.get(place),
            blocks=books.blocks.get(place, {}),
            judged_before=books.judged_before.get(place, 0),
            solid=wanted.solid,
        )
        line = settle(part)
        self._solid[place] = line.solid
        return part, line

    def _desk(
        self,
        number: int,
        books: Books,
        committed: Mapping[Place, int],
        starts: Mapping[Place, int],
        ends: Mapping[Place, int],
    ) -> Desk:
        place = (DESK.name, number)
        told = books.desk.get(number, NOTHING_TOLD)
        desk = Desk(
            partition=number,
            log_start=starts[place],
            end=ends[place],
            committed=committed.get(place),
            covered=told.covered,
            again=told.again,
            stored=told.stored,
            duplicates=told.duplicates,
            applied=told.applied,
            deficits=books.deficits.get(number, ()),
            letters=books.letters.get(number, frozenset()),
        )
        pending, settled = stood(
            self._pending.get(number),
            committed=committed.get(place, 0),
            progressed=desk.progressed,
            now=time.monotonic(),
        )
        self._pending.pop(number, None)
        if pending is not None:
            self._pending[number] = pending
        return desk._replace(settled=settled)
