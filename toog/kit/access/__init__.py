"""Bearer tokens: random, kept only as a hash, scoped; the agent is the token's."""

import secrets
from typing import Final, Literal, NamedTuple

import asyncpg

from toog.kit.access import store

Scope = Literal["desk", "figures", "operator"]
"""desk: cases and replies; figures: load and balance; operator: everything an operator may do."""

PREFIX: Final = "toog_"


class Caller(NamedTuple):
    """Who is calling, by the token that was shown."""

    agent: str
    scopes: frozenset[str]


async def create(pool: "asyncpg.Pool[asyncpg.Record]", agent: str, scopes: set[Scope]) -> str:
    """A new token for this agent. It is shown once, here; nobody can read it back."""
    token = PREFIX + secrets.token_urlsafe(32)
    await store.insert(pool, token, agent, sorted(scopes))
    return token


async def caller(pool: "asyncpg.Pool[asyncpg.Record]", authorization: str | None) -> Caller | None:
    """Who an `Authorization` header speaks for, or None where it speaks for nobody."""
    kind, _, token = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not token.startswith(PREFIX):
        return None
    row = await store.find(pool, token)
    return Caller(row["agent"], frozenset(row["scopes"])) if row else None
