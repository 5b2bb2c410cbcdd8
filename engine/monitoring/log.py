"""Structured logs: one pipeline for our records and the libraries', JSON or readable; set up by the runtime.

Rooms write `structlog.get_logger(__name__)` and `log.info("order_filled", ...)`: the event is a name, the
rest are fields. Expected refusals are logged without a traceback; only defects carry one.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from engine.monitoring.redaction import redacted


class LogFormat(StrEnum):
    """How records are written; AUTO is CONSOLE on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


_QUIET = {
    "tortoise": logging.WARNING,  # at INFO it tells of its end, beside the one line of a start that failed
    "tortoise.db_client": logging.INFO,  # at DEBUG it prints every statement's parameters, secrets included
    "asyncio": logging.WARNING,  # at DEBUG it tells which selector it uses
    "uvicorn.error": logging.WARNING,  # at INFO it tells of every socket that comes and goes
    "websockets": logging.INFO,  # at DEBUG it prints every frame
}
_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access")  # uvicorn brings handlers; ours replace them


def _redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: redacted(value, key) for key, value in event.items()}


_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,  # plain text: the pretty renderers print local variables
    _redact,
)


def route_structlog() -> None:
    """Send our records through the standard library's logging, redacted; a host's structlog set-up stays."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # tests and hosts may configure again; it costs microseconds
    )


def configure_logging(
    format: LogFormat = LogFormat.AUTO,
    level: str = "INFO",
    stream: TextIO | None = None,
) -> None:
    """Take over the process's logging: the records of every library to one stream, by default standard error.

    For a process of our own; inside another application call `route_structlog` alone: the rest is the host's.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(format, stream))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    logging.captureWarnings(capture=True)
    route_structlog()


@contextmanager
def bound_ids(
    *,
    user_id: str | None = None,
    order_id: str | None = None,
    event_id: str | None = None,
    request_id: str | None = None,
) -> Iterator[None]:
    """Put these ids on every record written inside the block, by this task and the tasks it starts there."""
    given = {"user_id": user_id, "order_id": order_id, "event_id": event_id, "request_id": request_id}
    with structlog.contextvars.bound_contextvars(**{name: value for name, value in given.items() if value}):
        yield


def _formatter(format: LogFormat, stream: TextIO) -> logging.Formatter:
    readable = format is LogFormat.CONSOLE or (format is LogFormat.AUTO and stream.isatty())
    renderer: Processor = structlog.processors.JSONRenderer()
    if readable:
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
