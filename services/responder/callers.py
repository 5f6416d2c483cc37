"""Who calls the API: the agent of every act is the token's."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.responder import problems
from toog.kit.access import Caller

FindCaller = Callable[[str | None], Awaitable[Caller | None]]
"""Who an `Authorization` header speaks for."""

_bearer: Final = HTTPBearer(auto_error=False, description="a token with the scope desk")


async def agent(
    request: Request,
    shown: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> str:
    """Who is calling. Without a token that has the scope: 401 or 403."""
    find: FindCaller = request.app.state.find_caller
    caller = await find(f"Bearer {shown.credentials}" if shown is not None else None)
    if caller is None:
        raise problems.UnauthorizedError
    if "desk" not in caller.scopes:
        raise problems.ForbiddenError
    return caller.agent


Agent = Annotated[str, Depends(agent)]
