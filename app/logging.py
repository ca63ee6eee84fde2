"""Structured logs: events with fields, one line per outcome, secrets masked."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from app.settings import LogSettings

_SECRET_NAMES = frozenset({"token", "password", "secret", "authorization", "security_token"})
_SECRET_IN_TEXT = re.compile(
    r"(?i)(security_?token[=:\s]+)[^&@\s\"']+|(://[^/\s:@]+:)[^@\s/]+(?=@)|(\bgk_)[A-Za-z0-9_-]{43}"
)
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def redact(text: str) -> str:
    """The text without the values of tokens and URL passwords."""
    return _SECRET_IN_TEXT.sub(r"\1\2\3***", text)


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if name.lower() in _SECRET_NAMES:
            event[name] = "***"
        elif isinstance(value, str):
            event[name] = redact(value)
    return event


class OutageLog:
    """A failure that repeats: logged once as `failed` when it begins and once as `recovered` when it is over."""

    def __init__(self, failed: str, recovered: str, *, level: Literal["warning", "error"] = "warning") -> None:
        self._failed, self._recovered = failed, recovered
        self._level = level
        self._since: float | None = None
        self._met = 0

    def met(self, error: BaseException | str) -> None:
        """It is there (still)."""
        self._met += 1
        if self._since is None:
            self._since = time.monotonic()
            text = str(error) if isinstance(error, str) else f"{type(error).__name__}: {error}"
            getattr(structlog.get_logger(), self._level)(self._failed, error=redact(text))

    def over(self) -> None:
        """It is not there (any more)."""
        if self._since is not None:
            seconds = round(time.monotonic() - self._since, 1)
            structlog.get_logger().info(self._recovered, seconds=seconds, met=self._met)
            self._since, self._met = None, 0


def _moments(form: str) -> str:
    """People read to the second; what falls within one stands in order."""
    return "iso" if form == "json" else "%Y-%m-%dT%H:%M:%SZ"


def configure_logging(settings: LogSettings) -> None:
    """Send all events to standard error in the chosen form."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt=_moments(settings.format), utc=True),
            structlog.processors.format_exc_info,
            _mask,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        # Looked up at each call: whoever redirects standard error later means our lines too.
        logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
