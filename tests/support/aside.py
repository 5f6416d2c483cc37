"""Dead letters as the kit and ingest write them, without anybody who really fails to read."""

from datetime import UTC, datetime

from services.ingest import doors
from support.served import Served
from toog.contracts.dead import Stage
from toog.contracts.ids import digest
from toog.kit.stream import dead
from toog.kit.stream.read import look
from toog.platforms.base import Unreadable

NOW = datetime.now(UTC).replace(microsecond=0)
SOURCE = "x:webhook"


async def set_aside(served: Served, stage: Stage, record: str) -> None:
    """The stage could not read this record: its letter, as the kit writes it."""
    async with look(served.kafka) as log:
        found = await log.record(record)
    assert found is not None
    topic = record.rsplit(":", 2)[0]
    await served.out.send([dead.of_record(found, topic, stage, ValueError("a text"))])


async def at_the_door(served: Served, body: bytes, source: str = SOURCE) -> str:
    """Ingest could not read this body; the name of its letter."""
    await served.out.send([doors.letter(Unreadable(body, "KeyError"), source, NOW)])
    return f"{source}:{digest(body)}"
