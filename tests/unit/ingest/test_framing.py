"""A stream's items are the same wherever the network cuts its bytes."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.framing import Blocks, Framer, Item, Lines, Overlong, framer

LIMIT = 24
PIECES = st.sampled_from(
    [
        *(b"a", b'{"id":1}', b":", b":thump", b"data: x", b"event: y", b"z" * 30),
        *(b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", "é€😀".encode()),
    ]
)
BYTES = st.lists(PIECES, max_size=30).map(b"".join)


def cut(body: bytes, places: list[int]) -> list[bytes]:
    at = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[a:b] for a, b in pairwise(at)]


def fed(to: Framer, chunks: list[bytes]) -> list[Item]:
    return [item for chunk in chunks for item in to.feed(chunk)]


@given(BYTES, st.lists(st.integers(0, 500)))
def test_lines_are_the_same_however_the_bytes_are_cut(body: bytes, places: list[int]) -> None:
    assert fed(Lines(LIMIT), [body]) == fed(Lines(LIMIT), cut(body, places))


@given(BYTES, st.lists(st.integers(0, 500)))
def test_blocks_are_the_same_however_the_bytes_are_cut(body: bytes, places: list[int]) -> None:
    assert fed(Blocks(LIMIT), [body]) == fed(Blocks(LIMIT), cut(body, places))


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"").replace(b"\r", b""))))
def test_every_line_comes_out_as_it_went_in(lines: list[bytes]) -> None:
    body = b"".join(line + b"\r\n" for line in lines)

    assert lines == fed(Lines(), [bytes([byte]) for byte in body])


def test_an_unended_line_waits_for_its_end() -> None:
    lines = Lines()

    assert lines.feed(b'{"a":') == []
    assert lines.feed(b'1}\r\n\r\n{"b"') == [b'{"a":1}', b""]


def test_an_overlong_line_is_told_once_with_its_beginning_and_the_next_one_is_whole() -> None:
    lines = Lines(limit=8)

    items = fed(lines, [b"12345", b"67890", b"12345\n", b"short\n"])

    assert [Overlong(b"12345678"), b"short"] == items


def test_a_block_ends_at_an_empty_line_of_either_kind() -> None:
    body = b"event: update\r\ndata: {}\r\n\r\nevent: delete\ndata: 1\n\n"

    assert fed(Blocks(), [body]) == [b"event: update\ndata: {}", b"event: delete\ndata: 1"]


def test_comments_are_heartbeats_and_no_items() -> None:
    body = b":)\n\n:thump\n\n:\nevent: update\n: in between\ndata: 1\n\n"

    assert fed(Blocks(), [body]) == [b"event: update\ndata: 1"]


def test_an_overlong_block_is_told_once_whether_by_one_line_or_by_many() -> None:
    one = b"data: " + b"x" * 40 + b"\ndata: rest\n\ndata: ok\n\n"
    many = b"data: 1234\n" * 9 + b"\ndata: ok\n\n"

    assert [Overlong((b"data: " + b"x" * 40)[:LIMIT]), b"data: ok"] == fed(Blocks(LIMIT), [one])
    assert [Overlong((b"data: 1234\n" * 9)[:LIMIT]), b"data: ok"] == fed(Blocks(LIMIT), [many])


def test_the_framing_of_a_source_names_its_framer() -> None:
    assert isinstance(framer("lines"), Lines)
    assert isinstance(framer("sse"), Blocks)
