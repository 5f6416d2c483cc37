"""What the probes say of the one way to Kafka."""

from pathlib import Path

from services.ingest.settings import Settings
from services.ingest.writer import Writer


async def test_an_ingest_that_still_waits_for_kafka_is_alive() -> None:
    writer = Writer(Settings(accounts=Path("accounts.toml")))

    assert await writer.alive() is None
    assert writer.waiting == 0
