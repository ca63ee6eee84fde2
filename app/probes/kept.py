"""What is kept of the result of a check, of websites and of interfaces alike."""

from __future__ import annotations

from app.probes.models import CheckFailure, CheckResult


def reason_of(result: CheckResult) -> str:
    """Why the check failed, "" where it did not: who asks for fewer requests (429) answers, and is not down."""
    asks_for_less = result.throttled and result.failure is CheckFailure.STATUS
    return "" if result.failure is None or asks_for_less else result.failure.value


def storable(text: str) -> str:
    """A database holds no null character."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
