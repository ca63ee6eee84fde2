"""`gridkeeper jobs`: list, run, pause, resume, history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import FAILED, OK, UNAVAILABLE
from app.cli.options import AsJson, Sandbox
from app.cli.output import print_json, say
from app.cli.session import ask, begin
from app.cli.tables import print_table

if TYPE_CHECKING:
    from app.scheduling.models import JobRun
    from app.settings import Settings
    from app.wiring.container import Container

Job = Annotated[str, typer.Argument(help="Name of the job; `jobs list` shows them.")]


def list_command(as_json: AsJson = False) -> int:
    """List the jobs: schedule, next and last run, outcome, duration, lateness."""
    from app.cli.jobs.known import jobs_and_leader, plan_of
    from app.cli.jobs.tables import JOB_COLUMNS, cost_line, leader_line, view_row
    from app.clock import SystemClock
    from app.scheduling.cost import cost_of
    from app.scheduling.models import UNREADABLE
    from app.scheduling.schemas import JobResource, JobsResource, LeaderResource, RequestCostResource

    settings = begin()
    views, leader = ask(settings, lambda wiring: jobs_and_leader(wiring, settings))
    cost = cost_of(plan_of(settings), SystemClock().now())
    if as_json:
        print_json(
            JobsResource(
                leader=LeaderResource.of(leader, settings.scheduler.takeover_after),
                jobs=[JobResource.of(view) for view in views],
                requests_a_day=RequestCostResource.of(cost, settings.entsoe.requests_per_minute),
            )
        )
        return OK
    print_table(JOB_COLUMNS, [view_row(view) for view in views], right={"seconds", "late", "attempt"})
    unreadable = [view.job for view in views if view.job.unreadable]
    for job in unreadable:
        say(f"{job.name}: {job.unreadable}")
    if unreadable:
        say(f"unreadable: {UNREADABLE}")
    say(leader_line(leader, settings))
    say(cost_line(cost, settings))
    return OK


def run_command(name: Job, sandbox: Sandbox = False, as_json: AsJson = False) -> int:
    """Run a job now: by the leader where a `serve` lives, else in this process; waits for its end.

    Exit code: 0 it succeeded or nothing was due, 3 it ended otherwise, 1 there is no such job or the leader did not
    take it.
    """
    import asyncio

    from app.cli.jobs.running import TAKEN_WITHIN, run_job
    from app.scheduling.models import JobOutcome
    from app.scheduling.schemas import JobRunResource

    run = asyncio.run(run_job(begin(sandbox=sandbox), name))
    if run is None:
        say(f"{name} did not begin: the leader has not taken it within {TAKEN_WITHIN:g} s; it stays asked for")
        return UNAVAILABLE
    if as_json:
        print_json(JobRunResource.of(run))
    else:
        say(f"{run.job}: {run.outcome}; {run.summary}")
        for reason in run.skipped:
            say(f"  {reason}")
    return OK if run.outcome in {JobOutcome.SUCCEEDED, JobOutcome.NOTHING_DUE} else FAILED


def pause_command(name: Job, as_json: AsJson = False) -> int:
    """Let a job rest until `resume`; a restart keeps it paused."""
    return _set_paused(name, paused=True, as_json=as_json)


def resume_command(name: Job, as_json: AsJson = False) -> int:
    """Let a paused job run again; what became due meanwhile runs once."""
    return _set_paused(name, paused=False, as_json=as_json)


def _set_paused(name: str, *, paused: bool, as_json: bool) -> int:
    from app.scheduling.schemas import PausedJobResource

    settings = begin()
    ask(settings, lambda wiring: _paused(wiring, settings, name, paused=paused))
    if as_json:
        print_json(PausedJobResource(job=name, paused=paused), indent=None)
    else:
        say(f"{name} is paused" if paused else f"{name} runs again; what became due meanwhile runs once")
    return OK


async def _paused(wiring: Container, settings: Settings, name: str, *, paused: bool) -> None:
    from app.cli.jobs.known import known_jobs, say_what_replaces
    from app.scheduling.repository import find_job, stored_only

    job = find_job(await known_jobs(wiring, settings), name)
    say_what_replaces(name, job.name)
    repository = wiring.storage().job_runs()
    await repository.set_paused(stored_only(job, await repository.jobs()).name, paused=paused)


def history_command(
    name: Annotated[str | None, typer.Argument(help="Only this job.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many runs, the latest first.")] = 20,
    as_json: AsJson = False,
) -> int:
    """Show past runs: scheduled and actual time, outcome, duration, lateness, trigger, error."""
    from app.cli.jobs.tables import HISTORY_COLUMNS, history_row
    from app.scheduling.schemas import JobRunResource

    settings = begin()
    runs = ask(settings, lambda wiring: _history(wiring, settings, name, limit))
    if as_json:
        print_json([JobRunResource.of(run) for run in runs])
    else:
        print_table(HISTORY_COLUMNS, [history_row(run) for run in runs], right={"seconds", "late", "attempt"})
    return OK


async def _history(wiring: Container, settings: Settings, name: str | None, limit: int) -> Sequence[JobRun]:
    from app.cli.jobs.known import known_jobs
    from app.scheduling.repository import find_job

    runs = await wiring.storage().job_runs().history(name, limit=limit)
    if name is not None and not runs:
        find_job(await known_jobs(wiring, settings), name)
    return runs
