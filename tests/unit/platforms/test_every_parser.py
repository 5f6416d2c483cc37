"""Whatever a platform sends, nothing is raised, and nothing becomes a message that is none."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.parsing import (
    SPOKEN,
    body_of,
    holds,
    parse,
    paths,
    replaced,
    samples,
    without,
)

from toog.platforms.base import Parsed

DEEP: Final = 10_000
LARGE: Final = 8 * 1024 * 1024
LARGE_WITHIN_S: Final = 4.0
"""Of processor time: linear work takes a tenth of it, quadratic work hours."""
LONG: Final = LARGE // 16
LONG_WITHIN_S: Final = 1.0

ALL: Final = [
    (platform, name, value) for platform in SPOKEN for name, value in samples(platform).items()
]
OBJECTS: Final = [one for one in ALL if not isinstance(one[2], str)]
ODD: Final[dict[str, Any]] = {
    "null": None,
    "true": True,
    "number": 7,
    "negative": -1,
    "huge": 10**30,
    "fraction": 1.5,
    "empty text": "",
    "text": "zo maar",
    "NUL": "a\0b",
    "half a pair": "a\ud83db",
    "empty list": [],
    "list": [None, 1, "a", [], {}],
    "empty object": {},
    "object": {"id": 1, "data": None, "type": [], "event": {}},
}

# a property test looks at a hundred cases in one: it may take five seconds on a slow machine
pytestmark = pytest.mark.cpu(5)


def named(cases: list[tuple[str, str, Any]]) -> list[str]:
    return [f"{platform}-{name}" for platform, name, _ in cases]


few = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
every_platform = pytest.mark.parametrize("platform", SPOKEN)
every_sample = pytest.mark.parametrize(("platform", "name", "value"), ALL, ids=named(ALL))
every_object = pytest.mark.parametrize(("platform", "name", "value"), OBJECTS, ids=named(OBJECTS))


@every_platform
def test_there_are_samples_and_messages_among_them(platform: str) -> None:
    kinds = {
        heard.event.kind
        for value in samples(platform).values()
        for heard in parse(platform, body_of(value)).heard
    }

    assert "created" in kinds


@every_sample
def test_every_sample_is_read(platform: str, name: str, value: Any) -> None:
    parsed = holds(platform, body_of(value))

    assert not parsed.unreadable


@every_object
def test_wrong_types_in_every_field(platform: str, name: str, value: Any) -> None:
    for at in paths(value):
        for odd in ODD.values():
            holds(platform, body_of(replaced(value, at, odd)), twice=False)


@every_object
def test_every_field_may_be_missing(platform: str, name: str, value: Any) -> None:
    for at in paths(value):
        holds(platform, body_of(without(value, at)))


@every_object
def test_every_field_may_be_nested_deeply(platform: str, name: str, value: Any) -> None:
    for at in [place for place in paths(value) if len(place) < 3]:
        marked = body_of(replaced(value, at, "DEEP"))
        holds(platform, marked.replace(b'"DEEP"', b"[" * DEEP + b"]" * DEEP), twice=False)


@every_sample
def test_a_cut_sample_is_never_raised(platform: str, name: str, value: Any) -> None:
    body = body_of(value)
    for number in range(1, 24):
        holds(platform, body[: len(body) * number // 24], twice=False)


@every_sample
@pytest.mark.parametrize("odd", [b"\x00", b"\xff", b"\xed\xa0\xbd", b"\\u0000", b"\\ud83d"])
def test_odd_bytes_in_a_sample(platform: str, name: str, value: Any, odd: bytes) -> None:
    body = body_of(value)
    for number in range(12):
        place = len(body) * number // 12
        holds(platform, body[:place] + odd + body[place:], twice=False)


@every_object
def test_one_odd_update_never_costs_the_others(platform: str, name: str, value: Any) -> None:
    messages = message_ids(holds(platform, body_of(value)))
    for at in [(), *paths(value)]:
        items = found(value, at)
        if isinstance(items, list) and any(isinstance(item, dict) for item in items):
            more = [None, 7, "zo maar", [], {}, *items, {"id": {}}, True]
            body = body_of(replaced(value, at, more))
            assert messages <= message_ids(holds(platform, body, twice=False)), at


def message_ids(parsed: Parsed) -> set[str]:
    return {heard.event.id for heard in parsed.heard if heard.event.kind != "signal"}


@every_platform
@few
@given(data=st.data())
def test_mutated_samples(platform: str, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from([v for p, _, v in OBJECTS if p == platform]))
    for _ in range(data.draw(st.integers(1, 4))):
        places = list(paths(value))
        if not places:
            break
        at = data.draw(st.sampled_from(places))
        kind = data.draw(st.sampled_from(["odd", "missing", "json", "other field"]))
        if kind == "missing":
            value = without(value, at)
        elif kind == "odd":
            value = replaced(value, at, data.draw(st.sampled_from(list(ODD.values()))))
        elif kind == "json":
            value = replaced(value, at, data.draw(JSON[platform]))
        else:
            value = replaced(value, at, found(value, data.draw(st.sampled_from(places))))

    holds(platform, body_of(value))


def found(value: Any, at: tuple[Any, ...]) -> Any:
    for step in at:
        value = value[step]
    return value


def vocabulary(platform: str) -> st.SearchStrategy[Any]:
    """JSON in the platform's own words: its field names, and values that its samples have."""
    places = {at for value in samples(platform).values() for at in paths(value)}
    keys = sorted({step for at in places for step in at if isinstance(step, str)})
    values = [found(value, at) for value in samples(platform).values() for at in paths(value)]
    texts = sorted({value for value in values if isinstance(value, str) and len(value) < 80})
    leaves = (
        st.sampled_from(list(ODD.values()))
        | st.sampled_from(texts or [""])
        | st.text(max_size=20)
        | st.integers()
        | st.floats()
        | st.none()
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(keys or [""]), inner, max_size=8)
        ),
        max_leaves=30,
    )


