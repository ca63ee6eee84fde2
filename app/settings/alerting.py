"""How rules are evaluated, what damps their alerts, and for how long it is all kept."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from app.settings.section import Listed, Section


class AlertingSettings(Section):
    """Evaluation of alert rules and the state of alerts."""

    rules_dir: Path = Field(
        default=Path("config/alerts"),
        description="Folder of alert rules, *.yaml; read again whenever it changes. The shipped rules need no file.",
    )
    sentinel_files: Listed = Field(
        default=(),
        description="Files of SQL Sentinel whose alerts join the rules; also those in the folder that have `alerts`.",
    )
    tick: float = Field(default=1.0, ge=0.05, le=10, description="Seconds between two looks for rules that are due.")
    concurrency: int = Field(default=8, ge=1, le=64, description="Rules of one process that are evaluated at once.")
    lease_seconds: float = Field(
        default=15.0, ge=3, le=600, description="Seconds after which the rules of a dead process are taken over."
    )
    inhibit_wait: float = Field(
        default=10.0,
        ge=0,
        le=300,
        description="Most seconds that an alert waits for the rules it depends on, before people are notified of it.",
    )
    flap_firings: int = Field(
        default=3, ge=0, le=100, description="Firings within the window that make an alert flapping; 0: none does."
    )
    flap_window_minutes: float = Field(
        default=60.0, gt=0, le=1440, description="Minutes within which firings count for flapping."
    )
    flap_quiet_minutes: float = Field(
        default=15.0, gt=0, le=1440, description="Minutes without the fault after which a flapping alert ends."
    )
    executions_days: int = Field(default=30, ge=1, le=3650, description="Days for which evaluations of rules are kept.")
    quiet_executions_days: int = Field(
        default=3, ge=1, le=3650, description="Days for which evaluations that found nothing are kept."
    )
    history_days: int = Field(
        default=730, ge=1, le=7300, description="Days after their end for which alerts and their events are kept."
    )
