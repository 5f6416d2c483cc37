"""What `toog find` looks for, out of what an operator types: which records are it. Pure."""

import re
from collections.abc import Iterable
from dataclasses import astuple
from typing import Final, NamedTuple

import msgspec

from toog.contracts import events
from toog.contracts.events import Event
from toog.contracts.ids import digest, edit_id, event_id
from toog.contracts.topics import DEAD, DESK, DROPPED, EVENTS, ROOM, TOPICS, parse_record, record_of
from toog.platforms.accounts import Accounts
from toog.platforms.permalinks import point

LONGEST: Final = 2_000
LOOKED_INTO: Final = (EVENTS, ROOM, DESK, DROPPED, DEAD)
_NAMES: Final = {topic.name for topic in LOOKED_INTO}


class Asked(NamedTuple):
    """A post by its coordinates, by event ids, or by what the platform calls it.

    `natives`: its id at the platform, or the end of it behind `_` or `/`; `marks`: what stands in
    the platform's own words about it; `platform` None: on any; `types`: see `base.Pointed`.
    """

    text: str
    record: str | None = None
    ids: frozenset[str] = frozenset()
    platform: str | None = None
    natives: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def on(self, accounts: Accounts) -> "Asked":
        """With the event ids that it must have, if it concerned one of these accounts.

        By them it is found in the ledger too, which knows no more than the hash of an id.
        """
        found = {
            event_id(account.platform, account.id, type_, native)
            for account in accounts.on(self.platform or "")
            for type_ in self.types
            for native in self.natives
        }
        return self._replace(ids=self.ids | found)


def asked(text: str) -> Asked:
    """What is meant: coordinates, a link, an event id, or the id of a case, reply or post.

    Raises ValueError with a sentence.
    """
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise ValueError("give an id, a link to the post, or coordinates topic:partition:offset")
    if text.startswith(tuple(f"{topic.name}:" for topic in TOPICS)):
        return Asked(text, record=_coordinates(text))
    pointed = point(text)
    if pointed is not None:
        return Asked(text, None, frozenset(), *astuple(pointed))
    if text.startswith(("http://", "https://")):
        raise ValueError(
            f"{text} is no link to a post, comment or status on a platform that Toog listens to"
        )
    return Asked(text, ids=frozenset({text}), natives=() if ":" in text else (text,))


def _coordinates(text: str) -> str:
    try:
        name, partition, offset = parse_record(text)
    except ValueError:
        name, partition, offset = "", -1, -1
    topic = next((topic for topic in LOOKED_INTO if topic.name == name), None)
    if topic is None or not 0 <= partition < topic.partitions or offset < 0:
        raise ValueError(
            f"{text} are no coordinates: write topic:partition:offset, the topic one of "
            + ", ".join(sorted(_NAMES))
        )
    return record_of(name, partition, offset)


class Search:
    """Says of bytes whether they are, or are about, what is asked; the cheap question first."""

    def __init__(self, what: Asked) -> None:
        self._what = what
        self.hashes = frozenset(digest(id_) for id_ in what.ids)
        self._any = _one_of([*what.ids, *what.natives, *(m.rpartition("/")[2] for m in what.marks)])
        self._mark = _whole(what.marks)

    @property
    def idle(self) -> bool:
        """Whether only coordinates are asked for, so that no bytes need be searched."""
        return self._any is None

    def event(self, value: bytes | None) -> Event | None:
        """The event of an intake or desk record, if it is what is asked."""
        if not self.inside(value or b""):
            return None
        try:
            event = events.decode(value or b"")
        except (ValueError, RecursionError):
            return None
        return event if self._is(event) else None

    def inside(self, body: bytes) -> bool:
        """Whether one of the ids stands anywhere in these bytes."""
        return self._any is not None and self._any.search(body) is not None

    def hash_inside(self, body: bytes) -> bool:
        """Whether the hash of one of the event ids stands anywhere in these bytes."""
        return any(hashed.encode() in body for hashed in self.hashes)

    def _is(self, event: Event) -> bool:
        what = self._what
        if event.id in what.ids or event.of in what.ids:
            return True
        if what.platform is not None and event.platform != what.platform:
            return False
        if any(_ends_in(event.native, native) for native in what.natives):
            return True
        if event.of is not None and any(edit_id(event.of, n) == event.id for n in what.natives):
            return True
        # Meta escapes slashes
        said = bytes(event.raw).replace(rb"\/", b"/")
        return self._mark is not None and self._mark.search(said) is not None


def _ends_in(native: str | None, asked_for: str) -> bool:
    return native is not None and (
        native == asked_for or native.endswith((f"_{asked_for}", f"/{asked_for}"))
    )


def _one_of(texts: Iterable[str]) -> "re.Pattern[bytes] | None":
    # as they stand in JSON
    found = sorted({re.escape(msgspec.json.encode(text)[1:-1]) for text in texts if text})
    return re.compile(b"|".join(found)) if found else None


def _whole(marks: Iterable[str]) -> "re.Pattern[bytes] | None":
    found = [re.escape(mark.encode()) for mark in marks]
    return re.compile(rb"(?<![\w-])(?:" + b"|".join(found) + rb")(?![\w-])") if found else None
