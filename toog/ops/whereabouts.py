"""`toog find` as a whole: Kafka's part, the desk's part, and the text for who may see it."""

import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import asyncpg

from services.responder.store import Connection, traces
from toog.kit.errors import StartError
from toog.kit.migrate import check_schema
from toog.kit.postgres import AWAY, open_pool
from toog.kit.settings import KafkaSettings, PostgresSettings
from toog.ops import audited
from toog.ops.asked import Asked
from toog.ops.audited import Operator
from toog.ops.find import Progress, traced
from toog.ops.standing import at_desk
from toog.ops.trail import Step


class Found(NamedTuple):
    """Every step in order; coordinates and texts where they were asked for; what could not be said."""

    steps: list[Step]
    texts: list[tuple[str, str]]
    said: list[str]


async def found(
    kafka: KafkaSettings,
    database: PostgresSettings | None,
    what: Asked,
    *,
    who: Operator | None = None,
    progress: Progress = lambda _read, _of: None,
) -> Found:
    """Looks in Kafka and, where there is one, in the database.

    `who`: the text is given too, after the audit row; that needs the database. Raises
    UnavailableError while Kafka is away, and StartError where the text cannot be given.
    """
    said: list[str] = []
    steps: list[Step] = []
    if database is None and who is not None:
        raise StartError("the text is shown after an audit row only: set TOOG_POSTGRES")
    if database is not None:
        what, sentence = await _by_name(database, what)
        said += [sentence] if sentence else []
    trail = await traced(kafka, what, progress)
    steps += trail.steps
    if database is not None and not said:
        try:
            async with _connection(database) as connection:
                steps += await at_desk(connection, what, trail.ids)
        except StartError as error:
            said.append(_unknown(error))
    texts: list[tuple[str, str]] = []
    if who is not None and database is not None and trail.texts:
        async with _connection(database) as connection:
            await audited.write(connection, who, "find", [record for record, _ in trail.texts])
        texts = trail.texts
    elif who is not None:
        said.append("Kafka holds no text of it")
    return Found(steps, texts, [*trail.said, *said])


async def _by_name(database: PostgresSettings, what: Asked) -> tuple[Asked, str | None]:
    """With the messages of the case or reply of this id, if it is one; or why that is not known."""
    try:
        async with _connection(database) as connection:
            ids = await traces.named(connection, what.text)
    except StartError as error:
        return what, _unknown(error)
    # then it is no id of a platform: nothing else is meant
    return (what._replace(ids=frozenset(ids), natives=()) if ids else what), None


@contextlib.asynccontextmanager
async def _connection(database: PostgresSettings) -> AsyncIterator[Connection]:
    """A connection for the block. Raises StartError with a sentence where that cannot be had."""
    pool = await open_pool(database, size=1)
    try:
        await check_schema(pool, "responder")
        async with pool.acquire() as connection:
            yield connection
    except (*AWAY, asyncpg.PostgresError) as error:
        raise StartError(f"PostgreSQL does not answer ({type(error).__name__})") from error
    finally:
        pool.terminate()


def _unknown(error: StartError) -> str:
    return f"where it stands at the desk is not known: {error}"
