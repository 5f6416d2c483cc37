"""Tokens: the one cut of a text that danger and kind share."""

import pytest

from services.router.tokens import LONGEST, tokens


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("L'Épisode’s, ÉCHT!!", ["l", "episode", "s", ",", "echt", "!!"]),
        ("wat?? nee_ja", ["wat", "?", "?", "nee", "ja"]),
        ("@jan zie https://a.be/mes jan@host.be !", ["zie", "jan", "!"]),
        ("één\n \ntwee – drie - vier 😂😂🙂", ["een", "\n \n", "twee", " – ", "drie", " - ", "vier", "😂😂", "🙂"]),
        ("", []),
    ],
)  # fmt: skip
def test_a_text_is_cut_into_folded_words_and_marks(text: str, cut: list[str]) -> None:
    assert list(tokens(text)) == cut


def test_no_more_is_cut_than_a_platform_takes() -> None:
    assert len(tokens("x " * LONGEST)) == LONGEST // 2
