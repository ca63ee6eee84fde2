"""What a cycle came to. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from app.probes.interfaces.models import CycleStatistics, OperationKey, ProbeRecord
from app.probes.models import CheckFailure

SLOWEST = 5


def cycle_statistics(ended: Iterable[tuple[OperationKey, ProbeRecord]]) -> CycleStatistics:
    """Counts, percentiles of good answers, and the operations that took longest; a suite is several answers."""
    records = list(ended)
    answers = ((record.total_ms, key) for key, record in records if record.ok and not record.steps)
    good = sorted(answers, key=lambda one: -one[0])
    times = [milliseconds for milliseconds, _ in reversed(good)]
    return CycleStatistics(
        checked=len(records),
        failed=sum(not record.ok and record.reason != CheckFailure.OURS for _, record in records),
        ours=sum(record.reason == CheckFailure.OURS for _, record in records),
        p50_ms=percentile(times, 50),
        p95_ms=percentile(times, 95),
        p99_ms=percentile(times, 99),
        slowest=[{"operation": str(key), "ms": round(milliseconds, 1)} for milliseconds, key in good[:SLOWEST]],
    )


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """The nearest rank of ascending values; None of none."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
