"""The database: a pool that waits for an absent server with a bound, and one transaction at the edge."""

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import structlog

from toog.kit.errors import StartError, UnavailableError
from toog.kit.settings import PostgresSettings

log = structlog.get_logger(__name__)

T = TypeVar("T")

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server went away between the steps of one statement
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
"""What asyncpg raises while the server is away, starting, stopping, or full."""


def tls(mode: str, ca: Path | None) -> ssl.SSLContext | bool:
    """How to speak TLS: `require` encrypts without asking who answers, `verify-full` asks."""
    if mode == "disable":
        return False
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if mode == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def open_pool(settings: PostgresSettings, *, size: int = 8) -> "asyncpg.Pool[asyncpg.Record]":
    """A pool of at most `size` connections, once the server answers.

    Raises StartError when it has not answered within `dependency_wait_s`.
    """
    return await _once_it_answers(
        settings,
        lambda: asyncpg.create_pool(
            settings.postgres.get_secret_value(), min_size=1, max_size=size, **_options(settings)
        ),
    )


async def connect(settings: PostgresSettings) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection of its own, once the server answers; else StartError as `open_pool`."""
    return await _once_it_answers(
        settings,
        lambda: asyncpg.connect(settings.postgres.get_secret_value(), **_options(settings)),
    )


def _options(settings: PostgresSettings) -> dict[str, Any]:
    return {
        "ssl": tls(settings.postgres_tls, settings.postgres_ca),
        "command_timeout": 30,
        "timeout": 5,
        "server_settings": {"application_name": f"toog-{settings.instance}"},
    }


async def _once_it_answers(settings: PostgresSettings, attempt: Callable[[], Awaitable[T]]) -> T:
    deadline = time.monotonic() + settings.dependency_wait_s
    delay = 0.1
    while True:
        try:
            return await attempt()
        except AWAY as error:
            if time.monotonic() > deadline:
                raise StartError(
                    f"PostgreSQL does not answer ({type(error).__name__}): "
                    "check that it runs and that TOOG_POSTGRES is right"
                ) from None
            log.info("waiting for the database", error=type(error).__name__)
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
            delay = min(delay * 2, 3.0)
        except (asyncpg.InvalidPasswordError, asyncpg.InvalidCatalogNameError) as error:
            raise StartError(f"PostgreSQL refuses TOOG_POSTGRES: {error}") from None


def unavailable(error: BaseException) -> UnavailableError | None:
    """The error in the words of an API when the database is away, else None."""
    return UnavailableError("the database") if isinstance(error, AWAY) else None
