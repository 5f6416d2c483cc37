"""Logs without texts, handles or tokens; metrics on one registry per process; trace context."""

import logging
import re
import secrets
import sys
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_LOG_BURST: Final = 10
_LOG_WINDOW_S: Final = 10.0


def start_logs(program: str, instance: str, level: str) -> None:
    """Lets every log line of this process be one JSON object on standard error."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Brake())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "uvicorn.access", "faststream"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(program=program, instance=instance)


class _Brake(logging.Filter):
    """Lets no line of a library pass more than ten times in ten seconds.

    aiokafka writes some eighty lines a second while a broker is away; they say one thing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(("aiokafka", "uvicorn", "asyncio")):
            return True
        key = (record.name, str(record.msg))
        since, count = self._seen.get(key, (record.created, 0))
        if record.created - since > _LOG_WINDOW_S:
            since, count = record.created, 0
        self._seen[key] = (since, count + 1)
        return count < _LOG_BURST


def registry() -> CollectorRegistry:
    """A metrics registry of this process, with the process's own figures in it."""
    fresh = CollectorRegistry()
    ProcessCollector(registry=fresh)
    PlatformCollector(registry=fresh)
    GCCollector(registry=fresh)
    return fresh


def traceparent(given: str | None) -> str:
    """The trace context that came in, or a new one where none (or no valid one) came."""
    if given is not None and _TRACEPARENT.fullmatch(given):
        return given
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
