"""The desk's tool: why a post came through or did not, for a payload in any shape."""

import io
import json
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.router.policy import read_policy, shipped_policy
from toog.cli import app
from toog.explain import Explained, ExplainError, explain, me
from toog.platforms.table import PLATFORMS

SAMPLES = Path(__file__).parents[1] / "samples"
NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)
POLICY = read_policy(shipped_policy())
FIELDS = [
    "id",
    "kind",
    "signal",
    "surface",
    "conversation",
    "author",
    "own",
    "text",
    "mentions",
    "hashtags",
    "in_reply_to",
    "occurred_at",
    "outcome",
    "reason",
    "lane",
    "rule",
    "guards",
    "about",
    "rules",
]
X_ME = "1111111111111111111:StadPolDem"


def explained(body: bytes, platform: str = "x", account: str = X_ME) -> Explained:
    return explain(body, me(platform, account), policy=POLICY, door="own", now=NOW)


def run(*args: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["explain", *args], input=stdin)


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def stream(*numbers: int) -> list[bytes]:
    return [
        json.dumps({
            "data": {
                "id": str(n),
                "text": f"@StadPolDem vraag {n}",
                "author_id": "77",
                "created_at": "2026-09-14T08:00:00.000Z",
                "entities": {"mentions": [{"username": "StadPolDem", "start": 0, "end": 11}]},
            },
            "includes": {"users": [{"id": "77", "username": "burger77"}]},
        }).encode()
        for n in numbers
    ]  # fmt: skip


def ids(found: Explained) -> list[str]:
    return [line.id.rsplit(":", 1)[1] for line in found.lines]


def test_a_mention_is_explained_in_the_order_of_fields_that_is_promised() -> None:
    (line,) = lines(run("--platform", "x", "--me", X_ME, str(SAMPLES / "x/stream_v2_mention.json")))

    assert list(line) == FIELDS
    assert line["outcome"] == "addressed"
    assert (line["reason"], line["lane"]) == ("mention", "mention")
    assert line["author"].keys() == {"id", "handle"}
    assert all(not tag.startswith("#") for tag in line["hashtags"])
    assert line["occurred_at"].endswith("Z")


def test_a_payload_can_be_piped_in() -> None:
    body = sample("x/stream_v2_mention.json")

    named = run("--platform", "x", "--me", X_ME, str(SAMPLES / "x/stream_v2_mention.json"))
    assert lines(run("--platform", "x", "--me", X_ME, stdin=body)) == lines(named)
    assert lines(run("--platform", "x", "--me", X_ME, "-", stdin=body)) == lines(named)


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n".join([*stream(3, 1, 2), b""]),
        b"\r\n\r\n".join(stream(3, 1, 2)),
        b"[" + b",".join(stream(3, 1, 2)) + b"]",
        json.dumps([line.decode() for line in stream(3, 1, 2)]).encode(),
        b"\xef\xbb\xbf" + b"\n".join(stream(3, 1, 2)),
        b"".join(b"data: " + line + b"\n\n" for line in stream(3, 1, 2)),
    ],
    ids=["lines", "lines and heartbeats", "list", "list of strings", "byte order mark", "sse"],
)
def test_several_payloads_come_out_in_their_own_order(body: bytes) -> None:
    assert ids(explained(body)) == ["3", "1", "2"]


def test_a_page_comes_out_in_its_own_order_though_the_parser_wants_the_oldest_first() -> None:
    page = json.dumps([
        {
            "id": str(n),
            "type": "mention",
            "status": {
                "id": str(n),
                "content": "<p>Hallo</p>",
                "visibility": "public",
                "created_at": "2026-09-14T08:00:00Z",
                "account": {"id": "9", "acct": "burger9"},
                "mentions": [{"id": "5", "acct": "stadpoldem"}],
            },
        }
        for n in (3, 2, 1)
    ]).encode()  # fmt: skip

    assert ids(explained(page, "mastodon", "5:stadpoldem")) == ["3", "2", "1"]


def test_control_lines_are_no_events() -> None:
    control = [
        line["line"].encode() for line in json.loads(sample("x/stream_v2_system_lines.json"))
    ]

    assert explained(b"\r\n".join(control)) == Explained((), ())
    assert explained(b"\r\n\r\n") == Explained((), ())
    assert explained(b":thump\n\n", "mastodon", "5") == Explained((), ())


def test_raw_server_sent_events_come_out_in_their_order() -> None:
    body = json.loads(sample("mastodon/stream_user_sse.json"))["body"].encode()

    found = explained(body, "mastodon", "117020617404561855:mastodonpy_test")

    outcomes = [(line.kind, line.outcome, line.reason) for line in found.lines]
    assert outcomes == [
        ("created", "dropped", "own_post"),
        ("created", "addressed", "mention"),
        ("created", "context", "own_reply"),
        ("created", "addressed", "private_message"),
        ("edited", "context", "edit"),
        ("deleted", "context", "deletion"),
    ]


