"""HTTP in, on the internal listener: load per minute and the balance, for a token that may see figures."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.metrics import load
from services.metrics.balance import Balance
from services.metrics.load import Minute
from services.metrics.store import Pool, reading
from services.metrics.telemetry import Rounds
from toog import __version__
from toog.kit import access
from toog.kit.errors import UnavailableError
from toog.kit.postgres import AWAY
from toog.kit.web import problem

LONGEST_HOURS = 48
ANSWER_S = 5.0


def make_api(pool: Pool, rounds: Rounds) -> FastAPI:
    """The app to mount at `/api/v1`. Every error is a problem of RFC 9457."""
    # without its schema's own route: that one would answer without a token
    api = FastAPI(title="Toog figures", version=__version__, openapi_url=None)

    async def may_see_figures(authorization: Annotated[str | None, Header()] = None) -> None:
        async with asyncio.timeout(ANSWER_S):
            caller = await access.caller(pool, authorization)
        if caller is None:
            raise HTTPException(401, "no valid token", {"WWW-Authenticate": "Bearer"})
        if "figures" not in caller.scopes:
            raise HTTPException(403, "the token lacks the scope figures")

    allowed = [Depends(may_see_figures)]

    @api.get("/load", dependencies=allowed)
    async def load_per_minute(
        hours: Annotated[int, Query(ge=1, le=LONGEST_HOURS)] = 3,
    ) -> list[Minute]:
        """The last hours minute by minute, the running minute last."""
        now = datetime.now(UTC)
        async with asyncio.timeout(ANSWER_S):
            rows = await reading.minutes(pool, load.first_minute(now, hours))
        return load.series(rows, now=now, hours=hours)

    @api.get("/balance", dependencies=allowed)
    async def last_balance() -> Balance:
        """The last balance that could be drawn up, with its age."""
        if rounds.last is None:
            raise UnavailableError("the balance")
        return replace(rounds.last, age_s=round(rounds.age_s(time.monotonic()), 3))

    _answer_errors(api)
    return api


def _answer_errors(api: FastAPI) -> None:
    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
        return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        first = error.errors()[0]
        return problem(422, "the request is not valid", f"{first['loc'][-1]}: {first['msg']}")

    async def away(_: Request, error: Exception) -> Response:
        known = error if isinstance(error, UnavailableError) else UnavailableError("the database")
        seconds = str(round(known.retry_after_s))
        return problem(503, str(known), "try again shortly", {"Retry-After": seconds})

    api.add_exception_handler(HTTPException, refused)
    api.add_exception_handler(RequestValidationError, invalid)
    for kind in (UnavailableError, *AWAY):
        api.add_exception_handler(kind, away)
