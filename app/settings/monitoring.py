"""How the service measures itself, and for how long what it measured is kept."""

from __future__ import annotations

from pydantic import Field

from app.settings.section import Section


class MonitoringSettings(Section):
    """Measurements of runs and of the service's own resources, their rollups and targets."""

    raw_days: int = Field(
        default=90, ge=3, le=3650, description="Days for which the measurements of each run and the samples are kept."
    )
    rollup_days: int = Field(
        default=730, ge=32, le=7300, description="Days for which the hourly and daily sums of runs are kept."
    )
    target: float = Field(
        default=0.95,
        gt=0,
        lt=1,
        description="Share of minutes served, and of windows collected, below which 30 days fail.",
    )
    queue: int = Field(
        default=50_000, ge=100, le=1_000_000, description="Measurements kept in memory while the database is away."
    )
    sample_seconds: float = Field(
        default=15.0, ge=1, le=60, description="Seconds between two samples of the own resources."
    )
    rollup_seconds: float = Field(
        default=20.0, ge=1, le=3600, description="Seconds between two rounds that add up what was measured."
    )
