"""Clues: which phrases could stand in a text; what they let through is read, what they do not is never danger."""

import random
import re
import time
from itertools import chain
from pathlib import Path

import pytest

from services.router.clues import Could
from services.router.emergency import look
from services.router.phrasebook import Phrasebook, sentences
from services.router.phrases import WINDOW, PhraseError, Spelling
from services.router.policy import read_policy, shipped_policy
from services.router.tokens import pieces

SAMPLES = Path(__file__).parents[2] / "samples" / "emergency" / "ours.tsv"
POLICY = read_policy(shipped_policy())
PHRASES = {
    "one word": ("mes/hamer*", "*straat"),
    "a row": ("mes trekken", "op_de_loer"),
    "three in a row": ("hij heeft een",),
    "a gap": ("geen ... lucht",),
    "any order": ("weg + kind/kleine_meid - fiets",),
    "maybe": ("zonder dak? boven",),
}
BOOK = Phrasebook(
    ((tag, text) for tag, texts in PHRASES.items() for text in texts), {}, Spelling({})
)


def could(text: str) -> Could[str]:
    return BOOK.could(text.split())


def told(text: str) -> set[str]:
    return {tag for tag, _ in BOOK.hits(text.split(), could(text), PHRASES)}


@pytest.mark.parametrize(
    ("text", "sure", "tags"),
    [
        ("een hamertje", {"one word"}, set()),
        ("de kerkstraat", {"one word"}, set()),
        ("een mes trekken", {"one word", "a row"}, set()),
        ("trekken een mes", {"one word"}, set()),
        ("hij ligt op de loer", set(), {"a row"}),
        ("hij heeft een", set(), {"three in a row"}),
        ("hij heeft . ge heeft een", set(), {"three in a row"}),
        ("heeft hij een", set(), set()),
        ("lucht . geen", set(), {"a gap"}),
        ("mijn kleine meid is weg", set(), {"any order"}),
        ("mijn kleine is weg", set(), {"any order"}),
        ("mijn meid is weg", set(), set()),
        ("zonder iets boven", set(), {"maybe"}),
        ("", set(), set()),
    ],
)
def test_words_and_neighbours_tell_what_could_stand_there(
    text: str, sure: set[str], tags: set[str]
) -> None:
    assert set(could(text).told) == sure
    assert set(could(text).tags) == sure | tags


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("hij ligt op de loer", {"a row"}),
        ("hij heeft . ge heeft een", set()),
        ("geen adem of lucht", {"a gap"}),
        ("lucht . geen", set()),
        ("mijn kleine meid is weg", {"any order"}),
        ("mijn kleine meid en fiets is weg", set()),
        ("zonder boven zonder dak", {"maybe"}),
    ],
)
def test_what_could_stand_is_read(text: str, stands: set[str]) -> None:
    assert told(text) == stands


def test_where_a_long_sentence_is_cut_neighbours_are_apart() -> None:
    apart = ["x"] * (WINDOW - 1) + ["een", "trekken"]
    apart[WINDOW - 1] = "mes"

    assert sentences(apart) == [(0, WINDOW), (WINDOW, WINDOW + 1)]
    assert "a row" in could(" ".join(apart)).tags
    assert told(" ".join(apart)) == {"one word"}


def test_starts_are_told_in_order() -> None:
    text = "mes . hamers en mes"

    hits = chain.from_iterable(hits for _, hits in BOOK.hits(text.split(), could(text), PHRASES))
    assert [hit.start for hit in hits] == [0, 2, 4]


@pytest.mark.cpu(3)
def test_nothing_stands_in_our_lines_that_could_not() -> None:
    lines = SAMPLES.read_text().splitlines()[1::9]
    for said in (pieces(line.split("\t")[2]) for line in lines):
        words = POLICY.danger.spelling.words(said)
        for book in (*POLICY.danger.books, POLICY.danger.calm):
            could = book.could(said)
            every = Could(book.tags, (), book.tags, frozenset(range(10_000)))
            standing = {tag for tag, _ in book.hits(words, every, book.tags)}

            assert set(could.told) <= standing
            assert {tag for tag, _ in book.hits(words, could, could.tags)} == standing


def test_what_is_told_for_sure_stands_there() -> None:
    chance, spelling = random.Random(7), Spelling({})
    words, patterns = (
        ("aan", "bij", ".", ",", "?", "aan,bij", "*"),
        ("aan", "aa*", "*ij", "bij", "?"),
    )
    for _ in range(300):
        terms = [
            "_".join(chance.choices(patterns, k=chance.choice((1, 2, 3, 3)))) for _ in range(3)
        ]
        texts = [" ".join(chance.choices(terms, k=chance.choice((1, 1, 2)))) for _ in range(3)]
        try:
            book = Phrasebook(enumerate(texts), {}, spelling)
        except PhraseError:
            continue
        for said in (chance.choices(words, k=chance.randint(1, 70)) for _ in range(20)):
            text = spelling.words(said)
            every = Could(book.tags, (), book.tags, frozenset(range(3)))
            standing = {tag for tag, _ in book.hits(text, every, book.tags)}

            assert set(book.could(said).told) <= standing <= set(book.could(said).tags)


def said(phrase: str, words: dict[str, tuple[str, ...]]) -> str:
    """The first words of each list in it."""
    while found := re.search(r"\{(\w+)\}", phrase):
        phrase = phrase.replace(found[0], words[found[1]][0].replace(" ", "_"))
    parts = (part.split("/")[0] for part in phrase.split() if part not in {"+", "-", "..."})
    return " ".join(part.strip("*?").replace("_", " ") for part in parts)


@pytest.mark.cpu(3)
def test_a_text_of_nothing_but_danger_has_its_time() -> None:
    file = POLICY.danger.file
    phrases = chain.from_iterable(
        [*(group.phrases for group in file.group), *(sign.words for sign in file.sign)]
    )
    every = [said(phrase, file.words) for phrase in phrases]
    random.Random(7).shuffle(every)
    text = ". ".join(every * 3)
    started = time.process_time()

    assert look(text, POLICY.danger).found
    assert time.process_time() - started < 1.5
