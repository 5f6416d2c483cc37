"""Whom a text on Instagram names: Instagram's own rule for handles."""

import pytest

from toog.platforms.instagram.text import named


@pytest.mark.parametrize(
    ("text", "handles"),
    [
        ("@stadpoldem", ["stadpoldem"]),
        ("Dag @stad.pol.dem, en @Stad_PolDem.", ["stad.pol.dem", "Stad_PolDem"]),
        ("(@a) .@b ＠c", ["a", "b", "c"]),
        ("an@stadpoldem.be en x@y", []),
        ("https://voorbeeld.be/@stadpoldem www.voorbeeld.be/@b", []),
        ("http://onbekend.demodemo/@stadpoldem", []),
        ("@@a @b@c @é", []),
        ("@" + "a" * 30, ["a" * 30]),
        ("@" + "a" * 31, []),
        ("@a..b", ["a"]),
        ("👮@stadpoldem👮", ["stadpoldem"]),
        ("", []),
    ],
)
def test_handles(text: str, handles: list[str]) -> None:
    assert [mention.handle for mention in named(text).mentions] == handles


def test_tags_and_links_stand_beside() -> None:
    found = named("#Politie247 op https://voorbeeld.be/x #meldpunt")

    assert found.hashtags == ("Politie247", "meldpunt")
    assert found.links == ("https://voorbeeld.be/x",)
