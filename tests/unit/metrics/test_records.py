"""What one record tells, and what cannot be read."""

from datetime import UTC, datetime

import msgspec
import pytest
from aiokafka.structs import ConsumerRecord

from services.metrics import mood
from services.metrics.coverage import CONTEXT, DEAD, Judged, Standing
from services.metrics.mood import Said
from services.metrics.records import (
    NOTHING,
    Letter,
    read_activity,
    read_dead,
    read_desk,
    read_dropped,
)
from toog.contracts import activity, dead, ledger
from toog.contracts.activity import Activity, Progress
from toog.contracts.ledger import Line, Page
from toog.contracts.verdicts import About, Verdict
from toog.contracts.wire import about_headers, verdict_headers

AT = datetime(2026, 11, 22, 20, 31, 42, tzinfo=UTC)
MINUTE = int(AT.timestamp()) // 60
PLACE = "social.events.v1:3:77"


def record(
    value: bytes = b"", headers: list[tuple[str, bytes]] | None = None
) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord(
        topic="t", partition=0, offset=5, timestamp=int(AT.timestamp() * 1000),
        timestamp_type=0, key=b"k", value=value, checksum=None, serialized_key_size=1,
        serialized_value_size=len(value), headers=tuple(headers or ()),
    )  # fmt: skip


def judged(standing: Standing, said: Said = mood.NOTHING) -> Judged:
    return Judged("social.events.v1", 3, 77, MINUTE, standing, said)


def line(**changed: object) -> Line:
    fields = {"offset": 77, "event": "h", "reason": "hashtag_only", "platform": "x",
              "occurred_at": AT, "received_ms": int(AT.timestamp() * 1000)}  # fmt: skip
    return Line(**{**fields, **changed})


def page(*lines: Line, topic: str = "social.events.v1", partition: int = 3) -> bytes:
    return ledger.encode(Page(topic, partition, "1", lines))


def test_an_addressed_record_tells_its_lane_and_coordinates() -> None:
    headers = verdict_headers(Verdict("addressed", "mention", "mention"), "1", PLACE)

    told = read_desk(record(headers=headers))

    assert told.verdicts == (judged(Standing("addressed", "mention")),)


def test_a_context_record_tells_its_coordinates() -> None:
    headers = verdict_headers(Verdict("context", "deletion"), "1", PLACE)

    assert read_desk(record(headers=headers)).verdicts == (judged(CONTEXT),)


def test_a_revived_record_tells_nothing() -> None:
    headers = [*verdict_headers(Verdict("addressed", "revived", "thread"), "1", PLACE)]

    assert read_desk(record(headers=[*headers, ("ce_origin", b"x")])) == NOTHING


def test_a_line_of_the_ledger_tells_its_reason() -> None:
    assert read_dropped(record(page(line()))).verdicts == (
        judged(Standing("dropped", "hashtag_only")),
    )


def test_a_page_tells_of_each_of_its_lines_when_it_was_received() -> None:
    later = int(AT.timestamp() * 1000) + 60_000
    told = read_dropped(record(page(line(), line(offset=80, reason="signal", received_ms=later))))

    first, second = told.verdicts
    assert first == judged(Standing("dropped", "hashtag_only"))
    assert second == Judged(
        "social.events.v1", 3, 80, MINUTE + 1, Standing("dropped", "signal"), mood.NOTHING
    )


@pytest.mark.parametrize(
    "wrong",
    [{"topic": "social.desk.v1"}, {"partition": 12}, {"partition": -1}],
)
def test_a_page_on_no_intake_partition_cannot_be_read(wrong: dict) -> None:
    with pytest.raises(ValueError, match="no record of a topic"):
        read_dropped(record(page(line(), **wrong)))


@pytest.mark.parametrize(
    "wrong", [{"offset": -1}, {"offset": 2**62}, {"received_ms": -1}, {"received_ms": 2**60}]
)
def test_a_page_with_a_line_that_cannot_be_is_not_counted_at_all(wrong: dict) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - either the decoder's or ours
        read_dropped(record(page(line(), line(**wrong))))


def test_an_addressed_record_tells_its_mood_in_hundredths() -> None:
    headers = verdict_headers(Verdict("addressed", "mention", "mention"), "1", PLACE)
    headers += about_headers(About("complaint", "nl-BE", -0.754))

    told = read_desk(record(headers=headers))

    said = Said(-75, "complaint", "nl")
    assert told.verdicts == (judged(Standing("addressed", "mention"), said),)


def test_a_sampled_line_tells_the_same_hundredths_as_a_header() -> None:
    for sentiment in (-1.0, -0.755, -0.005, 0.0, 0.145, 0.285, 1.0):
        headers = verdict_headers(Verdict("addressed", "mention", "mention"), "1", PLACE)
        headers += about_headers(About("other", "nl", sentiment))
        (at_desk,) = read_desk(record(headers=headers)).verdicts
        (in_ledger,) = read_dropped(record(page(line(sentiment=sentiment)))).verdicts

        assert at_desk.said.sentiment == in_ledger.said.sentiment


