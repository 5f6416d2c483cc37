"""Migrations: plain SQL in dbmate's format, one folder and one schema per owner, under a lock.

Order of a change: expand, migrate, contract. A file that was applied never changes again: its
checksum is kept and compared. A program refuses a schema that it does not know.
"""

import re
from collections.abc import Sequence
from importlib import resources
from typing import Final, NamedTuple

import asyncpg

from toog.contracts.ids import digest
from toog.kit.errors import StartError
from toog.kit.postgres import connect
from toog.kit.settings import PostgresSettings

LOCK: Final = 0x700C  # one advisory lock for all owners: migrations run one after another
OWNERS: Final = {
    "access": "toog.kit.access",
    "responder": "services.responder",
    "metrics": "services.metrics",
}
"""Schema in the database → package whose `migrations/*.sql` make it, in this order."""

_UP: Final = re.compile(r"--\s*migrate:up[^\n]*\n(.*?)(?:--\s*migrate:down|\Z)", re.DOTALL)


class Migration(NamedTuple):
    """One file: its version (the digits in front of its name), checksum and upward SQL."""

    version: str
    checksum: str
    up: str


def known(owner: str) -> tuple[Migration, ...]:
    """The migrations in the code of this owner, oldest first."""
    folder = resources.files(OWNERS[owner]).joinpath("migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(_read(f.name, f.read_text()) for f in files)


def _read(name: str, text: str) -> Migration:
    match = _UP.search(text)
    if match is None:
        raise StartError(f"migration {name} has no '-- migrate:up' part")
    return Migration(name.partition("_")[0], digest(text), match[1])


async def migrate_all(settings: PostgresSettings) -> list[str]:
    """Brings every schema up to date; what was applied now, as `owner/version`. Safe to repeat.

    Raises StartError where an applied file has changed or the database is ahead of the code.
    """
    connection = await connect(settings)
    try:
        await connection.execute("SET lock_timeout = '30s'")
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        applied: list[str] = []
        for owner in OWNERS:
            applied += await _migrate(connection, owner)
        return applied
    finally:
        await connection.close()


async def _migrate(connection: "asyncpg.Connection[asyncpg.Record]", owner: str) -> list[str]:
    await connection.execute(
        """
        CREATE SCHEMA IF NOT EXISTS toog;
        CREATE TABLE IF NOT EXISTS toog.schema_migrations (
            owner text NOT NULL,
            version text NOT NULL,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (owner, version)
        )
        """
    )
    done = await _applied(connection, owner)
    migrations = known(owner)
    _compare(owner, migrations, done)
    fresh = [m for m in migrations if m.version not in done]
    for migration in fresh:
        async with connection.transaction():
            await connection.execute(migration.up)
            await connection.execute(
                "INSERT INTO toog.schema_migrations (owner, version, checksum) VALUES ($1, $2, $3)",
                owner,
                migration.version,
                migration.checksum,
            )
    return [f"{owner}/{m.version}" for m in fresh]


async def _applied(
    connection: "asyncpg.Connection[asyncpg.Record] | asyncpg.Pool[asyncpg.Record]", owner: str
) -> dict[str, str]:
    rows = await connection.fetch(
        "SELECT version, checksum FROM toog.schema_migrations WHERE owner = $1", owner
    )
    return {row["version"]: row["checksum"] for row in rows}


def _compare(owner: str, migrations: Sequence[Migration], done: dict[str, str]) -> None:
    in_code = {m.version: m.checksum for m in migrations}
    for version, checksum in done.items():
        if version not in in_code:
            raise StartError(
                f"the database knows {owner} migration {version}, this program does not: "
                "start a program of the same or a newer release"
            )
        if in_code[version] != checksum:
            raise StartError(
                f"{owner} migration {version} was changed after it was applied: "
                "restore the file and put the change in a new migration"
            )


async def check_schema(pool: "asyncpg.Pool[asyncpg.Record]", *owners: str) -> None:
    """Raises StartError unless the database stands at exactly what this program knows."""
    for owner in owners:
        try:
            done = await _applied(pool, owner)
        except asyncpg.UndefinedTableError:
            done = {}
        migrations = known(owner)
        _compare(owner, migrations, done)
        missing = [m.version for m in migrations if m.version not in done]
        if missing:
            raise StartError(
                f"the database lacks {owner} migration {missing[0]}: run `toog migrate` first"
            )