def test_an_odd_line_never_costs_the_others_and_is_told() -> None:
    first, last = stream(1, 2)

    found = explained(b"\n".join([first, b"<html>", b"42", last, b'{"data": {"id": "cut']))

    assert ids(found) == ["1", "2"]
    assert [sentence.split(" cannot")[0] for sentence in found.unread] == [
        "line 2",
        "line 3",
        "line 5",
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"\x00", b"hello", b"<html>\n</html>", b"42", b"null", b'"text"', b"[1]",
     b'{"a": ', b"[" * 10_000 + b"]" * 10_000, b"\xff\xfe\x00"],
)  # fmt: skip
def test_what_is_no_payload_at_all_is_told_in_a_sentence(body: bytes) -> None:
    result = run("--platform", "x", "--me", X_ME, stdin=body)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("toog: this is no payload")
    assert result.stderr.count("\n") == 1


def test_an_object_that_nobody_understands_is_a_signal_and_an_empty_page_is_empty() -> None:
    (line,) = explained(b'{"what": "is this"}').lines

    assert (line.kind, line.signal) == ("signal", "not_understood")
    assert (line.outcome, line.reason, line.lane) == ("dropped", "signal", None)
    assert explained(b"[]") == Explained((), ())


def test_nul_and_half_a_surrogate_pair_are_replaced() -> None:
    (body,) = stream(1)
    odd = body.replace(b"vraag", rb"vr\u0000ag\ud83d ")

    result = run("--platform", "x", "--me", X_ME, stdin=odd.replace(b"@Stad", b"\x00@Stad"))

    (line,) = lines(result)
    assert line["text"] == "�@StadPolDem vr�ag�  1"


@pytest.mark.parametrize(
    ("text", "id_", "handle"),
    [
        ("1", "1", ""),
        ("1:StadPolDem", "1", "StadPolDem"),
        ("1:@StadPolDem", "1", "StadPolDem"),
        ("did:plc:abc", "did:plc:abc", ""),
        ("did:plc:abc:poldem.test", "did:plc:abc", "poldem.test"),
        ("did:web:poldem.test", "did:web:poldem.test", ""),
    ],
)
def test_me_is_an_id_with_or_without_a_handle(text: str, id_: str, handle: str) -> None:
    account = me("bluesky", text)

    assert (account.id, account.handle) == (id_, handle)


@pytest.mark.parametrize("text", ["", ":StadPolDem", "did:", "did:plc", "did:plc:", "\udcff"])
def test_me_without_an_id_is_refused(text: str) -> None:
    with pytest.raises(ExplainError, match="--me"):
        me("bluesky", text)


@pytest.mark.parametrize(
    "args",
    [
        ("--platform", "myspace", "--me", "1"),
        ("--platform", "x", "--me", "1", "--door", "window"),
        ("--platform", "x", "--me", "1", "no/such/file"),
        ("--platform", "x", "--me", "1", "--policy", "no/such/file"),
        ("--platform", "x", "--me", "1", str(SAMPLES)),
    ],
)
def test_a_wrong_call_is_told_in_a_sentence(args: tuple[str, ...]) -> None:
    result = run(*args, stdin=b"{}")

    assert result.exit_code == 2
    assert result.stderr.startswith("toog: ")
    assert result.stderr.count("\n") == 1


def test_another_policy_and_the_other_door_change_the_verdict(tmp_path: Path) -> None:
    (body,) = stream(1)
    policy = tmp_path / "policy.toml"
    policy.write_text('emergency_phrases = ["vraag"]')

    (danger,) = lines(run("--platform", "x", "--me", X_ME, "--policy", str(policy), stdin=body))
    (room,) = lines(
        run("--platform", "x", "--me", X_ME, "--policy", str(policy), "--door", "room", stdin=body)
    )

    assert danger["lane"] == "emergency"
    assert room["lane"] == "mention"


