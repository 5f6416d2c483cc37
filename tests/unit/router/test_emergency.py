"""Emergency: danger now is found, what only sounds so is held back by a guard that has a name."""

import logging
import time
from functools import cache
from pathlib import Path

import pytest

from services.router.emergency import Danger, look
from services.router.phrases import Spelling
from services.router.policy import Policy, PolicyError, read_policy, shipped_policy
from services.router.signs import GUARDS
from services.router.tokens import LONGEST, pieces

SAMPLES = Path(__file__).parents[2] / "samples" / "emergency" / "ours.tsv"
POLICY = read_policy(shipped_policy())


def rows() -> list[tuple[str, str, str]]:
    lines = SAMPLES.read_text().splitlines()[1:]
    return [(label, language, text) for label, language, text in (x.split("\t") for x in lines)]


def seen(text: str, policy: Policy = POLICY) -> Danger:
    return look(text, policy.danger)


@cache
def judged() -> list[tuple[bool, bool]]:
    return [(label == "danger", POLICY.sounds_like_danger(text)) for label, _, text in rows()]


def test_our_lines_are_many_varied_and_half_of_them_danger() -> None:
    labels = [label for label, _, _ in rows()]

    assert len(labels) >= 1_500
    assert 0.45 <= labels.count("danger") / len(labels) <= 0.55
    assert {language for _, language, _ in rows()} == {"nl", "fr", "en"}
    assert len({text for _, _, text in rows()}) == len(labels)


@pytest.mark.cpu(3)
def test_danger_is_found_and_the_talk_of_a_broadcast_night_is_not() -> None:
    hits = judged().count((True, True))
    recall = hits / (hits + judged().count((True, False)))
    precision = hits / (hits + judged().count((False, True)))
    print(f"emergency, our lines: recall {recall:.3f}, precision {precision:.3f}")  # noqa: T201 - the figures are to be read

    assert recall >= 0.95
    assert precision >= 0.85


@pytest.mark.parametrize(
    ("guard", "text"),
    [
        ("fiction", "in de aflevering wordt er ingebroken"),
        ("fiction", "op tv loopt er een man met een mes"),
        ("fiction", "die scène! man met een mes"),
        ("fiction", "in het programma zwaait iemand met een mes"),
        ("fiction", "dans l'épisode il a un couteau"),
        ("fiction", "in the show he has a knife"),
        ("negation", "hij heeft geen mes"),
        ("negation", "er wordt niet ingebroken"),
        ("negation", "il n'a aucun couteau"),
        ("negation", "there is no man with a knife"),
        ("figure", "ik stik hier van het lachen, help"),
        ("figure", "ik wil dood van het lachen hier bij ons nu"),
        ("figure", "ik wil dood 😂"),
        ("figure", "je vais mourir de rire ici"),
        ("figure", "i want to die laughing here now"),
        ("past", "vorig jaar was hier een man met een mes"),
        ("past", "gisteren werd er ingebroken"),
        ("past", "gisteren werd er hier bij ons ingebroken nu ja"),
        ("past", "il y a deux ans un homme avec un couteau"),
        ("past", "last year there was a man with a knife here"),
        ("general", "wat als er ingebroken wordt"),
        ("general", "hoe vaak wordt er ingebroken"),
        ("general", "si quelqu'un essaie d'entrer"),
        ("general", "what if someone is breaking in"),
    ],
)
def test_a_guard_holds_back_and_says_its_name(guard: str, text: str) -> None:
    danger = seen(text)

    assert not danger.found
    assert danger.rule is not None
    assert guard in danger.guards
    assert set(danger.guards) <= set(GUARDS)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("burglary", "ik kijk naar de uitzending en er wordt hier ingebroken"),
        ("burglary", "kzit tv te kijken en der is iemand in onzen hof"),
        ("burglary", "je regarde l'émission et on cambriole ici"),
        ("burglary", "vorig jaar ook al, maar nu wordt er ingebroken"),
        ("missing", "mijn zoon is sinds gisteren niet thuisgekomen"),
        ("help", "ge moet rap komen"),
        ("no_life", "ZE ADEMT NIET MEER!!!"),
        ("self_harm", "kwil dood"),
        ("missing", "kzen ons dochterke kwijt"),
        ("weapon", "@StadPolDem man met een   mes https://example.org/aflevering"),
    ],
)
def test_danger_now_is_found_by_its_rule(rule: str, text: str) -> None:
    assert seen(text) == Danger(True, rule)


