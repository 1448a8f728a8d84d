"""Structured logs for every process: readable lines on a terminal, JSON lines elsewhere; secrets masked.

Called once by `run_bot.py` (and by each device process) before anything else; every room then asks for
`log.get(__name__)` and logs an event name in the past tense with fields.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

_SECRET_KEYS = re.compile(r"(api_?key|token|secret|password|passkey|authorization|cookie)", re.IGNORECASE)
_SECRET_QUERY = re.compile(r"(?i)([?&](?:sig|signature|token|key)=)[^&\s\"']+")
MASK = "***"


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of fields that are named like secrets, and signatures inside addresses."""
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = MASK
        elif isinstance(value, str):
            event[key] = _SECRET_QUERY.sub(rf"\g<1>{MASK}", value)
    return event


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at that moment: a terminal chat puts its own in place while it runs."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # pyright: ignore[reportIncompatibleVariableOverride]  # looked up, never set
        return sys.stderr


def configure(*, level: str = "INFO", style: Literal["auto", "text", "json"] = "auto") -> None:
    """Send all logs, ours and the libraries', to standard error in one format.

    Args:
        level: the least severe level that is shown: DEBUG, INFO, WARNING or ERROR.
        style: `text` for people, `json` for machines, `auto` = text where standard error is a terminal.
    """
    as_text = style == "text" or (style == "auto" and sys.stderr.isatty())
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        mask_secrets,
    ]
    # The plain traceback: the rich one prints local variables, and those may be keys.
    renderer = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if as_text
        else structlog.processors.JSONRenderer()
    )
    # Tracebacks become text before the mask, so that addresses with signatures in them are masked as well.
    last = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        mask_secrets,
        renderer,
    ]
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last),
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> FilteringBoundLogger:
    """The logger of one module; bind fields with `.bind(...)`."""
    return cast("FilteringBoundLogger", structlog.stdlib.get_logger(name))
