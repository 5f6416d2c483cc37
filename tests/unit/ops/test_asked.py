"""What an operator types, and which records are then meant."""

import msgspec
import pytest
from support.desk import edited, said

from toog.contracts import events
from toog.contracts.ids import digest
from toog.ops.asked import Search, asked
from toog.platforms.accounts import Account, Accounts

OURS = Accounts([Account("x", "11", "us", "b"), Account("x", "12", "us2", "b")])


def meant(text: str, event: events.Event) -> bool:
    return Search(asked(text)).event(events.encode(event)) is not None


@pytest.mark.parametrize(
    "text",
    ["x:a:post:199", "199", "https://x.com/burger900/status/199", " x.com/i/status/199?s=20 "],
)
def test_a_post_is_meant_by_its_event_id_its_own_id_and_its_link(text: str) -> None:
    post = said("199")

    assert meant(text, post)
    assert meant(text, edited(post, "anders", "2"))
    assert not meant(text, said("1990"))
    assert not meant(text, said("200", text="https://x.com/burger900/status/199"))
    assert not meant(text, said("200", to="x:a:post:199"))


def test_a_link_to_another_platform_with_the_same_number_is_not_meant() -> None:
    assert not meant("https://x.com/a/status/199", said("199", platform="mastodon"))
    assert meant("199", said("199", platform="mastodon"))


def test_an_edit_is_meant_by_its_own_number() -> None:
    edit = edited(said("199"), "anders", "201")

    assert meant("https://x.com/a/status/201", edit)
    assert meant(edit.id, edit)
    assert not meant(edit.id, said("199"))


@pytest.mark.parametrize(
    ("link", "native"),
    [
        ("https://www.facebook.com/a/posts/12210000?comment_id=555000111", "12210000_555000111"),
        ("https://www.facebook.com/a/posts/12210000", "1234567890321_12210000"),
        ("https://bsky.app/profile/a.example/post/3labc", "at://did:plc:a/app.bsky.feed.post/3labc"),
    ],
)  # fmt: skip
def test_a_link_that_has_half_of_an_id_is_enough(link: str, native: str) -> None:
    platform = "facebook" if "facebook" in link else "bluesky"

    assert meant(link, msgspec.structs.replace(said(native), platform=platform))
    assert not meant(link, msgspec.structs.replace(said(f"{native}9"), platform=platform))


@pytest.mark.parametrize(
    ("raw", "is_it"),
    [
        (rb'{"permalink":"https:\/\/www.instagram.com\/p\/DCabcdEFGhi\/"}', True),
        (rb'{"permalink":"https://www.instagram.com/p/DCabcdEFGhi/"}', True),
        (rb'{"permalink":"https://www.instagram.com/p/DCabcdEFGhiJ/"}', False),
        (rb'{"permalink":"https://www.instagram.com/p/-DCabcdEFGhi/"}', False),
    ],
)
def test_a_link_without_an_id_of_ours_is_looked_for_in_the_platforms_words(
    raw: bytes, *, is_it: bool
) -> None:
    post = msgspec.structs.replace(said("1"), platform="instagram", raw=msgspec.Raw(raw))

    assert meant("https://www.instagram.com/p/DCabcdEFGhi/", post) is is_it


def test_a_status_from_elsewhere_has_another_id_on_our_server() -> None:
    raw = msgspec.Raw(b'{"id":"77","uri":"https://there.example/users/buur/statuses/115000001"}')
    status = msgspec.structs.replace(said("77"), platform="mastodon", raw=raw)

    assert meant("https://there.example/@buur/115000001", status)
    assert not meant("https://there.example/@buur/115000002", status)


def test_with_our_accounts_a_link_is_known_to_the_ledger_by_hash() -> None:
    known = asked("https://x.com/a/status/199").on(OURS)

    assert Search(known).hashes == {digest("x:11:post:199"), digest("x:12:post:199")}
    assert Search(known).hash_inside(b'{"event":"%s"}' % digest("x:12:post:199").encode())
    assert not Search(known).hash_inside(b'{"event":"x:12:post:199"}')
    assert asked("199").on(OURS) == asked("199")


def test_coordinates_are_meant_as_such_and_nothing_is_searched() -> None:
    found = asked("social.events.v1:03:12")

    assert (found.record, found.ids, found.natives) == ("social.events.v1:3:12", frozenset(), ())
    assert not Search(found).inside(b"anything")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "give an id"),
        ("a" * 3000, "give an id"),
        ("a\x1bb", "give an id"),
        ("a\udc80", "give an id"),
        ("social.events.v1:12:0", "no coordinates"),
        ("social.events.v1:a:0", "no coordinates"),
        ("care.activity.v1:0:0", "no coordinates"),
        ("https://example.org/news", "no link to a post"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        asked(text)


def test_ids_with_quotes_and_odd_bytes_are_found_as_json_has_them() -> None:
    odd = said('9"\\é')

    assert meant('x:a:post:9"\\é', odd)
    assert Search(asked("199")).event(b'{"id":"199"') is None
    assert Search(asked("199")).event(None) is None
    assert Search(asked("199")).event(b"199" + b"[" * 5000) is None
