"""What every parser must hold to, whatever it is given, and the samples to begin with."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from services.router.rules import Facts
from toog.contracts import events
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Parsed
from toog.platforms.table import PLATFORMS

SAMPLES: Final = Path(__file__).parents[1] / "samples"
NOW: Final = datetime(2026, 9, 14, 8, 15, 30, tzinfo=UTC)

OURS: Final = {
    "x": {"1111111111111111111": "StadPolDem"},
    "facebook": {"1234567890321": "stadpoldem", "12345654332": "stadpoldem2"},
    "instagram": {"17841405309211844": "stadpoldem"},
    "mastodon": {"117020617404561855": "mastodonpy_test"},
    "bluesky": {
        "did:plc:stadpoldem2demo2demo2dem": "stadpoldem.test",
        "did:plc:fdjecqsxz6ntc55vaflpsf6j": "alice.test",
    },
}
"""The accounts that the samples of a platform are addressed to: id and handle."""

SPOKEN: Final = tuple(
    name
    for name in PLATFORMS
    if find_spec(f"toog.platforms.{name}.incoming") and (SAMPLES / name).exists()
)
_facts: Final = msgspec.json.Decoder(Facts)


def accounts_of(platform: str) -> Accounts:
    """Our accounts on this platform."""
    return Accounts(
        Account(platform, id_, handle, f"http://{platform}.example")
        for id_, handle in OURS[platform].items()
    )


def account_of(platform: str, body: bytes) -> Account:
    """The account by whose door this body comes: one that it names, else the first."""
    accounts = accounts_of(platform).all
    return next((one for one in accounts if one.id.encode() in body), accounts[0])


def parse(platform: str, body: bytes, now: datetime = NOW) -> Parsed:
    """What the platform's parser makes of it."""
    return PLATFORMS[platform].incoming.parse(
        body,
        accounts=accounts_of(platform),
        account=account_of(platform, body),
        source=f"{platform}:test",
        now=now,
    )


def holds(platform: str, body: bytes, *, twice: bool = True) -> Parsed:
    """Asserts what holds for any bytes; gives what was parsed.

    No exception; every event has an id, its platform and an account, and a message one of ours;
    it survives the wire; the same bytes give the same ids, whenever they are read.
    """
    parsed = parse(platform, body)
    for heard in parsed.heard:
        event = heard.event
        assert event.platform == platform
        assert event.id
        assert event.account
        assert heard.key
        assert event.occurred_at.tzinfo is not None
        if event.kind == "signal":
            assert event.signal
        else:
            assert accounts_of(platform).by_id(platform, event.account), event
            assert event.signal is None
        if event.kind in {"edited", "deleted"}:
            assert event.of
            assert event.id != event.of
        wire = events.encode(event)
        assert rb"\u0000" not in wire
        assert events.decode(wire).id == event.id
        _facts.decode(wire)
    if twice:
        later = parse(platform, body, NOW + timedelta(hours=1))
        assert ids(later) == ids(parsed)
        assert later.unreadable == parsed.unreadable
    return parsed


def ids(parsed: Parsed) -> list[tuple[str, str, str]]:
    """What must be the same at every reading."""
    return [(heard.event.kind, heard.event.id, heard.key) for heard in parsed.heard]


def samples(platform: str) -> dict[str, Any]:
    """Every JSON value among the platform's samples that may be a payload, by a name.

    A sample file may hold a payload, or say how one came: a list of lines, a body as a string.
    """
    found: dict[str, Any] = {}
    for path in sorted((SAMPLES / platform).rglob("*.json*")):
        name = str(path.relative_to(SAMPLES / platform)).partition(".")[0]
        for number, value in enumerate(_values(path)):
            found[f"{name}-{number}"] = value
    return found


def _values(path: Path) -> Iterator[Any]:
    if path.suffix == ".jsonl":
        yield from (json.loads(line) for line in path.read_bytes().splitlines() if line.strip())
    else:
        yield from _payloads(json.loads(path.read_bytes()))


def _payloads(value: Any) -> Iterator[Any]:
    wrapped = [value] if isinstance(value, dict) else value
    texts = [
        item[key]
        for item in wrapped
        if isinstance(item, dict)
        for key in ("body", "line")
        if isinstance(item.get(key), str)
    ]
    yield from texts or [value]


def body_of(value: Any) -> bytes:
    """The bytes of a sample: a string as it is, anything else as JSON."""
    return (
        value.encode(errors="surrogatepass")
        if isinstance(value, str)
        else json.dumps(value).encode()
    )


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all fields in it; of a long list the first two items stand for all."""
    if at:
        yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value[:2]):
            yield from paths(inner, (*at, number))


def replaced(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """A copy with something else in that place; what is beside it is shared, not copied."""
    if not at:
        return new
    copy = value.copy()
    copy[at[0]] = replaced(value[at[0]], at[1:], new)
    return copy


def without(value: Any, at: tuple[Any, ...]) -> Any:
    """A copy that lacks this place."""
    copy = value.copy()
    if len(at) == 1:
        del copy[at[0]]
    else:
        copy[at[0]] = without(value[at[0]], at[1:])
    return copy
