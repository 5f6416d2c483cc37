"""Where a post stands at the desk: stored, in which case, with whom, answered how. No text."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg

from services.responder.store import Connection, cases, replies, traces
from toog.ops.asked import Asked
from toog.ops.trail import Step


async def at_desk(connection: Connection, what: Asked, ids: Iterable[str]) -> list[Step]:
    """What the database knows of these messages, of their cases and of our replies there."""
    all_ids = sorted({*ids, *what.ids})
    messages = await traces.messages(connection, all_ids, what.platform, what.natives)
    found = [step for row in messages for step in _message(row)]
    known = sorted({*all_ids, *(row["id"] for row in messages)})
    found += [
        Step(row["seen_at"], "deleted", row["id"], "by the citizen; it is not taken in again")
        for row in await traces.tombstones(connection, known)
    ]
    of_replies = await traces.cases_of_replies(
        connection, what.text, known, what.platform, what.natives
    )
    case_ids = dict.fromkeys([*(row["case_id"] for row in messages), *of_replies, what.text])
    for case_id in case_ids:
        case = await cases.get(connection, case_id)
        if case is not None:
            found.append(_case(case))
            found += [_reply(row) for row in await replies.of_case(connection, case_id)]
    return found


def _message(row: asyncpg.Record) -> Sequence[Step]:
    words = "as a reply of ours that did not leave through Toog" if row["own"] else "at the desk"
    if row["lane"] is not None:
        words += f", lane {row['lane']}"
    words += f", reason {row['reason']}, rules {row['rules']}, in case {row['case_id']}"
    found = [Step(row["stored_at"], "stored", row["id"], words)]
    if row["edited_at"] is not None:
        found.append(Step(row["edited_at"], "edited", row["id"], "its newest text is kept"))
    if row["deleted_at"] is not None:
        found.append(Step(row["deleted_at"], "emptied", row["id"], "its text is gone"))
    return found


def _case(row: asyncpg.Record) -> Step:
    words = f"{row['state']} since {_clock(row['since'])}, lane {row['lane']}"
    if row["close_reason"] is not None and row["state"] == "closed":
        words += f", reason {row['close_reason']}"
    held = row["lease_until"] is not None and row["lease_until"] > row["now"]
    words += f", {row['holder']} has it until {_clock(row['lease_until'])}" if held else ""
    words += ", the platform refused the last reply" if row["refused"] else ""
    if row["answered_outside_at"] is not None:
        words += f", answered outside Toog at {_clock(row['answered_outside_at'])}"
    return Step(row["opened_at"], "case", row["id"], words)


def _reply(row: asyncpg.Record) -> Step:
    words = f"{row['state']}, by {row['agent']}, in answer to {row['to_message']}"
    words += f", because {row['reason']}" if row["reason"] else ""
    words += f", out at {_clock(row['sent_at'])}" if row["sent_at"] else ""
    words += f", at the platform {row['native_id']}" if row["native_id"] else ""
    words += f", deleted at {_clock(row['deleted_at'])}" if row["deleted_at"] else ""
    return Step(row["approved_at"], "reply", row["id"], words)


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
