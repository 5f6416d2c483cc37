"""Running a program: settings, logs, event loop, and an exit code that says how it ended."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
import uvloop

from toog.kit.errors import StartError
from toog.kit.settings import Settings, load
from toog.kit.telemetry import start_logs

S = TypeVar("S", bound=Settings)


def run(name: str, settings_of: type[S], serve: Callable[[S], Awaitable[None]]) -> None:
    """Runs a service to its end.

    Exit codes: 0 told to stop, 2 cannot start (one sentence on standard error), 1 anything else,
    which a supervisor answers by starting it again.
    """
    log = structlog.get_logger(name)
    try:
        settings = load(settings_of)
        start_logs(name, settings.instance, settings.log_level)
        # most of what lives at start lives for ever, and events are many and short-lived
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_awaited(serve(settings)))
    except StartError as error:
        sys.stderr.write(f"toog {name}: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(0)
    except Exception:
        log.exception("the program ends after an error")
        sys.exit(1)
    log.info("stopped")


async def _awaited(work: Awaitable[None]) -> None:
    await work
