"""Sentiment: the sums mean something, the lists are whose they say, no group moves the mood."""

import logging
import math
import time
from importlib.resources import files
from itertools import combinations
from pathlib import Path

import pytest

from services.router.sentiment import LANGUAGES, LOOKED_AT, _emoji, sampled, sentiment

SAMPLES = Path(__file__).parents[2] / "samples" / "sentiment"
LEXICON = files("services.router.lexicon")
MOOD = {"negative": -1, "neutral": 0, "positive": 1}
NEUTRAL = 0.15
NONE = "und"
SAMPLED = [9, 15, 17, 21, 23, 28, 35]  # the wire promise: crc32 of the id, modulo 10, is 0

Row = tuple[str, str, str]


def rows(name: str) -> list[Row]:
    lines = (SAMPLES / name).read_text().splitlines()[1:]
    return [(label, language, text) for label, language, text in (x.split("\t") for x in lines)]


def mood(value: float) -> int:
    return 0 if abs(value) < NEUTRAL else int(math.copysign(1, value))


def agreement(lines: list[Row], *, told: bool) -> tuple[float, float]:
    """The share with the right one of three labels, and Kendall's tau over pairs that differ."""
    pairs = [(MOOD[mark], sentiment(text, code if told else None)) for mark, code, text in lines]
    right = sum(mark == mood(value) for mark, value in pairs) / len(pairs)
    signs = [
        math.copysign(1, (b - a) * (y - x)) if x != y else 0.0
        for (a, x), (b, y) in combinations(pairs, 2)
        if a != b
    ]
    return right, sum(signs) / len(signs)


def test_our_lines_are_many_and_varied() -> None:
    ours, held = rows("ours.tsv"), rows("heldout.tsv")

    assert len(ours) + len(held) >= 300
    assert len(held) >= 100
    assert not {text for *_, text in ours} & {text for *_, text in held}
    assert {mark for mark, *_ in held} == set(MOOD)
    assert {code for _, code, _ in held} == {*LANGUAGES, NONE}


@pytest.mark.parametrize(
    ("name", "told", "right", "tau"),
    [
        ("ours.tsv", True, 0.93, 0.9),
        ("ours.tsv", False, 0.92, 0.9),
        ("heldout.tsv", True, 0.9, 0.85),
        ("heldout.tsv", False, 0.88, 0.85),
        ("independent.tsv", True, 0.78, 0.7),
        ("independent.tsv", False, 0.78, 0.7),
    ],
)
def test_it_agrees_with_a_reader(name: str, told: bool, right: float, tau: float) -> None:
    found, order = agreement(rows(name), told=told)
    print(f"sentiment, {name}, language {told=}: {found:.3f} right, tau {order:.3f}")  # noqa: T201 - the figures are to be read

    assert found >= right
    assert order >= tau


@pytest.mark.parametrize(
    ("language", "better", "worse"),
    [
        ("nl", "goed", "niet goed"),
        ("nl", "niet slecht", "slecht"),
        ("nl", "Nee, niet gezien. Goed!", "niet goed"),
        ("nl", "heel goed", "goed"),
        ("nl", "slecht", "heel slecht"),
        ("nl", "GOED", ""),
        ("nl-BE", "goed", ""),
        ("fr", "bien", "pas bien"),
        ("fr", "pas mal", "mal"),
        ("fr", "c’est génial", "c’est nul"),
        ("en", "good", "isn't good"),
        ("en", "can't complain", "I complain"),
        ("de", "schlecht 😍", "goed"),
        ("nl", "👍🏿", ""),
        ("nl", "❤️❤️", "❤️"),
        (None, "merci", ""),
        (None, "merci", "mooi, niet goed en nul"),
    ],
)
def test_negation_boosters_and_marks(language: str | None, better: str, worse: str) -> None:
    assert sentiment(better, language) > sentiment(worse, language)


@pytest.mark.parametrize("language", ["nl", "fr", "en", "de", "", "und", "qme", "nl-BE", None])
def test_it_stays_within_its_bounds(language: str | None) -> None:
    assert 0 < sentiment("👍", language) < 1
    assert sentiment("", language) == 0
    assert sentiment("de het een 1 2 3 #tag @handle", language) == 0
    for word in ("geweldig merci great 😍 ", "vreselijk honte awful 😡 "):
        assert -1 <= sentiment(word * 500, language) <= 1