def test_one_danger_is_enough_beside_what_is_held_back() -> None:
    assert seen("Geen mes gezien. Er wordt wel ingebroken!").found


def test_what_sounds_like_nothing_has_no_rule() -> None:
    assert seen("wanneer is de volgende aflevering") == Danger(False)
    assert seen("") == Danger(False)
    assert seen("😂 @iemand #") == Danger(False)


def test_without_names_the_same_is_found() -> None:
    own = read_policy('emergency_phrases = ["ik ben", "geen ... meer"]')
    for policy in (POLICY, own):
        for _, _, text in rows()[::9]:
            unnamed = look(text, policy.danger, named=False)

            assert unnamed.found == seen(text, policy).found, text


def test_own_phrases_still_count_and_obey_the_guards() -> None:
    policy = read_policy('emergency_phrases = ["Rode  Ballon"]')

    assert seen("een rode\nballon!", policy) == Danger(True, "emergency_phrases")
    assert seen("gisteren een rode ballon", policy) == Danger(False, "emergency_phrases", ("past",))
    assert not seen("een rode ballonvaart", policy).found


GROUP = '[[emergency.group]]\nname = "g"\nphrases = '


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GROUP + '["... mes"]', "must begin and end with a word"),
        (GROUP + '[""]', "must begin and end with a word"),
        (GROUP + '["nu? mes"]', "a word that is always there"),
        (GROUP + '["met een m(es"]', r"cannot be read at `m\(es`"),
        (GROUP + '["met {mes}"]', "word list `mes`, which does not exist"),
        (GROUP + '["met {w}"]\n[emergency.words]\nw = []', "word list `w` is empty"),
        (GROUP + '["a*"]', "`a\\*` needs two letters beside"),
        (GROUP + '["grote_mes*"]', r"of `grote mes\*` only the first word may have a `\*`"),
        (GROUP + '["mes"]\n[emergency.spelling]\n"" = ["mes"]', "spelled as nothing"),
        (GROUP + '["{w}"]\n[emergency.words]\nw = ["weg ."]', r"`weg \.` has a stop"),
        (GROUP + '["weg + "]', "must begin and end with a word"),
        (GROUP + '["{a}"]\n[emergency.words]\na = ["{a}"]', "word list `a` names itself"),
        (GROUP + "[]", "`g` has no phrases"),
        (
            GROUP + '["mes"]\nwithout = ["luck"]',
            "fiction, negation, figure, past, general, not 'luck'",
        ),
        (GROUP + '["mes"]\n' + GROUP + '["mes"]', "`g` needs a name of its own"),
        (
            (GROUP + '["mes"]').replace('"g"', '"emergency_phrases"'),
            "no emergency group can be named `emergency_phrases`",
        ),
        ('emergency_phrases = ["..."]', "must begin and end with a word"),
        ("[emergency]\ngroups = 1", "groups"),
        ('[[emergency.sign]]\nname = "s"\npoints = -1\nwords = ["x"]', "points of `s` must not be"),
        ('[[emergency.sign]]\nname = " "\npoints = 1\nwords = ["x"]', "needs a name of its own"),
        (GROUP + '["mes"]\n[emergency]\nenough = 0', "`enough` must be at least 1 point"),
        (GROUP + '["mes"]\n[emergency]\nheld = -1', "points of `held` must not be"),
        ('[emergency.marks]\njoke = ["x"]', "joke"),
    ],
)
def test_a_mistake_in_the_phrases_is_named(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said) as caught:
        read_policy(text)

    assert "\n" not in str(caught.value)


