"""What the conformance suite does not ask: links and handles together, prefixes, time."""

import time
from collections.abc import Callable

import pytest

from toog.platforms.text import entities, length, links

MIB = 1024 * 1024


@pytest.mark.parametrize(
    "text",
    [
        "zie https://mastodon.example/@StadPolDem",
        "zie https://onbekend.ditbestaatniet/@StadPolDem/2",
        "zie stad.nl/@StadPolDem",
        "zie www.stad.nl/a?b=@StadPolDem&c=1",
        "mail info@StadPolDem.nl",
        "mail info@StadPolDem",
        "@http://stad.nl",
    ],
)
def test_a_handle_in_a_link_or_address_is_none(text: str) -> None:
    assert entities.handles(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "https://t.co/abc @StadPolDem",
        "https://t.co/abc、@StadPolDem",
        "https://t.co/abc,@StadPolDem",
        "https://t.co/abc:@StadPolDem",
        "(https://t.co/abc)@StadPolDem",
        ".@StadPolDem kijk op stad.nl/@iemand",
        "Help.@StadPolDem",
        "stad.nl “@StadPolDem”",
        "@StadPolDem.",
        "cc:@StadPolDem",
        "＠StadPolDem",
        "RT@StadPolDem",
    ],
)
def test_a_handle_beside_a_link_is_one(text: str) -> None:
    assert entities.handles(text) == ["StadPolDem"]


def test_a_hashtag_in_a_link_is_none() -> None:
    assert entities.hashtags("https://stad.nl/#nieuws #politie247 https://onbekend.x/a#b") == [
        "politie247"
    ]


def test_hashtags_of_the_night() -> None:
    assert entities.hashtags("#Politie247! #1 #b#c #café_ñ &#39; #👮x") == [
        "Politie247",
        "café_ñ",
    ]


def test_leading_handles_end_at_the_first_word() -> None:
    assert entities.leading_handles(" @an_a\n@StadPolDem dank @piet") == ["an_a", "StadPolDem"]
    assert entities.leading_handles("hallo @an_a") == []
    assert entities.leading_handles("@an_a: hallo") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kijk op https://politie.example/a?b=c.", []),
        ("Kijk op https://politie.nl/a?b=c.", ["https://politie.nl/a?b=c"]),
        ("(zie politie.nl/(a(b)c)d)", ["politie.nl/(a(b)c)d"]),
        ("POLITIE.NL en Stad.Amsterdam:8080/x", ["POLITIE.NL", "Stad.Amsterdam:8080/x"]),
        ("ja.nee om 20.30 uur", []),
        ("https://voorbeeld.рф/ и пример.рф", ["https://voorbeeld.рф/"]),
        ("http://" + "a" * 64 + ".nl", []),
        ("HTTPS://STAD.NL", ["HTTPS://STAD.NL"]),
        ("ftp://stad.nl://stad.nl xttps://stad.nl", []),
        ("zie://stad.nl", []),
    ],
)
def test_links(text: str, expected: list[str]) -> None:
    assert links.links(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("Dank u wel.", 11),
        ("e\u0301e\u0301n", 3),
        ("politie.nl/aangifte", 23),
        ("Zie https://politie.nl/" + "a" * 300 + " en bel", 34),
        ("👮🏽‍♀️", 2),
        ("🇳🇱🇧🇪", 4),
        ("❤️", 2),
        ("1️⃣", 2),
        ("‘’…€", 6),
        ("中文", 4),
    ],
)
def test_length(text: str, expected: int) -> None:
    assert length.weighted(text) == expected


def test_what_can_be_sent() -> None:
    assert length.sendable("a" * 280)
    assert not length.sendable("a" * 281)
    assert not length.sendable(" \n")
    assert not length.sendable("a\ufeff")


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "@",
        "@a ",
        "@a",
        "#",
        "#1",
        "#a",
        "#a ",
        "a.",
        "a.nl",
        "a.nl ",
        "a.nl中",
        "中",
        "中.",
        "é",
        "http://",
        "http://a.nl/",
        "http://a.nl/( ",
        "a.nl/(",
        "a.nl/((b",
        "a.nl?",
        "-",
        ".",
        "$a",
        " ",
        "😀",
        "\U0001f468\u200d",
        "\U0001f3f4\U000e0067",
        "e\u0301",
    ],
)
@pytest.mark.parametrize(
    "read", [entities.handles, entities.hashtags, entities.cashtags, links.links, length.weighted]
)
def test_time_grows_with_the_text_only(piece: str, read: Callable[[str], object]) -> None:
    """Four times the text may not take anywhere near sixteen times as long.

    The best of three: whatever else the machine does can only make a run longer.
    """

    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        began = time.process_time()
        read(text)
        return time.process_time() - began

    small = min(seconds(MIB // 64) for _ in range(3))

    assert min(seconds(MIB // 16) for _ in range(3)) < 10 * small + 0.1


@pytest.mark.parametrize("piece", ["a", "woord " * 40 + "@an_a ", "http://a.nl/(", "#1", "中."])
def test_eight_mebibytes_do_not_hang(piece: str) -> None:
    text = piece * (8 * MIB // len(piece.encode()))
    began = time.process_time()

    entities.handles(text)

    assert time.process_time() - began < 1
