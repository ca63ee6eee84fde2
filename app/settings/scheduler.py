"""When and where work runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from app.settings.section import Section


class SchedulerSettings(Section):
    """When work runs, how often it is tried, and how leadership is kept; what runs stands in the plan's file."""

    plan_file: Path = Field(
        default=Path("config/collection.yaml"),
        description="The plan: areas, items and intervals; read again whenever it changes.",
    )
    profile: Literal["normal", "cautious"] = Field(
        default="normal", description="cautious: a cycle of 120 minutes and no backfill, for a first week."
    )
    persistence: bool = Field(
        default=True,
        description="0: a new leader forgets next run times and pauses, and plans from the start.",
    )
    max_instances: int = Field(default=1, ge=1, le=8, description="Runs of one job under way at once.")
    concurrent_runs: int = Field(default=32, ge=1, le=256, description="Runs of all jobs under way at once.")
    misfire_grace: float = Field(
        default=86_400.0, ge=1, le=2_592_000, description="Seconds after which a late run is recorded as missed."
    )
    retry_limit: int = Field(default=3, ge=0, le=20, description="Further attempts after a run that failed.")
    backoff: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds before the first further attempt; doubled each time."
    )
    drain_seconds: float = Field(
        default=20.0, ge=0, le=600, description="Seconds that running work may take to finish when the service stops."
    )
    heartbeat: float = Field(default=2.0, ge=0.2, le=5, description="Seconds between two signs of life of the leader.")
    takeover_after: float = Field(
        default=6.0, ge=1, le=120, description="Seconds without a sign of life after which a leader is replaced."
    )
    tick: float = Field(
        default=5.0, ge=0.1, le=10, description="Most seconds between two looks at the jobs, whatever the clock does."
    )
    stalled_after: float = Field(
        default=60.0,
        ge=5,
        le=3600,
        description="Seconds without a look at the jobs after which the service counts as dead.",
    )
    history_days: int = Field(default=90, ge=1, le=3650, description="Days for which runs of jobs are kept.")
    recent_days: int = Field(
        default=7, ge=1, le=60, description="Days back in which a collection job looks for missing values."
    )
    analysis_days: int = Field(
        default=45, ge=1, le=400, description="Days back that the gap analysis looks at; short gaps are filled at once."
    )
    backfill_days: int = Field(
        default=365, ge=1, le=7300, description="Days back that the daily backfill analysis keeps complete."
    )

    @model_validator(mode="after")
    def _room_for_heartbeats(self) -> Self:
        if self.takeover_after < 2 * self.heartbeat:
            raise ValueError("takeover_after must be at least twice the heartbeat")
        return self


class TaskSettings(Section):
    """The backend of tasks, and what a process that runs them takes upon itself."""

    backend: Literal["local", "procrastinate"] = Field(
        default="local",
        description="local: `serve` does all work itself; procrastinate: `gridkeeper worker` processes share it.",
    )
    concurrency: int = Field(
        default=8, ge=1, le=256, description="Tasks that one `gridkeeper worker` has under way at once."
    )
    serve_concurrency: int = Field(
        default=4, ge=0, le=256, description="Shared tasks that `serve` has under way at once; 0: it only plans them."
    )
    heartbeat: float = Field(default=5.0, ge=0.2, le=60, description="Seconds between two signs of life of a worker.")
    silent_after: float = Field(
        default=30.0, ge=1, le=3600, description="Seconds without one after which the tasks of a worker are freed."
    )
    attempts: int = Field(default=5, ge=1, le=100, description="Workers that a task may take along until it is parked.")

    @model_validator(mode="after")
    def _room_for_heartbeats(self) -> Self:
        if self.silent_after < 2 * self.heartbeat:
            raise ValueError("silent_after must be at least twice the heartbeat")
        return self
