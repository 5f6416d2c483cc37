"""Dead letters: the unreadable record with its coordinates, under an id that repeats itself."""

import base64
from datetime import UTC, datetime

from aiokafka.structs import ConsumerRecord

from toog.contracts import dead, wire
from toog.contracts.topics import DEAD, record_of
from toog.kit.stream.produce import Outgoing


def letter(
    *,
    stage: dead.Stage,
    record: str,
    key: str,
    error: str,
    body: bytes,
    now: datetime,
    original_key: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    source_partition: str,
    received_ms: int | None = None,
) -> Outgoing:
    """A dead letter as it goes out. `error` is a class name: error texts quote citizens.

    `received_ms` is the receipt of what could not be read, where it is known; else it is `now`.
    """
    value = dead.Dead(
        stage=stage,
        record=record,
        error=error,
        seen_at=now,
        body=base64.b64encode(body).decode(),
        key=original_key,
        headers=headers,
    )
    return Outgoing(
        topic=DEAD,
        key=source_partition.encode(),
        value=dead.encode(value),
        headers=[
            *wire.cloud_event(key, f"/{stage}", dead.DEAD_TYPE, now),
            ("ce_record", record.encode()),
            ("ce_stage", stage.encode()),
        ],
        timestamp_ms=int(now.timestamp() * 1000) if received_ms is None else received_ms,
    )


def of_record(
    record: "ConsumerRecord[bytes, bytes]", topic: str, stage: dead.Stage, error: BaseException
) -> Outgoing:
    """The dead letter of a Kafka record. `topic` is its name in the contract, without prefix."""
    now = datetime.now(UTC)
    coordinates = record_of(topic, record.partition, record.offset)
    return letter(
        stage=stage,
        record=coordinates,
        key=f"dead:{stage}:{coordinates}",
        error=type(error).__name__,
        body=record.value or b"",
        now=now,
        original_key=(record.key or b"").decode(errors="replace"),
        headers=tuple((k, v.decode(errors="replace")) for k, v in record.headers),
        source_partition=f"{topic}:{record.partition}",
        received_ms=record.timestamp,
    )
