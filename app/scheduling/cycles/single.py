"""One cycle of a service: every job of collection and the gap analysis once, and what came of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from app.clock import Clock
from app.scheduling.cycles.first import DONE
from app.scheduling.jobs.collection import COLLECT
from app.scheduling.jobs.gaps import GAP_ANALYSIS
from app.scheduling.models import JobRun, JobSpec, RunTrigger, StoredJob
from app.scheduling.repository import JobRunRepository, JobView

LOOK_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class CycleResult:
    """How the jobs of one cycle ended."""

    runs: Sequence[JobRun]

    @property
    def undone(self) -> list[JobRun]:
        return [run for run in self.runs if run.outcome not in DONE]

    @property
    def done(self) -> bool:
        return bool(self.runs) and not self.undone

    def __str__(self) -> str:
        counts = Counter(run.outcome.value for run in self.runs if run.outcome)
        counted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "the plan has none"
        lines = [f"one cycle of {len(self.runs)} jobs: {counted}"]
        return "\n".join(lines + [f"  {run.job}: {run.summary}" for run in self.runs])


async def one_cycle(runs: JobRunRepository, planned: Sequence[JobSpec], clock: Clock) -> CycleResult:
    """Let each job of collection run once, then the gap analysis, whoever leads; returns when all have ended.

    A job that has run since the start, because its time had come, is not asked for again.
    """
    begun = clock.now()
    found: list[JobRun] = []
    for kind in (COLLECT, GAP_ANALYSIS):
        names = {job.name for job in planned if job.kind == kind}
        await _until(runs, partial(_stored, names))
        # A leader that has just stored the plan claims what is due within its next look.
        await asyncio.sleep(2 * LOOK_SECONDS)
        found += await _each_once(runs, names, clock, begun)
    return CycleResult(found)


async def _each_once(runs: JobRunRepository, names: Collection[str], clock: Clock, begun: datetime) -> list[JobRun]:
    for view in await runs.jobs():
        if view.job.name in names and not _ran(view, begun) and not _is_due(view.job, clock.now()):
            await runs.request(view.job, clock.now(), RunTrigger.MANUAL)
    views = await _until(runs, lambda found: all(_ended(view, begun) for view in found if view.job.name in names))
    return [view.last for view in views if view.job.name in names and view.last is not None]


def _stored(names: Collection[str], views: Sequence[JobView]) -> bool:
    return set(names) <= {view.job.name for view in views if not view.job.unreadable}


async def _until(runs: JobRunRepository, holds: Callable[[Sequence[JobView]], bool]) -> Sequence[JobView]:
    while not holds(views := await runs.jobs()):  # noqa: ASYNC110  rows tell nobody of a change
        await asyncio.sleep(LOOK_SECONDS)
    return views


def _is_due(job: StoredJob, now: datetime) -> bool:
    return job.next_run is not None and job.next_run <= now and not job.paused


def _ran(view: JobView, begun: datetime) -> bool:
    return view.last is not None and view.last.started_at is not None and view.last.started_at >= begun


def _ended(view: JobView, begun: datetime) -> bool:
    return _ran(view, begun) and view.last is not None and view.last.finished_at is not None
