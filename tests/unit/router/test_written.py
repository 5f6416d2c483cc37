"""What the router writes: the ledger's line and headers, byte for byte as the contract says."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from toog.contracts import wire
from toog.contracts.verdicts import DROPPED_TYPE


@given(st.integers(0, 4_102_444_800_000))
def test_a_time_is_written_as_isoformat_writes_it(ms: int) -> None:
    seconds, rest = divmod(ms, 1000)
    time = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)

    assert wire.instant(ms) == time.isoformat().encode()


def test_a_line_has_the_headers_of_every_record_its_reason_and_its_coordinates() -> None:
    time = datetime(2026, 11, 22, 20, 41, 7, 25_000, tzinfo=UTC)
    headers = wire.LineHeaders("/router", DROPPED_TYPE, "hashtag_only")

    assert headers.of("h", 1_795_380_067_025, "social.room.v1:3:44") == [
        *wire.cloud_event("h", "/router", DROPPED_TYPE, time),
        ("ce_reason", b"hashtag_only"),
        ("ce_record", b"social.room.v1:3:44"),
    ]
