"""The sessions that some platforms want before a reply: asked for once, kept until they are over."""

import asyncio
from collections.abc import Mapping
from typing import Final, cast

import httpx

from toog.platforms.accounts import Account
from toog.platforms.base import Answer, Outgoing, Refused, Request, Sessions

AGAIN_AFTER_S: Final = 5.0
ASK_WITHIN_S: Final = 20.0


def plain(http: httpx.AsyncClient, asked: Request, traceparent: str | None = None) -> httpx.Request:
    """The request in httpx's words, under this trace context."""
    return http.build_request(
        asked.method,
        asked.url,
        params=list(asked.params) or None,
        headers={**asked.headers, **({"traceparent": traceparent} if traceparent else {})},
        data=dict(asked.form) if asked.form is not None else None,
        json=asked.json,
    )


class OpenSessions:
    """One session per account, in memory; a platform whose `outgoing.py` has none needs none."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._open: dict[str, Mapping[str, str]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def secrets(
        self, outgoing: Outgoing, account: Account, secrets: Mapping[str, str]
    ) -> Mapping[str, str] | Refused:
        """The account's secrets with those of its session; Refused where none could be opened.

        Raises NotConfiguredError without credentials. No reply has left then.
        """
        sessions = _of(outgoing)
        if sessions is None:
            return secrets
        async with self._locks.setdefault(account.name, asyncio.Lock()):
            if account.name not in self._open:
                got = await self._ask(sessions, account, secrets)
                if isinstance(got, Refused):
                    return got
                self._open[account.name] = got
            return {**secrets, **self._open[account.name]}

    async def _ask(
        self, sessions: Sessions, account: Account, secrets: Mapping[str, str]
    ) -> Mapping[str, str] | Refused:
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                said = await self._http.send(plain(self._http, sessions.request(account, secrets)))
        except (httpx.HTTPError, TimeoutError) as error:
            return Refused(type(error).__name__, permanent=False, wait_s=AGAIN_AFTER_S)
        return sessions.read(Answer(said.status_code, dict(said.headers), said.content))

    def heard(self, outgoing: Outgoing, account: Account, answer: Answer) -> None:
        """Forgets the session that this answer says is over."""
        sessions = _of(outgoing)
        if sessions is not None and sessions.over(answer):
            self._open.pop(account.name, None)


def _of(outgoing: Outgoing) -> Sessions | None:
    return cast("Sessions | None", getattr(outgoing, "session", None))
