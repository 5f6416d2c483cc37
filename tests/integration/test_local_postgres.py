"""The database servers that we start: independent, restartable, run by an ordinary user."""

import os
from pathlib import Path

import asyncpg
import pytest

from toog.kit.postgres import AWAY
from toog.local.errors import LocalError
from toog.local.postgres import Postgres


async def ask(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_two_servers_know_nothing_of_each_other(postgres: Postgres, tmp_path: Path) -> None:
    other = Postgres(tmp_path, durable=True)
    other.start()
    try:
        dsn = other.create_database("only_here")

        assert await ask(dsn, "SHOW fsync") == "on"
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await ask(postgres.dsn("only_here"), "SELECT 1")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(dsn.replace("toog:", "toog:x"), "SELECT 1")
    finally:
        other.remove()

    assert other.pid is None
    assert not other._data.exists()


async def test_what_was_committed_is_there_after_a_stop_and_after_a_kill(tmp_path: Path) -> None:
    server = Postgres(tmp_path, durable=True)
    server.start()
    try:
        dsn = server.create_database("kept")
        await ask(dsn, "CREATE TABLE word (said text)")
        await ask(dsn, "INSERT INTO word VALUES ('before')")
        server.stop()
        server.start()
        await ask(dsn, "INSERT INTO word VALUES ('after the stop')")
        server.kill()
        server.start()

        assert await ask(dsn, "SELECT count(*) FROM word") == 2
        assert server.dsn("kept") == dsn
    finally:
        server.remove()


async def test_after_a_kill_nobody_answers_on_an_open_connection(tmp_path: Path) -> None:
    server = Postgres(tmp_path, durable=False)
    server.start()
    try:
        wires = [await asyncpg.connect(server.dsn("postgres")) for _ in range(5)]
        server.kill()

        for wire in wires:
            with pytest.raises(AWAY):
                await wire.fetchval("SELECT 1")
    finally:
        server.remove()


async def test_a_copy_of_a_template_is_independent_of_it(postgres: Postgres, prefix: str) -> None:
    name = prefix.rstrip(".")
    template = postgres.create_database(f"{name}_template")
    await ask(template, "CREATE TABLE word (said text)")
    copy = postgres.create_database(f"{name}_copy", template=f"{name}_template")
    await ask(copy, "INSERT INTO word VALUES ('here')")

    assert await ask(template, "SELECT count(*) FROM word") == 0

    postgres.drop_database(f"{name}_copy")
    postgres.drop_database(f"{name}_template")


async def test_a_fresh_database_is_migrated(database: str) -> None:
    assert await ask(database, "SELECT count(*) > 0 FROM toog.schema_migrations")


def test_the_server_never_runs_as_root(postgres: Postgres) -> None:
    assert postgres.pid is not None
    owner = Path(f"/proc/{postgres.pid}").stat().st_uid

    assert owner != 0
    assert owner == os.geteuid() or os.geteuid() == 0


def test_a_server_that_cannot_start_says_why(postgres: Postgres, tmp_path: Path) -> None:
    taken = int(postgres.dsn().rpartition(":")[2].partition("/")[0])
    second = Postgres(tmp_path, durable=False, port=taken)

    with pytest.raises(LocalError, match="PostgreSQL did not start"):
        second.start()

    second.remove()
