"""The rules of a case and its replies. Pure: plain values in, plain values out; `now` is given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from toog.contracts.ids import digest
from toog.contracts.verdicts import LANES, Lane

State = Literal["waiting", "answered", "closed"]
ShownState = Literal["waiting", "claimed", "answered", "closed"]
ReplyState = Literal["queued", "held", "sending", "sent", "refused", "unknown"]

WITHDRAWN: Final = "withdrawn"
"""Why a case closed by itself: the citizen deleted all that stood in it, unanswered."""


class ConflictError(Exception):
    """The act cannot be done as things stand now: 409. The text says what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the rules need of a case. `lease_until` may lie in the past: then nobody holds it."""

    id: str
    platform: str
    lane: Lane
    state: State
    version: int
    since: datetime
    first_received_at: datetime
    refused: bool = False
    holder: str | None = None
    lease_until: datetime | None = None
    answered_outside_at: datetime | None = None
    close_reason: str | None = None

    def held(self, now: datetime) -> bool:
        """Whether somebody has it."""
        return self.lease_until is not None and self.lease_until > now


def case_id(platform: str, account: str, conversation: str, citizen: str) -> str:
    """The id of the case of this citizen in this conversation: one for ever, closed or not."""
    return digest(f"{platform}\x1f{account}\x1f{conversation}\x1f{citizen}")


def higher(one: Lane, other: Lane) -> Lane:
    """The lane of the two that is served first."""
    return min(one, other, key=LANES.index)


def shown_state(state: State, lease_until: datetime | None, now: datetime) -> ShownState:
    """The state in the words of the API: a waiting case that somebody holds is claimed."""
    if state == "waiting" and lease_until is not None and lease_until > now:
        return "claimed"
    return state


def after_message(case: Case, lane: Lane, received_at: datetime) -> Case:
    """The case with one more message: it waits, at the higher lane, and has to be read again.

    A closed case starts anew, in the lane of this message. An answered one is anybody's again.
    """
    if case.state == "waiting":
        return replace(
            case,
            version=case.version + 1,
            lane=higher(case.lane, lane),
            since=min(case.since, received_at),
            refused=False,
        )
    return replace(
        case,
        version=case.version + 1,
        state="waiting",
        lane=lane if case.state == "closed" else higher(case.lane, lane),
        since=received_at,
        refused=False,
        holder=None,
        lease_until=None,
        close_reason=None,
    )


def after_change(case: Case) -> Case:
    """The case after a message in it was edited or deleted: what was read no longer holds."""
    return replace(case, version=case.version + 1)


def raised(case: Case, lane: Lane) -> Case:
    """The case after a copy came in this lane."""
    return replace(case, lane=higher(case.lane, lane))


def withdrawn(case: Case, now: datetime) -> Case:
    """The case after the last message that waited in it was deleted."""
    if case.state != "waiting":
        return case
    return replace(
        case, state="closed", since=now, close_reason=WITHDRAWN, holder=None, lease_until=None
    )


def answered_outside(case: Case, at: datetime, newest_message: datetime | None) -> Case:
    """The case after a reply of ours came back that did not leave through Toog.

    It answers what stood there before it; a message that came later goes on waiting.
    """
    case = replace(case, version=case.version + 1, answered_outside_at=at)
    if case.state != "waiting" or (newest_message is not None and newest_message > at):
        return case
    return replace(case, state="answered", since=at, refused=False)


def may_claim(case: Case, agent: str, now: datetime) -> None:
    """Raises ConflictError where this agent cannot take the case now."""
    if case.state == "closed":
        raise ConflictError("the case is closed; it opens again when the citizen writes")
    if case.held(now) and case.holder != agent:
        raise ConflictError("another agent has the case: take the next one, or try again later")


def must_hold(case: Case, agent: str, now: datetime) -> None:
    """Raises ConflictError unless this agent has the case."""
    if not case.held(now) or case.holder != agent:
        raise ConflictError("you do not have this case (any more): claim it first")


def may_settle(case: Case, agent: str, version: int, now: datetime) -> None:
    """Raises ConflictError unless this agent has the case and read it as it stands now."""
    must_hold(case, agent, now)
    if case.version != version:
        raise ConflictError(
            f"the case has changed since you read version {version}: "
            f"read version {case.version} and decide again"
        )


def reply_text_error(text: str, length: int, limit: int) -> str | None:
    """What is wrong with the text of a reply, as a sentence, or None.

    `length` is the text's as its platform counts: on X a link is 23 and an emoji 2.
    """
    if not text.strip():
        return "the reply is empty: write something"
    if "\x00" in text:
        return "the reply holds a NUL character: remove it"
    if length > limit:
        return f"the reply has {length} characters, {limit} are allowed: shorten it"
    return None


def conversation_of(event_id: str, conversation: str | None) -> str:
    """What stands for the conversation of a message that carries none: itself."""
    return conversation or event_id


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a citizen as far as a reply needs it."""

    id: str
    native: str | None
    deleted: bool
    stored_at: datetime


def to_answer(messages: Sequence[Said], last_reply: datetime | None) -> Said:
    """The message that a reply answers: the newest that came to us since we last replied.

    `messages` are given oldest first. A revived one may be older than what was answered already;
    it is then the one to answer. Where nothing came since, the newest; deleted ones never. Raises
    ConflictError where there is none.
    """
    there = [one for one in messages if one.native is not None and not one.deleted]
    new = [one for one in there if last_reply is None or one.stored_at > last_reply]
    if found := new or there:
        return found[-1]
    raise ConflictError("the citizen deleted what could be answered: close the case")
