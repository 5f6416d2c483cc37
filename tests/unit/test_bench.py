"""The benchmark's own arithmetic: what is measured between which commits, and which figures hold."""

import pytest
from bench.night import blend
from bench.router import compared, flatness
from support.bench import Row, table
from support.meter import Measured, Meter, Spent, best, percentile, together


def measured(cpu_us: float) -> Measured:
    return Measured(events=1000, cpu_s=cpu_us / 1000, wall_s=1.0, peak_mb=50.0)


def test_a_meter_measures_from_the_commit_that_ends_the_warm_part() -> None:
    meter = Meter(warm=100, count=200)
    meter.begin(Spent(0.5, 1.0))

    assert not meter.committed(60, Spent(1.0, 10.0))
    assert not meter.committed(60, Spent(2.0, 20.0))
    assert not meter.committed(100, Spent(3.0, 25.0))
    assert meter.committed(90, Spent(3.5, 26.0))
    assert meter.committed(500, Spent(9.0, 90.0)), "what comes after the end is left out"

    found = meter.measured()
    assert (found.events, found.cpu_s, found.wall_s) == (190, 1.5, 6.0)
    assert found.cpu_us == pytest.approx(1.5 / 190 * 1e6)
    assert found.per_s == pytest.approx(190 / 6)


def test_without_a_warm_part_it_measures_from_the_beginning() -> None:
    meter = Meter(warm=0, count=100)
    meter.begin(Spent(1.0, 1.0))
    meter.committed(100, Spent(3.0, 2.0))

    found = meter.measured()
    assert (found.events, found.cpu_s) == (100, 2.0)
    assert found.per_cpu_s == 50


def test_one_commit_alone_measures_nothing() -> None:
    meter = Meter(warm=10, count=10)
    meter.committed(50, Spent(1.0, 1.0))

    with pytest.raises(RuntimeError, match="nothing was committed"):
        meter.measured()


def test_plays_together_cost_what_their_events_cost_in_the_mean() -> None:
    long = Measured(events=3000, cpu_s=0.012, wall_s=1.5, peak_mb=70.0)

    both = together([measured(8.0), long])
    assert both.cpu_us == pytest.approx(5.0)
    assert (both.events, both.wall_s, both.peak_mb) == (4000, 2.5, 70.0)


def test_the_best_round_is_the_one_with_the_least_processor_time() -> None:
    assert best([measured(3.0), measured(2.0), measured(4.0)]).cpu_us == pytest.approx(2.0)


@pytest.mark.parametrize(("part", "value"), [(0.99, 99), (0.5, 50), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(part: float, value: float) -> None:
    assert percentile(range(100, 0, -1), part) == value


def test_five_in_a_hundred_come_through_our_own_doors() -> None:
    mixed = blend(["room"] * 1900, ["own"] * 7)

    assert (mixed.count("room"), mixed.count("own")) == (1900, 100)
    assert "own" not in mixed[:19]
    assert mixed[19] == "own"


def test_ours_is_compared_by_processor_time() -> None:
    arms = {"ours": 20.0, "limit": 16.0, "confluent": 18.0, "documented": 1000.0}
    rows = {row.name: row for row in compared({arm: measured(us) for arm, us in arms.items()})}

    assert rows["router.vs_documented"].value == pytest.approx(50)
    assert rows["router.vs_confluent"].value == pytest.approx(0.9)
    assert rows["router.cpu_vs_limit"].value == pytest.approx(1.25)
    assert all(row.holds for name, row in rows.items() if name != "router.vs_confluent")


def test_flatness_is_the_largest_over_the_smallest() -> None:
    row, *costs = flatness({(6, 10): measured(10.0), (48, 10): measured(12.0)})

    assert row.value == pytest.approx(1.2)
    assert [cost.holds for cost in costs] == [None, None]


def test_a_row_holds_by_its_goal_and_one_without_a_goal_only_informs() -> None:
    rows = [Row("a", 3, "ms", 2), Row("b", 3, "times", 2, least=True), Row("c", 12_345.6, "MiB")]

    assert [row.holds for row in rows] == [False, True, None]
    assert [line.split() for line in table(rows).splitlines()[1:]] == [
        ["a", "3", "≤", "2", "ms", "NO"],
        ["b", "3", "≥", "2", "times", "yes"],
        ["c", "12,346", "MiB"],
    ]
