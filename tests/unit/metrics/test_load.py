"""Load per minute from counted rows."""

from datetime import UTC, datetime, timedelta

import pytest

from services.metrics.load import (
    Minute,
    Mood,
    Moods,
    Total,
    bucket_of,
    minute_of,
    series,
    time_of,
)
from toog.contracts.verdicts import DROPPED_REASONS, LANES

NOW = datetime(2026, 11, 22, 20, 31, 42, tzinfo=UTC)
THIS_MINUTE = datetime(2026, 11, 22, 20, 31, tzinfo=UTC)


def test_every_minute_is_there_newest_last_empty_ones_as_zeros() -> None:
    minutes = series([], now=NOW, hours=2)

    assert len(minutes) == 120
    assert minutes[-1].minute == THIS_MINUTE
    assert minutes[0].minute == THIS_MINUTE - timedelta(minutes=119)
    assert minutes[5] == Minute(
        minutes[5].minute,
        addressed=dict.fromkeys(LANES, 0),
        dropped=dict.fromkeys(DROPPED_REASONS, 0),
    )


def test_rows_add_up_in_their_minute_and_replies_are_not_received() -> None:
    earlier = THIS_MINUTE - timedelta(minutes=3)
    rows = [
        (earlier, "addressed", "mention", 2),
        (earlier, "addressed", "dm", 1),
        (earlier, "context", "", 4),
        (earlier, "dropped", "hashtag_only", 90),
        (earlier, "dead", "", 3),
        (earlier, "reply_sent", "", 5),
        (THIS_MINUTE, "reply_sent", "", 1),
    ]

    minutes = series(rows, now=NOW, hours=1)
    minute = minutes[-4]

    assert minute.received == 100
    assert (minute.addressed["mention"], minute.addressed["dm"]) == (2, 1)
    assert (minute.context, minute.dead, minute.replies_sent) == (4, 3, 5)
    assert minute.dropped["hashtag_only"] == 90
    assert (minutes[-1].received, minutes[-1].replies_sent) == (0, 1)


def test_the_mood_of_a_minute_is_a_mean_with_its_number_and_no_record_received() -> None:
    rows = [
        (THIS_MINUTE, "sentiment", "counter", -95),
        (THIS_MINUTE, "sentiment_messages", "counter", 4),
        (THIS_MINUTE, "sentiment_messages", "room", 2),
        (THIS_MINUTE, "kind", "complaint", 3),
        (THIS_MINUTE, "language", "nl", 3),
        (THIS_MINUTE, "left_out", "ce_kind", 1),
    ]

    *_, before, minute = series(rows, now=NOW, hours=1)

    assert minute.mood == Moods(counter=Mood(4, -0.95, -0.237), room=Mood(2, 0.0, 0.0))
    assert minute.kinds["complaint"] == 3
    assert minute.received == 0
    assert before.mood == Moods(Mood(0, 0.0, None), Mood(0, 0.0, None))


@pytest.mark.parametrize("away", [timedelta(minutes=60), timedelta(minutes=-1)])
def test_rows_outside_the_hours_are_left_out(away: timedelta) -> None:
    minutes = series([(THIS_MINUTE - away, "context", "", 1)], now=NOW, hours=1)

    assert sum(minute.received for minute in minutes) == 0


def test_a_timestamp_falls_into_its_minute() -> None:
    assert time_of(minute_of(int(NOW.timestamp() * 1000))) == THIS_MINUTE


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0, "15"), (15, "15"), (15.1, "30"), (3600, "3600"), (3601, "inf")]
)
def test_a_first_response_falls_into_the_smallest_bucket_that_holds_it(
    seconds: float, bucket: str
) -> None:
    assert bucket_of(seconds) == bucket


def test_a_counter_keeps_what_was_overruled() -> None:
    assert Total(3, overruled=2).ever == 5
