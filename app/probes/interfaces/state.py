"""How probes change what is known of an operation. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from app.probes.interfaces.models import OperationState, OperationStatus, ProbeRecord
from app.probes.models import CheckFailure


def is_confirmed(state: OperationState, record: ProbeRecord, asked: int, failures: int) -> bool:
    """Whether a probe needs no further one: it was good, says nothing, or is the last of so many that failed in a row.

    `asked` counts the probes of this cycle. What is down already is not asked again.
    """
    return record.ok or record.reason == CheckFailure.OURS or state.status is OperationStatus.DOWN or asked >= failures


def after_probe(state: OperationState, record: ProbeRecord, *, confirmed: bool) -> OperationState:
    """What is known after a probe; one that is `ours` says nothing of the operation."""
    if record.reason == CheckFailure.OURS:
        # What was about to be confirmed is not: whoever failed before may have failed because of us, too.
        return _settled(state, record.at) if confirmed else state
    seen = replace(
        state,
        checked_at=record.at,
        reason=record.reason,
        http_status=record.status,
        total_ms=record.total_ms,
        message=record.message,
    )
    if record.ok:
        since = state.since if state.status in {OperationStatus.UP, OperationStatus.PENDING} else record.at
        return replace(seen, status=OperationStatus.UP, since=since, failures=0, first_failed_at=None)
    first = state.first_failed_at or record.at
    failed = replace(seen, failures=state.failures + 1, first_failed_at=first)
    if state.status is OperationStatus.DOWN:
        return failed
    if confirmed:
        return replace(failed, status=OperationStatus.DOWN, since=first)
    return replace(failed, status=OperationStatus.PENDING)


def _settled(state: OperationState, at: datetime) -> OperationState:
    if state.status is not OperationStatus.PENDING:
        return state
    return replace(state, status=OperationStatus.UNKNOWN, since=at, failures=0, first_failed_at=None)
