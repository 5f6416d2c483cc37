"""From what was parsed to Kafka records: topic, key, headers, time, dead letters."""

from datetime import UTC, datetime

import msgspec

from services.ingest import doors
from toog.contracts import dead, events
from toog.contracts.ids import digest
from toog.contracts.topics import DEAD, EVENTS, ROOM
from toog.contracts.wire import header
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard, Parsed, Unreadable

SENT = datetime(2026, 5, 4, 20, 30, tzinfo=UTC)
RECEIVED = datetime(2026, 5, 4, 20, 30, 1, 500_000, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
US = Accounts([Account("x", "1111111111111111111", "StadPolDem", "http://x.example")])


def heard(number: int = 1, *, room: bool = False, raw: bytes = b"{}") -> Heard:
    event = events.Event(
        id=f"x:1111111111111111111:post:{number}",
        kind="created",
        platform="x",
        account="1111111111111111111",
        occurred_at=SENT,
        received_at=RECEIVED,
        source="x:webhook",
        text="Is de Meir morgen open?",
        raw=msgspec.Raw(raw),
    )
    return Heard(event, "x:1111111111111111111:77", room=room)


def made(parsed: Parsed) -> list[doors.Outgoing]:
    return doors.records(parsed, source="x:webhook", trace=TRACE, now=RECEIVED)


def test_an_event_of_our_own_door_goes_to_its_topic_by_citizen_at_the_time_of_receipt() -> None:
    (record,) = made(Parsed((heard(),)))

    assert record.topic is EVENTS
    assert record.key == b"x:1111111111111111111:77"
    assert record.timestamp_ms == int(RECEIVED.timestamp() * 1000)
    assert events.decode(record.value) == heard().event


def test_what_only_a_hashtag_rule_brought_goes_to_the_room() -> None:
    assert [r.topic for r in made(Parsed((heard(1, room=True), heard(2))))] == [ROOM, EVENTS]


def test_the_headers_are_a_cloud_event_with_the_trace() -> None:
    (record,) = made(Parsed((heard(),)))

    assert header(record.headers, "ce_id") == "x:1111111111111111111:post:1"
    assert header(record.headers, "ce_source") == "/ingest/x:webhook"
    assert header(record.headers, "ce_type") == "social.event.v1"
    assert header(record.headers, "ce_time") == SENT.isoformat()
    assert header(record.headers, "traceparent") == TRACE


def test_what_is_unreadable_becomes_the_same_dead_letter_each_time() -> None:
    parsed = Parsed(unreadable=(Unreadable(b"<html>", "DecodeError"),))

    first, second = made(parsed)[0], made(parsed)[0]

    assert first.topic is DEAD
    assert header(first.headers, "ce_id") == f"dead:ingest:x:webhook:{digest(b'<html>')}"
    assert first == second
    letter = dead.decode(first.value)
    assert (letter.stage, letter.error, letter.bytes) == ("ingest", "DecodeError", b"<html>")


def test_a_large_unreadable_body_keeps_its_beginning_and_its_own_id() -> None:
    body = b"x" * (doors.LETTER_BYTES + 5)

    (record,) = made(Parsed(unreadable=(Unreadable(body, "DecodeError"),)))

    assert len(dead.decode(record.value).bytes) == doors.LETTER_BYTES
    assert digest(body) in (header(record.headers, "ce_id") or "")
    assert len(record.value) < doors.VALUE_BYTES


def test_an_event_that_no_broker_would_take_is_a_dead_letter() -> None:
    raw = b'"' + b"x" * doors.VALUE_BYTES + b'"'

    (record,) = made(Parsed((heard(raw=raw),)))

    assert record.topic is DEAD
    assert dead.decode(record.value).error == "TooLarge"


def nested(depth: int) -> bytes:
    return b'{"text": "]]}\\\\\\"[", "in": ' + b"[" * depth + b"]" * depth + b"}"


def test_an_event_that_not_every_reader_could_follow_is_a_dead_letter() -> None:
    deep, shallow = heard(1, raw=nested(doors.MAX_DEPTH)), heard(2, raw=nested(20))

    letter, record = made(Parsed((deep, shallow)))

    assert (letter.topic, dead.decode(letter.value).error) == (DEAD, "TooDeep")
    assert record.topic is EVENTS


def test_many_brackets_side_by_side_or_in_text_are_not_deep() -> None:
    side_by_side = b"[" + b",".join([b"[]"] * 5_000) + b"]"
    in_text = b'"' + b"[{" * 5_000 + b'\\" [["'

    assert not doors.too_deep(side_by_side)
    assert not doors.too_deep(in_text)
    assert doors.too_deep(b"[" * 201 + b"]" * 201)


class Broken:
    """A parser with a mistake in it."""

    def parse(self, body: bytes, **_: object) -> Parsed:
        raise KeyError(body)


def test_a_parser_that_fails_makes_the_body_unreadable() -> None:
    parsed = doors.parse(
        Broken(), b"{}", accounts=US, account=None, source="x:webhook", now=RECEIVED
    )

    assert parsed == Parsed(unreadable=(Unreadable(b"{}", "KeyError"),))


def test_several_items_count_as_one_group_in_their_order() -> None:
    odd = Unreadable(b"?", "DecodeError")

    merged = doors.merged([Parsed((heard(1),)), Parsed(unreadable=(odd,)), Parsed((heard(2),))])

    assert merged == Parsed((heard(1), heard(2)), (odd,))
