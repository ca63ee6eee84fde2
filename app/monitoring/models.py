"""What the monitoring measures and tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.collection.models import CollectionRun
from app.logging import redact

LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """What one run measured. Durations are seconds; `response_seconds` is the time on the wire, over all requests."""

    run_id: int
    source: str
    item: str
    area: str
    started_at: datetime
    finished_at: datetime
    outcome: str
    error_class: str
    error_message: str
    received: int
    new: int
    revised: int
    unchanged: int
    vanished: int
    rejected: int
    requests: int
    retries: int
    bytes: int
    response_seconds: float
    parse_seconds: float
    store_seconds: float

    @classmethod
    def of(cls, run: CollectionRun) -> RunMetrics | None:
        """The measurements of a recorded run; None for one that was never recorded."""
        if run.run_id is None:
            return None
        cost = run.statistics
        return cls(
            run_id=run.run_id,
            source=run.source,
            item=run.item.value,
            area=run.place.eic,
            started_at=run.started_at,
            finished_at=run.finished_at,
            outcome=run.outcome.value,
            error_class=run.error_class,
            error_message=message_of(run.error_message),
            received=run.received,
            new=run.new,
            revised=run.revised,
            unchanged=run.unchanged,
            vanished=run.vanished,
            rejected=len(run.rejected),
            requests=cost.requests,
            retries=cost.retries,
            bytes=cost.bytes,
            response_seconds=cost.api_seconds,
            parse_seconds=cost.parse_seconds,
            store_seconds=run.store_seconds,
        )


def message_of(text: str) -> str:
    """An error's text as it may be stored: without secrets, bounded, without the one character PostgreSQL refuses."""
    return redact(text).replace("\0", "")[:LONGEST_MESSAGE]


@dataclass(frozen=True, slots=True)
class Sample:
    """The resources of one replica at one moment; None where the machine does not tell."""

    at: datetime
    instance: str
    leader: bool
    cpu_cores: float | None = None
    resident_bytes: int | None = None
    memory_available_bytes: int | None = None
    memory_total_bytes: int | None = None
    disk_free_bytes: int | None = None
    disk_total_bytes: int | None = None
    loop_lag_seconds: float | None = None
    tasks: int | None = None
    open_descriptors: int | None = None
    max_descriptors: int | None = None
    pool_used: int | None = None
    pool_size: int | None = None
    probe_seconds: float | None = None
    metrics_waiting: int | None = None
    metrics_dropped: int | None = None
    read_replica: str | None = None
    read_replica_lag_seconds: float | None = None
    read_replica_away_seconds: float | None = None
    """For so long the primary has answered in its place; zero while it is used, None where there is no replica."""
    read_replica_problem: str | None = None


@dataclass(frozen=True, slots=True)
class RunTotals:
    """Runs of a period, added up. `p50` to `p99` are response times per request in seconds; None without an answer."""

    runs: int = 0
    failed: int = 0
    received: int = 0
    new: int = 0
    revised: int = 0
    rejected: int = 0
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    response_seconds: float = 0.0
    store_seconds: float = 0.0
    store_max: float = 0.0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @property
    def success_rate(self) -> float | None:
        """The share of runs that did not fail; None without runs."""
        return (self.runs - self.failed) / self.runs if self.runs else None


@dataclass(frozen=True, slots=True)
class PairTotals:
    """The runs of an item and area in a period."""

    item: str
    area: str
    totals: RunTotals


@dataclass(frozen=True, slots=True)
class Lateness:
    """The newest value of an item and area that is asked for; `late` is how long the one after it has been due."""

    item: str
    area: str
    newest_start: datetime
    resolution: str
    due_at: datetime | None
    late: timedelta


@dataclass(frozen=True, slots=True)
class Objective:
    """How a share of good ones stands against its target. `budget_left` is the share of allowed bad ones not used up.

    It is negative where more went wrong than the target allows; None of both without anything to judge.
    """

    target: float
    good: int
    total: int

    @property
    def share(self) -> float | None:
        return self.good / self.total if self.total else None

    @property
    def met(self) -> bool:
        return self.share is None or self.share >= self.target

    @property
    def budget_left(self) -> float | None:
        if not self.total:
            return None
        return 1 - (self.total - self.good) / ((1 - self.target) * self.total)
