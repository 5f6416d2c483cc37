"""Links to messages, in the forms in which people copy them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toog.platforms.permalinks import point

DID = "did:plc:abcdefghijklmnopqrstuvwx"


@pytest.mark.parametrize(
    ("link", "platform", "native"),
    [
        ("https://x.com/stadpoldem/status/1990000000000000001", "x", "1990000000000000001"),
        ("https://twitter.com/buur/status/1990000000000000001?s=20", "x", "1990000000000000001"),
        ("http://mobile.twitter.com/buur/statuses/199/photo/1", "x", "199"),
        ("x.com/i/status/199", "x", "199"),
        ("https://x.com/i/web/status/199/", "x", "199"),
        ("https://X.com/buur/status/199#m", "x", "199"),
        ("https://www.facebook.com/stadpoldem/posts/122100000000001", "facebook", "122100000000001"),
        (
            "https://www.facebook.com/stadpoldem/posts/een-titel/122100000000001/",
            "facebook",
            "122100000000001",
        ),
        (
            "https://www.facebook.com/permalink.php?story_fbid=122100000000001&id=1234567890321",
            "facebook",
            "122100000000001",
        ),
        ("https://m.facebook.com/story.php?story_fbid=12210&id=9", "facebook", "12210"),
        (
            "https://www.facebook.com/stadpoldem/posts/12210000?comment_id=555000111",
            "facebook",
            "555000111",
        ),
        (
            "https://www.facebook.com/9_12210000?comment_id=555000111&reply_comment_id=777000111",
            "facebook",
            "777000111",
        ),
        (
            "https://www.facebook.com/x/posts/pfbid02abcdefghijkl?comment_id=555000111",
            "facebook",
            "555000111",
        ),
        ("https://www.facebook.com/photo/?fbid=12210000&set=a.1", "facebook", "12210000"),
        ("https://www.facebook.com/watch/?v=12210000", "facebook", "12210000"),
        ("https://www.facebook.com/reel/12210000", "facebook", "12210000"),
        ("https://www.facebook.com/groups/99/posts/12210000/", "facebook", "12210000"),
        ("facebook.com/1234567890321_12210000", "facebook", "1234567890321_12210000"),
        (
            "https://www.instagram.com/p/DCabcdEFGhi/c/17900000000000001/",
            "instagram",
            "17900000000000001",
        ),
        (
            "https://www.instagram.com/p/DCabcdEFGhi/c/17900000000000001/r/17900000000000002/",
            "instagram",
            "17900000000000002",
        ),
        (f"https://bsky.app/profile/{DID}/post/3labc", "bluesky", f"at://{DID}/app.bsky.feed.post/3labc"),
        (
            "https://bsky.app/profile/did%3Aplc%3Aabcd/post/3labc",
            "bluesky",
            "at://did:plc:abcd/app.bsky.feed.post/3labc",
        ),
        ("https://bsky.app/profile/buur.example/post/3labc?ref=x", "bluesky", "3labc"),
        (
            f"at://{DID}/app.bsky.feed.post/3labc",
            "bluesky",
            f"at://{DID}/app.bsky.feed.post/3labc",
        ),
    ],
)  # fmt: skip
def test_a_link_names_the_id_that_the_platform_gave(link: str, platform: str, native: str) -> None:
    found = point(link)

    assert found is not None
    assert (found.platform, found.natives, found.marks) == (platform, (native,), ())
    assert found.types


@pytest.mark.parametrize(
    ("link", "mark"),
    [
        ("https://www.instagram.com/p/DCabcdEFGhi/?igsh=abc", "DCabcdEFGhi"),
        ("https://instagram.com/reel/DC-bcd_FGhi", "DC-bcd_FGhi"),
        ("https://www.instagram.com/stad.pol/p/DCabcdEFGhi/", "DCabcdEFGhi"),
        ("https://www.facebook.com/buur/posts/pfbid02abcdefghijkl", "pfbid02abcdefghijkl"),
    ],
)
def test_a_link_without_an_id_of_ours_names_what_stands_in_it(link: str, mark: str) -> None:
    found = point(link)

    assert found is not None
    assert (found.natives, found.marks) == ((), (mark,))


@pytest.mark.parametrize(
    ("link", "native", "marks"),
    [
        (
            "https://social.example/@buur/115000000000000001",
            "115000000000000001",
            (
                "social.example/@buur/115000000000000001",
                "social.example/users/buur/statuses/115000000000000001",
            ),
        ),
        (
            "https://social.example/users/buur/statuses/115000000000000001/activity",
            "115000000000000001",
            (
                "social.example/@buur/115000000000000001",
                "social.example/users/buur/statuses/115000000000000001",
            ),
        ),
        (
            "https://ours.example/@buur@social.example/115000000000000001",
            "115000000000000001",
            ("ours.example/@buur@social.example/115000000000000001",),
        ),
        (
            "https://ours.example/web/statuses/115000000000000001",
            "115000000000000001",
            ("ours.example/web/statuses/115000000000000001",),
        ),
        (
            "https://gts.example/@buur/statuses/01KA0000000000000000000000",
            "01KA0000000000000000000000",
            (
                "gts.example/@buur/01KA0000000000000000000000",
                "gts.example/users/buur/statuses/01KA0000000000000000000000",
            ),
        ),
        (
            "https://pleroma.example/notice/B0000000000001",
            "B0000000000001",
            ("pleroma.example/notice/B0000000000001",),
        ),
        (
            "https://127.0.0.1:8080/@buur/115000000000000001",
            "115000000000000001",
            (
                "127.0.0.1:8080/@buur/115000000000000001",
                "127.0.0.1:8080/users/buur/statuses/115000000000000001",
            ),
        ),
    ],
)
def test_a_status_is_known_by_its_id_and_by_the_addresses_of_its_home(
    link: str, native: str, marks: tuple[str, ...]
) -> None:
    found = point(link)

    assert found is not None
    assert (found.platform, found.natives) == ("mastodon", (native,))
    assert set(marks) <= set(found.marks)


@pytest.mark.parametrize(
    "text",
    [
        "", "hallo", "x:a:post:1", "social.events.v1:1:2", "https://x.com/stadpoldem",
        "https://x.com/stadpoldem/status/abc", "https://example.org/news/12345",
        "https://www.facebook.com/stadpoldem", "https://www.instagram.com/stadpoldem/",
        "https://bsky.app/profile/buur.example", "at://did:plc:abc", "https://social.example/@buur",
        "https://social.example/@buur/following", "ftp://x.com/a/status/1", "https://[::1/@a/123456",
        "https://x.com:port/a/status/1", "https://x.com/a b/status/1",
        "https://www.facebook.com/a/posts/1?comment_id=abc",
    ],
)  # fmt: skip
def test_what_is_no_link_to_a_message_points_nowhere(text: str) -> None:
    assert point(text) is None


@given(st.text(max_size=60).map(lambda tail: f"https://{tail}") | st.text(max_size=80))
def test_nothing_that_is_typed_is_an_error(text: str) -> None:
    found = point(text)

    assert found is None or found.natives or found.marks
