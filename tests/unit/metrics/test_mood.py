"""Languages come down to few labels; at the room nothing but sentiment counts."""

import pytest

from services.metrics.mood import Said, adds, language_of


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("nl", "nl"),
        ("nl-BE", "nl"),
        ("FR", "fr"),
        ("en-GB", "en"),
        ("ar", "other"),
        ("vls", "other"),
        ("que", "other"),
        ("und", "unknown"),
        ("qme", "unknown"),
        ("zxx", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_language_is_one_of_few_labels(code: str | None, label: str) -> None:
    assert language_of(code) == label


def test_an_addressed_message_without_anything_said_still_has_a_language() -> None:
    assert list(adds(Said(), "counter")) == [("language", "unknown", 1)]
    assert list(adds(Said(kind="question"), "room")) == []
    assert list(adds(Said(5), "room")) == [
        ("sentiment", "room", 5),
        ("sentiment_messages", "room", 1),
    ]
