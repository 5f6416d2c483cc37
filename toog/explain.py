"""What each event of a payload is and what the desk would do with it: the answer to "why (not)?".

Pure: bytes in, lines out. Reads every shape that a platform speaks, by the same parsers and rules
that run in production, but without what ingest leaves out before anybody judges.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple, get_args

import msgspec

from services.router.about import about
from services.router.policy import Policy
from services.router.rules import Door, Explanation, Facts
from services.router.rules import explain as explained
from toog.contracts import events
from toog.contracts.events import Event
from toog.contracts.verdicts import About
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard, Incoming
from toog.platforms.clean import clean
from toog.platforms.mastodon.sse import is_sse, server_sent
from toog.platforms.shallow import passable
from toog.platforms.table import PLATFORMS

SORTED: Final = 1_000
"""Of so many events of one page the place is looked for: more than any platform gives at once."""
DOORS: Final[tuple[Door, ...]] = get_args(Door)

_facts = msgspec.json.Decoder(Facts)
_BOM: Final = b"\xef\xbb\xbf"


class ExplainError(ValueError):
    """Nothing can be explained; the sentence says what to give instead."""


class Named(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account that is named; `id` only where the platform gave it."""

    id: str | None = None
    handle: str


class Writer(msgspec.Struct, frozen=True):
    """Who wrote it."""

    id: str
    handle: str | None


class Line(msgspec.Struct, frozen=True):
    """One event, explained; printed in this order of fields.

    `rule`: the row that fired, and behind a colon what overruled it: `edit`, `blocked_author`, or
    `emergency` with the group of phrases that was found. `guards`: what held back phrases that
    sound like danger, so that it is none. `about`: what else the desk is told of an addressed one.
    """

    id: str
    kind: str
    signal: str | None
    surface: str | None
    conversation: str | None
    author: Writer | None
    own: bool
    text: str
    mentions: tuple[Named, ...]
    hashtags: tuple[str, ...]
    in_reply_to: str | None
    occurred_at: datetime
    outcome: str
    reason: str
    lane: str | None
    rule: str
    guards: tuple[str, ...]
    about: About | None
    rules: str


class Explained(NamedTuple):
    """The lines in payload order, and what of the payload could not be read (a sentence each)."""

    lines: tuple[Line, ...]
    unread: tuple[str, ...]


def me(platform: str, text: str) -> Account:
    """The account that `--me ID[:HANDLE]` names. A DID has two colons; its handle follows the third.

    Raises ExplainError where the platform is not known or no id is given.
    """
    if platform not in PLATFORMS:
        raise ExplainError(
            f"platform {platform!r} is not known: choose from {', '.join(PLATFORMS)}"
        )
    colons = 3 if text.startswith("did:") else 1
    parts = text.split(":")
    id_ = ":".join(parts[:colons])
    handle = ":".join(parts[colons:]).removeprefix("@")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ExplainError("--me is no valid UTF-8") from None
    if not id_ or (colons == 3 and (len(parts) < 3 or not all(parts[:3]))):
        raise ExplainError(f"--me {text!r} names no account: give ID or ID:HANDLE")
    return Account(platform=platform, id=id_, handle=handle, base_url="http://127.0.0.1")


def explain(
    body: bytes, account: Account, *, policy: Policy, door: Door, now: datetime
) -> Explained:
    """Every event of this payload with its verdict.

    Takes a webhook body, a stream line or lines, a REST page, raw server-sent events, JSON lines or
    a JSON list of any of them. Raises ExplainError where nothing of it is a payload at all.
    """
    accounts = Accounts([account])
    incoming = PLATFORMS[account.platform].incoming
    lines: list[Line] = []
    unread: list[str] = []
    read_any = False
    for place, piece in _pieces(body.removeprefix(_BOM), account.platform):
        heard, error = _parse(incoming, piece, accounts, account, now)
        lines += [_line(one.event, accounts, policy, door) for one in heard]
        read_any = read_any or bool(heard) or error is None
        if error is not None:
            unread.append(f"{place} cannot be read ({error})")
    if not read_any:
        raise ExplainError(
            "this is no payload: give a webhook body, stream lines, a page, server-sent events,"
            f" JSON lines or a JSON list of them{_first(unread)}"
        )
    return Explained(tuple(lines), tuple(unread))


def _first(unread: list[str]) -> str:
    return f" ({unread[0]})" if unread else ""


def _pieces(body: bytes, platform: str) -> Iterator[tuple[str, bytes | None]]:
    """The payloads in it, each with its place in words; None where there is none."""
    if not body.strip():
        # The heartbeat of X's stream is an empty line: a stream of nothing else is a payload.
        yield "the input", (b"" if platform == "x" and b"\n" in body else None)
    elif is_sse(body):
        yield from _server_sent(body, platform)
    elif (whole := _raw(body)) is not None:
        yield from _unwrapped("the input", whole)
    else:
        for number, line in enumerate(body.split(b"\n"), start=1):
            if line.strip():
                yield from _unwrapped(f"line {number}", _raw(line))


