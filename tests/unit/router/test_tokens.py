"""Tokens: the one cut of a text that danger and kind share."""

import pytest

from services.router.remembered import KEPT, Remembered
from services.router.tokens import LONGEST, tokens


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("L'Épisode’s, ÉCHT!!", ["l", "episode", "s", ",", "echt", "!!"]),
        ("wat?? nee_ja", ["wat", "?", "?", "nee", "ja"]),
        ("@jan zie https://a.be/mes jan@host.be !", ["zie", "jan", "!"]),
        ("één\n \ntwee – drie - vier 😂😂🙂", ["een", ".", "twee", " – ", "drie", " - ", "vier", "😂😂", "🙂"]),
        ("", []),
    ],
)  # fmt: skip
def test_a_text_is_cut_into_folded_words_and_marks(text: str, cut: list[str]) -> None:
    assert list(tokens(text)) == cut


def test_no_more_is_cut_than_a_platform_takes() -> None:
    assert len(tokens("x " * LONGEST)) == LONGEST // 2


def test_of_words_only_so_many_and_no_long_ones_are_remembered() -> None:
    asked: list[str] = []
    length = Remembered[str, int](lambda word: asked.append(word) or len(word))

    assert [length["aan"], length["aan"], length["a" * 41], length["a" * 41]] == [3, 3, 41, 41]
    assert asked == ["aan", "a" * 41, "a" * 41]

    for n in range(KEPT):
        assert length[str(n)] > 0
    assert 0 < len(length) <= KEPT
