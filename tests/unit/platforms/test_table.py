"""How long a reply may be: each platform counts in its own way."""

import pytest

from toog.platforms.table import PLATFORMS

LINK = "https://politie.nl/" + "a" * 300


@pytest.mark.parametrize(
    ("platform", "text", "length"),
    [
        ("x", "Zie " + LINK, 27),
        ("x", "👮🏽‍♀️", 2),
        ("x", "é" * 281, 281),
        ("facebook", "é" * 3, 3),
    ],
)
def test_the_length_of_a_reply(platform: str, text: str, length: int) -> None:
    assert PLATFORMS[platform].length(text) == length
