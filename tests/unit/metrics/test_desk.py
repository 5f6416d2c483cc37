"""The second line: every record of the desk topic is told of, a dead letter, or missing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.desk import (
    LATE_S,
    Deficit,
    Desk,
    DeskLine,
    Pending,
    desk_figures,
    settle_desk,
    stood,
)


def desk(**given_: object) -> Desk:
    return Desk(**{"partition": 0, "log_start": 0, "end": 10, "committed": 10, **given_})


def test_told_of_up_to_the_commit_is_zero() -> None:
    assert settle_desk(desk(covered=[(0, 10)])) == DeskLine(dead=0, lag=0, balance=0)


def test_a_batch_that_nobody_told_of_is_missing() -> None:
    assert settle_desk(desk(covered=[(0, 4), (7, 10)])).balance == 3


def test_records_before_the_first_batch_are_missing() -> None:
    assert settle_desk(desk(covered=[(2, 10)])).balance == 2


def test_records_that_retention_took_before_the_first_batch_are_not() -> None:
    assert settle_desk(desk(covered=[(2, 10)], log_start=2)).balance == 0


@settings(deadline=None, max_examples=60)  # a busy machine is no finding
@given(letters=st.frozensets(st.integers(0, 9)))
def test_dead_letters_explain_what_stands_between_and_beside_the_batches(
    letters: frozenset[int],
) -> None:
    """As the kit halves: every record that is refused stands alone, the others in batches."""
    covered = [(o, o + 1) for o in range(10) if o not in letters]

    line = settle_desk(desk(covered=covered, letters=letters, settled=10))

    assert line == DeskLine(dead=len(letters), lag=0, balance=0)


def test_a_dead_letter_inside_a_batch_explains_what_it_does_not_account_for() -> None:
    one = desk(covered=[(0, 10)], deficits=[Deficit(0, 9, 2)], letters=frozenset({4}))

    assert settle_desk(one).balance == 1
    assert settle_desk(one._replace(letters=frozenset({4, 5}))) == DeskLine(2, 0, 0)


def test_a_record_that_was_refused_and_taken_in_after_all_counts_once() -> None:
    one = desk(covered=[(0, 10)], again=[(4, 5)], deficits=[Deficit(0, 9, 1)], stored=10)

    assert settle_desk(one) == DeskLine(0, 0, 0)
    assert settle_desk(one._replace(letters=frozenset({4}))) == DeskLine(0, 0, 0)


def test_a_batch_that_accounts_for_more_than_it_spans_is_wrong_too() -> None:
    assert settle_desk(desk(covered=[(0, 10)], deficits=[Deficit(0, 9, -2)])).balance == 2


def test_what_is_not_committed_may_still_get_its_dead_letter() -> None:
    one = desk(covered=[(0, 10)], deficits=[Deficit(5, 9, 1)], committed=5)

    assert settle_desk(one) == DeskLine(dead=0, lag=5, balance=0)


def test_what_retention_ate_unread_counts() -> None:
    assert settle_desk(desk(covered=[(0, 4)], committed=4, log_start=6)) == DeskLine(0, 4, 2)


def test_nothing_told_and_nothing_committed_is_lag() -> None:
    assert settle_desk(desk(committed=None)) == DeskLine(dead=0, lag=10, balance=0)
    assert settle_desk(desk(committed=None, log_start=6)) == DeskLine(dead=0, lag=4, balance=0)


def test_an_activity_may_be_late_but_not_for_ever() -> None:
    pending, settled = stood(None, committed=10, progressed=8, now=100)
    assert (pending, settled) == (Pending(10, 100), 0)

    pending, settled = stood(pending, committed=50, progressed=9, now=100 + LATE_S)
    assert (pending, settled) == (Pending(10, 100), 0)

    pending, settled = stood(pending, committed=50, progressed=9, now=101 + LATE_S)
    assert settled == 10
    assert settle_desk(desk(covered=[(0, 9)], committed=50, end=50, settled=10)).balance == 1


def test_activities_that_follow_the_commits_are_never_late() -> None:
    pending: Pending | None = None
    for second in range(200):
        pending, settled = stood(
            pending, committed=second + 5, progressed=second, now=float(second)
        )
        assert settled == 0


def test_all_told_means_nothing_to_wait_for() -> None:
    assert stood(Pending(10, 0), committed=10, progressed=10, now=100) == (None, 0)


def test_the_figures_add_up_to_the_records_of_the_topic() -> None:
    parts = [
        desk(covered=[(0, 4), (5, 8)], stored=4, duplicates=2, applied=1, committed=8,
             letters=frozenset({4})),
        desk(covered=[(0, 9)], stored=9),
    ]  # fmt: skip

    figures = desk_figures(parts)

    assert (figures.dead, figures.lag, figures.balance) == (1, 2, 0)
    told = figures.stored + figures.duplicates + figures.applied + figures.dead
    assert told + figures.lag + figures.balance == 19  # 20 less the one not told of for 30 s yet