def _server_sent(body: bytes, platform: str) -> Iterator[tuple[str, bytes | None]]:
    if platform == "mastodon":  # the names of its events are part of what it says
        yield "the input", body
        return
    for number, event in enumerate(server_sent(body), start=1):
        yield from _unwrapped(f"event {number}", _raw(event.data))
    yield "the input", b""


def _raw(text: bytes) -> bytes | None:
    """The JSON text without what no parser takes, or None where it is no JSON."""
    cleaned = clean(text.strip())[0]
    try:
        passable(cleaned)
    except (msgspec.DecodeError, RecursionError):
        return None
    return text.strip()


def _items(text: bytes) -> list[msgspec.Raw]:
    return msgspec.json.decode(passable(clean(text)[0]), type=list[msgspec.Raw])


def _unwrapped(
    place: str, text: bytes | None, depth: int = 0
) -> Iterator[tuple[str, bytes | None]]:
    """A list gives its items, a string the payload written in it; a bare number is none."""
    if text is not None and text.startswith(b"["):
        items = _items(text) if depth < 2 else None  # lists in lists in lists are no payload
        if items is None:
            yield place, None
            return
        if not items:
            yield place, b""
        for number, item in enumerate(items, start=1):
            where = f"item {number}" if place == "the input" else f"{place}, item {number}"
            yield from _unwrapped(where, bytes(item).strip(), depth + 1)
    elif text is not None and text.startswith(b'"'):
        inner = msgspec.json.decode(clean(text)[0], type=str).encode()
        payload = is_sse(inner) or inner.lstrip()[:1] in {b"{", b"["}
        yield place, (inner if payload else None)
    else:
        yield place, (text if text is not None and text.startswith((b"{", b"[")) else None)


def _parse(
    incoming: Incoming, piece: bytes | None, accounts: Accounts, account: Account, now: datetime
) -> tuple[list[Heard], str | None]:
    if piece is None:
        return [], "no payload"
    if not piece:
        return [], None
    try:
        parsed = incoming.parse(
            piece, accounts=accounts, account=account, source="explain", now=now
        )
    except Exception as error:  # noqa: BLE001 - ingest makes a dead letter of it, whatever it is
        return [], type(error).__name__
    unread = parsed.unreadable[0].error if parsed.unreadable else None
    return _in_payload_order(parsed.heard, piece), unread


def _in_payload_order(heard: tuple[Heard, ...], piece: bytes) -> list[Heard]:
    """Parsers give a page oldest first; its own order is told from where each object stands.

    Where that is not told surely, or not in reasonable time, the parser's order stays.
    """
    if not 1 < len(heard) <= SORTED:
        return list(heard)
    text = clean(piece)[0]
    raws = [bytes(one.event.raw) for one in heard]
    if any(text.count(raw) != 1 for raw in raws):
        return list(heard)
    places = [text.find(raw) for raw in raws]
    if len(set(places)) < len(places):
        return list(heard)
    return [one for _, one in sorted(zip(places, heard, strict=True), key=lambda pair: pair[0])]


def _line(event: Event, accounts: Accounts, policy: Policy, door: Door) -> Line:
    bare = msgspec.structs.replace(event, raw=msgspec.Raw(b"null"))
    facts = _facts.decode(events.encode(bare))
    why = explained(facts, door, policy, accounts)
    verdict = why.verdict
    author = event.author
    return Line(
        id=event.id,
        kind=event.kind,
        signal=event.signal,
        surface=event.surface,
        conversation=event.conversation,
        author=Writer(author.id, author.handle or None) if author else None,
        own=event.own,
        text=event.text,
        mentions=tuple(Named(id=m.id, handle=m.handle) for m in event.mentions),
        hashtags=event.hashtags,
        in_reply_to=event.in_reply_to.id if event.in_reply_to else None,
        occurred_at=event.occurred_at,
        outcome=verdict.outcome,
        reason=verdict.reason,
        lane=verdict.lane,
        rule=_rule(why),
        guards=why.danger.guards if why.danger is not None else (),
        about=about(facts, policy) if verdict.outcome == "addressed" else None,
        rules=policy.rules,
    )


def _rule(why: Explanation) -> str:
    if why.danger is not None and why.danger.found:
        return f"{why.row.reason}: emergency {why.danger.rule}"
    overruled = why.verdict.reason != why.row.reason
    return f"{why.row.reason}: {why.verdict.reason}" if overruled else why.row.reason
