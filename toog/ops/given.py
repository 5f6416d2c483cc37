"""The verdicts that were given, kept small: what stands on each record of a part of the intake."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aiokafka.structs import ConsumerRecord

from toog.contracts.topics import DEAD, DROPPED, Topic, parse_record
from toog.contracts.verdicts import LANES
from toog.contracts.wire import header
from toog.kit.errors import DATA_ERRORS
from toog.ops import pages
from toog.ops.changes import UNREADABLE, Word

Place = tuple[str, int]
"""Topic (as in the contract) and partition of the intake."""

_RANKS: Final = {"dead": 0, "dropped": 1, "context": 2, "addressed": 3}


class Given:
    """The verdicts that stand on some offsets of the intake: two bytes per offset, however many.

    Takes verdict records in any order, any number of times. Where several differ the highest
    stands: addressed, context, dropped, dead; of addressed ones the lane that is served first.
    """

    def __init__(self, spans: Iterable[tuple[str, int, int, int]]) -> None:
        """`spans`: topic, partition, first offset and the one behind the last."""
        self._first: dict[Place, int] = {}
        self._codes: dict[Place, array[int]] = {}
        for topic, partition, first, end in spans:
            self._first[topic, partition] = first
            self._codes[topic, partition] = array("H", bytes(2 * (end - first)))
        self._words: list[Word | None] = [None]
        self._code_of: dict[Word, int] = {}
        self._brought: set[tuple[Place, int]] = set()
        self.unreadable = 0

    def take(self, records: Iterable[tuple[Topic, "ConsumerRecord[bytes, bytes]"]]) -> None:
        """Notes what these records of desk, ledger and dead letters say of our offsets."""
        for topic, record in records:
            try:
                self._take(topic, record)
            except DATA_ERRORS:
                self.unreadable += 1

    def _take(self, topic: Topic, record: "ConsumerRecord[bytes, bytes]") -> None:
        if topic is DROPPED:
            page = pages.read(record.value)
            for line in page.lines:
                self._note((page.topic, page.partition), line.offset, Word("dropped", line.reason))
            return
        headers = dict(record.headers)
        if topic is DEAD and headers.get("ce_stage") != b"router":
            return
        name, partition, offset = parse_record(header(record.headers, "ce_record") or "")
        said = UNREADABLE if topic is DEAD else _at_desk(headers)
        if "ce_origin" in headers:
            self._brought.add(((name, partition), offset))
        else:
            self._note((name, partition), offset, said)

    def _note(self, place: Place, offset: int, said: Word) -> None:
        codes = self._codes.get(place)
        at = offset - self._first.get(place, 0)
        if codes is not None and 0 <= at < len(codes) and _higher(said, self._words[codes[at]]):
            codes[at] = self._code(said)

    def _code(self, word: Word) -> int:
        code = self._code_of.get(word)
        if code is None:
            self._words.append(word)
            code = self._code_of[word] = len(self._words) - 1
        return code

    def at(self, place: Place, offset: int) -> Word | None:
        """What was said of this record, or None: nothing yet."""
        return self._words[self._codes[place][offset - self._first[place]]]

    def brought(self, place: Place, offset: int) -> bool:
        """Whether it was revived or rejudged before; also told of records outside of our spans."""
        return (place, offset) in self._brought


def _at_desk(headers: Mapping[str, bytes]) -> Word:
    lane = headers.get("ce_lane")
    outcome = headers.get("ce_outcome", b"").decode()
    if outcome not in _RANKS:
        raise ValueError("a desk record is addressed or context")
    reason = headers.get("ce_reason", b"").decode()
    return Word(outcome, reason, None if lane is None else lane.decode())


def _higher(said: Word, standing: Word | None) -> bool:
    return standing is None or _height(said) > _height(standing)


def _height(word: Word) -> tuple[int, int]:
    lanes: Sequence[str] = LANES
    lane = -lanes.index(word.lane) if word.lane in lanes else -len(lanes)
    return _RANKS[word.outcome], lane
