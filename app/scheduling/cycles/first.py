"""The first cycle of a service: what its people see of it while it runs, and in one line when it is done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import structlog

from app.collection.models import CollectionRun, Outcome
from app.scheduling.models import JobOutcome, RunEnd

PROGRESS_SECONDS = 2.0
DONE = frozenset({JobOutcome.SUCCEEDED, JobOutcome.NOTHING_DUE})


class Cycle:
    """Follows the jobs that were due when the service began to lead; observes runs of collection and of jobs."""

    def __init__(self) -> None:
        self._due: frozenset[str] | None = None
        self._outcomes: dict[str, JobOutcome] = {}
        self._counts: Counter[str] = Counter()
        self._begun = self._told = time.monotonic()
        self._log = structlog.get_logger()

    @property
    def done(self) -> bool:
        return self._due is not None and self._due <= self._outcomes.keys()

    def begin(self, due: Sequence[str]) -> None:
        """The jobs that are due; a later term begins no cycle."""
        if self._due is not None:
            return
        self._due = frozenset(due)
        self._begun = self._told = time.monotonic()
        if due:
            self._log.info("first_cycle_started", jobs=len(due))
        else:
            self._log.info("first_cycle_skipped", next="`gridkeeper jobs list` shows when each job runs")

    async def observe(self, run: CollectionRun) -> None:
        """A window has ended."""
        if self._due is None or self.done:
            return
        self._counts["windows"] += 1
        self._counts["failed"] += run.outcome is Outcome.FAILED
        self._counts["values"] += run.new
        if time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._log.info("first_cycle_continued", jobs=f"{len(self._outcomes)} of {len(self._due)}", **self._counts)

    def job_ended(self, end: RunEnd) -> None:
        """An attempt at a run of a job has ended."""
        name = end.ticket.job
        if self._due is None or self.done or name not in self._due:
            return
        self._outcomes[name] = end.report.outcome
        if self._due <= self._outcomes.keys():
            self._summarise()

    def _summarise(self) -> None:
        undone = sorted(f"{name}: {outcome}" for name, outcome in self._outcomes.items() if outcome not in DONE)
        fields: dict[str, object] = {"jobs": len(self._outcomes), **self._counts}
        if undone:
            fields["undone"] = undone
        self._log.info("first_cycle_finished", **fields, seconds=round(time.monotonic() - self._begun, 1))
