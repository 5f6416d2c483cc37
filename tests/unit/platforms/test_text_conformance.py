"""Our own extractor and counter against twitter-text's conformance suite: every case, no exception."""

import json
from pathlib import Path
from typing import Any

import pytest

from toog.platforms.text import entities, length, links

SAMPLES = Path(__file__).parents[2] / "samples" / "twitter_text"
SUITE = json.loads((SAMPLES / "extract_conformance.json").read_bytes())
LENGTHS = json.loads((SAMPLES / "weighted_length_conformance.json").read_bytes())


def cases(*names: str, suite: dict[str, Any] = SUITE) -> pytest.MarkDecorator:
    found = [case for name in names for case in suite[name]]
    return pytest.mark.parametrize("case", found, ids=lambda case: case["description"])


@cases("mentions")
def test_mentions(case: dict[str, Any]) -> None:
    assert entities.handles(case["text"]) == case["expected"]


@cases("mentions_with_indices")
def test_where_mentions_stand(case: dict[str, Any]) -> None:
    found = [
        {"screen_name": match[1], "indices": list(match.span())}
        for match in entities.find_handles(case["text"])
    ]

    assert found == case["expected"]


@cases("mentions_or_lists_with_indices")
def test_where_mentions_and_lists_stand(case: dict[str, Any]) -> None:
    found = [
        {"screen_name": match[1], "list_slug": match[2] or "", "indices": list(match.span())}
        for match in entities.find_handles(case["text"])
    ]

    assert found == case["expected"]


@cases("replies")
def test_replies(case: dict[str, Any]) -> None:
    assert entities.replied_to(case["text"]) == case["expected"]


@cases("hashtags", "hashtags_from_astral")
def test_hashtags(case: dict[str, Any]) -> None:
    assert entities.hashtags(case["text"]) == case["expected"]


@cases("hashtags_with_indices")
def test_where_hashtags_stand(case: dict[str, Any]) -> None:
    found = [
        {"hashtag": match[1], "indices": list(match.span())}
        for match in entities.find_hashtags(case["text"])
    ]

    assert found == case["expected"]


@cases("cashtags")
def test_cashtags(case: dict[str, Any]) -> None:
    assert entities.cashtags(case["text"]) == case["expected"]


@cases("cashtags_with_indices")
def test_where_cashtags_stand(case: dict[str, Any]) -> None:
    found = [
        {"cashtag": match[1], "indices": list(match.span())}
        for match in entities.find_cashtags(case["text"])
    ]

    assert found == case["expected"]


@cases("urls", "tco_urls_with_params")
def test_urls(case: dict[str, Any]) -> None:
    assert links.links(case["text"]) == case["expected"]


@cases("urls_with_indices", "urls_with_directional_markers")
def test_where_urls_stand(case: dict[str, Any]) -> None:
    found = [
        {"url": link.url, "indices": [link.start, link.end]}
        for link in links.find_links(case["text"])
    ]

    assert found == case["expected"]


@cases(
    "WeightedTweetsWithDiscountedEmojiCounterTest",
    "UnicodeDirectionalMarkerCounterTest",
    suite=LENGTHS,
)
def test_weighted_length(case: dict[str, Any]) -> None:
    expected = case["expected"]
    weight = length.weighted(case["text"])

    assert weight == expected["weightedLength"]
    assert weight * 1000 // length.LONGEST == expected["permillage"]
    assert length.sendable(case["text"]) is expected["valid"]


@cases("usernames", suite=LENGTHS)
def test_a_whole_text_is_a_handle(case: dict[str, Any]) -> None:
    found = [match.span() for match in entities.find_handles(case["text"])]

    assert (found == [(0, len(case["text"]))]) is case["expected"]


@cases("hashtags", suite=LENGTHS)
def test_a_whole_text_is_a_hashtag(case: dict[str, Any]) -> None:
    found = [match.span() for match in entities.find_hashtags(case["text"])]

    assert (found == [(0, len(case["text"]))]) is case["expected"]
