"""Kind: the message is told apart as a reader would, and never who wrote it."""

import logging
import time
from pathlib import Path

import pytest

from services.router.kind import kind_of
from services.router.phrases import LONGEST
from toog.contracts.verdicts import MESSAGE_KINDS, MessageKind

SAMPLES = Path(__file__).parents[2] / "samples" / "kind"

Row = tuple[str, str, str]


def rows(name: str) -> list[Row]:
    lines = (SAMPLES / name).read_text().splitlines()[1:]
    return [(label, language, text) for label, language, text in (x.split("\t") for x in lines)]


def test_our_lines_are_many_and_varied() -> None:
    ours, held = rows("ours.tsv"), rows("heldout.tsv")

    assert len(ours) + len(held) >= 300
    assert len(held) >= 100
    assert not {text for *_, text in ours} & {text for *_, text in held}
    for lines in (ours, held):
        assert {label for label, *_ in lines} == set(MESSAGE_KINDS)
        assert {language for _, language, _ in lines} == {"nl", "fr", "en"}


@pytest.mark.parametrize(
    ("name", "right", "recall"), [("ours.tsv", 0.96, 0.9), ("heldout.tsv", 0.88, 0.68)]
)
def test_it_agrees_with_a_reader(name: str, right: float, recall: float) -> None:
    judged = [(label, kind_of(text)) for label, _, text in rows(name)]
    found = sum(label == kind for label, kind in judged) / len(judged)
    recalls = {
        kind: sum(pair == (kind, kind) for pair in judged) / sum(x == kind for x, _ in judged)
        for kind in MESSAGE_KINDS
    }
    print(f"kind, {name}: {found:.3f} right; found of each {recalls}")  # noqa: T201 - the figures are to be read

    assert found >= right
    assert min(recalls.values()) >= recall


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("question", "Wanneer begint het?"),
        ("question", "wanneer begint het"),
        ("question", "Zie https://example.org/?x hoe laat is het daar"),
        ("other", "https://example.org/?x"),
        ("other", "wat een weer"),
        ("other", ""),
        ("other", "😂😂"),
        ("other", "???"),
        ("incident", "MIJN FIETS IS GESTOLEN!!!"),
        ("incident", "kheb ne vent gezien in de straat met mijne gsm, gestolen"),
        ("question", "is die auto gestolen?"),
        ("compliment", "Bedankt om mijn gestolen fiets terug te vinden"),
        ("criticism", "Vous n'avez rien de mieux à faire ?"),
        ("complaint", "Ik wacht al weken op antwoord"),
    ],
)
def test_what_stands_beside_each_other(kind: MessageKind, text: str) -> None:
    assert kind_of(text) == kind


@pytest.mark.cpu(3)
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "x ",
        "? ",
        "?",
        "ik wacht ",
        "klacht van een ",
        "mijn fiets en ",
        "geen antwoord niemand neemt ",
        "hoe ",
        ". , ",
        "\u0301é😂",
        "@a.",
        "https://",
        "\ud800",
    ],
)
def test_large_and_hostile_text_has_its_time(piece: str) -> None:
    text = piece * (8 * 2**20 // len(piece.encode(errors="surrogatepass")) + 1)
    started = time.process_time()
    kind_of(text)

    assert time.process_time() - started < 1.5


def test_more_than_a_platform_takes_is_not_looked_at() -> None:
    assert kind_of("x " * LONGEST + "mijn fiets is gestolen") == "other"


def test_nothing_of_the_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for *_, text in rows("ours.tsv"):
            kind_of(text)

    assert not caplog.records
