"""Times as an operator types them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from toog.cli.moments import Period, moment, period

HERE = ZoneInfo("Europe/Brussels")
EVENING = datetime(2026, 11, 22, 21, 0, tzinfo=HERE)
AFTER_MIDNIGHT = datetime(2026, 11, 23, 1, 0, tzinfo=HERE)


def at(day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=HERE)


@pytest.mark.parametrize(
    ("text", "now", "meant"),
    [
        ("20:30", EVENING, at(22, 20, 30)),
        ("21:00", EVENING, at(22, 21, 0)),
        ("21:20", EVENING, at(21, 21, 20)),
        ("20:30", AFTER_MIDNIGHT, at(22, 20, 30)),
        ("0:30", AFTER_MIDNIGHT, at(23, 0, 30)),
        ("2026-11-20T20:30", EVENING, at(20, 20, 30)),
        ("2026-11-20 20:30:00", EVENING, at(20, 20, 30)),
        ("2026-11-20T19:30Z", EVENING, at(20, 20, 30)),
        ("2026-11-20T19:30+00:00", EVENING, at(20, 20, 30)),
        ("2026-07-01T20:30", EVENING, datetime(2026, 7, 1, 18, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_the_last_one_or_the_one_that_is_written(
    text: str, now: datetime, meant: datetime
) -> None:
    assert moment(text, now=now, zone=HERE) == meant


def test_without_a_zone_it_is_that_of_this_machine() -> None:
    now = datetime.now(UTC)

    assert moment(now.astimezone().strftime("%H:%M"), now=now) <= now
    assert moment("2026-11-20T20:30", now=now) == datetime(2026, 11, 20, 20, 30).astimezone()


@pytest.mark.parametrize(
    ("first", "last", "now", "meant"),
    [
        ("20:30", "21:20", EVENING, Period(at(22, 20, 30), at(22, 21, 20))),  # still running
        ("20:30", "21:20", AFTER_MIDNIGHT, Period(at(22, 20, 30), at(22, 21, 20))),
        ("23:30", "00:30", AFTER_MIDNIGHT, Period(at(22, 23, 30), at(23, 0, 30))),
        ("2026-11-20T20:30", "21:20", EVENING, Period(at(20, 20, 30), at(20, 21, 20))),
        ("20:30", None, EVENING, Period(at(22, 20, 30), None)),
        (None, "20:30", EVENING, Period(None, at(22, 20, 30))),
        (None, None, EVENING, Period()),
    ],
)
def test_from_and_to_are_meant_together(
    first: str | None, last: str | None, now: datetime, meant: Period
) -> None:
    assert period(first, last, now=now, zone=HERE) == meant


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        ("half past", None, "half past is no time"),
        ("25:00", None, "25:00 is no time of a day"),
        ("2026-11-20T20:30", "2026-11-20T20:30", "is not after"),
        ("2026-11-23T20:30", None, "still to come"),
    ],
)
def test_what_is_no_period_is_said_in_a_sentence(
    first: str, last: str | None, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        period(first, last, now=EVENING, zone=HERE)


def test_a_period_in_milliseconds() -> None:
    found = Period(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), None)

    assert (found.from_ms, found.to_ms) == (1000, None)


def test_a_clock_before_the_begin_is_not_the_next_night() -> None:
    now = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)

    with pytest.raises(ValueError, match="--to 22:49 is not after --from 22:50"):
        period("22:50", "22:49", now=now, zone=UTC)
    early = datetime(2026, 11, 22, 0, 6, tzinfo=UTC)
    assert period("00:05", "23:59", now=early, zone=UTC).last == datetime(
        2026, 11, 22, 23, 59, tzinfo=UTC
    )
    assert period("20:30", "01:00", now=now, zone=UTC).last == datetime(2026, 11, 23, 1, tzinfo=UTC)
