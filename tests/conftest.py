"""What every level of tests shares: servers per session, and no network in unit tests.

One broker and one database server are started when first asked for.
"""

import asyncio
import secrets
import socket
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest
from hypothesis import given, is_hypothesis_test, settings, strategies
from pydantic import SecretStr

from toog.kit.migrate import migrate_all
from toog.kit.settings import PostgresSettings
from toog.local.archive import prepare
from toog.local.kafka import Kafka, Libs
from toog.local.postgres import Postgres

TEMPLATE = "toog_template"
UNIT_CPU_S = 1.0


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is made once, before the first test that needs it: no test's time limit covers that."""
    if any({"kafka", "libs"} & set(getattr(item, "fixturenames", ())) for item in session.items):
        prepare()
    if any(map(is_hypothesis_test, (getattr(item, "obj", None) for item in session.items))):
        _know_every_character()


@settings(max_examples=1, database=None)
@given(strategies.text())
def _know_every_character(_: str) -> None:
    """Hypothesis makes its table of Unicode at the first text in a fresh checkout: 1.6 s."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """A unit test has one second, of processor time: a busy machine is not its fault."""
    begun = time.process_time()
    yield
    spent = time.process_time() - begun
    marker = item.get_closest_marker("cpu")
    limit = marker.args[0] if marker else UNIT_CPU_S
    if _is_unit(item) and spent > limit:
        pytest.fail(f"a unit test has {limit} s, this one took {spent:.1f} s", pytrace=False)


def _is_unit(item: pytest.Item) -> bool:
    return "unit" in item.path.relative_to(item.config.rootpath).parts


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not _is_unit(request.node):
        return

    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail("a unit test must not use the network", pytrace=True)

    # Not the constructor: an event loop makes a socket pair to wake itself.
    for name in ("bind", "connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="session")
def libs() -> Libs:
    """What it takes to start a broker of one's own."""
    return prepare()


# The servers are started without an event loop: each test has a loop of its own, and a server
# that hung on the first one would end with it.


@pytest.fixture(scope="session")
def kafka(libs: Libs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """The session's broker. Keep to your `prefix`; who stops or kills it starts it again."""
    broker = Kafka(tmp_path_factory.mktemp("kafka"), libs)
    broker.start()
    yield broker
    broker.remove()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The session's database server. Ask for `database` rather; who stops it starts it again."""
    server = Postgres(tmp_path_factory.mktemp("postgres"), durable=False)
    server.start()
    yield server
    server.remove()


@pytest.fixture(autouse=True)
def _servers_run_again(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails between a kill and a start must not fail all that come after it."""
    servers = [
        request.getfixturevalue(n) for n in ("kafka", "postgres") if n in request.fixturenames
    ]
    yield
    for server in servers:
        server.start()


@pytest.fixture
def prefix() -> str:
    """A prefix for topics and groups (TOOG_KAFKA_PREFIX) that no other test has.

    From `secrets`, because the random order of tests seeds `random` alike for every test.
    """
    return f"t{secrets.token_hex(5)}."


@pytest.fixture(scope="session")
def _template(postgres: Postgres) -> str:
    dsn = postgres.create_database(TEMPLATE)
    # In a thread of its own: the test that asks first may have a running loop.
    with ThreadPoolExecutor(max_workers=1) as aside:
        aside.submit(asyncio.run, migrate_all(PostgresSettings(postgres=SecretStr(dsn)))).result()
    return TEMPLATE


@pytest.fixture
def database(postgres: Postgres, _template: str) -> Iterator[str]:
    """The DSN of a fresh database with all migrations, this test's own."""
    name = f"t_{secrets.token_hex(5)}"
    yield postgres.create_database(name, template=_template)
    postgres.drop_database(name)
