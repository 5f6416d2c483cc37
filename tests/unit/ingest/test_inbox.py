"""The buffer between socket and Kafka is bounded and loses nothing of what was taken in."""

import asyncio
from datetime import UTC, datetime

from services.ingest.inbox import Chunk, Inbox

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def chunk(*items: bytes) -> Chunk:
    return Chunk(NOW, items)


async def test_what_is_there_is_taken_together_up_to_the_asked_number() -> None:
    inbox = Inbox(1000)
    for number in range(3):
        await inbox.put(chunk(b"a%d" % number, b"b%d" % number))

    assert await inbox.take(3) == [chunk(b"a0", b"b0"), chunk(b"a1", b"b1")]
    assert await inbox.take(3) == [chunk(b"a2", b"b2")]


async def test_a_full_inbox_lets_the_reader_wait_until_something_is_taken() -> None:
    inbox = Inbox(4)
    waiting = asyncio.create_task(inbox.put(chunk(b"12345")))
    await asyncio.sleep(0)
    assert not waiting.done()

    await inbox.take(1)
    await asyncio.sleep(0)

    assert waiting.done()


async def test_after_the_end_the_rest_can_be_taken_and_then_nothing() -> None:
    inbox = Inbox(100)
    await inbox.put(chunk(b"last"))
    inbox.close()
    await inbox.put(chunk(b"too late"))

    assert await inbox.take(9) == [chunk(b"last")]
    assert await inbox.take(9) == []


async def test_a_waiting_writer_wakes_when_something_comes() -> None:
    inbox = Inbox(100)
    taking = asyncio.create_task(inbox.take(9))
    await asyncio.sleep(0)

    await inbox.put(chunk(b"now"))

    assert await taking == [chunk(b"now")]
