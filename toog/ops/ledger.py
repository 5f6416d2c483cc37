"""The balance out of verdict records, of a part of the log: with the very counting of metrics. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord

from services.metrics.balance import Balance, Intake, IntakeLine, draw_up, settle
from services.metrics.coverage import BLOCK, BlockKey, Judged, Standing, judge
from services.metrics.desk import committed_or_start
from services.metrics.load import CONFLICT, Total, TotalKey
from services.metrics.records import READERS
from toog.contracts.topics import Topic
from toog.kit.errors import DATA_ERRORS


class Part(NamedTuple):
    """What of an intake partition is counted: offsets [first, end). `topic` as in the contract.

    `clipped`: `first` is the log start, and there were records before it.
    """

    topic: str
    partition: int
    first: int
    end: int
    committed: int | None
    clipped: bool

    @property
    def until(self) -> int:
        """The end of what must have a verdict."""
        return min(max(self.committed or 0, self.first), self.end)


class Drawn(NamedTuple):
    """The balance (its second line stays empty), and what each partition adds to it."""

    balance: Balance
    lines: list[tuple[Intake, IntakeLine]]


class Ledger:
    """Takes verdict records in any order, any number of times; draws up the balance at any moment.

    A verdict beyond the committed offset is in flight, and only that: what is received is then
    always the sum of the rest.
    """

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = {(part.topic, part.partition): part for part in parts}
        self._blocks: defaultdict[BlockKey, bytearray] = defaultdict(lambda: bytearray(BLOCK))
        self._standing: Counter[Standing] = Counter()
        self._conflicts = 0
        self._judged: set[tuple[str, int]] = set()
        self.unreadable = 0

    def take(self, records: Iterable[tuple[Topic, "ConsumerRecord[bytes, bytes]"]]) -> None:
        """Counts what these records of the verdict topics say of the parts."""
        tally = judge(self._blocks, self._counting(records))
        self._standing.update(tally.standing)
        self._conflicts += tally.conflicts

    def _counting(
        self, records: Iterable[tuple[Topic, "ConsumerRecord[bytes, bytes]"]]
    ) -> Iterator[Judged]:
        """One by one: all verdicts on so many pages would be too much to hold."""
        for topic, record in records:
            for verdict in self._read(topic, record):
                place = (verdict.topic, verdict.partition)
                self._judged.add(place)
                part = self._parts.get(place)
                if part is not None and part.first <= verdict.offset < part.until:
                    yield verdict

    def _read(self, topic: Topic, record: "ConsumerRecord[bytes, bytes]") -> Sequence[Judged]:
        try:
            return READERS[topic.name](record).verdicts
        except DATA_ERRORS:
            self.unreadable += 1
            return ()

    @property
    def in_doubt(self) -> bool:
        """Whether older verdicts could change the balance: one is missing, or none was ever seen."""
        return any(
            self._settled(part)[1].holes
            or (
                part.committed is None
                and part.clipped
                and (part.topic, part.partition) not in self._judged
            )
            for part in self._parts.values()
        )

    def drawn(self) -> Drawn:
        """The balance as CONTRACTS.md defines it, over the parts."""
        lines = [self._settled(part) for part in self._parts.values()]
        totals: dict[TotalKey, Total] = {
            (standing.kind, standing.label): Total(n) for standing, n in self._standing.items()
        }
        totals[CONFLICT, ""] = Total(self._conflicts)
        return Drawn(draw_up(lines, (), totals), lines)

    def _settled(self, part: Part) -> tuple[Intake, IntakeLine]:
        place = (part.topic, part.partition)
        committed = committed_or_start(part.committed, part.first, judged=place in self._judged)
        if not part.clipped:
            committed = max(committed, part.first)  # what stands before is not asked for
        intake = Intake(
            topic=part.topic,
            partition=part.partition,
            log_start=part.first,
            end=part.end,
            committed=min(committed, part.end),
            blocks=self._blocks_of(part),
        )
        return intake, settle(intake)

    def _blocks_of(self, part: Part) -> dict[int, bytes | None]:
        numbers = range(part.first // BLOCK, -(-part.until // BLOCK))
        return {
            number: bytes(self._blocks[key])
            for number in numbers
            if (key := (part.topic, part.partition, number)) in self._blocks
        }
