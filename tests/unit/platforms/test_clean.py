"""Bytes that neither PostgreSQL nor JSON takes are replaced, and nothing else is touched."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toog.platforms.clean import clean


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rb'{"t":"a\u0000b"}', "a\ufffdb"),
        (rb'{"t":"a\ud83db"}', "a\ufffdb"),
        (rb'{"t":"a\uDC00b"}', "a\ufffdb"),
        (b'{"t":"a\xffb"}', "a\ufffdb"),
        (b'{"t":"a\x00b"}', "a\ufffdb"),
    ],
)
def test_what_cannot_be_stored_is_replaced_and_flagged(body: bytes, expected: str) -> None:
    cleaned, changed = clean(body)

    assert changed
    assert msgspec.json.decode(cleaned)["t"] == expected


@pytest.mark.parametrize(
    "body",
    [rb'{"t":"\ud83d\ude00"}', rb'{"t":"\\u0000"}', rb'{"t":"\\\\ud83d"}', '{"t":"é😀"}'.encode()],
)
def test_what_is_right_stays_byte_for_byte(body: bytes) -> None:
    assert clean(body) == (body, False)


@given(st.text(st.characters(codec=None)))
def test_any_text_comes_out_storable(text: str) -> None:
    cleaned, _ = clean(json.dumps({"t": text}).encode())

    assert "\x00" not in msgspec.json.decode(cleaned)["t"]


@given(st.binary())
def test_any_bytes_come_out_as_text_without_nul(body: bytes) -> None:
    cleaned, _ = clean(body)

    assert b"\x00" not in cleaned
    cleaned.decode()
