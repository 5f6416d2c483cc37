"""Patterns: a word is found whole, by its beginning and by its ending."""

from services.router.patterns import Patterns


def test_a_word_leads_where_it_was_learned() -> None:
    patterns = Patterns[int]()
    for n, pattern in enumerate(("straat", "*straat", "inbre*", "inbrek*", "straat")):
        patterns.learn(pattern, n)

    assert list(patterns.of("straat")) == [0, 4, 1]
    assert list(patterns.of("kerkstraat")) == [1]
    assert list(patterns.of("inbreker")) == [2, 3]
    assert list(patterns.of("bre")) == []
    assert list(patterns.of("")) == []
