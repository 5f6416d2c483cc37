"""What is said of a post on desk, ledger and dead letters, and what only looks like it."""

from datetime import UTC, datetime

from aiokafka.structs import ConsumerRecord
from support.desk import said

from toog.contracts import events, ledger
from toog.contracts.ids import digest
from toog.contracts.ledger import Line, Page
from toog.contracts.topics import DEAD, DESK, DROPPED, Topic, record_of
from toog.contracts.verdicts import Verdict
from toog.contracts.wire import verdict_headers
from toog.kit.stream import dead
from toog.ops.asked import Search, asked
from toog.ops.sayings import Sayings
from toog.ops.trail import Saying

NOW = datetime(2026, 11, 22, tzinfo=UTC)
INTAKE = ("social.events.v1", 3)
POST = said("199")
LETTERED = Exception("a text")


def record(topic: Topic, offset: int, value: bytes, *headers: tuple[str, bytes]) -> ConsumerRecord:
    return ConsumerRecord(topic.name, 0, offset, 9_000, 0, b"", value, None, 0, 0, headers)


def page(offset: int, *lines: tuple[int, str]) -> tuple[Topic, ConsumerRecord]:
    """A page with lines on these offsets and events, each received at the second of its offset."""
    written = [Line(at, digest(id_), "signal", "x", NOW, at * 1_000) for at, id_ in lines]
    return DROPPED, record(DROPPED, offset, ledger.encode(Page(*INTAKE, "1+ab", written)))


def desk(offset: int, about: int, body: bytes) -> tuple[Topic, ConsumerRecord]:
    verdict = Verdict("addressed", "mention", "mention")
    headers = verdict_headers(verdict, "1", record_of(*INTAKE, about))
    return DESK, record(DESK, offset, body, *headers)


def letter(offset: int, of: ConsumerRecord, stage: str) -> tuple[Topic, ConsumerRecord]:
    out = dead.of_record(of, of.topic, stage, LETTERED)
    return DEAD, record(DEAD, offset, out.value, *out.headers)


def heard(
    *told: tuple[Topic, ConsumerRecord], text: str = POST.id, wanted: frozenset[str] = frozenset()
) -> list[Saying]:
    sayings = Sayings(Search(asked(text)), wanted)
    for topic, one in told:
        sayings.take(topic, one)
    return sayings.all


def test_the_lines_of_an_event_are_told_of_each_page_and_no_other_line() -> None:
    told = heard(
        page(1, (6, "x:a:post:1"), (7, POST.id), (8, "x:a:post:2")),
        page(2, (9, "x:a:post:3")),
        page(3, (7, POST.id), (12, POST.id)),  # delivered again, and told by a second source
    )

    assert [(one.record, one.about, one.received_ms) for one in told] == [
        ("social.dropped.v2:0:1", "social.events.v1:3:7", 7_000),
        ("social.dropped.v2:0:3", "social.events.v1:3:7", 7_000),
        ("social.dropped.v2:0:3", "social.events.v1:3:12", 12_000),
    ]
    assert {(one.outcome, one.reason, one.rules) for one in told} == {("dropped", "signal", "1+ab")}


def test_a_record_that_is_wanted_is_told_of_whatever_its_event() -> None:
    seventh = frozenset({record_of(*INTAKE, 7)})
    found = (
        page(1, (7, "x:a:post:1"), (8, "x:a:post:2")),
        desk(4, 7, b"no event"),
        desk(5, 8, b"{}"),
    )
    told = heard(*found, text=record_of(*INTAKE, 7), wanted=seventh)

    assert [(one.record, one.about) for one in told] == [
        ("social.dropped.v2:0:1", "social.events.v1:3:7"),
        ("social.desk.v1:0:4", "social.events.v1:3:7"),
    ]
    assert [one.event for one in told] == [None, None]


def test_letters_about_what_was_found_follow_in_any_order() -> None:
    there, other = page(1, (7, POST.id)), page(2, (8, "x:a:post:1"))
    at_desk = desk(4, 9, events.encode(POST))
    about_desk = letter(3, at_desk[1], "responder")
    told = heard(letter(1, there[1], "metrics"), letter(2, other[1], "metrics"), about_desk,
                 there, other, at_desk)  # fmt: skip

    assert sorted(one.record for one in told) == [
        "social.dead.v1:0:1",
        "social.dead.v1:0:3",
        "social.desk.v1:0:4",
        "social.dropped.v2:0:1",
    ]
    assert {one.reason for one in told if one.outcome == "dead"} == {
        "metrics, Exception",
        "responder, Exception",
    }


def test_a_page_that_could_not_be_read_is_found_by_the_hash_and_never_by_a_number_in_it() -> None:
    numbers = page(1, (199, "x:a:post:1"))  # 199 is its offset and in its time
    cut = record(DROPPED, 2, b'{"lines":[{"event":"%s"' % digest(POST.id).encode())
    told = heard(letter(1, numbers[1], "metrics"), letter(2, cut, "metrics"), (DROPPED, cut))

    assert [one.about for one in told] == ["social.dropped.v2:0:2"]
    assert heard(letter(1, numbers[1], "metrics"), text="199") == []
    body = record(DESK, 1, b'{"native":"199"')
    assert [one.about for one in heard(letter(1, body, "router"), text="199")] == [
        "social.desk.v1:0:1"
    ]


def test_what_nobody_can_read_is_passed_over() -> None:
    deep = b'{"odd":' + b"[" * 100_000
    odd = [
        (topic, record(topic, 1, body)) for topic in (DESK, DROPPED, DEAD) for body in (b"", deep)
    ]

    assert heard(*odd, wanted=frozenset({record_of(*INTAKE, 7)})) == []