def test_a_wrong_policy_is_told_in_a_sentence(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("nonsense = 1")

    result = run("--platform", "x", "--me", "1", "--policy", str(policy), stdin=b"{}")

    assert result.exit_code == 2
    assert "policy.toml" in result.stderr


def test_much_at_once_is_explained_in_time_and_not_everything_odd_is_told() -> None:
    updates = [{"id": "1234567890321", "time": 1, "changes": [{"field": "x"}]}] * 3_000
    body = json.dumps({"object": "page", "entry": updates}).encode() + b"\nodd" * 5_000

    result = run("--platform", "facebook", "--me", "1234567890321", stdin=body)

    assert len(lines(result)) == 3_000
    assert result.stderr.splitlines()[-1] == "toog: and 4980 more cannot be read"


FACEBOOK = "1234567890321:stadpoldem"
INSTAGRAM = "17841405309211844:stadpoldem"
BLUESKY = "did:plc:stadpoldem2demo2demo2dem:stadpoldem.test"


@pytest.mark.parametrize(
    ("platform", "account", "name", "expected"),
    [
        ("x", X_ME, "xaa_post_mention_create", ("post", "addressed", "mention", "mention")),
        ("x", X_ME, "stream_v2_reply", ("reply", "addressed", "reply_to_us", "mention")),
        ("x", X_ME, "xaa_dm_received", ("dm", "addressed", "private_message", "dm")),
        ("facebook", FACEBOOK, "feed_comment_add", ("comment", "addressed", "comment", "comment")),
        (
            "facebook",
            FACEBOOK,
            "feed_visitor_post_add",
            ("visitor_post", "addressed", "visitor_post", "comment"),
        ),
        ("facebook", FACEBOOK, "feed_comment_remove", (None, "context", "deletion", None)),
        ("facebook", FACEBOOK, "feed_reaction_on_comment", (None, "dropped", "signal", None)),
        ("facebook", "12345654332", "messenger_text", ("dm", "addressed", "private_message", "dm")),
        ("facebook", "12345654332", "messenger_echo", ("dm", "context", "own_reply", None)),
        (
            "instagram",
            INSTAGRAM,
            "comment_flat_shape",
            ("comment", "addressed", "comment", "comment"),
        ),
        ("instagram", INSTAGRAM, "story_reply", ("story_reply", "addressed", "story_reply", "dm")),
        (
            "instagram",
            INSTAGRAM,
            "story_mention",
            ("story_mention", "addressed", "story_mention", "dm"),
        ),
        (
            "bluesky",
            BLUESKY,
            "jetstream_post_reply",
            ("reply", "addressed", "reply_to_us", "mention"),
        ),
        (
            "instagram",
            INSTAGRAM,
            "mention_in_comment",
            ("reply", "addressed", "mention", "mention"),
        ),
        ("bluesky", BLUESKY, "chat_get_log", ("dm", "addressed", "private_message", "dm")),
    ],
)
def test_each_platform_is_explained(
    platform: str, account: str, name: str, expected: tuple[str | None, ...]
) -> None:
    (line,) = lines(
        run("--platform", platform, "--me", account, str(SAMPLES / platform / f"{name}.json"))
    )

    assert (line["surface"], line["outcome"], line["reason"], line["lane"]) == expected


def test_a_named_account_has_a_handle_and_an_id_only_where_there_is_one() -> None:
    (line,) = lines(run("--platform", "x", "--me", X_ME, stdin=stream(1)[0]))

    assert line["mentions"] == [{"handle": "StadPolDem"}]


SPOKEN = [
    (path.parent.relative_to(SAMPLES).parts[0], path)
    for path in sorted(SAMPLES.rglob("*.json*"))
    if (platform := path.relative_to(SAMPLES).parts[0]) in PLATFORMS
    and find_spec(f"toog.platforms.{platform}.incoming") is not None
]


@pytest.mark.parametrize(
    ("platform", "path"), SPOKEN, ids=[str(path.relative_to(SAMPLES)) for _, path in SPOKEN]
)
def test_every_sample_is_explained_whole(
    platform: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    for line in lines(run("--platform", platform, "--me", "1:StadPolDem", str(path))):
        assert list(line) == FIELDS
        assert (line["lane"] is None) == (line["outcome"] != "addressed")
        assert datetime.fromisoformat(line["occurred_at"]).tzinfo is not None
        assert all("handle" in mention for mention in line["mentions"])


def mention(text: str) -> bytes:
    post = json.loads(stream(1)[0])
    post["data"]["text"] = text
    post["data"].pop("entities", None)
    return json.dumps(post).encode()


@pytest.mark.parametrize(
    ("text", "rule", "guards"),
    [
        ("@StadPolDem er wordt hier ingebroken", "mention: emergency burglary", []),
        ("@StadPolDem in de aflevering wordt er ingebroken", "mention", ["fiction"]),
        ("@StadPolDem wanneer zijn jullie open", "mention", []),
    ],
)
def test_the_rule_that_fired_and_the_guards_that_held_are_told(
    text: str, rule: str, guards: list[str]
) -> None:
    (line,) = explained(mention(text)).lines

    assert line.rule == rule
    assert list(line.guards) == guards
    assert line.lane == ("emergency" if "emergency" in rule else "mention")


def test_what_overrules_a_row_is_told(tmp_path: Path) -> None:
    (body,) = stream(1)
    author = json.loads(body)["data"]["author_id"]
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'[[block]]\nplatform="x"\nid="{author}"\nreason="r"\nuntil=2999-01-01T00:00:00Z'
    )

    (line,) = lines(
        run(
            "--platform",
            "x",
            "--me",
            X_ME,
            "--policy",
            str(policy),
            stdin=mention("@StadPolDem hoi"),
        )
    )

    assert line["rule"] == "mention: blocked_author"


def test_a_policy_is_checked_with_a_sentence_per_mistake(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(shipped_policy())
    bad.write_text('followed_hashtags = 3\n[switches]\nbystander = ["icq"]\n[[block]]\nid = "2"')
    check = [CliRunner().invoke(app, ["policy", "check", str(file)]) for file in (good, bad)]

    assert [one.exit_code for one in check] == [0, 2]
    assert POLICY.rules in check[0].output
    said = check[1].output.splitlines()
    assert len(said) == 3
    assert "expected a list" in said[0]
    assert "it lacks `platform`" in said[1]
    assert "'icq'" in said[2]


def test_a_policy_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["policy", "check", str(tmp_path / "none.toml")])

    assert result.exit_code == 2
    assert "cannot be read" in result.output
