"""Dead letters: each once, readable by whom, and shown without harm."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from support.desk import said
from support.ingest import mention

from services.ingest import doors
from toog.contracts import events, ledger
from toog.contracts.dead import Dead
from toog.contracts.ids import digest
from toog.contracts.ledger import Line as DroppedLine
from toog.contracts.ledger import Page
from toog.contracts.topics import DEAD, DESK, DROPPED, EVENTS
from toog.contracts.verdicts import Verdict
from toog.contracts.wire import header, verdict_headers
from toog.ops.letters import Line, chosen, gathered
from toog.ops.replaying import Kept, StaysError, account_of, again, entering, parsed, sent
from toog.ops.showing import HEX_BYTES, laid_out
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Parsed, Unreadable

NOW = datetime(2026, 11, 22, 21, tzinfo=UTC)
RECORD = f"{EVENTS.name}:3:7"
SAID = events.encode(said("1"))
ONE = Account("x", "1111111111111111111", "StadPolDem", "http://127.0.0.1:9")
OTHER = Account("x", "11", "Ander", "http://127.0.0.1:9")
DID = Account("bluesky", "did:plc:abc", "pol.example", "http://127.0.0.1:9")


def line(seconds: int, stage: Any = "router", record: str = RECORD, error: str = "E") -> Line:
    return Line(stage, record, error, NOW + timedelta(seconds=seconds))


def kept(
    body: bytes,
    stage: Any = "router",
    record: str = RECORD,
    headers: Sequence[tuple[str, str]] = (("ce_id", "1"),),
    *,
    error: str = "E",
    key: str | None = "x:1:7",
) -> Kept:
    letter = Dead(
        stage=stage,
        record=record,
        error=error,
        seen_at=NOW,
        body=base64.b64encode(body).decode(),
        key=key,
        headers=tuple(headers),
    )
    return Kept(letter, 5_000)


def original(value: bytes) -> ConsumerRecord:
    headers = (("ce_id", b"\xff"),)
    return ConsumerRecord("t", 3, 7, 1, 0, b"\xfe", value, None, 0, 0, headers)


def from_platform(body: bytes, source: str = "x:webhook", error: str = "E") -> Kept:
    return kept(body, "ingest", f"{source}:{digest(body)}", (), error=error, key=None)


def test_a_letter_that_repeats_itself_is_shown_once_with_its_newest_place() -> None:
    lines = [
        ("d:0:1", line(5)),
        ("d:0:2", line(9, error="F")),
        ("d:1:1", line(1)),
        ("d:1:2", line(3, stage="metrics")),
    ]
    router, metrics = gathered(lines)

    assert (router.times, router.place, router.error) == (3, "d:0:2", "F")
    assert router.first_seen == NOW + timedelta(seconds=1)
    assert router.last_seen == NOW + timedelta(seconds=9)
    assert (metrics.stage, metrics.times) == ("metrics", 1)


def test_letters_are_chosen_by_stage_error_and_when_they_were_last_seen() -> None:
    found = gathered(
        [("p", line(n, "router" if n % 2 else "metrics", f"r{n}", f"E{n}")) for n in range(6)]
    )

    assert [one.record for one in chosen(found, stage="router")] == ["r1", "r3", "r5"]
    assert [one.record for one in chosen(found, error="E2")] == ["r2"]
    first, last = NOW + timedelta(seconds=2), NOW + timedelta(seconds=4)
    assert [one.record for one in chosen(found, first=first, last=last)] == ["r2", "r3"]


@pytest.mark.parametrize(
    ("one", "source"),
    [
        (line(0, "ingest", "x:webhook:abc"), "x:webhook"),
        (Line("router", RECORD, "E", NOW, (("ce_source", "/ingest/x:1:stream"),)), "x:1:stream"),
        (line(0), None),
    ],
)
def test_the_source_says_by_which_way_it_came(one: Line, source: str | None) -> None:
    assert one.source == source


def test_while_its_topic_holds_it_the_record_is_written_exactly_as_it_was() -> None:
    whole = again([kept(SAID)], original(SAID))
    letter = again([kept(SAID)], original(b"another"))

    assert (whole.topic, whole.key, whole.headers) == (EVENTS, b"\xfe", [("ce_id", b"\xff")])
    assert (letter.key, letter.headers, letter.timestamp_ms) == (b"x:1:7", [("ce_id", b"1")], 5_000)


def test_a_page_of_the_ledger_is_written_again_as_it_was() -> None:
    lines = [DroppedLine(n, "h", "signal", "x", NOW, 1_000 + n) for n in range(100)]
    page = ledger.encode(Page(EVENTS.name, 3, "1", lines))
    place = f"{EVENTS.name}:3"
    headers = [("ce_type", ledger.PAGE_TYPE)]
    letter = kept(page, "metrics", f"{DROPPED.name}:0:1", headers, key=place)
    out = again([letter], None)

    assert (out.topic, out.key, out.value) == (DROPPED, place.encode(), page)
    assert (out.headers, out.timestamp_ms) == ([("ce_type", ledger.PAGE_TYPE.encode())], 5_000)


@pytest.mark.parametrize(
    ("letters", "why"),
    [
        ([kept(b"no json")], "still unreadable for router"),
        ([kept(b"[" * 100_000)], "still unreadable for router"),
        ([kept(SAID, "responder", f"{DESK.name}:0:1")], "still unreadable for responder"),
        ([kept(b"", "metrics", f"{DESK.name}:0:1")], "still unreadable for metrics"),
        ([kept(b'{"lines":[]}', "metrics", f"{DROPPED.name}:0:1")], "still unreadable for metrics"),
        ([kept(SAID, "metrics", RECORD)], "metrics reads no"),
        ([kept(SAID, headers=[("ce_id", "\ufffd")])], "were no text"),
        ([kept(SAID, record="elsewhere:1:2")], "no record of a topic of ours"),
        ([kept(SAID, record="nothing")], "no record of a topic of ours"),
    ],
)
def test_what_a_stage_still_cannot_read_stays(letters: list[Kept], why: str) -> None:
    with pytest.raises(StaysError, match=why):
        again(letters, None)


def test_of_two_stages_both_must_be_able_to_read_it() -> None:
    record = f"{DESK.name}:0:1"
    told = verdict_headers(Verdict("addressed", "mention", "mention"), "1", RECORD)
    headers = [(name, value.decode()) for name, value in told]
    whole = [kept(SAID, stage, record, headers) for stage in ("responder", "metrics")]
    half = [kept(SAID, stage, record, headers[:-2]) for stage in ("responder", "metrics")]

    assert again(whole, None).topic is DESK
    with pytest.raises(StaysError):
        again(half, None)


def test_the_source_names_the_account_else_the_platform_may_have_only_one() -> None:
    ours = Accounts([ONE, OTHER, DID])

    assert account_of(f"{ONE.name}:stream", ours) is ONE
    assert account_of(f"{OTHER.name}:stream", ours) is OTHER
    assert account_of(f"{DID.name}:notifications", ours) is DID
    assert account_of("bluesky:look_up", ours) is DID
    assert account_of("x:webhook", ours) is None


@pytest.mark.parametrize(
    ("letter", "why"),
    [
        (kept(b"cut", "ingest", f"x:webhook:{digest(b'cut off')}"), "only its beginning"),
        (from_platform(b"{}", error="TooDeep"), "TooDeep"),
        (from_platform(b"{}", source="myspace:webhook"), "no platform"),
    ],
)
def test_what_is_not_the_whole_of_what_a_platform_sent_stays(letter: Kept, why: str) -> None:
    with pytest.raises(StaysError, match=why):
        sent(letter)


def test_what_a_platform_sent_is_parsed_as_of_when_it_came() -> None:
    what = sent(from_platform(mention(5)))
    (record,) = entering(parsed(what, Accounts([ONE])), what, "00-1-1-00")

    assert record.topic is EVENTS
    assert header(record.headers, "traceparent") == "00-1-1-00"
    assert events.decode(record.value).received_at == NOW
    with pytest.raises(StaysError, match="still unreadable"):
        parsed(sent(from_platform(b"<html>")), Accounts([ONE]))


def test_pieces_that_stay_unreadable_become_letters_but_never_the_same_one_again() -> None:
    whole = from_platform(b"whole")
    pieces = Parsed(unreadable=(Unreadable(b"whole", "E"), Unreadable(b"piece", "E")))
    (made,) = entering(pieces, sent(whole), "t")

    assert made.topic is DEAD
    assert header(made.headers, "ce_record") == f"x:webhook:{digest(b'piece')}"
    assert len(doors.records(pieces, source="x:webhook", trace="t", now=NOW)) == 2


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", "(no bytes)"),
        (b'{"a":[1]}', '{\n  "a": [\n    1\n  ]\n}'),
        ("één\n\x1b]0;titel\x07".encode(), "één\n\\x1b]0;titel\\x07"),
        ('{"a":"\u202e"}'.encode(), '{\n  "a": "\\u202e"\n}'),
        (b"\x00\xff", "00000000  00 ff" + " " * 42 + "  .."),
    ],
)
def test_bytes_are_decoded_where_they_can_be_and_move_no_cursor(body: bytes, shown: str) -> None:
    assert laid_out(body) == shown


def test_of_much_that_is_no_text_the_beginning_is_shown() -> None:
    body = b"\xff" * (HEX_BYTES + 1)
    lines = laid_out(body).splitlines()

    assert len(lines) == HEX_BYTES // 16 + 1
    assert f"{len(body):,} bytes in all" in lines[-1]
