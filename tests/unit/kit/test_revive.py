"""Revive: the order of its steps, and everything that it refuses before anything is written."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from aiokafka.structs import ConsumerRecord
from support.desk import Log, deleted, edited, said

from toog import __version__
from toog.contracts.events import Event
from toog.contracts.topics import EVENTS, ROOM
from toog.contracts.wire import header
from toog.kit.errors import UnavailableError
from toog.kit.revive import (
    DeletedError,
    GoneError,
    NoRecordError,
    Revived,
    Standing,
    UnfitError,
    coordinates,
    revive,
    unfit,
)
from toog.kit.stream.produce import Outgoing
from toog.kit.stream.read import Span

PLACE = f"{EVENTS.name}:3:17"
DEEP = b'{"id": ' + b"[" * 20_000


class Kafka:
    """A look at one record, and the desk topic; `done` tells in which order things happened."""

    def __init__(self, found: Event | bytes | None, standing: Standing = "unknown") -> None:
        self.found: ConsumerRecord[bytes, bytes] | None = None
        if found is not None:
            self.found = Log().put(found, {"ce_id": "1", "traceparent": "00-1-1-01"})
        self.known: Standing = standing
        self.done: list[str] = []
        self.written: list[Outgoing] = []

    async def record(self, place: str) -> "ConsumerRecord[bytes, bytes] | None":
        self.done.append(f"read {place}")
        return self.found

    async def spans(self, topics: Iterable[object]) -> list[Span]:
        return [Span(EVENTS, 2, 0, 99, False), Span(EVENTS, 3, 10, 18, False)]

    async def send(self, records: Iterable[Outgoing]) -> None:
        self.done.append("write")
        self.written += records

    async def standing(self, event: Event) -> Standing:
        self.done.append("ask")
        return self.known

    async def audited(self, event: Event) -> None:
        self.done.append("audit")

    async def revive(self, record: str = PLACE, **changed: Any) -> Revived:
        steps = {"send": self.send, "standing": self.standing, "audited": self.audited, **changed}
        return await revive(record, by="els", look=self, **steps)


async def test_it_is_read_asked_audited_and_only_then_written_unchanged() -> None:
    kafka = Kafka(said())

    done = await kafka.revive(rules="0.1+abc")

    assert kafka.done == [f"read {PLACE}", "ask", "audit", "write"]
    assert (done.record, done.already) == (PLACE, False)
    (written,) = kafka.written
    source = kafka.found
    assert source is not None
    assert (written.key, written.value, written.timestamp_ms) == (
        source.key,
        source.value,
        source.timestamp,
    )
    assert written.topic.name == "social.desk.v1"
    assert dict(written.headers) == {
        "ce_id": b"1",
        "traceparent": b"00-1-1-01",
        "ce_outcome": b"addressed",
        "ce_reason": b"revived",
        "ce_lane": b"thread",
        "ce_rules": b"0.1+abc",
        "ce_record": PLACE.encode(),
        "ce_origin": b"revive",
        "ce_by": b"els",
    }


async def test_rules_that_nobody_remembers_are_those_of_the_code() -> None:
    kafka = Kafka(said())
    await kafka.revive()

    assert header(kafka.written[0].headers, "ce_rules") == __version__


async def test_without_its_audit_row_nothing_is_written() -> None:
    async def away(_: Event) -> None:
        raise UnavailableError("the database")

    kafka = Kafka(said())
    with pytest.raises(UnavailableError):
        await kafka.revive(audited=away)

    assert not kafka.written


async def test_what_the_desk_has_is_audited_and_not_written_again_unless_it_is_an_edit() -> None:
    message, edit = Kafka(said(), "known"), Kafka(edited(said(), "nieuw", "2"), "known")

    assert (await message.revive()).already
    assert (await edit.revive()).already
    assert [kafka.done[-1] for kafka in (message, edit)] == ["audit", "write"]


@pytest.mark.parametrize(
    ("found", "standing", "record", "error"),
    [
        (said(), "deleted", PLACE, DeletedError),
        (None, "unknown", PLACE, GoneError),
        (None, "unknown", f"{EVENTS.name}:3:18", NoRecordError),
        (said(own=True), "unknown", PLACE, UnfitError),
        (said(kind="signal", signal="read"), "unknown", PLACE, UnfitError),
        (deleted(said()), "unknown", PLACE, UnfitError),
        (b"{", "unknown", PLACE, UnfitError),
        (b"", "unknown", PLACE, UnfitError),
        pytest.param(DEEP, "unknown", PLACE, UnfitError, id="nested too deeply"),
        (said(), "unknown", "social.desk.v1:0:0", UnfitError),
    ],
)
async def test_what_is_refused_is_neither_audited_nor_written(
    found: Event | bytes | None, standing: Standing, record: str, error: type[Exception]
) -> None:
    kafka = Kafka(found, standing)
    with pytest.raises(error, match=r"\w+ \w+ \w+"):
        await kafka.revive(record)

    assert "audit" not in kafka.done
    assert not kafka.written


@pytest.mark.parametrize("written", [PLACE, f"{EVENTS.name}: 3:1_7", f"{EVENTS.name}:03:+17"])
def test_coordinates_are_written_in_one_way(written: str) -> None:
    assert coordinates(written) == PLACE


@pytest.mark.parametrize(
    "record",
    ["", ":", "::", f"{ROOM.name}:12:0", f"{ROOM.name}:0:-1", "ingest.cursors.v1:0:0"],
)
def test_other_coordinates_are_refused(record: str) -> None:
    for one in (record, f"{EVENTS.name}:0:{'9' * 5_000}"):  # more digits than Python reads
        with pytest.raises(UnfitError, match=r"social\.events\.v1:3:1207"):
            coordinates(one)


def test_an_edit_of_nothing_is_no_message() -> None:
    edit = msgspec.structs.replace(edited(said(), "nieuw", "2"), of=None)

    assert unfit(edit) == "this edit does not say of which message it is"
    assert unfit(said()) is None
    assert unfit(edited(said(), "nieuw", "2")) is None
