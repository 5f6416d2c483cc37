"""Judging the intake anew: which verdicts would change, and what is newly addressed. No I/O."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord

from services.router.policy import Policy
from services.router.rules import Door, Facts, judge
from toog.contracts.topics import EVENTS, Topic, record_of
from toog.contracts.verdicts import Lane, Verdict
from toog.kit.errors import DATA_ERRORS
from toog.ops.changes import UNREADABLE, Change, Example, Examples, Word, changes, word_of
from toog.ops.given import Given, Place
from toog.platforms.accounts import Accounts

_FOLLOWED: Final = (b'"kind":"deleted"', b'"kind":"edited"')
"""Our own encoder writes them like this: of all else after the time, nothing needs to be decoded."""


class Wish(NamedTuple):
    """What is judged anew, and by what: receipts in [from, to), in ms since 1970."""

    from_ms: int
    to_ms: int | None
    policy: Policy
    accounts: Accounts
    examples: int = 3


class Bring(NamedTuple):
    """A record for the desk. `lane` is None for an edit that only follows its message there."""

    place: Place
    offset: int
    message: str
    edit: bool
    lane: Lane | None


class Heard(Facts, frozen=True, gc=False):
    """An event as the rules see it, and the message that it edits or deletes."""

    of: str | None = None


_heard = msgspec.json.Decoder(Heard)


class Rejudging:
    """Takes the records of the time, then those since; keeps what is needed of them and no text.

    `newly`: addressed by the policy, and dropped or mere context by the verdict that was given;
    `edits`: what else edits a message, and would have come to the desk as context; `deleted`: ids
    of messages that were deleted. A record without a verdict is in flight and left alone.
    """

    def __init__(self, wish: Wish, given: Given) -> None:
        self._wish = wish
        self._given = given
        self.changes: Counter[Change] = Counter()
        self.examples = Examples(wish.examples)
        self.newly: list[Bring] = []
        self.edits: list[Bring] = []
        self.deleted: set[str] = set()
        self._messages: set[str] | None = None

    def take(self, bite: Iterable[tuple[Topic, "ConsumerRecord[bytes, bytes]"]]) -> None:
        """Judges records of the time; one that came late, out of its order, is left alone."""
        old: list[Word | None] = []
        new: list[Word] = []
        for topic, record in bite:
            if record.timestamp < self._wish.from_ms:
                continue
            before = self._given.at((topic.name, record.partition), record.offset)
            heard, verdict = self._judge(topic, record)
            after = UNREADABLE if verdict is None else word_of(verdict)
            old.append(before)
            new.append(after)
            if heard is not None and verdict is not None:
                self._note(topic, record, heard, verdict, Change(before, after))
        self.changes += changes(old, new)

    def _judge(
        self, topic: Topic, record: "ConsumerRecord[bytes, bytes]"
    ) -> tuple[Heard | None, Verdict | None]:
        door: Door = "own" if topic is EVENTS else "room"
        try:
            heard = _heard.decode(record.value or b"")
            return heard, judge(heard, door, self._wish.policy, self._wish.accounts)
        except DATA_ERRORS:
            return None, None

    def _note(
        self,
        topic: Topic,
        record: "ConsumerRecord[bytes, bytes]",
        heard: Heard,
        verdict: Verdict,
        change: Change,
    ) -> None:
        message = heard.of or heard.id
        if change.old not in {None, change.new} and self._wish.examples:
            place = record_of(topic.name, record.partition, record.offset)
            example = Example(place, message, heard.platform, heard.surface, heard.text)
            self.examples.offer(change, example)
        if heard.kind == "deleted":
            self.deleted.add(message)
        elif change.newly_addressed:
            self.newly.append(_bring(topic, record, heard, verdict.lane))
        elif heard.kind == "edited" and verdict.outcome == "context":
            self.edits.append(_bring(topic, record, heard, None))

    def follow(self, bite: Iterable[tuple[Topic, "ConsumerRecord[bytes, bytes]"]]) -> None:
        """Looks, in what came after the time, for edits and deletions of what is newly addressed."""
        if self._messages is None:
            self._messages = {one.message for one in self.newly}
        for topic, record in bite:
            if not any(mark in (record.value or b"") for mark in _FOLLOWED):
                continue
            heard, verdict = self._judge(topic, record)
            if heard is None or verdict is None or heard.of not in self._messages:
                continue
            if heard.kind == "deleted":
                self.deleted.add(heard.of)
            elif heard.kind == "edited" and verdict.outcome != "dropped":
                self.edits.append(_bring(topic, record, heard, verdict.lane))


def _bring(
    topic: Topic, record: "ConsumerRecord[bytes, bytes]", heard: Heard, lane: Lane | None
) -> Bring:
    place = (topic.name, record.partition)
    return Bring(place, record.offset, heard.of or heard.id, heard.kind == "edited", lane)