def test_a_language_that_we_have_no_list_of_is_judged_by_emoji_only() -> None:
    assert sentiment("super gut, top, bravo", "de") == 0
    assert sentiment("super gut 👎", "de") < 0


def test_a_sum_of_almost_nothing_is_nothing() -> None:
    assert -1e-9 < sum(_emoji()[emoji] for emoji in "👿💯🤝") < 0
    assert str(sentiment("🤝 👿 💯", None)) == "0.0"  # a header would say -0.00


GROUPS = """
moslim moslims islamitisch islamitische jood joods joodse christelijk christelijke katholiek arabisch arabische
turks turkse marokkaan marokkaanse pool poolse roma zigeuner allochtoon allochtone buitenlander zwart zwarte blank
blanke vluchteling vluchtelingen asielzoeker migrant westers exotisch
links rechts linkse rechtse socialist liberaal nationalist communist politiek politieke conservatief
ziek zieke depressief dement gehandicapt gehandicapte verslaafd blind doof autist psychotisch zwanger gezond dik
homo homoseksueel lesbisch hetero transgender arm rijk werkloos dakloos dakloze crimineel schuldig verdachte
musulman musulmane juif juive chrétien catholique arabe turc marocain noir noire blanc étranger étrangère réfugié
migrant gauche droite socialiste libéral malade dépressif handicapé drogué aveugle sourd enceinte gros gay
homosexuel lesbienne pauvre riche chômeur criminel coupable suspect ivre alcoolique
muslim jewish christian catholic arab turkish moroccan black white foreigner refugee immigrant leftist conservative
liberal sick depressed disabled addicted blind deaf autistic pregnant fat gay lesbian straight rich homeless
unemployed criminal guilty drunk psychotic mentally ill healthy
"""


@pytest.mark.parametrize("language", ["nl", "fr", "en", None])
def test_naming_who_somebody_is_moves_nothing(language: str | None) -> None:
    assert {w: v for w in GROUPS.split() if (v := sentiment(w, language))} == {}


def test_every_tenth_event_is_in_the_sample_by_its_id() -> None:
    share = sum(sampled(b"x:%d" % number) for number in range(10_000)) / 10_000

    assert 0.09 < share < 0.11
    assert [n for n in range(40) if sampled(b"mastodon:%d" % n)] == SAMPLED


def test_the_lists_say_whose_they_are_and_hold_words_once() -> None:
    readme = LEXICON.joinpath("README.md").read_text()
    for name in ("nl.txt", "fr.txt", "en.txt", "en-vader.txt", "emoji.txt"):
        head, *lines = LEXICON.joinpath(name).read_text().splitlines()
        entries = [line.split("\t") for line in lines]

        assert head.startswith("# From ")
        assert f"| `{name}` |" in readme
        assert len({word for word, _ in entries}) == len(entries) > 100
        assert all(0.1 <= abs(float(value)) <= 1 for _, value in entries)
    for licence in ("LICENCE-emoji.txt", "LICENCE-vader.txt"):
        assert "MIT License" in LEXICON.joinpath(licence).read_text()


def test_our_list_is_well_formed() -> None:
    lines = LEXICON.joinpath("own.txt").read_text().splitlines()
    for line in lines[2:]:
        code, value, words = line.split("\t")

        assert code in {*LANGUAGES, "any", "emoji"}
        assert value in {"negation", "booster"} or -1 <= float(value) <= 1
        assert all(word.strip() for word in words.split(","))


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a ",
        "goed ",
        "niet ",
        "te ",
        "niet heel goed ",
        "😍",
        "é\u0301",
        "\ud800",
        ".",
        "’",
        "op niks ",
    ],
)
def test_large_and_hostile_text_costs_no_more(piece: str) -> None:
    sentiment("goed", "nl")
    sentiment("goed 😍", None)
    text = piece * (8 * 2**20 // len(piece.encode(errors="surrogatepass")))
    started = time.process_time()
    sentiment(text, "nl")
    sentiment(text, None)

    assert time.process_time() - started < 0.05


def test_only_the_beginning_is_looked_at() -> None:
    assert sentiment("x " * LOOKED_AT + "goed", "nl") == 0


def test_nothing_of_the_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for _, code, text in rows("ours.tsv"):
            sentiment(text, code)

    assert not caplog.records
