"""What another policy would change: verdicts that were given, held against new ones. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple
from zlib import crc32

from toog.contracts.verdicts import Verdict


class Word(NamedTuple):
    """What was said of a record, in plain words: a verdict, or `dead` for what could not be read."""

    outcome: str
    reason: str
    lane: str | None = None

    def __str__(self) -> str:
        return " ".join(part for part in self if part is not None)


UNREADABLE: Final = Word("dead", "unreadable")


def word_of(verdict: Verdict) -> Word:
    """The verdict in plain words."""
    return Word(verdict.outcome, verdict.reason, verdict.lane)


class Change(NamedTuple):
    """A verdict that was given (None: none yet), and what the other policy says."""

    old: Word | None
    new: Word

    @property
    def newly_addressed(self) -> bool:
        """The desk did not get it as work, and would now."""
        lesser = self.old is not None and self.old.outcome in {"dropped", "context"}
        return lesser and self.new.outcome == "addressed"


def changes(old: Iterable[Word | None], new: Iterable[Word]) -> "Counter[Change]":
    """How often each pair stands there; also those of which both sides are the same."""
    return Counter(map(Change, old, new))


SHOWN_CHARACTERS: Final = 80


class Example(NamedTuple):
    """A record that shows a change; its text is a citizen's, cut short, the author left out."""

    record: str
    message: str
    platform: str
    surface: str | None
    text: str


def shortened(text: str) -> str:
    """The text on one line, at most 80 characters, without what moves a terminal's cursor."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


class Examples:
    """A few records per change, drawn evenly over the time: the same log gives the same ones."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._drawn: dict[Change, list[tuple[int, Example]]] = {}

    def offer(self, change: Change, example: Example) -> None:
        """Keeps this record where its lot is among the lowest of its change."""
        lot = crc32(example.record.encode())
        drawn = self._drawn.setdefault(change, [])
        drawn.append((lot, example))
        drawn.sort(key=lambda pair: pair[0])
        del drawn[self._most :]

    def without(self, messages: Collection[str]) -> None:
        """Leaves out what concerns these messages: their authors have deleted them."""
        for change, drawn in self._drawn.items():
            self._drawn[change] = [pair for pair in drawn if pair[1].message not in messages]

    def of(self, change: Change) -> list[Example]:
        """Those of this change, their texts cut short."""
        drawn = self._drawn.get(change, ())
        return [example._replace(text=shortened(example.text)) for _, example in drawn]

    @property
    def all(self) -> list[Example]:
        """All that would be shown."""
        return [example for drawn in self._drawn.values() for _, example in drawn]
