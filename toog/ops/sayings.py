"""What desk, ledger and dead letters say of what `toog find` looks for, record by record. No I/O."""

import contextlib
from collections.abc import Collection
from typing import Final

from aiokafka.structs import ConsumerRecord

from toog.contracts import dead, events
from toog.contracts.events import Event
from toog.contracts.topics import DEAD, DESK, DROPPED, Topic, record_of
from toog.contracts.wire import header
from toog.kit.errors import DATA_ERRORS
from toog.ops import pages
from toog.ops.asked import Search
from toog.ops.trail import Saying

_TOLD: Final = ("record", "outcome", "reason", "lane", "rules", "origin", "by")


class Sayings:
    """Keeps what is said of the events asked for, or of these `wanted` records, and nothing else."""

    def __init__(self, search: Search, wanted: Collection[str]) -> None:
        self._search = search
        self._wanted = wanted
        self._found: list[Saying] = []
        self._letters: list[Saying] = []  # of later stages: they may be about what is found here
        self._read = {DESK.name: self._desk, DROPPED.name: self._page, DEAD.name: self._letter}

    def take(self, topic: Topic, record: "ConsumerRecord[bytes, bytes]") -> None:
        """Hears a record of desk, ledger or dead letters."""
        with contextlib.suppress(*DATA_ERRORS):  # who reads it for a living sets it aside
            self._read[topic.name](place_of(topic, record), record)

    @property
    def all(self) -> list[Saying]:
        """All that was said, and the letters about the records that say it."""
        found = list(self._found)
        for _ in self._read:
            about = {saying.record for saying in found}
            found += [
                one for one in self._letters if one.about in about and one.record not in about
            ]
        return found

    def _desk(self, place: str, record: "ConsumerRecord[bytes, bytes]") -> None:
        told = {name: header(record.headers, f"ce_{name}") for name in _TOLD}
        about = told["record"] or place
        event = self._search.event(record.value)
        if event is None:
            if about not in self._wanted:
                return
            event = event_of(record)
        saying = Saying(
            place,
            record.timestamp,
            about,
            told["outcome"] or "",
            told["reason"] or "",
            told["lane"],
            told["rules"],
            told["origin"],
            told["by"],
            event,
        )
        self._found.append(saying)

    def _page(self, place: str, record: "ConsumerRecord[bytes, bytes]") -> None:
        page = pages.read(record.value)
        for line in page.lines:
            about = record_of(page.topic, page.partition, line.offset)
            if line.event in self._search.hashes or about in self._wanted:
                saying = Saying(
                    place, line.received_ms, about, "dropped", line.reason, rules=page.rules
                )
                self._found.append(saying)

    def _letter(self, place: str, record: "ConsumerRecord[bytes, bytes]") -> None:
        letter = dead.decode(record.value or b"")
        error = f"{letter.stage}, {letter.error}"
        saying = Saying(place, record.timestamp, letter.record, "dead", error)
        # a page knows hashes of ids; its offsets and times look like ids of some platforms
        of_page = letter.record.startswith(f"{DROPPED.name}:")
        inside = self._search.hash_inside if of_page else self._search.inside
        is_it = letter.record in self._wanted or inside(letter.bytes)
        (self._found if is_it else self._letters).append(saying)


def place_of(topic: Topic, record: "ConsumerRecord[bytes, bytes]") -> str:
    """The coordinates of a record that was read."""
    return record_of(topic.name, record.partition, record.offset)


def event_of(record: "ConsumerRecord[bytes, bytes]") -> Event | None:
    """The event of an intake or desk record, None where its bytes are none."""
    try:
        return events.decode(record.value or b"")
    except (ValueError, RecursionError):
        return None
