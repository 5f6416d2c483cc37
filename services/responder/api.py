"""HTTP in: the desk's API under `/api/v1`. The agent is the token's; every route needs one."""

import base64
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import asyncpg
import msgspec
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from services.responder import models, problems, review_api
from services.responder.acts import CaseRows, Desk
from services.responder.callers import Agent, FindCaller
from services.responder.review import Review
from services.responder.store.cases import Position
from services.responder.workflow import ShownState, shown_state
from toog.contracts.verdicts import Lane, MessageKind
from toog.kit.web import BodyLimit

BODY_BYTES: Final = 256 * 1024
START: Final = Position(0, datetime(1, 1, 1, tzinfo=UTC), "")
_cursor: Final = msgspec.json.Decoder(tuple[int, datetime, str])


def public_app(desk: Desk, review: Review, find_caller: FindCaller) -> FastAPI:
    """The app of the public listener."""
    app = routes()
    app.state.desk, app.state.review, app.state.find_caller = desk, review, find_caller
    app.add_middleware(BodyLimit, limit=BODY_BYTES)
    return app


def routes() -> FastAPI:
    """The routes with nobody behind them: enough to describe them."""
    app = FastAPI(
        title="Toog: the desk",
        version="1",
        description="Cases of citizens who spoke to us, and the replies to them.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=problems.responses(401, 403, 422, 503),
        generate_unique_id_function=lambda route: route.name,
    )
    problems.install(app)
    _add_routes(app)
    review_api.add_routes(app)
    return app


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="the same key with the same body gives the same reply again",
    ),
]


def _add_routes(app: FastAPI) -> None:
    """The table of contents of the API."""
    missing, conflict = problems.responses(404), problems.responses(404, 409)
    nothing: dict[int | str, dict[str, Any]] = {204: {"description": "nothing waits"}}
    repeat: dict[int | str, dict[str, Any]] = {
        200: {"model": models.Reply, "description": "was approved under this key before"}
    }
    add, case = app.add_api_route, "/api/v1/cases/{case_id}"
    add("/api/v1/cases", list_cases, methods=["GET"])
    add(
        "/api/v1/cases/next",
        next_case,
        methods=["POST"],
        response_model=models.Case,
        responses=nothing,
    )
    add(case, read_case, methods=["GET"], responses=missing)
    add(f"{case}/claim", claim_case, methods=["POST"], responses=conflict)
    add(f"{case}/release", release_case, methods=["POST"], responses=conflict)
    add(f"{case}/close", close_case, methods=["POST"], responses=conflict)
    add(
        f"{case}/replies",
        reply_to_case,
        methods=["POST"],
        status_code=201,
        responses=conflict | repeat,
    )
    add("/api/v1/replies/{reply_id}", read_reply, methods=["GET"], responses=missing)


async def list_cases(
    agent: Agent,
    desk: TheDesk,
    *,
    state: ShownState | None = None,
    lane: Lane | None = None,
    platform: str | None = None,
    kind: MessageKind | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> models.CasePage:
    """Cases in the order of service: by lane, then the longest waiting first."""
    after = _position(cursor) if cursor is not None else START
    rows = await desk.page(
        agent,
        state=state,
        lane=lane,
        platform=platform,
        kind=kind,
        after=after,
        limit=limit + 1,
    )
    more, rows = len(rows) > limit, rows[:limit]
    following = _cursor_of(rows[-1]) if more else None
    return models.CasePage(cases=[models.CaseItem(**_item(row)) for row in rows], next=following)


async def next_case(agent: Agent, desk: TheDesk) -> models.Case | Response:
    """Claims the case that is to be served next."""
    rows = await desk.next(agent)
    return Response(status_code=204) if rows is None else _case(rows, desk)


async def read_case(agent: Agent, desk: TheDesk, case_id: str) -> models.Case:
    """A case with its messages and replies; renews the caller's lease, if there is one."""
    return _case(await desk.read(agent, case_id), desk)


async def claim_case(agent: Agent, desk: TheDesk, case_id: str) -> models.Case:
    """Takes the case, or renews the lease on it."""
    return _case(await desk.claim(agent, case_id), desk)


async def release_case(agent: Agent, desk: TheDesk, case_id: str) -> models.Case:
    """Gives the case back to the queue."""
    return _case(await desk.release(agent, case_id), desk)


async def close_case(
    agent: Agent, desk: TheDesk, case_id: str, closing: models.Closing
) -> models.Case:
    """Closes the case with a reason; it opens again when the citizen writes."""
    return _case(await desk.close(agent, case_id, closing.reason, closing.version), desk)


async def reply_to_case(
    agent: Agent,
    desk: TheDesk,
    response: Response,
    case_id: str,
    reply: models.NewReply,
    *,
    key: Key = None,
) -> models.Reply:
    """Answers the newest message of the case; the reply leaves as soon as the platform lets it."""
    row, new = await desk.reply(agent, case_id, reply.text, reply.version, key)
    response.status_code = 201 if new else 200
    return models.Reply(**_reply(row))


async def read_reply(agent: Agent, desk: TheDesk, reply_id: str) -> models.Reply:
    """A reply and what became of it."""
    return models.Reply(**_reply(await desk.read_reply(agent, reply_id)))


def _position(cursor: str) -> Position:
    try:
        return Position(*_cursor.decode(base64.urlsafe_b64decode(cursor)))
    except ValueError:
        wrong = {"loc": ("query", "cursor"), "msg": "use the `next` of the page before"}
        raise RequestValidationError([wrong]) from None


def _cursor_of(row: asyncpg.Record) -> str:
    place = msgspec.json.encode((row["lane_rank"], row["since"], row["id"]))
    return base64.urlsafe_b64encode(place).decode()


def _item(row: asyncpg.Record) -> dict[str, Any]:
    values = dict(row)
    values["state"] = shown_state(row["state"], row["lease_until"], row["now"])
    if row["lease_until"] is None or row["lease_until"] <= row["now"]:
        values["holder"] = values["lease_until"] = None
    return values


def _case(rows: CaseRows, desk: Desk) -> models.Case:
    return models.Case(
        **_item(rows.case),
        reply_length=desk.reply_length(rows.case["platform"]),
        messages=[models.Message(**_message(row)) for row in rows.messages],
        replies=[models.Reply(**_reply(row)) for row in rows.replies],
    )


def _message(row: asyncpg.Record) -> dict[str, Any]:
    edited, deleted = row["edited_at"] is not None, row["deleted_at"] is not None
    return {**row, "edited": edited, "deleted": deleted}


def _reply(row: asyncpg.Record) -> dict[str, Any]:
    return {**row, "case": row["case_id"], "deleted": row["deleted_at"] is not None}
