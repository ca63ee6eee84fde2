"""Which failed run is tried again, and when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.errors import AccessDenied, ConfigurationError, NotFound, RequestRejected, SchedulerStateError

FOR_A_PERSON = (AccessDenied, ConfigurationError, NotFound, RequestRejected, SchedulerStateError)
"""Errors that another attempt would meet again."""
LONGEST_BACKOFF = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `limit` further attempts; the pause doubles from `backoff`."""

    limit: int
    backoff: timedelta

    def next_attempt(self, error: BaseException, attempt: int, now: datetime) -> datetime | None:
        """When the next attempt is due after this one failed; None where there is none."""
        if attempt > self.limit or isinstance(error, FOR_A_PERSON):
            return None
        return now + min(self.backoff * float(1 << min(attempt - 1, 20)), LONGEST_BACKOFF)


def error_chain(error: BaseException) -> str:
    """The error and what caused it, outermost first, one a line."""
    lines: list[str] = []
    found: BaseException | None = error
    while found is not None and len(lines) < 8:
        lines.append(f"{type(found).__name__}: {found}" if str(found) else type(found).__name__)
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\n".join(dict.fromkeys(lines))
