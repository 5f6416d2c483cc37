"""What is newly addressed, as the desk gets it: the intake's bytes, and beside them why. No I/O."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec
from aiokafka.structs import ConsumerRecord

from services.router.about import about
from services.router.policy import Policy
from services.router.rules import Facts
from toog.contracts import events
from toog.contracts.topics import EVENTS, ROOM, Topic, record_of
from toog.contracts.verdicts import Lane, Verdict
from toog.contracts.wire import about_headers
from toog.kit.errors import DATA_ERRORS
from toog.kit.revive import once_more
from toog.kit.stream.produce import Outgoing
from toog.kit.stream.read import Span
from toog.ops.given import Place
from toog.ops.rejudging import Bring

_EDIT: Final = Verdict("context", "edit")
_facts = msgspec.json.Decoder(Facts)


class Bringing:
    """Picks out of the intake what is for the desk, and says beside it why it comes only now."""

    def __init__(self, policy: Policy, by: str, bring: Iterable[Bring]) -> None:
        self._policy = policy
        self._by = by
        self._wanted: dict[Place, dict[int, Bring]] = defaultdict(dict)
        for one in bring:
            self._wanted[one.place][one.offset] = one

    @property
    def spans(self) -> list[Span]:
        """Where it stands."""
        topics = {topic.name: topic for topic in (EVENTS, ROOM)}
        return [
            Span(topics[name], partition, min(those), max(those) + 1, clipped=False)
            for (name, partition), those in self._wanted.items()
        ]

    def records(
        self, bite: Iterable[tuple[Topic, "ConsumerRecord[bytes, bytes]"]]
    ) -> list[Outgoing]:
        """The records for the desk; without what the rules can read and the desk cannot."""
        made: list[Outgoing] = []
        for topic, record in bite:
            one = self._wanted[topic.name, record.partition].get(record.offset)
            if one is not None:
                with contextlib.suppress(*DATA_ERRORS):
                    made.append(self._record(topic, record, one.lane))
        return made

    def _record(
        self, topic: Topic, record: "ConsumerRecord[bytes, bytes]", lane: Lane | None
    ) -> Outgoing:
        event = events.decode(record.value or b"")
        place = record_of(topic.name, record.partition, record.offset)
        rules = self._policy.rules
        if lane is None:
            return once_more(record, place, event, _EDIT, rules, "rejudge", self._by)
        verdict = Verdict("addressed", "rejudged", lane)
        out = once_more(record, place, event, verdict, rules, "rejudge", self._by)
        said = about(_facts.decode(record.value or b""), self._policy)
        return msgspec.structs.replace(out, headers=[*out.headers, *about_headers(said)])
