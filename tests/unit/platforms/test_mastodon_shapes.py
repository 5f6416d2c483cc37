"""Every shape in which a Mastodon-like server tells us something, each on a sample."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from toog.contracts import events
from toog.contracts.events import Author, Event, Mention, Reference
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard, Parsed, look_up_source
from toog.platforms.mastodon import incoming

SAMPLES = Path(__file__).parents[2] / "samples" / "mastodon"
NOW = datetime(2026, 9, 14, 20, 32, tzinfo=UTC)
US = Account("mastodon", "110", "stadpoldem", "https://toot.example")
GOTOSOCIAL = Account("mastodon", "01J9ZBXQ2C3D4E5F6G7H8J9K0M", "stadpoldem", "https://t.example")
AKKOMA = Account("mastodon", "AnbYzz8q2v9wLmNoPQ", "stadpoldem", "https://wijk.example")


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


def heard(body: Any, us: Account = US, source: str = "m") -> list[Heard]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    parsed = incoming.parse(data, accounts=Accounts([us]), account=us, source=source, now=NOW)
    assert parsed.unreadable == ()
    for one in parsed.heard:
        assert events.decode(events.encode(one.event)).id == one.event.id
    return list(parsed.heard)


def one(body: Any, us: Account = US, source: str = "m") -> Event:
    (found,) = heard(body, us, source)
    return found.event


def test_frames_of_the_websocket_are_read_in_their_order() -> None:
    mention, edit, deletion = (h.event for h in heard(sample("made/websocket_user_frames")))

    assert [mention.kind, edit.kind, deletion.kind] == ["created", "edited", "deleted"]
    assert mention.id == edit.of == deletion.of == "mastodon:110:status:115200000000000001"
    assert mention.revision < edit.revision
    assert edit.text == "@stadpoldem het werkt nu"


def test_a_frame_alone_says_the_same_as_the_event_of_the_stream() -> None:
    for frame in sample("made/websocket_user_frames"):
        sse = f"event: {frame['event']}\ndata: {frame['payload']}\n\n".encode()

        assert heard(frame) == heard(sse)


def test_a_payload_may_be_the_object_itself() -> None:
    frame = sample("made/websocket_user_frames")[0]

    assert one(frame).id == one(frame | {"payload": json.loads(frame["payload"])}).id
    assert one({"event": "delete", "payload": 5}).of == "mastodon:110:status:5"


def test_what_the_author_wrote_comes_out_of_the_html() -> None:
    event = one(sample("made/websocket_user_frames")[0])

    assert event.text == (
        "ongeval\n@stadpoldem werkt dit? https://politie.example/aangifte?x=1&y=2\n\n"
        "Bij 'ons' niet <3\n#Politie247"
    )
    assert event.links == ("https://politie.example/aangifte?x=1&y=2",)
    assert event.hashtags == ("Politie247",)
    assert event.mentions == (Mention("stadpoldem", "110"),)


def test_the_room_is_what_only_a_hashtag_brought() -> None:
    frames = heard(sample("made/websocket_hashtag_frames"))

    assert [found.room for found in frames] == [True, False, True]
    assert [found.event.kind for found in frames] == ["created", "created", "deleted"]


@pytest.mark.parametrize(
    "change",
    [
        {"visibility": "direct"},
        {"in_reply_to_id": "9", "in_reply_to_account_id": "110"},
        {"account": {"id": "110", "acct": "stadpoldem"}},
    ],
)
def test_what_is_sent_to_us_or_by_us_is_never_the_room(change: dict[str, Any]) -> None:
    frame = sample("made/websocket_hashtag_frames")[0]
    payload = json.loads(frame["payload"]) | change

    (found,) = heard(frame | {"payload": json.dumps(payload)})

    assert not found.room


@pytest.mark.parametrize("stream", [None, [], [5], "hashtag", ["user"], {"a": 1}])
def test_a_frame_of_no_hashtag_is_our_own_door(stream: Any) -> None:
    (found,) = heard(sample("made/websocket_hashtag_frames")[0] | {"stream": stream})

    assert not found.room


@pytest.mark.parametrize(
    ("visibility", "surface"),
    [("public", "post"), ("unlisted", "post"), ("private", "post"), ("direct", "dm")],
)
def test_a_mention_comes_in_any_visibility(visibility: str, surface: str) -> None:
    (told,) = sample("notifications_mention_page")["json"]
    told["status"]["visibility"] = visibility

    event = one([told], Account("mastodon", "117020565966271181", "x", "https://x.example"))

    assert (event.visibility, event.surface) == (visibility, surface)


def test_a_recorded_conversation_is_its_last_word() -> None:
    (talk,) = sample("conversations")

    event = one([talk])

    assert event == msgspec.structs.replace(one(talk["last_status"]), raw=event.raw)
    assert (event.surface, event.native) == ("dm", talk["last_status"]["id"])


def test_a_conversation_without_a_last_word_is_a_signal() -> None:
    event = one([{"id": "5", "unread": False, "accounts": [], "last_status": None}])

    assert (event.kind, event.signal) == ("signal", "conversation")


@pytest.mark.parametrize("odd", [{"type": "mention", "id": [5]}, {"last_status": {"id": "5"}}, []])
def test_what_is_no_whole_object_is_not_understood(odd: Any) -> None:
    assert [found.event.signal for found in heard([odd, odd])] == ["not_understood"] * 2


def test_a_remote_reply_tells_the_forms_handles_from_the_typed_ones() -> None:
    event = one(sample("made/reply_remote_idn"))

    assert event.author == Author("114700000000000330", "jan@bücherwinkel.example", "Jan")
    assert event.reply_prefix == (
        Mention("stadpoldem", "110"),
        Mention("mia@zee.example", "114700000000000220"),
    )
    assert event.mentions == (Mention("mia@zee.example", "114700000000000220"),)
    assert event.in_reply_to == Reference("mastodon:110:status:115100000000000009", "110")
    assert (event.surface, event.visibility) == ("reply", "unlisted")


@pytest.mark.parametrize("written", ["bücherwinkel.example", "xn--bcherwinkel-thb.example"])
def test_a_domain_is_one_in_either_spelling(written: str) -> None:
    told = sample("made/reply_remote_idn")
    jan = {"id": "330", "acct": "jan@bücherwinkel.example", "username": "jan", "url": None}
    told["status"] |= {
        "content": f'<p><a href="https://elders.example/1" class="mention">@jan@{written}</a> ja</p>',
        "mentions": [jan],
    }

    assert one(told).reply_prefix == (Mention("jan@bücherwinkel.example", "330"),)


@pytest.mark.parametrize("odd", ["ü..example", "ü" * 80 + ".example", "ü" * 300])
def test_a_domain_that_is_none_is_compared_as_it_is(odd: str) -> None:
    told = sample("made/reply_remote_idn")
    told["status"] |= {
        "content": f"<p><a href='x'>@jan@{odd}</a> ja</p>",
        "mentions": [{"id": "330", "acct": f"jan@{odd}", "username": "jan"}],
    }

    assert one(told).reply_prefix == (Mention(f"jan@{odd}", "330"),)


def test_a_quote_of_ours_is_a_message_that_quotes_us() -> None:
    event = one(sample("made/quote_notification"))

    assert (event.kind, event.surface, event.own) == ("created", "quote", False)
    assert event.quotes == Reference("mastodon:110:status:115100000000000001", "110")
    assert (event.text, event.links) == ("Mooi werk", ())
    assert event.id == one(sample("made/quote_notification")["status"]).id


def test_a_quote_that_names_no_author_is_ours_where_it_is_told_as_one() -> None:
    told = sample("made/quote_notification")
    told["status"]["quote"] = {"state": "accepted", "quoted_status_id": "5"}

    assert one(told).quotes == Reference("mastodon:110:status:5", "110")
    assert one(told["status"]).quotes == Reference("mastodon:110:status:5")


def test_a_reply_that_quotes_is_a_reply() -> None:
    told = sample("made/quote_notification")
    told["status"] |= {"in_reply_to_id": "7", "in_reply_to_account_id": "220"}

    event = one(told)

    assert event.surface == "reply"
    assert event.quotes is not None


def test_notifications_without_account_or_status_are_signals() -> None:
    told = [h.event for h in heard(sample("made/notifications_odd_page"))]

    assert [event.signal for event in told] == [
        "follow",
        "not_understood",
        "reblog",
        "moderation_warning",
        "severed_relationships",
    ]
    assert [event.id for event in told] == [f"mastodon:110:notification:{n}" for n in range(80, 85)]
    assert {event.occurred_at for event in told} == {datetime(2026, 9, 14, 20, 30, tzinfo=UTC)}


def test_gotosocial_writes_ulids() -> None:
    private, direct = (
        h.event for h in heard(sample("made/gotosocial_notifications_page")["json"], GOTOSOCIAL)
    )

    assert private.id == f"mastodon:{GOTOSOCIAL.id}:status:01J9ZCB6JR6T2Q1W8E4R5T6Y7Z"
    assert private.mentions == (Mention("stadpoldem", GOTOSOCIAL.id),)
    assert (private.surface, private.visibility) == ("post", "private")
    assert (direct.surface, direct.conversation) == ("dm", "01J9ZC0VEV0X5W8Q0P4K2N7M3D")


def test_akkoma_writes_flakes_and_quotes_with_the_status_itself() -> None:
    event = one(sample("made/akkoma_quote_update"), AKKOMA)

    assert event.native == "AnbZ3TtUuVvWwXxYyZ"
    assert event.quotes == Reference(f"mastodon:{AKKOMA.id}:status:AnbZ0aBcDeFgHiJkLm", AKKOMA.id)
    assert (event.surface, event.visibility) == ("quote", "private")
    assert event.text == "Goed gezien!\n\nTot straks"


def test_what_was_looked_up_enriches_what_entered() -> None:
    status = sample("post_reply_exchange")["response"]["json"]

    plain, enriched = one(status), one(status, source=look_up_source("mastodon"))

    assert (enriched.kind, enriched.of) == ("edited", plain.id)
    assert enriched.id == f"{plain.id}:edit:enriched"
    assert enriched.revision > plain.revision == ""


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2026-09-14T20:31:00Z", "2026-09-14T20:31:00.500Z"),
        ("2026-09-14T20:31:00.5Z", "2026-09-14T20:31:01Z"),
        ("2026-09-14T22:31:00+02:00", "2026-09-14T20:31:01Z"),
        ("gisteren", "2026-09-14T20:31:01Z"),
    ],
)
def test_the_later_edit_wins_however_its_time_is_written(earlier: str, later: str) -> None:
    status = json.loads(sample("made/websocket_user_frames")[1]["payload"])
    frames = [
        {"event": "status.update", "payload": status | {"edited_at": at}} for at in (earlier, later)
    ]

    first, second = (h.event for h in heard(frames))

    assert first.revision < second.revision
    assert first.id.endswith(f":edit:{earlier}")


ODD_FIELDS = [
    ("language", 5),
    ("spoiler_text", []),
    ("visibility", {}),
    ("tags", "geen"),
    ("media_attachments", [5, {"type": 5, "url": "https://foto.example/1.jpg"}]),
    ("quote", "nee"),
    ("in_reply_to_id", []),
    ("created_at", False),
]


@pytest.mark.parametrize(("name", "odd"), ODD_FIELDS)
def test_an_odd_field_costs_that_field_and_not_the_message(name: str, odd: Any) -> None:
    told = json.loads(sample("made/websocket_user_frames")[0]["payload"])
    told["status"][name] = odd

    event = one(told)

    assert event.kind == "created"
    assert event.mentions == (Mention("stadpoldem", "110"),)


def test_an_odd_mention_costs_the_others_nothing() -> None:
    told = json.loads(sample("made/websocket_user_frames")[0]["payload"])
    told["status"]["mentions"] = [5, *told["status"]["mentions"], {"acct": 7, "id": []}, None]

    assert one(told).mentions == (Mention("stadpoldem", "110"),)


def test_the_outer_frames_replaced_characters_are_flagged_too() -> None:
    frame = json.dumps({"event": "delete", "payload": "5", "x": "?"}).replace("?", "\\u0000")

    assert one(frame.encode()).cleaned


MIB8 = 8 * 1024 * 1024


def repeated(piece: str, field: str = "content") -> bytes:
    body = {"id": "1", "account": {"id": "220"}, field: piece * (MIB8 // len(piece))}
    return json.dumps(body).encode()


@dataclass
class Big:
    name: str
    body: bytes


HUGE = [
    Big("open links", repeated("<a href='")),
    Big("cards", repeated("<a class=mention href='x'>@a</a>")),
    Big("numbers", repeated("&#99999999999999999999999999999999999999")),
    Big("one number", repeated("1").replace(b'"11', b'"&#11', 1)),
    Big("warning", repeated("<", "spoiler_text")),
    Big("nested page", b"[" * MIB8),
    Big("nested payload", json.dumps({"event": "update", "payload": "[" * MIB8}).encode()),
    Big("colons", b":" * MIB8),
    Big("heartbeats", b":thump\n" * (MIB8 // 7)),
    Big("data lines", b"event: update\n" + b"data: x\n" * (MIB8 // 8)),
    Big("nul", b'{"id":"' + b"\x00" * MIB8 + b'"}'),
]


@pytest.mark.parametrize("big", HUGE, ids=lambda big: big.name)
@pytest.mark.cpu(5)
def test_eight_mebibytes_take_no_more_than_their_time(big: Big) -> None:
    started = time.process_time()

    parsed = incoming.parse(big.body, accounts=Accounts([US]), account=US, source="m", now=NOW)

    assert isinstance(parsed, Parsed)
    assert time.process_time() - started < 5
