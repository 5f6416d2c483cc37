"""What the API says and takes, exactly as OpenAPI describes it."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.responder.workflow import ReplyState, ShownState
from toog.contracts.verdicts import DroppedReason, Lane, MessageKind, Tag


class Answer(BaseModel):
    """What the API says."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class Question(BaseModel):
    """What the API takes; a field that it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Answer):
    """Something said in a case. `text` is empty once it was deleted."""

    id: str
    text: str
    author_handle: str | None
    author_name: str | None
    language: str | None
    surface: str | None
    visibility: str | None
    lane: Lane | None
    reason: str = Field(description="why it is here: the reason of the verdict")
    kind: MessageKind | None = Field(description="what sort of message it seems to be")
    tag: Tag | None = Field(description="the organisation that wrote it, where the policy names it")
    own: bool = Field(description="a reply of ours that did not leave through Toog")
    edited: bool
    deleted: bool
    occurred_at: datetime
    received_at: datetime


class Reply(Answer):
    """A reply and what became of it. `unknown`: it may have gone out; it is never sent again."""

    id: str
    case: str
    to_message: str
    agent: str
    text: str
    state: ReplyState
    reason: str | None = Field(description="why it is held, refused or unknown")
    approved_at: datetime
    not_before: datetime
    sent_at: datetime | None
    deleted: bool
    native_id: str | None
    event_id: str | None


class CaseItem(Answer):
    """A case as the list shows it: no text."""

    id: str
    version: int
    platform: str
    account: str
    lane: Lane
    state: ShownState
    refused: bool = Field(description="the platform refused the last reply: a person must look")
    citizen_handle: str | None
    kind: MessageKind | None = Field(description="that of the citizen's newest message")
    tag: Tag | None = Field(description="that of the citizen's newest message")
    since: datetime = Field(description="since when it waits, or is answered or closed")
    opened_at: datetime
    holder: str | None
    lease_until: datetime | None


class Case(CaseItem):
    """A case with all that was said in it, oldest first."""

    close_reason: str | None
    answered_outside_at: datetime | None
    reply_length: int = Field(description="how many characters a reply may have")
    messages: list[Message]
    replies: list[Reply]


class CasePage(Answer):
    """Part of a list; `next` is the cursor of the following part, null at the end."""

    cases: list[CaseItem]
    next: str | None


Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class NewReply(Question):
    """A reply to the newest message of the case, as read at `version`."""

    text: str
    version: int


class Closing(Question):
    """Why the case needs no (further) answer, as read at `version`."""

    reason: Short
    version: int


class DroppedEvent(Answer):
    """An event that was dropped. `text` is null where it is gone, or deleted by its author."""

    record: str = Field(description="coordinates of the intake record: what revive is told")
    reason: DroppedReason
    rules: str
    platform: str
    surface: str | None
    occurred_at: datetime
    received_at: datetime
    text: str | None
    shortened: bool = Field(description="the text is longer than what stands here")
    author_handle: str | None
    gone: bool = Field(description="Kafka does not hold it any more")
    deleted: bool
    case: str | None = Field(description="where it stands at the desk, if it does")
    note: str | None = Field(description="why there is no text, or why it cannot be revived")


class Review(Answer):
    """A sample of what was dropped, received in [from, to)."""

    from_: datetime = Field(serialization_alias="from")
    to: datetime
    lines: int = Field(description="lines of the ledger, of this time, that were looked at")
    share: float = Field(
        description="how much of what the ledger holds of this time was looked at; 1: all of it"
    )
    clipped: bool = Field(
        description="not all was seen: the time begins before the ledger, or lines were left out; what was"
        " written more than five minutes late, as after an outage, is not looked for"
    )
    dropped: dict[DroppedReason, int] = Field(description="the lines looked at, by reason")
    events: list[DroppedEvent]


class Reviving(Question):
    """Why the message belongs at the desk."""

    why: Annotated[Short, StringConstraints(pattern=r"^[^\x00]*$")]


class RevivedRecord(Answer):
    """A record that is on its way to the desk, and the case that it joins."""

    record: str
    case: str
    already: bool = Field(description="the desk had the message before")


class Problem(Answer):
    """An error as RFC 9457 has it; `detail` says what to do."""

    type: str
    status: int
    title: str
    detail: str
