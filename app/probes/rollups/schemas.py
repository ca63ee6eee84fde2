"""Results of websites, added up, as programs read them."""

from __future__ import annotations

from typing import Self

from app.probes.rollups.histogram import latency_at
from app.probes.rollups.repository import WebsiteRollup
from app.schemas import Instant, Resource


class WebsiteRollupResource(Resource):
    """The checks of an hour or a day of UTC: how many, how many were good, and how many milliseconds these took.

    Percentiles are right to about five in a hundred. `ours` failed because of this machine and are not counted as failed.
    """

    start: Instant
    checks: int
    good: int
    failed: int
    ours: int
    mean_ms: float | None
    shortest_ms: float | None
    longest_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @classmethod
    def of(cls, found: WebsiteRollup) -> Self:
        return cls(
            start=found.start,
            checks=found.checks,
            good=found.good,
            failed=found.checks - found.good - found.ours,
            ours=found.ours,
            mean_ms=found.total_ms / found.good if found.good else None,
            shortest_ms=found.shortest_ms,
            longest_ms=found.longest_ms,
            p50_ms=latency_at(found.counts, 0.5),
            p95_ms=latency_at(found.counts, 0.95),
            p99_ms=latency_at(found.counts, 0.99),
        )
