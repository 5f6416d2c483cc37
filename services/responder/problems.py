"""Errors of the API as RFC 9457 has them, on the wire and in OpenAPI."""

import math
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from services.responder.acts import NotFoundError, TextError
from services.responder.models import Problem
from services.responder.workflow import ConflictError
from toog.kit.errors import UnavailableError
from toog.kit.postgres import AWAY, unavailable
from toog.kit.revive import DeletedError, GoneError, NoRecordError, ReviveError, UnfitError
from toog.kit.web import problem

MEDIA_TYPE: Final = "application/problem+json"


class UnauthorizedError(Exception):
    """No valid token was shown: 401."""


class ForbiddenError(Exception):
    """The token does not have the scope: 403."""


def install(app: FastAPI) -> None:
    """Lets every error of this app be a problem document that says what to do."""
    app.add_exception_handler(UnauthorizedError, _unauthorized)
    app.add_exception_handler(ForbiddenError, _forbidden)
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(TextError, _text)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for refused in REFUSED:
        app.add_exception_handler(refused, _refused)
    for unfit in (asyncpg.DataError, UnicodeEncodeError):
        app.add_exception_handler(unfit, _unfit)
    for away in (UnavailableError, *AWAY):
        app.add_exception_handler(away, _away)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How a route declares its errors."""
    return {status: {"model": Problem, "description": TITLES[status]} for status in statuses}


TITLES: Final = {
    401: "No valid token",
    403: "Not allowed",
    404: "Not found",
    409: "Conflict: the case or its holder has changed",
    410: "Gone: retention has taken it",
    422: "Cannot be processed",
    503: "Not available now",
}

REFUSED: Final[dict[type[ReviveError], int]] = {
    NoRecordError: 404,
    DeletedError: 409,
    GoneError: 410,
    UnfitError: 422,
}
"""Why a record is not revived, and how HTTP says it."""


def openapi(app: FastAPI) -> dict[str, Any]:
    """The description of the API, with errors under their own media type."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for path in schema["paths"].values():
            for operation in path.values():
                for status, response in operation["responses"].items():
                    content = response.get("content", {})
                    if status >= "400" and "application/json" in content:
                        content[MEDIA_TYPE] = content.pop("application/json")
        app.openapi_schema = schema
    return app.openapi_schema


async def _unauthorized(_: Request, __: Exception) -> JSONResponse:
    detail = "send the header Authorization: Bearer with a token of this desk"
    return problem(401, TITLES[401], detail, {"WWW-Authenticate": "Bearer"})


async def _forbidden(_: Request, __: Exception) -> JSONResponse:
    return problem(403, TITLES[403], "ask for a token with the scope desk")


async def _not_found(_: Request, __: Exception) -> JSONResponse:
    return problem(404, TITLES[404], "there is no such case or reply")


async def _conflict(_: Request, error: Exception) -> JSONResponse:
    return problem(409, "Conflict", str(error))


async def _refused(_: Request, error: Exception) -> JSONResponse:
    status = next(status for kind, status in REFUSED.items() if isinstance(error, kind))
    return problem(status, TITLES[status].partition(":")[0], str(error))


async def _text(_: Request, error: Exception) -> JSONResponse:
    return problem(422, TITLES[422], str(error))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for this class
    wrong = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()]
    return problem(422, TITLES[422], "; ".join(wrong))


async def _unfit(_: Request, __: Exception) -> JSONResponse:
    return problem(422, TITLES[422], "a character in it cannot be kept: send plain text")


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for this class
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, str(error.detail), headers=headers)


async def _away(_: Request, error: Exception) -> JSONResponse:
    known = error if isinstance(error, UnavailableError) else unavailable(error)
    wait = known.retry_after_s if known is not None else 2.0
    headers = {"Retry-After": str(math.ceil(wait))}
    detail = "try again in a moment; nothing was done"
    if known is not None and known.what == "Kafka":  # only what may be repeated waits for it
        detail = "Kafka does not answer: try again in a moment, repeating does no harm"
    return problem(503, TITLES[503], detail, headers)
