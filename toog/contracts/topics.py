"""The topic registry: every topic by name, with what it holds, who writes and who reads it.

AsyncAPI, the topics job and every reader and writer take it from here; a partition count never
changes (the key would land elsewhere and a citizen's messages would lose their order).
"""

from typing import Final

import msgspec

from toog.contracts import activity, dead, events, ledger

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic. `retention_ms` None means kept for ever, one value per key (compacted)."""

    name: str
    holds: str
    type: type[msgspec.Struct]
    key: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int
    retention_ms: int | None
    text: bool = False

    @property
    def config(self) -> dict[str, str]:
        """The topic's settings at the broker.

        Topics with citizens' text roll every hour: a segment is only deleted whole, so a larger
        one would keep text for longer than promised.
        """
        if self.retention_ms is None:
            return {"cleanup.policy": "compact", "segment.ms": str(DAY_MS)}
        segment = HOUR_MS if self.text else DAY_MS
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "segment.ms": str(segment),
            "message.timestamp.type": "CreateTime",
            "max.message.bytes": str(MAX_RECORD_BYTES),
        }


MAX_RECORD_BYTES: Final = 12 * 1024 * 1024


class Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a source has been read, durably: `position` is the platform's own marker."""

    source: str
    position: str | None
    at: str


EVENTS: Final = Topic(
    name="social.events.v1",
    holds="events from an account's own door: webhook, notification, DM, a rule with our handle",
    type=events.Event,
    key="citizen",
    writers=("ingest",),
    readers=("router", "responder"),
    partitions=12,
    retention_ms=72 * HOUR_MS,
    text=True,
)
ROOM: Final = Topic(
    name="social.room.v1",
    holds="events that came only by a hashtag rule, inside an episode's window",
    type=events.Event,
    key="citizen",
    writers=("ingest",),
    readers=("router", "responder"),
    partitions=12,
    retention_ms=72 * HOUR_MS,
    text=True,
)
DESK: Final = Topic(
    name="social.desk.v1",
    holds="what the desk gets: addressed and context, bytes unchanged, the verdict in headers",
    type=events.Event,
    key="citizen",
    writers=("router", "responder"),
    readers=("responder", "metrics"),
    partitions=6,
    retention_ms=7 * DAY_MS,
    text=True,
)
DROPPED: Final = Topic(
    name="social.dropped.v2",
    holds="the ledger of the rest, in pages: reason, rules, coordinates; no text, no citizen",
    type=ledger.Page,
    key="source partition",
    writers=("router",),
    readers=("responder", "metrics"),
    partitions=6,
    retention_ms=35 * DAY_MS,
)
DEAD: Final = Topic(
    name="social.dead.v1",
    holds="what could not be read: bytes, coordinates, stage, error class",
    type=dead.Dead,
    key="source partition",
    writers=("ingest", "router", "responder", "metrics"),
    readers=("metrics",),
    partitions=3,
    retention_ms=7 * DAY_MS,
    text=True,
)
ACTIVITY: Final = Topic(
    name="care.activity.v1",
    holds="what happened to cases and replies; ids, no text",
    type=activity.Activity,
    key="case",
    writers=("responder",),
    readers=("metrics",),
    partitions=6,
    retention_ms=400 * DAY_MS,
)
CURSORS: Final = Topic(
    name="ingest.cursors.v1",
    holds="how far each source has been read",
    type=Cursor,
    key="source",
    writers=("ingest",),
    readers=("ingest",),
    partitions=12,
    retention_ms=None,
)

TOPICS: Final = (EVENTS, ROOM, DESK, DROPPED, DEAD, ACTIVITY, CURSORS)

ROUTER_EVENTS_GROUP: Final = "toog.router.events"
ROUTER_ROOM_GROUP: Final = "toog.router.room"
RESPONDER_GROUP: Final = "toog.responder"
METRICS_GROUP: Final = "toog.metrics"


def record_of(topic: str, partition: int, offset: int) -> str:
    """The coordinates of a record, as verdicts and dead letters name it (`ce_record`)."""
    return f"{topic}:{partition}:{offset}"


def parse_record(record: str) -> tuple[str, int, int]:
    """The coordinates back out of `record_of`. Raises ValueError where it is no such thing."""
    topic, partition, offset = record.rsplit(":", 2)
    return topic, int(partition), int(offset)
