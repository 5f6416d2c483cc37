"""The SQL of looking for one post: what the desk knows of these ids. Reads only, and no text."""

from collections.abc import Sequence

import asyncpg

from services.responder.store import Connection


async def named(connection: Connection, name: str) -> list[str]:
    """The messages of the case with this id, or the one that the reply with this id answers."""
    rows = await connection.fetch(
        """
        SELECT id FROM responder.messages WHERE case_id = $1
        UNION
        SELECT to_message FROM responder.replies WHERE id = $1
        """,
        name,
    )
    return [row["id"] for row in rows]


async def messages(
    connection: Connection, ids: Sequence[str], platform: str | None, natives: Sequence[str]
) -> list[asyncpg.Record]:
    """Messages with one of these ids, or whose native id is, or ends behind a `_` or `/` in, one.

    `platform` None: on any. Oldest first.
    """
    return await connection.fetch(
        """
        SELECT m.id, m.case_id, m.own, m.lane, m.reason, m.rules, m.received_at, m.stored_at,
            m.edited_at, m.deleted_at
        FROM responder.messages AS m JOIN responder.cases AS c ON c.id = m.case_id
        WHERE m.id = ANY($1::text[]) OR (
            ($2::text IS NULL OR c.platform = $2) AND EXISTS (
                SELECT FROM unnest($3::text[]) AS u (native)
                WHERE m.native = u.native
                    OR right(m.native, length(u.native) + 1) IN ('_' || u.native, '/' || u.native)
            )
        )
        ORDER BY m.received_at, m.id
        """,
        ids,
        platform,
        natives,
    )


async def tombstones(connection: Connection, ids: Sequence[str]) -> list[asyncpg.Record]:
    """Which of these ids the citizen has deleted, and when we were told."""
    return await connection.fetch(
        "SELECT id, seen_at FROM responder.deleted WHERE id = ANY($1::text[]) ORDER BY seen_at, id",
        ids,
    )


async def cases_of_replies(
    connection: Connection,
    name: str,
    ids: Sequence[str],
    platform: str | None,
    natives: Sequence[str],
) -> list[str]:
    """The cases in which we gave a reply with this id, one of these event ids or native ids."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT case_id FROM responder.replies AS r
        WHERE id = $1 OR event_id = ANY($2::text[]) OR (
            ($3::text IS NULL OR platform = $3) AND EXISTS (
                SELECT FROM unnest($4::text[]) AS u (native)
                WHERE r.native_id = u.native
                    OR right(r.native_id, length(u.native) + 1)
                        IN ('_' || u.native, '/' || u.native)
            )
        )
        """,
        name,
        ids,
        platform,
        natives,
    )
    return [row["case_id"] for row in rows]
