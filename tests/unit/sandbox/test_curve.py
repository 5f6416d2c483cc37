"""The curve of an episode: mean one, phases in order, moments that follow the loudness."""

from itertools import groupby, pairwise

import pytest

from toog.sandbox.curve import intensity, moment, phase

STEPS = 20_000


def test_the_mean_of_a_night_is_one() -> None:
    mean = sum(intensity((i + 0.5) / STEPS) for i in range(STEPS)) / STEPS

    assert mean == pytest.approx(1.0, abs=0.001)


def test_the_start_is_ten_to_thirty_times_as_loud_as_what_was_before() -> None:
    before, surge = intensity(0.02), max(intensity(i / 1000) for i in range(100, 200))

    assert 10 <= surge / before <= 30


def test_the_phases_come_in_the_order_of_an_evening() -> None:
    order = [name for name, _ in groupby(phase(i / 1000) for i in range(1001))]

    assert order == ["voor", "start", "piek", "pauze", "piek", "pauze", "piek", "slot", "na"]


def test_a_break_is_quieter_than_the_peaks_around_it() -> None:
    assert intensity(0.38) < intensity(0.30) / 2
    assert intensity(0.66) < intensity(0.56) / 2


def test_a_moment_is_where_the_curve_has_that_area() -> None:
    area = 0.0
    for i in range(STEPS):
        area += intensity((i + 0.5) / STEPS) / STEPS
        if i % 1_000 == 999:
            assert moment(min(area, 1.0)) == pytest.approx((i + 1) / STEPS, abs=0.002)


def test_moments_go_forward_and_stay_in_the_night() -> None:
    moments = [moment(i / 500) for i in range(501)]

    assert moments[0] == 0.0
    assert moments[-1] == pytest.approx(1.0)
    assert all(a <= b for a, b in pairwise(moments))
