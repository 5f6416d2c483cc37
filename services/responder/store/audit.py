"""The audit: who saw and did what. Rows are only ever added; a trigger refuses anything else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from services.responder.store import Connection

Act = Literal["list", "read", "claim", "release", "reply", "close"]
"""`claim` shows the case as `read` does; `list` names all cases that it showed."""
LogAct = Literal[
    "review",
    "revive",
    "rejudge",
    "find",
    "dead_show",
    "dead_replay",
    "dead_drop",
    "resume",
]
"""What is asked of Kafka's log, or changed there, by an agent or an operator."""


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


async def write_log_act(
    connection: Connection, who: str, act: LogAct, why: str, records: Sequence[str] = ()
) -> None:
    """One row for an act on the log: `records` are coordinates, `why` is the operator's reason."""
    await connection.execute(
        """
        INSERT INTO responder.audit (agent, act, why, records)
        VALUES ($1, $2, $3, $4)
        """,
        who,
        act,
        why,
        list(records),
    )


class Acted(NamedTuple):
    """What was last done with a record of the log."""

    act: str
    who: str
    at: datetime


async def last_acts(
    connection: Connection, acts: Sequence[LogAct], records: Sequence[str]
) -> dict[str, Acted]:
    """The newest of these acts on each of these records, where there is one."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT ON (u.record) u.record, a.act, a.agent, a.at
        FROM responder.audit AS a, unnest(a.records) AS u (record)
        WHERE a.act = ANY($1::text[]) AND a.records && $2::text[] AND u.record = ANY($2::text[])
        ORDER BY u.record, a.id DESC
        """,
        list(acts),
        list(records),
    )
    return {row["record"]: Acted(row["act"], row["agent"], row["at"]) for row in rows}
