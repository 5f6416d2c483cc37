"""What an operator may ask of a reader over the internal listener."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from toog.kit.stream.consume import Consumer


def resume_route(consumers: Sequence[Consumer]) -> Route:
    """`POST /resume`: opens every closed valve and names the partitions that go on."""

    async def resume(_: Request) -> JSONResponse:
        return JSONResponse({"opened": [place for c in consumers for place in c.resume()]})

    return Route("/resume", resume, methods=["POST"])
