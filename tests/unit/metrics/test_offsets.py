"""Where groups stand, as aiokafka tells it: an empty answer is not that of a new group."""

from typing import Any

import pytest
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from services.metrics.offsets import Offsets
from toog.contracts.topics import EVENTS, ROUTER_EVENTS_GROUP
from toog.kit.settings import KafkaSettings


class Admin:
    """Answers for the places that are asked for; or for none, as when a coordinator refuses."""

    def __init__(self, *, refused: bool = False) -> None:
        self.closed = False
        self._refused = refused

    async def list_consumer_group_offsets(
        self, _group: str, partitions: list[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        if self._refused:
            return {}
        offsets = {place: 7 if place.partition == 2 else -1 for place in partitions}
        return {place: OffsetAndMetadata(offset, "") for place, offset in offsets.items()}

    async def close(self) -> None:
        self.closed = True


def offsets(admin: Admin) -> Offsets:
    asked = Offsets(KafkaSettings(kafka="127.0.0.1:1", kafka_prefix="t.", instance="metrics-1"))
    client: Any = admin
    asked._admin = client
    return asked


async def test_places_without_a_commit_are_left_out() -> None:
    asked = offsets(Admin())
    assert await asked.committed(ROUTER_EVENTS_GROUP, [EVENTS]) == {(EVENTS.name, 2): 7}


async def test_an_answer_for_no_place_is_no_answer_and_the_client_is_made_anew() -> None:
    admin = Admin(refused=True)
    asked = offsets(admin)
    with pytest.raises(GroupCoordinatorNotAvailableError):
        await asked.committed(ROUTER_EVENTS_GROUP, [EVENTS])
    assert admin.closed
