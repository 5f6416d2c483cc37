"""The steps of one post, in order, whatever is left of them."""

from support.desk import said

from toog.ops.pages import Line, Page
from toog.ops.trail import Heard, Saying, on_page, steps

INTAKE = "social.events.v1:3:7"
PLACE = ("social.events.v1", 3)
PAGE = "social.dropped.v2:0:1"


def dropped(record: str = PAGE, **fields: object) -> Saying:
    values = {"received_ms": 1000, "about": INTAKE, "outcome": "dropped", "reason": "hashtag_only"}
    return Saying(**{"record": record, **values, "rules": "1+ab", **fields})


def shown(*told: Saying, heard: bool = True, committed: int = 8) -> list[tuple[str, str]]:
    records = [Heard(INTAKE, 1000, said("1"))] if heard else []
    return [(step.what, step.where) for step in steps(records, told, {PLACE: committed})]


def test_received_then_judged_then_brought_back() -> None:
    revived = dropped("social.desk.v1:0:9", outcome="addressed", reason="revived", origin="revive")

    assert shown(revived, dropped()) == [
        ("received", INTAKE),
        ("dropped", PAGE),
        ("revived", "social.desk.v1:0:9"),
    ]


def test_without_a_verdict_it_is_in_flight_or_missing() -> None:
    revived = dropped("social.desk.v1:0:9", outcome="addressed", reason="revived", origin="revive")

    assert shown(committed=7)[1] == ("in flight", INTAKE)
    assert shown(committed=8)[1] == ("missing", INTAKE)
    assert [what for what, _ in shown(revived)] == ["received", "missing", "revived"]


def test_a_dead_letter_about_a_desk_record_follows_it() -> None:
    desk = dropped("social.desk.v1:0:4", outcome="addressed", reason="mention", lane="mention")
    letter = dropped("social.dead.v1:0:2", about=desk.record, outcome="dead", reason="responder, X")

    assert [what for what, _ in shown(letter, desk)] == ["received", "addressed", "set aside"]
    assert [what for what, _ in shown(letter, heard=False)] == ["received", "set aside"]


def test_what_retention_took_is_told_by_what_is_left() -> None:
    letter = dropped("social.dead.v1:0:2", about="x:webhook:ab", outcome="dead", reason="ingest, X")

    assert shown(dropped(), heard=False) == [
        ("received", INTAKE),
        ("dropped", PAGE),
    ]
    assert shown(letter, heard=False) == [("set aside", "social.dead.v1:0:2")]
    assert shown(heard=False) == []


def test_a_letter_about_a_page_follows_the_line_and_alone_receives_nothing() -> None:
    letter = dropped("social.dead.v1:0:2", about=PAGE, outcome="dead", reason="metrics, X")

    assert shown(letter, dropped()) == [
        ("received", INTAKE),
        ("dropped", PAGE),
        ("set aside", "social.dead.v1:0:2"),
    ]
    assert shown(letter, heard=False) == [("set aside", "social.dead.v1:0:2")]


def test_on_a_page_every_line_stands_with_the_coordinates_to_ask_for() -> None:
    lines = [Line(7, "h", "hashtag_only", 1000), Line(9, "h", "from_a_newer_release", 2000)]
    found, sentence = on_page(Page("social.events.v1", 3, "1+ab", tuple(lines)))

    assert [(step.what, step.where) for step in found] == [
        ("dropped", INTAKE),
        ("dropped", "social.events.v1:3:9"),
    ]
    assert [step.at.timestamp() for step in found if step.at] == [1, 2]
    assert found[1].said == "reason from_a_newer_release, rules 1+ab"
    assert sentence == (
        "this page of the ledger has 2 lines, on offsets 7 to 9 of social.events.v1, partition 3: "
        "ask for one by its coordinates, as social.events.v1:3:7, to see its whole way"
    )


def test_a_page_without_lines_or_sense_is_a_sentence() -> None:
    assert on_page(None) == ([], "this page of the ledger cannot be read")
    assert on_page(Page("t", 0, "1", ())) == ([], "this page of the ledger has no line")


def test_a_letter_about_itself_ends() -> None:
    odd = dropped("social.desk.v1:0:4", about="social.desk.v1:0:4")

    assert [where for _, where in shown(odd, heard=False)] == [odd.record, odd.record]


def test_the_words_say_reason_lane_rules_and_the_door() -> None:
    found = steps(
        [Heard("social.room.v1:3:7", 1000, said("1")), Heard(INTAKE, 2000, None)],
        [dropped(about="social.room.v1:3:7", lane="dm"), dropped(origin="rejudge", by="operator")],
        {PLACE: 8},
    )

    assert "by the room (test), as x:a:post:1" in found[0].said
    assert found[1].said == "reason hashtag_only, lane dm, rules 1+ab"
    assert found[2].said == "its bytes cannot be read as an event"
    assert found[4].said.endswith("through operator")
