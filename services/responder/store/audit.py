"""The audit: who saw and did what. Rows are only ever added; a trigger refuses anything else."""

from collections.abc import Sequence
from typing import Literal

from services.responder.store import Connection

Act = Literal["list", "read", "claim", "release", "reply", "close"]
"""`claim` shows the case as `read` does; `list` names all cases that it showed."""


async def write(
    connection: Connection,
    agent: str,
    act: Act,
    *,
    case: str | None = None,
    reply: str | None = None,
    cases: Sequence[str] | None = None,
) -> None:
    """One row. Ids only: no text."""
    await connection.execute(
        """
        INSERT INTO responder.audit (agent, act, case_id, reply_id, case_ids)
        VALUES ($1, $2, $3, $4, $5)
        """,
        agent,
        act,
        case,
        reply,
        cases,
    )
