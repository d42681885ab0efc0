"""Logs: structured, one line for what an operator would want to know, quiet otherwise."""

import logging
import sys
from typing import Literal

import structlog

# What these say below this level is chatter: group coordination, offsets, reconnecting (which we tell ourselves).
QUIET = {
    "aiokafka": logging.CRITICAL,
    "faust": logging.ERROR,
    "mode": logging.ERROR,
    "asyncio": logging.ERROR,
    # A pool that loses its connections; delivery says so, once.
    "asyncpg": logging.CRITICAL,
    "aiohttp": logging.WARNING,
    "kafka": logging.CRITICAL,
}


def set_up(form: Literal["console", "json"], level: str = "info") -> None:
    """Send our own lines and, of the libraries, what matters, to standard error in one form; `debug` hides nothing."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO if level == "debug" else logging.WARNING)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(logging.INFO if level == "debug" else quiet)
