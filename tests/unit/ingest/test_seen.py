"""Of what a whole network tells, only that enters which concerns what entered before."""

from datetime import UTC, datetime

from services.ingest.seen import Seen
from toog.contracts.events import Event, Kind
from toog.platforms.base import Heard, Parsed

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def heard(
    number: int, kind: Kind = "created", *, if_seen: bool = False, account: str = "1"
) -> Heard:
    of = f"bluesky:{account}:post:{number}"
    event = Event(
        id=of if kind == "created" else f"{of}:{kind}",
        of=None if kind == "created" else of,
        kind=kind,
        platform="bluesky",
        account=account,
        occurred_at=NOW,
        received_at=NOW,
        source="bluesky:1:jetstream",
    )
    return Heard(event, of, if_seen=if_seen)


def test_a_deletion_enters_only_for_a_message_that_entered() -> None:
    seen = Seen({"bluesky"})
    seen.note(Parsed((heard(1),)))

    told = Parsed((heard(1, "deleted", if_seen=True), heard(2, "deleted", if_seen=True)))

    assert seen.entering(told) == Parsed((heard(1, "deleted", if_seen=True),))


def test_a_message_and_its_deletion_may_come_together() -> None:
    told = Parsed((heard(1), heard(1, "deleted", if_seen=True)))

    assert Seen({"bluesky"}).entering(told) == told


def test_what_is_told_to_us_alone_always_enters() -> None:
    told = Parsed((heard(1, "deleted"),))

    assert Seen({"bluesky"}).entering(told) == told


def test_what_entered_for_one_account_did_not_enter_for_another() -> None:
    seen = Seen({"bluesky"})
    seen.note(Parsed((heard(1),)))

    assert seen.entering(Parsed((heard(1, "deleted", if_seen=True, account="2"),))) == Parsed()


def test_the_oldest_ids_are_forgotten_first() -> None:
    seen = Seen({"bluesky"}, limit=2)
    seen.note(Parsed(tuple(heard(n) for n in (1, 2, 1, 3))))

    deletions = Parsed(tuple(heard(n, "deleted", if_seen=True) for n in (1, 2, 3)))

    entering = [one.event.of for one in seen.entering(deletions).heard]
    assert entering == ["bluesky:1:post:1", "bluesky:1:post:3"]
    assert seen.count == 2


def test_other_platforms_take_no_memory() -> None:
    seen = Seen(())
    seen.note(Parsed((heard(1),)))

    assert (seen.watches, seen.count) == (False, 0)