JSON: Final = {platform: vocabulary(platform) for platform in SPOKEN}


@every_platform
@few
@given(data=st.data())
def test_arbitrary_json(platform: str, data: st.DataObject) -> None:
    holds(platform, json.dumps(data.draw(JSON[platform])).encode())


@every_platform
@few
@given(
    body=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode(errors="ignore"))
)
def test_arbitrary_bytes(platform: str, body: bytes) -> None:
    holds(platform, body)


@every_platform
@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'{"data":' * DEEP + b"1" + b"}" * DEEP,
        b"[" * LARGE,
        b'{"a":' * 100_000,
        b'{"entry":[' + b"[" * DEEP + b"]" * DEEP + b"]}",
        b'{"data":[' + b"{}," * 5 + b"[" * DEEP + b"]" * DEEP + b"]}",
    ],
    ids=["lists", "objects", "8 MiB of brackets", "unended", "entry", "data"],
)
def test_deep_nesting(platform: str, body: bytes) -> None:
    holds(platform, body, twice=False)


TEXTS: Final = {
    "words": "wat een nacht ",
    "handles": "@burger_jan1 ",
    "at signs": "@",
    "hashtags": "#politie247",
    "hash signs": "#",
    "links": "https://stad.example/a ",
    "dots": "a.",
    "colons": "http:",
    "tags": "<p>",
    "open tags": "<a href=",
    "entities": "&amp",
    "emoji": "\U0001f46e\u200d",
    "NUL": "\0",
    "half pairs": "\ud83d",
    "backslashes": "\\",
    "quotes": '"',
}
TEXT_FIELDS: Final = ("text", "content", "message", "full_text", "caption")


def with_text(platform: str) -> tuple[Any, tuple[Any, ...]]:
    """The first sample that becomes a message with text, and where its text stands."""
    for value in samples(platform).values():
        if isinstance(value, str):
            continue
        for at in paths(value):
            if at[-1] not in TEXT_FIELDS or not isinstance(found(value, at), str):
                continue
            heard = parse(platform, body_of(replaced(value, at, "merkwoord"))).heard
            if any("merkwoord" in one.event.text for one in heard):
                return value, at
    raise AssertionError(f"no sample of {platform} has a text")


def filled(platform: str, text: str, size: int) -> bytes:
    value, at = with_text(platform)
    escaped = json.dumps(text)[1:-1].encode()
    marked = body_of(replaced(value, at, "MARK"))
    return marked.replace(b"MARK", escaped * (size // len(escaped)))


@every_platform
@pytest.mark.parametrize("text", list(TEXTS.values()), ids=list(TEXTS))
def test_a_long_text_takes_linear_time(platform: str, text: str) -> None:
    body = filled(platform, text, LONG)

    assert within(lambda: parse(platform, body)) < LONG_WITHIN_S


@every_platform
def test_a_body_of_8_mib(platform: str) -> None:
    body = filled(platform, "@burger_jan1 " + "wat een nacht " * 30 + "#politie247 ", LARGE)

    assert within(lambda: parse(platform, body)) < LARGE_WITHIN_S


@every_platform
def test_many_updates_in_one_body(platform: str) -> None:
    body = b"[" + b",".join([b'{"id":"1","type":"x","data":{}}'] * 20_000) + b"]"

    assert within(lambda: parse(platform, body)) < LARGE_WITHIN_S


def within(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
