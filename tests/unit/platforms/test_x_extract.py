"""Our own extractor against twitter-text's conformance suite."""

import json
from pathlib import Path
from typing import Any

import pytest

from toog.platforms.x import extract

SUITE = json.loads(
    (
        Path(__file__).parents[2] / "samples" / "twitter_text" / "extract_conformance.json"
    ).read_bytes()
)


@pytest.mark.parametrize("case", SUITE["mentions"], ids=lambda case: case["description"])
def test_mentions(case: dict[str, Any]) -> None:
    assert extract.handles(case["text"]) == case["expected"]


@pytest.mark.parametrize("case", SUITE["hashtags"], ids=lambda case: case["description"])
def test_hashtags(case: dict[str, Any]) -> None:
    assert extract.hashtags(case["text"]) == case["expected"]
