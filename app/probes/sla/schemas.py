"""Reports of service levels as programs read them."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from app.probes.rollups.histogram import latency_at
from app.probes.sla.report import SlaLine
from app.schemas import Instant, Resource


class SlaLineResource(Resource):
    """A website or a group in a range or a month: seconds up, down, unknown, paused and in maintenance add up to it.

    `percent` is up of up and down; `percent_with_maintenance` counts what was down in maintenance as down, and what was
    up as up. The budget is how long it may be down at the objective; what is left of it is below 0 where it is overspent.
    Percentiles of latencies, of whole hours and right to about five in a hundred, are there where they were asked for.
    """

    id: int | None
    name: str
    group: str
    month: str
    start: Instant
    end: Instant
    websites: int
    percent: float | None
    percent_with_maintenance: float | None
    objective_percent: float
    met: bool | None
    up_seconds: float
    down_seconds: float
    unknown_seconds: float
    paused_seconds: float
    maintenance_seconds: float
    incidents: int
    budget_seconds: float
    budget_left_seconds: float
    budget_spent_percent: float | None
    mttr_seconds: float | None
    mtbf_seconds: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @classmethod
    def of(cls, line: SlaLine) -> Self:
        found = line.found
        budget = found.budget(line.objective / 100)
        return cls(
            id=line.website_id,
            name=line.name,
            group=line.group,
            month=line.month,
            start=found.start,
            end=found.end,
            websites=line.websites,
            percent=_percent(found.share),
            percent_with_maintenance=_percent(line.unplanned.share),
            objective_percent=line.objective,
            met=None if found.share is None else found.down <= budget,
            up_seconds=found.up.total_seconds(),
            down_seconds=found.down.total_seconds(),
            unknown_seconds=found.unknown.total_seconds(),
            paused_seconds=found.paused.total_seconds(),
            maintenance_seconds=found.maintenance.total_seconds(),
            incidents=found.incidents,
            budget_seconds=budget.total_seconds(),
            budget_left_seconds=(budget - found.down).total_seconds(),
            budget_spent_percent=found.down / budget * 100 if budget else None,
            mttr_seconds=_seconds(found.time_to_recover),
            mtbf_seconds=_seconds(found.time_between_failures),
            p50_ms=latency_at(line.latencies, 0.5),
            p95_ms=latency_at(line.latencies, 0.95),
            p99_ms=latency_at(line.latencies, 0.99),
        )


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()
