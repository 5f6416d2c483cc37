"""Sessions for replies: asked for once, kept, forgotten when over; nothing has left without one."""

import asyncio
from collections.abc import Callable, Mapping
from types import ModuleType

import httpx
import pytest

from services.responder.sessions import OpenSessions
from toog.platforms.accounts import Account
from toog.platforms.base import Answer, NotConfiguredError, Refused
from toog.platforms.bluesky import outgoing as bluesky
from toog.platforms.mastodon import outgoing as mastodon

US = Account("bluesky", "did:plc:demo", "stadpoldem.test", "https://pds.example")
SECRETS = {"identifier": "stadpoldem.test", "app_password": "geheim"}
OVER = Answer(400, {}, b'{"error":"ExpiredToken","message":"Token has expired"}')


class Server:
    """Gives a new token at every login, unless told what else to do."""

    def __init__(self) -> None:
        self.logins = 0
        self.otherwise: Callable[[httpx.Request], httpx.Response] | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.logins += 1
        if self.otherwise is not None:
            return self.otherwise(request)
        return httpx.Response(200, json={"accessJwt": f"t{self.logins}", "refreshJwt": "r"})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def sessions(server: Server) -> OpenSessions:
    return OpenSessions(httpx.AsyncClient(transport=httpx.MockTransport(server)))


async def secrets(
    sessions: OpenSessions, outgoing: ModuleType = bluesky, own: Mapping[str, str] = SECRETS
) -> Mapping[str, str] | Refused:
    return await sessions.secrets(outgoing, US, own)


async def test_many_replies_share_one_session(sessions: OpenSessions, server: Server) -> None:
    got = await asyncio.gather(*(secrets(sessions) for _ in range(4)))

    assert got == [{**SECRETS, "access_jwt": "t1"}] * 4
    assert server.logins == 1


async def test_a_session_that_is_over_is_asked_for_again(
    sessions: OpenSessions, server: Server
) -> None:
    await secrets(sessions)

    sessions.heard(bluesky, US, Answer(200, {}, b"{}"))
    sessions.heard(bluesky, US, OVER)
    got = await secrets(sessions)

    assert got == {**SECRETS, "access_jwt": "t2"}


async def test_a_platform_without_sessions_is_asked_for_none(
    sessions: OpenSessions, server: Server
) -> None:
    assert await secrets(sessions, mastodon, {"token": "x"}) == {"token": "x"}
    sessions.heard(mastodon, US, OVER)
    assert server.logins == 0


async def test_a_login_that_fails_is_a_refusal_and_tried_again_later(
    sessions: OpenSessions, server: Server
) -> None:
    server.otherwise = lambda _: httpx.Response(401)
    assert await secrets(sessions) == Refused("session_401", permanent=False, stop=True)

    def cut(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("cut", request=request)

    server.otherwise = cut
    assert await secrets(sessions) == Refused("ReadError", permanent=False, wait_s=5.0)
    server.otherwise = None
    assert await secrets(sessions) == {**SECRETS, "access_jwt": "t3"}


async def test_without_credentials_it_is_not_configured(sessions: OpenSessions) -> None:
    with pytest.raises(NotConfiguredError):
        await secrets(sessions, own={})
