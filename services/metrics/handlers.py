"""Kafka in: takes batches in, and says where to read on after a restart."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from services.metrics.offsets import Offsets
from services.metrics.records import READERS, Told
from services.metrics.store import Pool, reading, taking
from services.metrics.telemetry import Figures
from toog.contracts.topics import ACTIVITY, DEAD, DESK, DROPPED, METRICS_GROUP
from toog.kit.postgres import AWAY
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import topic_name
from toog.kit.stream.consume import Rejected

log = structlog.get_logger(__name__)

READ: Final = (DESK, DROPPED, DEAD, ACTIVITY)
START_TRIES: Final = 5
AT_ONCE: Final = 2_000


class Intake:
    """Handles batches of all topics that metrics reads; shows the new totals after each."""

    def __init__(
        self, *, settings: KafkaSettings, pool: Pool, offsets: Offsets, figures: Figures
    ) -> None:
        self._names = {topic_name(settings, topic): topic.name for topic in READ}
        self._pool = pool
        self._offsets = offsets
        self._figures = figures

    async def __call__(
        self, records: Sequence["ConsumerRecord[bytes, bytes]"]
    ) -> Iterable[Rejected]:
        """Makes the batch durable; names the records that cannot be read.

        In parts of some `AT_ONCE` verdicts, each in one transaction with our own offsets: a page
        of the ledger holds a hundred, and nobody waits long behind a batch of pages.
        """
        told: list[Told] = []
        rejected: list[Rejected] = []
        positions: dict[tuple[str, int], int] = {}
        verdicts = 0
        for record in records:
            name = self._names[record.topic]
            positions[name, record.partition] = record.offset + 1
            try:
                told.append(READERS[name](record))
            except ValueError as error:
                rejected.append(Rejected(record, error))
                continue
            verdicts += len(told[-1].verdicts)
            if verdicts >= AT_ONCE:
                await self._take_in(told, positions)
                told, positions, verdicts = [], {}, 0
        if positions:
            await self._take_in(told, positions)
        return rejected

    async def _take_in(
        self, told: Sequence[Told], positions: Mapping[tuple[str, int], int]
    ) -> None:
        self._figures.totals = await taking.take_in(self._pool, told, positions)

    async def start_at(self, places: set[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Where to start on these partitions: where the database stands, never before the log start.

        An older database is read again from where it stood. What Kafka has as not committed is
        read again too: a closed valve keeps records back that we counted as read.
        """
        for left in reversed(range(START_TRIES)):
            try:
                return await self._start_at(places)
            except (KafkaError, *AWAY) as error:
                log.warning("cannot tell where to start", error=type(error).__name__)
                if not left:
                    raise
                await asyncio.sleep(random.uniform(0.2, 0.6))  # noqa: S311 - jitter, no secret
        raise AssertionError  # the last try returns or raises

    async def _start_at(self, places: set[TopicPartition]) -> dict[TopicPartition, int]:
        stored = await reading.positions(self._pool)
        committed = await self._offsets.committed(METRICS_GROUP, READ)
        starts = await self._offsets.log_starts(READ)
        found: dict[TopicPartition, int] = {}
        for place in places:
            key = (self._names[place.topic], place.partition)
            known = stored.get(key, 0)
            found[place] = max(starts[key], min(known, committed.get(key, 0)))
        return found
