"""From desk records to what has to happen in the database. Pure: decoding, and where each belongs."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal, get_args

from aiokafka.structs import ConsumerRecord

from services.responder import workflow
from services.responder.workflow import Case
from toog.contracts import about, events
from toog.contracts.about import Heard
from toog.contracts.events import Event
from toog.contracts.verdicts import LANES, AddressedReason, ContextReason, Lane, Reason

REASONS: dict[str, Reason] = {
    word: word for word in (*get_args(AddressedReason), *get_args(ContextReason))
}
_LANES: dict[str, Lane] = {lane: lane for lane in LANES}
_LENIENT = frozenset({"ce_source", *about.NAMES})

What = Literal["message", "edit", "deletion", "own_reply", "nothing"]


@dataclass(frozen=True, slots=True)
class Taken:
    """One readable record of the desk topic. `lane` is set exactly when it is addressed.

    `about`: what the router says of an addressed message; it decides nothing.
    """

    partition: int
    offset: int
    event: Event
    reason: Reason
    lane: Lane | None
    rules: str
    traceparent: str | None
    about: Heard = about.NOTHING

    @property
    def language(self) -> str | None:
        """The event's own word, else what the router heard."""
        return self.event.language or self.about.language

    @property
    def what(self) -> What:
        """What is to be done with it."""
        match self.event.kind:
            case "deleted":
                return "deletion"
            case "edited":
                return "edit"
        if self.lane is not None:
            return "message"
        return "own_reply" if self.reason == "own_reply" else "nothing"

    @property
    def message(self) -> str:
        """The id of the message that it is, or that it concerns."""
        return self.event.of or self.event.id


def read(record: "ConsumerRecord[bytes, bytes]") -> Taken:
    """The record in our words. Raises ValueError where it breaks the contract."""
    event = events.decode(record.value or b"")
    headers = {name: value.decode() for name, value in record.headers if name not in _LENIENT}
    reason, lane = REASONS.get(headers.get("ce_reason", "")), None
    match headers.get("ce_outcome"):
        case "addressed":
            lane = _LANES.get(headers.get("ce_lane", ""))
            if lane is None:
                raise ValueError("addressed without a lane")
        case "context":
            pass
        case _:
            raise ValueError("neither addressed nor context")
    if reason is None:
        raise ValueError("unknown reason")
    if event.kind in {"edited", "deleted"} and event.of is None:
        raise ValueError("an edit or deletion of nothing")
    rules, trace = headers.get("ce_rules", ""), headers.get("traceparent")
    said = about.heard(record.headers)
    return Taken(record.partition, record.offset, event, reason, lane, rules, trace, said)


@dataclass(frozen=True, slots=True)
class Home:
    """Where a message or reply that we know belongs."""

    case: str
    lane: Lane | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message to store, and the case that it joins (or opens, where there is no such case)."""

    taken: Taken
    case: str
    lane: Lane

    @property
    def id(self) -> str:
        """The message's id: of an edit that came first, the id of what it edits."""
        return self.taken.message


Fate = Literal["stored", "duplicates", "applied"]


@dataclass(slots=True)
class Plan:
    """What a batch asks for, beside the deletions, which come first.

    `fates` has one entry per record of the batch, in its order. `own`: replies of ours that we do
    not know, with their case where the message that they answer names it.
    """

    fates: list[Fate] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    raised: dict[str, tuple[str, Lane]] = field(default_factory=dict)
    edits: dict[str, Taken] = field(default_factory=dict)
    own: list[tuple[Taken, str | None]] = field(default_factory=list)


def names(batch: Iterable[Taken]) -> set[str]:
    """Every message id that the batch speaks of."""
    ids: set[str] = set()
    for taken in batch:
        if taken.what != "nothing":
            ids.add(taken.message)
            if taken.event.in_reply_to is not None:
                ids.add(taken.event.in_reply_to.id)
    return ids


def deletions(batch: Iterable[Taken]) -> list[str]:
    """The ids of the messages that the batch says were deleted."""
    return sorted({taken.message for taken in batch if taken.what == "deletion"})


