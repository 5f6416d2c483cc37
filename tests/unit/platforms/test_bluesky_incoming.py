"""What Bluesky sends, read: notifications, Jetstream, chat log, look-ups, and everything odd."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from toog.contracts import events
from toog.contracts.events import Author, Event, Media, Mention, Reference
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard, Parsed
from toog.platforms.bluesky import incoming

SAMPLES = Path(__file__).parents[2] / "samples" / "bluesky"
NOW = datetime(2026, 9, 14, 20, 30, tzinfo=UTC)
US = Account(
    "bluesky", "did:plc:stadpoldem2demo2demo2dem", "stadpoldem.test", "https://pds.example"
)
MIA = "did:plc:kbwvo3tu5gsegorseggojg5e"
JAN = "did:plc:jan2jan2jan2jan2jan2jan2"
OURS = f"at://{US.id}/app.bsky.feed.post/3mmojbrjwbs26"
THEIRS = f"at://{MIA}/app.bsky.feed.post/3mmoojp4cd223"
CID = "bafyreicl7rzkxdrm4zz2ehbx52kuk3mvfow6p3gzfys72r5grvskxoswy4"
ROOT_CID = "bafyreiainko5un5pbcdosvxpbisjnjzemojnry6nsgtdftdgslbu37kxai"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_bytes())


def lines() -> list[Any]:
    text = (SAMPLES / "made" / "jetstream.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def parse(body: Any, account: Account | None = US, accounts: Accounts | None = None) -> Parsed:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    known = accounts or Accounts([US])
    return incoming.parse(data, accounts=known, account=account, source="b:test", now=NOW)


def heard(body: Any, account: Account | None = US) -> list[Heard]:
    accounts = Accounts([account]) if account else None
    parsed = parse(body, account, accounts)
    assert parsed.unreadable == ()
    for one in parsed.heard:
        assert events.decode(events.encode(one.event)).id == one.event.id
        assert one.key.startswith(f"bluesky:{(account or US).id}:")
    return list(parsed.heard)


def all_of(body: Any, account: Account | None = US) -> list[Event]:
    return [one.event for one in heard(body, account)]


def one(body: Any) -> Event:
    (event,) = all_of(body)
    return event


def post_id(uri: str) -> str:
    return f"bluesky:{US.id}:post:{uri}"


def note(record: Any, **fields: Any) -> dict[str, Any]:
    usual = {"uri": THEIRS, "cid": CID, "reason": "mention", "indexedAt": "2026-05-25T14:25:00Z"}
    return usual | {"author": {"did": MIA, "handle": "mia.test"}, "record": record} | fields


def test_the_recorded_page_holds_a_mention_and_two_replies_in_its_order() -> None:
    alice = Account(
        "bluesky", "did:plc:3cdn4lk2sjlschikfpfqtx4i", "alice.test", "https://x.example"
    )

    mention, *replies = all_of(sample("list_notifications_mention_reply.json"), alice)

    assert (mention.kind, mention.surface) == ("created", "quote")
    assert mention.mentions == (Mention("alice.bluesky.xyz", alice.id),)
    assert mention.quotes is not None
    assert mention.quotes.author == "did:plc:fdjecqsxz6ntc55vaflpsf6j"
    assert [(r.surface, r.text) for r in replies] == [("reply", "indeed"), ("reply", "of course")]
    assert (replies[0].conversation or "").endswith("3k00000000004")


def test_facets_count_in_bytes_and_say_who_is_named_and_what_is_linked() -> None:
    event = all_of(sample("made/list_notifications.json"))[0]

    assert event.mentions == (Mention("stadpoldem.test", US.id),)
    assert event.links == ("https://stad.example/omleiding?nu=1",)
    assert event.hashtags == ("politie247", "Meir")
    assert event.author == Author(MIA, "mia.test", "Mia")
    assert event.occurred_at == datetime(2026, 5, 25, 14, 25, 0, 123000, UTC)
    assert event.reply_context == {"cid": CID}
    assert (event.native, event.conversation) == (
        event.id.removeprefix(f"bluesky:{US.id}:post:"),
        event.native,
    )
    assert (event.language, event.visibility) == ("nl", "public")


def test_without_facets_nobody_is_named() -> None:
    event = all_of(sample("made/list_notifications.json"))[1]

    assert (event.mentions, event.links, event.hashtags) == ((), (), ())


def test_quotes_stand_in_a_record_alone_or_beside_a_picture() -> None:
    quote, pictured = all_of(sample("made/list_notifications.json"))[2:4]

    assert (quote.surface, quote.quotes) == ("quote", Reference(post_id(OURS), US.id))
    assert (pictured.surface, pictured.quotes) == ("quote", Reference(post_id(OURS), US.id))
    assert (quote.media, pictured.media) == ((), (Media("image"),))


def test_other_reasons_are_signals_under_their_name() -> None:
    signals = all_of(sample("made/list_notifications.json"))[4:]

    assert [(e.kind, e.signal) for e in signals] == [
        ("signal", "like"),
        ("signal", "repost"),
        ("signal", "follow"),
        ("signal", "starterpack-joined"),
        ("signal", "not_understood"),
    ]
    assert {e.author for e in signals} == {Author(MIA, "mia.test")}
    assert signals[0].occurred_at == datetime(2026, 5, 25, 14, 25, 0, 123000, UTC)


def test_a_notification_that_was_read_meanwhile_is_the_same_one() -> None:
    page = sample("made/list_notifications.json")
    read = json.loads(json.dumps(page).replace('"isRead": false', '"isRead": true'))

    assert [e.id for e in all_of(page)] == [e.id for e in all_of(read)]


def test_a_reply_on_jetstream_knows_its_parent_and_root() -> None:
    event = one(sample("jetstream_post_reply.json"))

    assert event.id == post_id(THEIRS)
    assert (event.surface, event.text) == ("reply", "Wanneer gaat de brug weer open?")
    assert event.in_reply_to == Reference(post_id(OURS), US.id)
    assert (event.root_author, event.conversation) == (US.id, OURS)
    assert event.author == Author(MIA)
    assert event.occurred_at == datetime(2026, 5, 25, 14, 23, 29, 157119, UTC)
    assert event.reply_context == {"cid": CID, "root_uri": OURS, "root_cid": ROOT_CID}


def test_jetstream_lines_one_by_one_and_together_say_the_same() -> None:
    body = (SAMPLES / "made" / "jetstream.jsonl").read_bytes()
    together = all_of(body)

    assert [e.id for e in together] == [one(line).id for line in lines()]
    assert [e.id for e in together] == [e.id for e in all_of(lines())]
    assert [(e.kind, e.surface, e.own, e.signal) for e in together] == [
        ("created", "post", False, None),
        ("edited", "post", False, None),
        ("deleted", None, False, None),
        ("created", "reply", False, None),
        ("created", "reply", True, None),
        ("created", "post", True, None),
        ("signal", None, False, "like"),
        ("signal", None, False, "other_collection"),
        ("signal", None, False, "identity"),
        ("signal", None, False, "account"),
        ("created", "post", False, None),
    ]


def test_an_edit_and_a_deletion_belong_to_their_post() -> None:
    created, edit, deletion = (one(line) for line in lines()[:3])

    assert created.id == edit.of == deletion.of == post_id(THEIRS)
    assert edit.id == f"{created.id}:edit:{CID}"
    assert (edit.text, created.revision < edit.revision) == ("De brug is weer open", True)
    assert deletion.id == f"{created.id}:deleted"


def test_the_network_at_large_enters_only_for_what_was_seen_or_in_the_room() -> None:
    told = [heard(line)[0] for line in lines()]

    assert [one.if_seen for one in told[:3]] == [False, True, True]
    assert [one.room for one in told] == [False] * 10 + [True]


def test_an_edit_that_still_concerns_us_enters_anyway() -> None:
    update = lines()[0]
    update["commit"]["operation"] = "update"

    assert not heard(update)[0].if_seen


def test_a_bystander_stands_in_our_thread() -> None:
    event = one(lines()[3])

    assert (event.root_author, event.conversation) == (US.id, OURS)
    assert event.in_reply_to is not None
    assert event.in_reply_to.author == JAN


def test_keys_name_the_citizen_also_for_our_own_reply() -> None:
    told = [heard(line)[0] for line in lines()]
    key = f"bluesky:{US.id}:"

    assert told[4].key == told[0].key == told[2].key == key + MIA
    assert told[5].key == key + (told[5].event.native or "")


def test_a_chat_message_is_a_dm_of_its_conversation() -> None:
    event = one(sample("chat_get_log.json"))

    assert event.id == f"bluesky:{US.id}:message:3kc2demo"
    assert (event.surface, event.visibility, event.own) == ("dm", "direct", False)
    assert (event.conversation, event.native) == ("3kb2demo", "3kc2demo")
    assert (event.text, event.author) == ("Kan ik hier een melding doen?", Author(MIA))
    assert event.reply_context == {"convo": "3kb2demo"}
    assert event.occurred_at == datetime(2026, 5, 25, 14, 30, tzinfo=UTC)


def test_the_chat_log_holds_more_than_messages() -> None:
    told = all_of(sample("made/chat_get_log.json"))

    assert [(e.kind, e.signal, e.own) for e in told] == [
        ("signal", "conversation", False),
        ("created", None, False),
        ("created", None, True),
        ("deleted", None, False),
        ("deleted", None, False),
        ("signal", "reaction", False),
        ("signal", "read", False),
        ("signal", "not_understood", False),
    ]
    assert told[1].links == ("https://stad.example/x",)
    assert told[1].mentions == (Mention("stadpoldem.test", US.id),)
    assert told[4].of == told[1].id
    assert told[3].id == f"bluesky:{US.id}:message:3kc2c:deleted"


def test_a_chat_entry_alone_says_the_same_as_in_its_page() -> None:
    page = sample("made/chat_get_log.json")

    assert [one(entry).id for entry in page["logs"]] == [e.id for e in all_of(page)]


def test_a_post_that_is_looked_up_is_the_one_that_was_told() -> None:
    event = one(sample("made/get_posts.json"))

    assert event.id == one(lines()[0]).id
    assert (event.kind, event.author) == ("created", Author(MIA, "mia.test", "Mia"))
    assert one(sample("made/get_posts.json")["posts"][0]).id == event.id


def test_a_thread_and_a_feed_are_looked_up_too() -> None:
    (post,) = sample("made/get_posts.json")["posts"]
    names = [f"at://{MIA}/app.bsky.feed.post/{n}" for n in range(4)]
    root, parent, reply, below = ({"post": {**post, "uri": uri}} for uri in names)
    gone = {"$type": "app.bsky.feed.defs#notFoundPost", "uri": OURS, "notFound": True}
    thread = {**reply, "parent": {**parent, "parent": root}, "replies": [gone, below, 3]}

    assert [e.native for e in all_of({"thread": thread})] == names
    assert [e.native for e in all_of({"feed": [root, {"post": 3}, parent]})] == [
        names[0],
        None,
        names[1],
    ]
    assert one({"thread": gone}).signal == "not_understood"


def test_a_record_of_a_repository_is_a_post_too() -> None:
    record = {"uri": OURS, "cid": CID, "value": {"text": "Wij zijn er."}}

    event = one({"records": [record]})

    assert (event.own, event.text, event.author) == (True, "Wij zijn er.", Author(US.id))


@pytest.mark.parametrize(
    "facets",
    [
        None,
        {},
        [None, 1, {"features": 3}],
        [{"index": {"byteStart": 0, "byteEnd": 3}}],
        [{"index": None, "features": [None, {"$type": 3}, {"$type": "x"}]}],
        [{"features": [{"$type": "app.bsky.richtext.facet#link", "uri": "javascript:x"}]}],
        [{"features": [{"$type": "app.bsky.richtext.facet#mention"}]}],
    ],
)
def test_an_odd_facet_costs_only_itself(facets: Any) -> None:
    event = one(note({"text": "dag @iemand", "facets": facets}))

    assert (event.kind, event.text, event.mentions, event.links) == (
        "created",
        "dag @iemand",
        (),
        (),
    )


@pytest.mark.parametrize(
    "index",
    [
        None,
        {"byteStart": -1, "byteEnd": 3},
        {"byteStart": 0, "byteEnd": 99},
        {"byteStart": 2},
        {"byteStart": 3, "byteEnd": 1},
        {"byteStart": 0, "byteEnd": 1},
    ],
)
def test_who_is_named_is_known_by_did_where_the_offsets_are_odd(index: Any) -> None:
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": US.id}
    event = one(note({"text": "é dag", "facets": [{"index": index, "features": [feature]}]}))

    assert event.mentions == (Mention(US.id, US.id),)


@pytest.mark.parametrize(
    "more",
    [
        {"embed": 3},
        {
            "embed": {
                "$type": "app.bsky.embed.record",
                "record": {"uri": "at://x/app.bsky.graph.list/1"},
            }
        },
        {"embed": {"$type": "app.bsky.embed.record", "record": None}},
        {"embed": {"$type": "app.bsky.embed.recordWithMedia"}},
        {"reply": "odd"},
        {"reply": {"parent": {"uri": 3}}},
        {"reply": {"root": {"uri": OURS}}},
        {"langs": "nl"},
        {"langs": []},
        {"tags": [1]},
    ],
)
def test_an_odd_part_costs_only_itself(more: Any) -> None:
    event = one(note({"text": "dag", **more}))

    assert (event.kind, event.surface, event.text) == ("created", "post", "dag")


def test_a_link_card_and_a_film_are_told() -> None:
    card = {
        "$type": "app.bsky.embed.external",
        "external": {"uri": "https://a.example", "title": ""},
    }

    assert one(note({"text": "", "embed": card})).links == ("https://a.example",)
    assert one(note({"text": "", "embed": {"$type": "app.bsky.embed.video"}})).media == (
        Media("video"),
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error": "ExpiredToken", "message": "Token has expired"},
        {"notifications": None},
        {"logs": {}},
        note(None),
        note({"text": 3}),
        note({"text": "dag"}, uri="at://odd"),
        note({"text": "dag"}, uri=""),
        note({"text": "dag"}, uri=f"at://{MIA}/app.bsky.feed.like/1"),
        note({"text": "dag"}, author={"did": 3}),
        {"kind": "commit", "did": MIA, "time_us": 1},
        {"kind": "commit", "did": "", "time_us": 1, "commit": {}},
        {"kind": "of tomorrow", "did": MIA, "time_us": 1},
        {"$type": "chat.bsky.convo.defs#logCreateMessage", "convoId": "c", "message": {"id": ""}},
        {
            "$type": "chat.bsky.convo.defs#logCreateMessage",
            "message": {"id": "1", "sender": {"did": MIA}},
        },
        3,
        "tekst",
        None,
    ],
)
def test_what_is_not_understood_is_a_signal(body: Any) -> None:
    event = one(body)

    assert (event.kind, event.signal) == ("signal", "not_understood")


def test_one_odd_item_does_not_cost_the_others() -> None:
    page = {"notifications": [note({"text": "een"}), 3, note({"text": []}), note({"text": "twee"})]}

    assert [e.text for e in all_of(page)] == ["een", "", "", "twee"]


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"<html>", b"{]\n{}", b"\xff"])
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    parsed = parse(body)

    assert (parsed.heard, len(parsed.unreadable)) == ((), 1)


def test_a_broken_line_does_not_cost_the_others() -> None:
    whole = json.dumps(lines()[0]).encode()

    parsed = parse(whole + b"\n{half\n\n" + whole)

    assert (len(parsed.heard), [u.body for u in parsed.unreadable]) == (2, [b"{half"])


def test_deep_nesting_never_raises() -> None:
    deep = b'{"notifications":[' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"]}"

    assert [found.event.signal for found in parse(deep).heard] == ["not_understood"]


def test_eight_mebibytes_take_no_quadratic_time() -> None:
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": US.id}
    facet = {"index": {"byteStart": 0, "byteEnd": 4_000_000}, "features": [feature]}
    record = {"text": "x" * 4_000_000, "facets": [facet] * 30_000}

    assert one(note(record)).mentions == (Mention(US.id, US.id),)


def test_nul_and_lone_surrogates_are_replaced_and_flagged() -> None:
    page = {"notifications": [note({"text": "a\0b\ud800"}), note({"text": "goed"})]}

    odd, good = all_of(json.dumps(page).encode())

    assert (odd.text, odd.cleaned, good.cleaned) == ("a\ufffdb\ufffd", True, False)


@pytest.mark.parametrize(
    "at", ["", "gisteren", "2026-05-25T14:25:00", "0001-01-01T00:00:00+23:59", 3]
)
def test_a_time_that_is_none_is_the_time_of_receipt(at: Any) -> None:
    (event,) = all_of(note({"text": "dag"}, indexedAt=at))

    assert event.occurred_at == NOW if isinstance(at, str) else event.kind == "signal"


def test_a_time_beyond_all_time_is_the_time_of_receipt() -> None:
    line = lines()[0] | {"time_us": 2**63 - 1}

    assert one(line).occurred_at == NOW


def test_an_account_that_is_not_ours_is_a_signal() -> None:
    stranger = Account("bluesky", JAN, "jan.test", "https://pds.example")

    parsed = parse(sample("made/list_notifications.json"), stranger)

    assert [h.event.signal for h in parsed.heard] == ["unknown_account"]


def test_without_a_door_our_only_account_is_meant() -> None:
    event = parse(sample("jetstream_post_reply.json"), None).heard[0].event
    nobody = parse(sample("jetstream_post_reply.json"), None, Accounts([])).heard[0].event

    assert (event.account, event.kind) == (US.id, "created")
    assert (nobody.account, nobody.signal) == ("unknown", "unknown_account")


def test_the_handle_may_change_the_author_stays() -> None:
    before, after = (
        one(note({"text": "dag"}, author={"did": MIA, "handle": handle}))
        for handle in ("mia.test", "mia-nieuw.test")
    )

    assert before.author is not None
    assert after.author is not None
    assert before.author.id == after.author.id == MIA


def test_empty_pages_hold_nothing() -> None:
    assert all_of({"notifications": [], "cursor": "1"}) == []
    assert all_of({"logs": []}) == []
    assert all_of(b"") == []
