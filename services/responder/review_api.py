"""HTTP in: review of what was dropped, and revive."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime

from services.responder import models, problems
from services.responder.callers import Agent
from services.responder.draw import QUOTES
from services.responder.gather import EPOCH, MS, Shown, Wish
from services.responder.review import Review
from toog.contracts.verdicts import DroppedReason

GONE: Final = "Kafka does not hold this text any more: it is kept for 72 hours"
DELETED: Final = "the author has deleted this message"


def _review(request: Request) -> Review:
    review: Review = request.app.state.review
    return review


TheReview = Annotated[Review, Depends(_review)]


def add_routes(app: FastAPI) -> None:
    """What an agent may ask of the log."""
    there: dict[int | str, dict[str, Any]] = {
        200: {"model": models.RevivedRecord, "description": "the desk has the message already"}
    }
    app.add_api_route("/api/v1/review", review_dropped, methods=["GET"])
    app.add_api_route(
        "/api/v1/review/{record}/revive",
        revive_record,
        methods=["POST"],
        status_code=202,
        responses=problems.responses(404, 409, 410) | there,
    )


async def review_dropped(
    agent: Agent,
    review: TheReview,
    *,
    from_: Annotated[
        AwareDatetime | None,
        Query(alias="from", description="received at or after this; else an hour before `to`"),
    ] = None,
    to: Annotated[AwareDatetime | None, Query(description="received before this; else now")] = None,
    reason: DroppedReason | None = None,
    per_reason: Annotated[
        int, Query(ge=1, le=50, description=f"of each; {QUOTES} times as many quotes of ours")
    ] = 5,
) -> models.Review:
    """A small even sample of what was dropped, with its texts; the same time gives the same."""
    end = to or datetime.now(UTC)
    begin = (
        from_ if from_ is not None else max(end, EPOCH + timedelta(hours=1)) - timedelta(hours=1)
    )
    if not EPOCH <= begin < end:
        wrong = {"loc": ("query", "from"), "msg": "must be after 1970 and before `to`"}
        raise RequestValidationError([wrong])
    showing = await review.show(agent, Wish(begin, end, per_reason, reason))
    return models.Review(
        from_=begin,
        to=end,
        lines=showing.lines,
        share=showing.share,
        clipped=showing.clipped,
        dropped=showing.seen,
        events=[_event(one) for one in showing.events],
    )


async def revive_record(
    agent: Agent, review: TheReview, response: Response, record: str, reviving: models.Reviving
) -> models.RevivedRecord:
    """Brings a dropped message to the desk: it waits there, in lane thread."""
    done, case = await review.revive(agent, record, reviving.why)
    response.status_code = 200 if done.already else 202
    return models.RevivedRecord(record=done.record, case=case, already=done.already)


def _event(one: Shown) -> models.DroppedEvent:
    (record, reason, rules, line), text = one.drawn, one.text
    note = text.unfit if text is not None else DELETED if one.deleted else GONE
    return models.DroppedEvent(
        record=record,
        reason=reason,
        rules=rules,
        platform=line.platform,
        surface=line.surface,
        occurred_at=line.occurred_at,
        received_at=EPOCH + line.received_ms * MS,
        text=text.text if text is not None else None,
        shortened=text is not None and text.shortened,
        author_handle=text.author_handle if text is not None else None,
        gone=text is None and not one.deleted,
        deleted=one.deleted,
        case=one.case,
        note=note,
    )
