"""Tokens: the one cut of a text that danger and kind share."""

import random
from itertools import islice, product
from string import ascii_letters

import pytest

from services.router.remembered import KEPT, LARGEST_KEPT, Remembered
from services.router.tokens import LONGEST, cut, pieces


def tokens(text: str) -> list[str]:
    return [token for piece in pieces(text) for token in cut(piece)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("L'Épisode’s, ÉCHT!!", ["l", "episode", "s", ",", "echt", "!!"]),
        ("wat?? nee_ja", ["wat", "?", "?", "nee", "ja"]),
        ("@jan zie https://a.be/mes jan@host.be !", ["zie", "jan", "!"]),
        ("één\n \ntwee – drie - vier 😂😂🙂", ["een", ".", "twee", " – ", "drie", " - ", "vier", "😂😂", "🙂"]),
        ("", []),
    ],
)  # fmt: skip
def test_a_text_is_cut_into_folded_words_and_marks(text: str, said: list[str]) -> None:
    assert tokens(text) == said


def test_no_more_is_cut_than_a_platform_takes() -> None:
    assert len(tokens("x " * LONGEST)) == LONGEST // 2


def test_signs_that_stand_for_many_letters_are_no_way_round_it() -> None:
    assert sum(map(len, tokens("\ufdfa" * LONGEST))) <= LONGEST
    assert sum(map(len, tokens("\ufdfaa " * LONGEST))) <= LONGEST


def test_no_handle_or_link_is_left_to_be_remembered() -> None:
    said = "(@jan) aan ＠jan@host.be: HTTPS://a.be/@jan/1 of jan@host.be,@jan"

    assert "".join(pieces(said)) == "()aan:ofjan,"


def test_of_words_only_so_many_and_no_long_ones_are_remembered() -> None:
    asked: list[str] = []
    length = Remembered[str, int](lambda word: asked.append(word) or len(word))

    assert [length["aan"], length["aan"], length["a" * 41], length["a" * 41]] == [3, 3, 41, 41]
    assert asked == ["aan", "a" * 41, "a" * 41]

    for word in islice(product(ascii_letters, repeat=4), KEPT):
        assert length["".join(word)] == 4
    assert 0 < len(length) <= KEPT


@pytest.mark.parametrize(
    "said",
    ["jan.peeters", "a.be/jan", "jan_p", "0475123456", "04/75", "21h15", "1-ABC-123", "XX-12-Y"],
)
def test_nothing_that_could_lead_to_somebody_is_remembered(said: str) -> None:
    length = Remembered[str, int](len)

    assert [length[said], length["112"], length["~3"]] == [len(said), 3, 2]
    assert set(length) == {"112", "~3"}


SIGNS = {
    "many letters": ("\ufdfa\ufdfb", 40),
    "with commas": ("".join(f"{chr(0x1200 + n)}," for n in range(40)), 40),
    "as words": ("".join(chr(0x3300 + n) for n in range(80)), 40),
}


@pytest.mark.parametrize("signs", SIGNS)
def test_what_is_large_fills_no_memory(signs: str) -> None:
    chance, (some, longest) = random.Random(7), SIGNS[signs]
    said = Remembered(cut)
    for _ in range(2_000):
        assert said["".join(chance.choices(some, k=longest))]

    assert max(map(len, said.values()), default=0) <= LARGEST_KEPT
    assert sum(len("".join(words)) for words in said.values()) <= 2_000 * 200
