"""What Mastodon sends, read: the user stream, pages, who speaks to whom, and everything odd."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from toog.contracts import events
from toog.contracts.events import Author, Event, Media, Mention, Reference
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Parsed
from toog.platforms.mastodon import incoming

SAMPLES = Path(__file__).parents[2] / "samples" / "mastodon"
NOW = datetime(2026, 9, 14, 20, 30, tzinfo=UTC)
US = Account("mastodon", "110", "stadpoldem", "https://toot.example")
ACCOUNTS = Accounts([US])


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


def parse(body: Any, account: Account | None = US) -> Parsed:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    accounts = Accounts([account]) if account else ACCOUNTS
    return incoming.parse(data, accounts=accounts, account=account, source="m:test", now=NOW)


def all_of(body: Any, account: Account | None = US) -> list[Event]:
    parsed = parse(body, account)
    assert parsed.unreadable == ()
    for heard in parsed.heard:
        assert not heard.room
        assert events.decode(events.encode(heard.event)).id == heard.event.id
    return [heard.event for heard in parsed.heard]


def one(body: Any) -> Event:
    (event,) = all_of(body)
    return event


def named(acct: str, id_: str) -> dict[str, str]:
    user, _, domain = acct.partition("@")
    url = f"https://{domain or 'toot.example'}/@{user}"
    return {"id": id_, "username": user, "acct": acct, "url": url}


def card(acct: str) -> str:
    person = named(acct, "")
    return f'<span class="h-card"><a href="{person["url"]}" class="u-url mention">@<span>{person["username"]}</span></a></span>'


def status(**fields: Any) -> dict[str, Any]:
    author = {"id": "220", "acct": "mia@zee.example", "display_name": "Mia"}
    usual = {"id": "1001", "created_at": "2026-09-14T20:29:59.123Z", "visibility": "public"}
    return usual | {"account": author, "content": "<p>dag</p>", "mentions": []} | fields


def mention(**fields: Any) -> dict[str, Any]:
    body = status(**fields)
    return {"id": "7", "type": "mention", "account": body["account"], "status": body}


def sse(name: str, data: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return f"event: {name}\ndata: {text}\n\n".encode()


def test_the_recorded_stream_gives_every_event_in_order() -> None:
    recorded = sample("stream_user_sse")["body"].encode()
    us = Account("mastodon", "117020617404561855", "mastodonpy_test", "http://localhost:3000")

    found = [(e.kind, e.surface, e.own, e.native) for e in all_of(recorded, us)]

    assert found == [
        ("created", "post", True, "117024236332527350"),
        ("created", "post", False, "117024236408130890"),
        ("created", "dm", True, "117024236559579118"),
        ("created", "dm", False, "117024236635443611"),
        ("edited", "post", True, "117024236332527350"),
        ("deleted", None, False, "117024236332527350"),
    ]


def test_ids_edits_and_deletions_of_the_recorded_stream_belong_together() -> None:
    recorded = sample("stream_user_sse")["body"].encode()
    us = Account("mastodon", "117020617404561855", "mastodonpy_test", "http://localhost:3000")

    post, *_, edit, deletion = all_of(recorded, us)

    assert f"mastodon:{us.id}:status:117024236332527350" == post.id == edit.of == deletion.of
    assert f"{post.id}:edit:2026-08-02T05:22:24.192Z" == edit.id
    assert f"{post.id}:deleted" == deletion.id
    assert "" == post.revision < edit.revision
    assert edit.text == "only real animals respond."


def test_the_recorded_page_holds_a_mention() -> None:
    event = one(sample("notifications_mention_page")["json"])

    assert event.id == "mastodon:110:status:117020576916218297"
    assert event.text == "@mastodonpy_test hello!"
    assert (Mention("mastodonpy_test", "117020565966271181"),) == event.mentions
    assert datetime(2026, 8, 1, 13, 51, 39, 138000, UTC) == event.occurred_at


def test_a_reply_of_ours_belongs_to_the_citizen() -> None:
    ours = Account("mastodon", "117020565693913441", "admin", "http://localhost:3000")
    body = sample("post_reply_exchange")["response"]["json"]

    (heard,) = parse(sse("update", body), ours).heard

    assert heard.event.own
    assert heard.event.conversation == "117020566092212359"
    assert f"mastodon:{ours.id}:117020566092212359" == heard.key
    reference = Reference(f"mastodon:{ours.id}:status:117020583245459824", "117020566092212359")
    assert reference == heard.event.in_reply_to
    assert (Mention("mastodonpy_test_2", "117020566092212359"),) == heard.event.reply_prefix


def test_a_mention_carries_all_that_the_author_wrote() -> None:
    event = one(
        mention(
            spoiler_text="Opgelet",
            content=f'<p>{card("stadpoldem")} kijk <a href="https://foto.example/1">hier</a></p>',
            mentions=[named("stadpoldem", "110")],
            tags=[{"name": "politie247", "url": "https://toot.example/tags/politie247"}],
            media_attachments=[{"type": "image", "url": "https://foto.example/1.jpg"}],
            language="nl",
        )
    )

    assert event.text == "Opgelet\n@stadpoldem kijk hier"
    assert event.links == ("https://foto.example/1",)
    assert event.hashtags == ("politie247",)
    assert (Media("image", "https://foto.example/1.jpg"),) == event.media
    assert Author("220", "mia@zee.example", "Mia") == event.author
    assert (event.language, event.visibility, event.conversation) == ("nl", "public", "220")
    assert json.loads(bytes(event.raw))["type"] == "mention"


def test_the_key_is_the_citizen() -> None:
    (heard,) = parse(mention()).heard

    assert heard.key == "mastodon:110:220"


def test_leading_mentions_of_a_reply_are_the_reply_forms() -> None:
    event = one(
        mention(
            in_reply_to_id="900",
            in_reply_to_account_id="330",
            content=f"<p>{card('jan@zee.example')} {card('stadpoldem')} ook bij {card('piet')}</p>",
            mentions=[
                named("stadpoldem", "110"),
                named("jan@zee.example", "330"),
                named("piet", "4"),
            ],
        )
    )

    assert event.surface == "reply"
    assert (Mention("jan@zee.example", "330"), Mention("stadpoldem", "110")) == event.reply_prefix
    assert (Mention("piet", "4"),) == event.mentions
    assert Reference("mastodon:110:status:900", "330") == event.in_reply_to


def test_who_stands_in_front_and_is_typed_again_is_both() -> None:
    event = one(
        mention(
            in_reply_to_id="900",
            content=f"<p>{card('stadpoldem')} hoor je mij, {card('stadpoldem')}?</p>",
            mentions=[named("stadpoldem", "110")],
        )
    )

    assert (Mention("stadpoldem", "110"),) == event.reply_prefix == event.mentions


def test_two_people_of_one_name_are_told_apart_by_their_address() -> None:
    event = one(
        mention(
            in_reply_to_id="900",
            content=f"<p>{card('jan@zee.example')} met {card('jan@bos.example')}</p>",
            mentions=[named("jan@bos.example", "2"), named("jan@zee.example", "1")],
        )
    )

    assert (Mention("jan@zee.example", "1"),) == event.reply_prefix
    assert (Mention("jan@bos.example", "2"),) == event.mentions


def test_a_post_that_begins_with_us_is_typed() -> None:
    event = one(
        mention(content=f"<p>{card('stadpoldem')} dag</p>", mentions=[named("stadpoldem", "110")])
    )

    assert event.reply_prefix == ()
    assert (Mention("stadpoldem", "110"),) == event.mentions


def test_direct_is_a_dm_also_as_a_reply() -> None:
    event = one(mention(visibility="direct", in_reply_to_id="900"))

    assert (event.surface, event.visibility) == ("dm", "direct")


@pytest.mark.parametrize(
    ("fields", "other"),
    [
        ({"in_reply_to_id": "9", "in_reply_to_account_id": "330"}, "330"),
        ({"mentions": [named("jan", "440")]}, "440"),
        ({"in_reply_to_account_id": "110", "mentions": [named("jan", "440")]}, "440"),
    ],
)
def test_our_own_message_is_keyed_by_the_other_party(fields: dict[str, Any], other: str) -> None:
    (heard,) = parse(sse("update", status(account={"id": "110", "acct": "x"}, **fields))).heard

    assert heard.event.own
    assert (other, f"mastodon:110:{other}") == (heard.event.conversation, heard.key)


def test_our_own_post_to_nobody_is_keyed_by_itself() -> None:
    two = [named("jan", "440"), named("mia", "220")]
    (heard,) = parse(sse("update", status(account={"id": "110"}, mentions=two))).heard

    assert heard.key == "mastodon:110:1001"


def test_the_same_status_by_stream_by_page_and_alone_is_one_event() -> None:
    body = mention()

    found = [one(sse("notification", body)), one([body]), one(body), one(body["status"])]

    assert {"mastodon:110:status:1001"} == {event.id for event in found}


def test_a_page_comes_out_oldest_first() -> None:
    assert [e.native for e in all_of([mention(id="2"), mention(id="1")])] == ["1", "2"]


def test_an_edit_names_its_version() -> None:
    event = one(sse("status.update", status(edited_at="2026-09-14T20:31:00.000Z")))

    assert event.kind == "edited"
    assert event.id == "mastodon:110:status:1001:edit:2026-09-14T20:31:00.000Z"
    assert datetime(2026, 9, 14, 20, 31, tzinfo=UTC) == event.occurred_at


def test_an_update_without_a_version_never_wins() -> None:
    first, second = (one(sse("status.update", status(content=c))) for c in ("a", "b"))

    assert first.id != second.id
    assert first.revision == ""


def test_a_deletion_knows_the_id_alone_and_reads_back_from_its_raw() -> None:
    (heard,) = parse(sse("delete", "1001")).heard

    assert heard.key == "mastodon:110:1001"
    assert (heard.event.kind, heard.event.of) == ("deleted", "mastodon:110:status:1001")
    assert heard.event == one(bytes(heard.event.raw))


SIGNALS = [
    ({"id": "8", "type": "favourite", "account": {"id": "220"}, "status": status()}, "favourite"),
    ({"id": "8", "type": "follow", "account": {"id": "220"}}, "follow"),
    ({"id": "8", "type": "mention", "account": {"id": "220"}, "status": None}, "mention"),
    ({"id": "8", "type": "severed_relationships"}, "severed_relationships"),
    ({"id": "8", "type": "never_heard_of"}, "not_understood"),
    ({"id": "8", "type": "standby", "account": 5, "status": "?"}, "not_understood"),
]


@pytest.mark.parametrize(("body", "name"), SIGNALS)
def test_what_is_no_message_is_a_signal(body: dict[str, Any], name: str) -> None:
    event = one(sse("notification", body))

    assert ("signal", name) == (event.kind, event.signal)
    assert event.id == "mastodon:110:notification:8"


def test_a_boost_is_a_signal() -> None:
    event = one(sse("update", status(reblog=status(id="5"))))

    assert (event.kind, event.signal) == ("signal", "reblog")


def test_an_unknown_event_is_a_signal_whatever_its_data() -> None:
    found = all_of(sse("conversation", {"id": "1"}) + sse("novelty", "undefined"))

    assert [event.signal for event in found] == ["conversation", "not_understood"]


@pytest.mark.parametrize(
    "body",
    [b":thump\n", b":)\n\n", b":", b"", b" \n", b"event: filters_changed\ndata: undefined\n"],
)
def test_control_says_nothing(body: bytes) -> None:
    assert Parsed() == parse(body)


@pytest.mark.parametrize(
    "odd",
    [
        {"id": [5], "account": {"id": "1"}},
        {"id": "", "account": {"id": "1"}},
        {"id": "5"},
        {"id": "5", "account": None},
        {"id": "5", "account": {"id": []}, "mentions": "geen"},
        {"id": "x" * 300, "account": {"id": "1"}},
        {"type": "mention", "id": "1", "status": {"id": "2"}},
        {"type": 5},
        "tekst",
        12,
        None,
    ],
)
def test_an_odd_update_is_a_signal_and_costs_the_others_nothing(odd: Any) -> None:
    before, strange, after = all_of([mention(id="3"), odd, mention(id="2")])

    assert (before.native, after.native) == ("2", "3")
    assert (strange.kind, strange.signal) == ("signal", "not_understood")
    assert strange.id == one([odd]).id


@pytest.mark.parametrize("odd", ["", "twee woorden", "x" * 300, '{"id":"5"}'])
def test_an_odd_deletion_is_a_signal(odd: str) -> None:
    assert one(f"event: delete\ndata: {odd}\n\n".encode()).signal == "not_understood"


@pytest.mark.parametrize("body", [b"<html>502</html>", b"{", b"[{}, ", b"[" * 50_000, b"nul"])
def test_no_json_is_unreadable(body: bytes) -> None:
    parsed = parse(body)

    assert parsed.heard == ()
    assert [body] == [letter.body for letter in parsed.unreadable]


def test_a_broken_event_costs_the_next_nothing() -> None:
    parsed = parse(b"event: update\ndata: {oeps\n\n" + sse("notification", mention()))

    assert [letter.body for letter in parsed.unreadable] == [b"{oeps"]
    assert [heard.event.native for heard in parsed.heard] == ["1001"]


def test_nul_and_half_pairs_are_replaced_and_flagged() -> None:
    bad = json.dumps([mention(id="2", content="a\\u0000b \\ud83d"), mention(id="1")])
    found = all_of(bad.replace("\\\\", "\\").encode())

    assert [event.cleaned for event in found] == [False, True]
    assert found[1].text == "a\ufffdb \ufffd"


@pytest.mark.parametrize(
    "account", [None, Account("mastodon", "666", "vreemd", "https://x.example")]
)
def test_an_account_that_is_not_ours_gives_signals_only(account: Account | None) -> None:
    body = sse("notification", mention()) + sse("delete", "5")
    parsed = incoming.parse(body, accounts=ACCOUNTS, account=account, source="m", now=NOW)

    assert [heard.event.signal for heard in parsed.heard] == ["unknown_account"] * 2


def test_odd_times_and_words_are_taken_mildly() -> None:
    event = one(mention(created_at="gisteren", visibility="limited", tags=[{}], mentions=[{}]))

    assert (
        event.occurred_at,
        event.visibility,
        event.hashtags,
        event.mentions,
    ) == (NOW, "private", (), ())


def test_a_time_without_zone_is_utc() -> None:
    assert (
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        == one(mention(created_at="2026-01-02T03:04")).occurred_at
    )


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        (
            {"state": "accepted", "quoted_status": {"id": "5", "account": {"id": "110"}}},
            Reference("mastodon:110:status:5", "110"),
        ),
        ({"quoted_status_id": "5"}, Reference("mastodon:110:status:5")),
        ({"state": "pending", "quoted_status": None}, None),
    ],
)
def test_a_quote_names_what_it_quotes(quote: dict[str, Any], expected: Reference | None) -> None:
    assert expected == one(mention(quote=quote)).quotes


def test_who_the_server_does_not_list_is_nobody() -> None:
    content = f"<p>{card('vreemd')} {card('stadpoldem')} dag</p>"
    event = one(
        mention(
            in_reply_to_id="9",
            content=content,
            mentions=[named("stadpoldem", "110")],
            visibility=None,
        )
    )

    assert event.reply_prefix == (Mention("stadpoldem", "110"),)
    assert event.mentions == ()
    assert event.visibility is None


def test_a_link_that_looks_like_a_mention_is_a_link() -> None:
    content = '<p><a href="https://andere.example/mia">@mia</a> <a href="/x">@jan</a></p>'

    assert one(mention(content=content)).links == ("https://andere.example/mia",)


def test_hashtags_come_from_the_text_where_the_server_lists_none() -> None:
    body = status(content="<p><a href='https://toot.example/tags/x'>#Rook</a> #los</p>")
    del body["mentions"]

    assert one(body).hashtags == ("Rook",)
    assert one(body | {"tags": []}).hashtags == ()
