"""What the scheduler knows of its jobs and their runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

Params = Mapping[str, str | int]

UNREADABLE = (
    "a job of the plan is mended by a running `gridkeeper serve` within seconds, or at its next start; another one was "
    "stored by another version of the program: run that version, or delete its row from scheduler_jobs"
)
"""How a job whose definition cannot be read is mended."""


class RunTrigger(StrEnum):
    """Why a run exists."""

    CRON = "cron"
    CATCH_UP = "catch-up"
    MANUAL = "manual"
    API = "api"


class JobOutcome(StrEnum):
    """What became of a run; `nothing_due` did its work by finding none, `partial` left some undone and names it."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    NOTHING_DUE = "nothing_due"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSED = "missed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job of the plan; `at_once`: the slot before the first start counts as due."""

    name: str
    kind: str
    schedule: str
    params: Params = field(default_factory=dict)
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class StoredJob:
    """One job as the store holds it; `unreadable` says why its definition cannot be used."""

    name: str
    kind: str
    schedule: str
    params: Params
    next_run: datetime | None
    paused: bool = False
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to one attempt of one run: whoever holds it has inserted or claimed its row."""

    job: str
    kind: str
    params: Params
    scheduled_for: datetime
    trigger: RunTrigger
    attempt: int = 1

    @property
    def key(self) -> tuple[str, datetime]:
        return self.job, self.scheduled_for


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a handler says of its work; `skipped` names what was left undone and why."""

    outcome: JobOutcome
    summary: str = ""
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How an attempt ended; `retry_at` is when another one is due."""

    ticket: Ticket
    started_at: datetime
    finished_at: datetime
    report: RunReport
    error: str = ""
    retry_at: datetime | None = None


class Chore(Protocol):
    """A part of housekeeping: erases what its table keeps no longer, and says in words what it did, "" for nothing."""

    async def tidy(self, now: datetime) -> str: ...


class JobObserver(Protocol):
    """Learns of every attempt that has ended; it must return at once."""

    def job_ended(self, end: RunEnd) -> None: ...


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run as it is recorded."""

    job: str
    scheduled_for: datetime
    trigger: RunTrigger
    attempt: int
    outcome: JobOutcome | None
    epoch: int | None
    started_at: datetime | None
    finished_at: datetime | None
    lateness: float | None
    summary: str
    skipped: tuple[str, ...]
    error: str
    next_attempt_at: datetime | None
    runner: str = ""
    """Host and process id of who ran it."""

    @property
    def seconds(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()