@pytest.mark.parametrize("wrong", ['"sad"', "1.01", "-7", "true", "[0.5]", "1e999", '{"a": 1}'])
def test_a_sentiment_that_is_none_is_left_out_of_the_ledger_and_no_dead_letter(wrong: str) -> None:
    value = page(line(sentiment=0.25)).replace(b"0.25", wrong.encode())

    told = read_dropped(record(value))

    said = Said(wrong=("sentiment",))
    assert told.verdicts == (judged(Standing("dropped", "hashtag_only"), said),)


def test_an_empty_sentiment_of_the_ledger_is_none_and_not_wrong() -> None:
    value = page(line(sentiment=0.25)).replace(b"0.25", b"null")

    assert read_dropped(record(value)).verdicts == (judged(Standing("dropped", "hashtag_only")),)


def test_headers_that_say_what_cannot_be_are_left_out_and_no_dead_letter() -> None:
    headers = verdict_headers(Verdict("addressed", "mention", "mention"), "1", PLACE)
    headers += [("ce_kind", b"\xff"), ("ce_sentiment", b"nan"), ("ce_language", b"fr")]

    told = read_desk(record(headers=headers))

    said = Said(language="fr", wrong=("ce_kind", "ce_sentiment"))
    assert told.verdicts == (judged(Standing("addressed", "mention"), said),)


def test_the_routers_dead_letter_is_what_became_of_the_record() -> None:
    headers = [("ce_stage", b"router"), ("ce_record", PLACE.encode())]
    letter = dead.Dead(stage="router", record=PLACE, error="ValueError", seen_at=AT, body="")

    for one in (record(headers=headers), record(dead.encode(letter))):
        assert read_dead(one) == ((judged(DEAD),), Letter("router", PLACE), None)


def test_the_desks_dead_letter_tells_its_place_at_the_desk() -> None:
    headers = [("ce_stage", b"responder"), ("ce_record", b"social.desk.v1:2:9")]

    letter = Letter("responder", "social.desk.v1:2:9", (2, 9))
    assert read_dead(record(headers=headers)) == ((), letter, None)


def test_a_body_that_ingest_could_not_read_is_a_dead_letter_and_no_verdict() -> None:
    headers = [("ce_stage", b"ingest"), ("ce_record", b"x:webhook:abc")]

    assert read_dead(record(headers=headers)) == ((), Letter("ingest", "x:webhook:abc"), None)


@pytest.mark.parametrize(
    "place",
    [
        None,
        "",
        "social.desk.v1:0:1",
        "t.social.events.v1:0:1",
        "social.events.v1:12:1",
        "social.events.v1:0:-1",
        f"social.events.v1:0:{2**62}",
    ],
)
def test_coordinates_of_no_intake_record_are_refused(place: str | None) -> None:
    headers = [("ce_outcome", b"context")]
    if place is not None:
        headers.append(("ce_record", place.encode()))

    with pytest.raises(ValueError, match=r"."):
        read_desk(record(headers=headers))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("ce_outcome", b"dropped"), ("ce_record", PLACE.encode())],
        [("ce_outcome", b"addressed"), ("ce_record", PLACE.encode())],
        [("ce_outcome", b"addressed"), ("ce_lane", b"fast"), ("ce_record", PLACE.encode())],
        [("ce_outcome", b"\xff")],
    ],
)
def test_headers_without_a_known_verdict_are_refused(headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_desk(record(headers=headers))


def test_a_reason_that_drops_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="enum value"):
        read_dropped(record(page(line(), line(reason="mention"))))


@pytest.mark.parametrize(
    ("stage", "place"),
    [
        ("kitchen", PLACE),
        ("ingest", "a\0b"),
        ("responder", PLACE),
        ("router", "social.desk.v1:0:1"),
    ],
)
def test_dead_letters_of_nowhere_are_refused(stage: str, place: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_dead(record(headers=[("ce_stage", stage.encode()), ("ce_record", place.encode())]))


def progress(**changed: int) -> Progress:
    fields = {"partition": 1, "first": 0, "last": 9, "stored": 8, "duplicates": 1, "applied": 1}
    return Progress(**{**fields, **changed})


def test_an_activity_is_read_whole() -> None:
    one = Activity(id="a", kind="desk_progress", at=AT, progress=progress())

    assert read_activity(record(activity.encode(one))).activity == one


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "a\0"},
        {"at": AT.replace(tzinfo=None)},
        {"first_response_s": -1.0},
        {"first_response_s": 1e12},
        {"progress": progress(partition=6)},
        {"progress": progress(first=10)},
        {"progress": progress(stored=-1)},
        {"progress": progress(last=2**62)},
    ],
)
def test_an_activity_that_the_database_could_not_count_is_refused(
    changed: dict[str, object],
) -> None:
    one = msgspec.structs.replace(Activity(id="a", kind="reply_sent", at=AT), **changed)

    with pytest.raises(ValueError, match=r"."):
        read_activity(record(activity.encode(one)))
