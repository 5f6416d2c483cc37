"""The audit row of an operator's act: written before anything is shown or changed."""

from collections.abc import Sequence
from typing import NamedTuple

from services.responder.store import Connection
from services.responder.store.audit import LogAct, write_log_act
from toog.kit.errors import StartError


class Operator(NamedTuple):
    """Who acts on the log, and why, in their own words."""

    name: str
    why: str


def operator(name: str, why: str) -> Operator:
    """Raises StartError where the name or the reason is missing."""
    if not name.strip() or not why.strip():
        raise StartError("say who you are and why: --operator NAME --reason TEXT")
    return Operator(name.strip(), why.strip())


async def write(
    connection: Connection, who: Operator, act: LogAct, records: Sequence[str] = ()
) -> None:
    """One row; without it nothing may be shown or changed."""
    await write_log_act(connection, who.name, act, who.why, records)
