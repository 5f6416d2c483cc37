"""How a verb runs and how it fails: one sentence on standard error, exit code 2."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from rich.table import Table

T = TypeVar("T")


def fail(error: Exception) -> NoReturn:
    """One sentence that says what to do; exit code 2."""
    sys.stderr.write(f"toog: {error}\n")
    raise typer.Exit(2)


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the work gives. Its errors that carry a sentence end the program with it."""
    from toog.kit.errors import StartError, UnavailableError
    from toog.kit.telemetry import start_logs
    from toog.local.errors import LocalError

    start_logs("toog", "cli", "WARNING")  # standard output carries results only
    # a broker that is away is one sentence of ours
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(work())
    except UnavailableError as error:
        setting = {"Kafka": "TOOG_KAFKA", "the database": "TOOG_POSTGRES"}.get(error.what)
        hint = f": check that it runs and that {setting} is right" if setting else ""
        fail(ValueError(f"{error}{hint}"))
    except (StartError, LocalError) as error:
        fail(error)


def print_wide(table: "Table") -> None:
    """The table at its full width: coordinates that are cut off are of no use."""
    from rich.console import Console

    width = Console(width=10_000).measure(table).maximum
    Console(highlight=False, width=max(width, 1)).print(table)
