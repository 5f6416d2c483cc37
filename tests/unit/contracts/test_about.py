"""The headers beside the verdict, read back: what is wrong is left out, and named."""

import pytest

from toog.contracts.about import NOTHING, Heard, heard, sentiment_of
from toog.contracts.verdicts import About
from toog.contracts.wire import about_headers


def test_what_is_written_is_heard() -> None:
    written = about_headers(About("question", "nl-BE", -0.256, "press"))

    assert heard(written) == Heard("question", -0.26, "nl-BE", "press")


def test_what_is_not_said_is_none_and_not_wrong() -> None:
    assert heard(about_headers(About("other", None, 0.0))) == Heard("other", 0.0)
    assert heard([("ce_outcome", b"addressed")]) == NOTHING == Heard()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_kind", b"rant"),
        ("ce_kind", b"\xff"),
        ("ce_sentiment", b"nan"),
        ("ce_sentiment", b"1.01"),
        ("ce_sentiment", b"-inf"),
        ("ce_sentiment", b"sad"),
        ("ce_sentiment", b""),
        ("ce_language", b"nl\x00"),
        ("ce_language", b"\xff\xfe"),
        ("ce_language", b"n"),
        ("ce_tag", b"suspect"),
    ],
)
def test_a_wrong_value_is_left_out_and_named_and_the_rest_stands(name: str, value: bytes) -> None:
    right = [h for h in about_headers(About("question", "nl", 0.5, "press")) if h[0] != name]

    got = heard([*right, (name, value)])

    assert got.wrong == (name,)
    assert got == heard(right)._replace(wrong=(name,))


@pytest.mark.parametrize(("text", "number"), [("-1", -1.0), ("1.00", 1.0), ("1.001", None)])
def test_a_sentiment_lies_between_minus_one_and_one(text: str, number: float | None) -> None:
    assert sentiment_of(text) == number
