"""The picture of a night: what a person sees in the terminal."""

import io

from rich.console import Console

from toog.contracts.verdicts import DROPPED_REASONS, LANES
from toog.local.picture import WORDS, Moment, one_line, picture


def shown(moment: Moment) -> str:
    console = Console(width=110, record=True, file=io.StringIO())
    console.print(picture(moment, {"API": "http://127.0.0.1:1/api"}))
    return console.export_text()


def test_every_lane_and_reason_has_a_word_on_the_screen() -> None:
    moment = Moment(
        addressed=dict.fromkeys(LANES, 3), dropped=dict.fromkeys(DROPPED_REASONS, 2), balance=0
    )
    text = shown(moment)

    assert set(LANES) <= set(WORDS) <= {*LANES, *DROPPED_REASONS}
    for word in WORDS.values():
        assert word in text


def test_a_reason_that_has_no_word_yet_is_shown_by_its_name() -> None:
    assert "ever so new" in shown(Moment(dropped={"ever_so_new": 2}, balance=0))


def test_a_balance_that_is_not_known_yet_is_not_shown_as_zero() -> None:
    assert "…" in shown(Moment(balance=None, desk_balance=None))
    assert one_line(Moment(balance=None)).endswith("telling …")


def test_the_time_of_the_episode_is_shown_as_minutes_and_seconds() -> None:
    assert "01:05 / 15:00" in shown(Moment(time_s=65, length_s=900))