def plan(batch: Sequence[Taken], known: Mapping[str, Home], deleted: frozenset[str]) -> Plan:
    """What becomes of each record: every one is stored, a duplicate, or applied.

    `known`: messages and replies that we have, by id; `deleted`: ids that were deleted, those of
    this batch included. Order inside the batch matters to nothing but which copy is the first: an
    edit wins by its revision, a deletion always.
    """
    made, homes = Plan(), dict(known)
    own: list[Taken] = []
    for taken in batch:
        match taken.what:
            case "message":
                fate = _message(made, taken, homes, deleted)
            case "edit":
                fate = _edit(made, taken, homes, deleted)
            case _:
                fate = "applied"
        made.fates.append(fate)
        if taken.what == "own_reply" and not {taken.message} & (homes.keys() | deleted):
            own.append(taken)
    for taken in own:
        parent = taken.event.in_reply_to
        home = homes.get(parent.id) if parent is not None else None
        made.own.append((taken, home.case if home is not None else None))
    return made


def _message(made: Plan, taken: Taken, homes: dict[str, Home], deleted: frozenset[str]) -> Fate:
    if taken.message in deleted:
        return "applied"
    if taken.message in homes:
        _raise(made, taken, homes)
        return "duplicates"
    return _arrive(made, taken, homes)


def _edit(made: Plan, taken: Taken, homes: dict[str, Home], deleted: frozenset[str]) -> Fate:
    if taken.message in deleted:
        return "applied"
    if taken.message in homes:
        _raise(made, taken, homes)
        last = made.edits.get(taken.message)
        if last is None or last.event.revision < taken.event.revision:
            made.edits[taken.message] = taken
        return "applied"
    return "applied" if taken.lane is None else _arrive(made, taken, homes)


def case_of(event: Event, homes: Mapping[str, Home]) -> str:
    """The case that a new message joins: that of what it answers, else its citizen's own there."""
    parent = event.in_reply_to
    if parent is not None and parent.id in homes:
        return homes[parent.id].case
    message = event.of or event.id
    citizen = event.author.id if event.author is not None else message
    conversation = workflow.conversation_of(message, event.conversation)
    return workflow.case_id(event.platform, event.account, conversation, citizen)


def _arrive(made: Plan, taken: Taken, homes: dict[str, Home]) -> Fate:
    assert taken.lane is not None  # noqa: S101 - what arrives is addressed, by its callers
    case = case_of(taken.event, homes)
    homes[taken.message] = Home(case, taken.lane)
    made.arrivals.append(Arrival(taken, case, taken.lane))
    return "stored"


def _raise(made: Plan, taken: Taken, homes: dict[str, Home]) -> None:
    home = homes[taken.message]
    if taken.lane is None or home.lane is None:
        return
    lane = workflow.higher(home.lane, taken.lane)
    if lane != home.lane:
        homes[taken.message] = Home(home.case, lane)
        made.raised[taken.message] = (home.case, lane)


@dataclass(slots=True)
class Cases:
    """The cases that a batch touches: as they were, and as they become."""

    before: dict[str, Case]
    after: dict[str, Case] = field(default_factory=dict)
    opened: dict[str, Arrival] = field(default_factory=dict)

    def get(self, id_: str) -> Case | None:
        """The case as it stands by now, or None where there is none."""
        return self.after.get(id_) or self.before.get(id_)

    def put(self, case: Case) -> None:
        """The case stands like this now."""
        self.after[case.id] = case

    def take(self, arrival: Arrival) -> None:
        """A stored message joins its case, or opens it."""
        received = arrival.taken.event.received_at
        case = self.get(arrival.case)
        if case is not None:
            self.put(workflow.after_message(case, arrival.lane, received))
            return
        self.opened[arrival.case] = arrival
        self.put(
            Case(
                id=arrival.case,
                platform=arrival.taken.event.platform,
                lane=arrival.lane,
                state="waiting",
                version=1,
                since=received,
                first_received_at=received,
            )
        )

    @property
    def changed(self) -> list[Case]:
        """Those that were there before and are different now."""
        return [c for id_, c in self.after.items() if id_ in self.before and self.before[id_] != c]


@dataclass(slots=True)
class Counted:
    """What became of the records of one partition: each is exactly one of the three."""

    first: int
    last: int
    stored: int = 0
    duplicates: int = 0
    applied: int = 0


def counted(batch: Sequence[Taken], made: Plan, stored: AbstractSet[str]) -> dict[int, Counted]:
    """The batch's figures per partition. `stored`: ids of the arrivals that were really new."""
    figures: dict[int, Counted] = {}
    for taken, fate in zip(batch, made.fates, strict=True):
        part = figures.setdefault(taken.partition, Counted(taken.offset, taken.offset))
        part.first, part.last = min(part.first, taken.offset), max(part.last, taken.offset)
        if fate == "applied":
            part.applied += 1
        elif fate == "stored" and taken.message in stored:
            part.stored += 1
        else:
            part.duplicates += 1
    return figures
