"""The crowd's sentences: every slot is known and filled, and nothing is too long for X."""

import re
from math import prod
from random import Random

import pytest

from toog.sandbox.corpus import LANGUAGES, MAX_WEIGHT, load_corpus, load_names, roughen, weight

CORPORA = load_corpus()
GIVEN = {"us": "@StadPolDem", "tag": "#politie247", "friend": "@tine_fietsbel", "ref": "0" * 16}
SORTS = ("noise", "mention", "dm", "visitor_post", "reply", "bystander", "quote", "edit", "robot")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_can_be_filled(language: str) -> None:
    corpus = CORPORA[language]
    for templates in corpus.templates.values():
        for template in templates:
            text = corpus.fill(template, Random(1), GIVEN)

            assert not re.search(r"[{}]", text)
            assert text.strip()


def test_an_unknown_slot_is_told() -> None:
    with pytest.raises(KeyError):
        CORPORA["nl"].fill("{nergens}", Random(1), GIVEN)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sort(language: str) -> None:
    assert set(SORTS) <= set(CORPORA[language].templates)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_in_the_room_carries_the_hashtag_and_never_names_us(language: str) -> None:
    for template in CORPORA[language].templates["noise"]:
        assert "{tag}" in template
        assert "{us}" not in template


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mention_names_us(language: str) -> None:
    assert all("{us}" in template for template in CORPORA[language].templates["mention"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reply_a_bystander_and_a_dm_do_not_name_us(language: str) -> None:
    for sort in ("dm", "visitor_post", "reply", "bystander", "quote"):
        assert all("{us}" not in t for t in CORPORA[language].templates[sort])


def test_dutch_noise_can_make_tens_of_thousands_of_different_sentences() -> None:
    slots = CORPORA["nl"].slots

    def variety(template: str) -> int:
        names = re.findall(r"{(\w+)}", template)
        return prod(len(slots.get(name, "-")) for name in names)

    assert sum(variety(template) for template in CORPORA["nl"].templates["noise"]) > 50_000


def test_dutch_noise_seldom_repeats_itself() -> None:
    random = Random(3)
    texts = {CORPORA["nl"].sentence("noise", random, GIVEN) for _ in range(1_200)}

    assert len(texts) > 1_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_of_a_robot_fits_x_and_holds_its_reference(language: str) -> None:
    for template in CORPORA[language].templates["robot"]:
        text = CORPORA[language].fill(template, Random(1), GIVEN)

        assert GIVEN["ref"] in text
        assert weight(text) <= MAX_WEIGHT


def test_the_weight_counts_an_emoji_double() -> None:
    assert weight("abc") == 3
    assert weight("é…'") == 4
    assert weight("🚓") == 2


def test_roughening_keeps_the_words() -> None:
    random = Random(5)
    for _ in range(200):
        rough = roughen("Dag @StadPolDem, waar is dat?", random)

        assert rough.casefold().rstrip("?") == "dag @stadpoldem, waar is dat"


def test_names_have_all_their_parts() -> None:
    names = load_names()

    assert min(len(names.first), len(names.last), len(names.word)) >= 20
