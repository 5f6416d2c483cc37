"""Where Kafka says that groups and logs stand. The clients are made anew after every failure."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from aiokafka.structs import TopicPartition

from toog.contracts.topics import Topic
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, group_name, topic_name

WITHIN_S: Final = 5.0

Place = tuple[str, int]
"""Topic (by contract, without prefix) and partition."""


class Offsets:
    """Answers with offsets by place. Raises KafkaError or TimeoutError while no broker answers."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._one_at_a_time = asyncio.Lock()

    async def committed(self, group: str, topics: Iterable[Topic]) -> dict[Place, int]:
        """The committed offsets of a group on these topics; places without a commit are left out.

        Asked by place: a coordinator that is loading or moves (as after a broker's restart) answers
        with an error and no place at all, and aiokafka passes over that error. To the question for
        all places that answer is the same as that of a group which never committed.
        """
        places = self._places(topics)
        async with self._guarded():
            if self._admin is None:
                self._admin = await _started(AIOKafkaAdminClient(**connection(self._settings)))
            found = await self._admin.list_consumer_group_offsets(
                group_name(self._settings, group), partitions=list(places)
            )
            if found.keys() != places.keys():
                raise GroupCoordinatorNotAvailableError(f"no answer for {group}")
        return {places[place]: meta.offset for place, meta in found.items() if meta.offset >= 0}

    async def log_starts(self, topics: Iterable[Topic]) -> dict[Place, int]:
        """The first offset that each partition still has."""
        return await self._asked("beginning_offsets", topics)

    async def log_ends(self, topics: Iterable[Topic]) -> dict[Place, int]:
        """The offset that each partition's next record will get."""
        return await self._asked("end_offsets", topics)

    async def _asked(self, what: str, topics: Iterable[Topic]) -> dict[Place, int]:
        places = self._places(topics)
        async with self._guarded():
            if self._consumer is None:
                self._consumer = await _started(AIOKafkaConsumer(**connection(self._settings)))
            found = await getattr(self._consumer, what)(list(places))
        return {places[place]: offset for place, offset in found.items()}

    def _places(self, topics: Iterable[Topic]) -> dict[TopicPartition, Place]:
        return {
            TopicPartition(topic_name(self._settings, topic), number): (topic.name, number)
            for topic in topics
            for number in range(topic.partitions)
        }

    @contextlib.asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(WITHIN_S):
                    yield
            except (KafkaError, OSError):  # TimeoutError is an OSError
                await self.close()
                raise

    async def close(self) -> None:
        """Disconnects; the next question connects again."""
        admin, self._admin = self._admin, None
        consumer, self._consumer = self._consumer, None
        with contextlib.suppress(KafkaError, OSError):
            if admin is not None:
                await admin.close()
        with contextlib.suppress(KafkaError, OSError):
            if consumer is not None:
                await consumer.stop()


async def _started(client: Any) -> Any:
    try:
        await client.start()
    except BaseException:
        # a client that is dropped unclosed warns, and its sockets stay
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())
        raise
    return client