SPELLING = Spelling({"niet": ("ni",), "aan het": ("aant",), "can not": ("cant",)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("L'Épisode’s, HEEEELP! @jan https://a.be/mes 'kzen", "l episode s , help . k zen"),
        ("ni aant water - cant", "niet aan het water , can not"),
        ("echt? 😂😂 ok 🙂", "echt ? . haha ok smiley"),
        ("\n\n", "."),
    ],
)
def test_words_are_written_in_one_way(text: str, words: str) -> None:
    assert SPELLING.words(pieces(text)) == words.split()


def test_words_in_any_order_stand_in_one_sentence_and_beside_nothing_unwanted() -> None:
    policy = read_policy(
        GROUP + '["weg + {kin} - fiets"]\n[emergency.words]\nkin = ["zoon", "*kind"]'
    )

    assert seen("mijn kleinkind is al weg", policy) == Danger(True, "g")
    assert seen("weg is mijn zoon", policy).found
    assert not seen("mijn zoon. hij is weg", policy).found
    assert not seen("mijn zoon zijn fiets is weg", policy).found


def test_points_add_up_and_calm_signs_take_them() -> None:
    policy = read_policy(
        "[emergency]\nenough = 3\ncontext = 5\n"
        '[[emergency.sign]]\nname = "heard"\npoints = 2\nwords = ["glas"]\n'
        '[[emergency.sign]]\nname = "where"\npoints = 2\ncontext = true\nwords = ["beneden"]\n'
        '[[emergency.sign]]\nname = "when"\npoints = 2\ncontext = true\nwords = ["nu"]\n'
        '[[emergency.calm]]\nname = "party"\nguard = "general"\npoints = 2\nwords = ["feest"]\n'
    )

    assert seen("glas glas", policy) == Danger(False)
    assert seen("glas. en nu", policy) == Danger(True, "heard")
    assert seen("nu beneden", policy) == Danger(False)
    assert seen("glas beneden op het feest", policy) == Danger(False, "heard", ("general",))
    assert seen("glas nu beneden op het feest", policy).found


def test_danger_has_a_name_even_where_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    sign = '[[emergency.sign]]\nname = "{0}"\npoints = 2\nwords = ["{0}"]\n'
    policy = read_policy("[emergency]\nenough = 4\n" + sign.format("glas") + sign.format("dak"))
    monkeypatch.setattr("services.router.phrasebook.Phrasebook.hits", lambda *_: iter(()))

    assert seen("glas dak", policy) == Danger(True, "glas")


def test_a_word_three_times_is_more_than_twice() -> None:
    sign = '[[emergency.sign]]\nname = "{}"\npoints = 3\nwords = ["{}"]\n'
    policy = read_policy(sign.format("s", "help_help_help") + sign.format("t", "nu_nu_nu"))

    assert seen("help help nu nu", policy) == Danger(False)
    assert seen("help help help", policy) == Danger(True, "s")


def test_a_policy_without_phrases_of_its_own_has_the_shipped_ones() -> None:
    assert seen("er wordt hier ingebroken", read_policy("")).found
    own = read_policy(GROUP + '["rode ballon"]')
    assert not seen("er wordt hier ingebroken", own).found


EIGHT_MIB = 8 * 2**20


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "x ",
        "met een ",
        "er wordt ",
        "geen mes, ",
        "in de aflevering een man met een mes ",
        "gisteren werd er ingebroken en ",
        "mijn kind is ",
        "ik ik ik wil wil niet ",
        "end it xd ",
        ". , ",
        "\u0301é😂",
        "\ufdfa",
        "\ufdfaa ",
        "@a.",
        "https://",
        "k",
    ],
)
def test_large_and_hostile_text_has_its_time(piece: str) -> None:
    text = piece * (EIGHT_MIB // len(piece.encode()) + 1)
    started = time.process_time()
    seen(text)

    assert time.process_time() - started < 1.5


def test_more_than_a_platform_takes_is_not_looked_at() -> None:
    assert not seen("x " * LONGEST + "er wordt ingebroken").found


def test_nothing_of_the_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for _, _, text in rows():
            seen(text)

    assert not caplog.records
