"""From a dead letter back to records: where each is written again, or why it stays. No I/O."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord

from services.ingest import doors
from services.metrics.records import READERS
from services.responder import intake
from services.router.rules import Facts
from toog.contracts.dead import Dead, Stage
from toog.contracts.ids import digest
from toog.contracts.topics import DEAD, TOPICS, Topic, parse_record
from toog.contracts.wire import header
from toog.kit.errors import DATA_ERRORS
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Parsed
from toog.platforms.table import PLATFORMS

_TOPICS: Final = {topic.name: topic for topic in TOPICS}
_OURS: Final = frozenset({"TooLarge", "TooDeep"})


class StaysError(Exception):
    """The letter stays where it is; the text is a sentence that says why."""


class Kept(NamedTuple):
    """A letter, and the receipt of what could not be read, in ms since 1970."""

    letter: Dead
    received_ms: int


def again(kept: Sequence[Kept], original: "ConsumerRecord[bytes, bytes] | None") -> Outgoing:
    """The record as it was written, for the topic it came from.

    `kept`: its letters, one per stage that could not read it; `original`: the record itself, while
    its topic still holds it. Raises StaysError where somebody still cannot read it.
    """
    letter, received = kept[-1].letter, kept[-1].received_ms
    topic = topic_of(letter.record)
    body = letter.bytes
    if original is not None and (original.value or b"") == body:
        key, headers = original.key or b"", list(original.headers)
    else:
        key, headers = _told(letter)
    out = Outgoing(topic, key, body, headers, received)
    for one in kept:
        _try(one.letter.stage, out)
    return out


def topic_of(record: str) -> Topic:
    """The topic that these coordinates name. Raises StaysError where it is none of ours."""
    try:
        return _TOPICS[parse_record(record)[0]]
    except (KeyError, ValueError):
        raise StaysError("it names no record of a topic of ours") from None


def _told(letter: Dead) -> tuple[bytes, list[tuple[str, bytes]]]:
    texts = [letter.key or "", *(text for pair in letter.headers for text in pair)]
    if any("\ufffd" in text for text in texts):
        raise StaysError(
            "its key or headers were no text, and its topic holds it no more: "
            "it cannot be written as it was"
        )
    headers = [(name, value.encode()) for name, value in letter.headers]
    return (letter.key or "").encode(), headers


def _try(stage: Stage, out: Outgoing) -> None:
    """Reads it as the stage will: what is still unreadable would only close its valve."""
    record = ConsumerRecord(
        topic=out.topic.name,
        partition=0,
        offset=0,
        timestamp=out.timestamp_ms,
        timestamp_type=0,
        key=out.key,
        value=out.value,
        checksum=None,
        serialized_key_size=len(out.key),
        serialized_value_size=len(out.value),
        headers=tuple(out.headers),
    )
    try:
        _reader(stage, out.topic)(record)
    except DATA_ERRORS as error:
        raise StaysError(f"still unreadable for {stage} ({type(error).__name__})") from None


_facts = msgspec.json.Decoder(Facts)


def _reader(stage: Stage, topic: Topic) -> "Callable[[ConsumerRecord[bytes, bytes]], object]":
    if stage == "router":
        return lambda record: _facts.decode(record.value or b"")
    if stage == "responder":
        return intake.read
    reader = READERS.get(topic.name)
    if reader is None:
        raise StaysError(f"{stage} reads no {topic.name}")
    return reader


class Sent(NamedTuple):
    """What a platform once sent and could not be read: by which source, and when it came."""

    letter: Dead
    source: str
    received: datetime


def sent(kept: Kept) -> Sent:
    """What the letter of ingest holds. Raises StaysError where that is not the whole of it."""
    letter = kept.letter
    source, _, hashed = letter.record.rpartition(":")
    if source.partition(":")[0] not in PLATFORMS:
        raise StaysError("it names no platform that we know")
    if letter.error in _OURS:
        raise StaysError(
            f"{letter.error}: an event of a form that no reader of ours is sure to take"
        )
    if hashed != digest(letter.bytes):
        raise StaysError("only its beginning was kept")
    return Sent(letter, source, letter.seen_at)


def account_of(source: str, accounts: Accounts) -> Account | None:
    """Whose door the source is: it begins with the account's name, or the platform has only one."""
    for account in accounts.all:
        if source.startswith(f"{account.name}:"):
            return account
    alone = accounts.on(source.partition(":")[0])
    return alone[0] if len(alone) == 1 else None


def parsed(what: Sent, accounts: Accounts) -> Parsed:
    """What today's parser reads in it. Raises StaysError where that is nothing."""
    found = doors.parse(
        PLATFORMS[what.source.partition(":")[0]].incoming,
        what.letter.bytes,
        accounts=accounts,
        account=account_of(what.source, accounts),
        source=what.source,
        now=what.received,
    )
    if found.unreadable and not found.heard:
        raise StaysError(f"still unreadable ({found.unreadable[0].error})")
    return found


def entering(found: Parsed, what: Sent, trace: str) -> list[Outgoing]:
    """The records of it, as ingest writes them; without the very letter that it stands in."""
    made = doors.records(found, source=what.source, trace=trace, now=what.received)
    return [
        one
        for one in made
        if one.topic is not DEAD or header(one.headers, "ce_record") != what.letter.record
    ]
