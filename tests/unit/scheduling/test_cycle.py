"""The first cycle as its people see it, and how one cycle is summed up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from app.collection.models import Outcome
from app.scheduling.cycles import first as cycles
from app.scheduling.cycles.first import Cycle
from app.scheduling.cycles.single import CycleResult
from app.scheduling.models import JobOutcome, JobRun, RunEnd, RunReport, RunTrigger
from tests.support.web_factory import NOW, collection_run, run_end

LOAD, PRICES = "collect:load_actual", "collect:price_day_ahead"


def ended(job: str, outcome: JobOutcome = JobOutcome.SUCCEEDED) -> RunEnd:
    end = run_end()
    return replace(end, ticket=replace(end.ticket, job=job), report=RunReport(outcome))


def run(job: str, outcome: JobOutcome, summary: str = "") -> JobRun:
    return JobRun(job, NOW, RunTrigger.MANUAL, 1, outcome, 1, NOW, NOW, 0.0, summary, (), "", None)


async def test_a_cycle_tells_its_begin_its_progress_and_its_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "PROGRESS_SECONDS", 0.0)
    cycle = Cycle()
    with capture_logs() as logs:
        cycle.begin([LOAD, PRICES])
        await cycle.observe(collection_run(new=24))
        cycle.job_ended(ended(LOAD))
        cycle.job_ended(ended("platform_health"))
        await cycle.observe(collection_run(Outcome.FAILED))
        assert not cycle.done
        cycle.job_ended(ended(PRICES, JobOutcome.FAILED))
        await cycle.observe(collection_run(new=1))
        cycle.job_ended(ended(LOAD))
    assert [log["event"] for log in logs] == [
        "first_cycle_started",
        "first_cycle_continued",
        "first_cycle_continued",
        "first_cycle_finished",
    ]
    last = logs[-1]
    assert (last["jobs"], last["windows"], last["values"], last["failed"]) == (2, 2, 24, 1)
    assert last["undone"] == ["collect:price_day_ahead: failed"]
    assert cycle.done


async def test_nothing_is_told_of_a_cycle_before_it_begins_or_where_nothing_is_due() -> None:
    cycle = Cycle()
    with capture_logs() as logs:
        cycle.job_ended(ended(LOAD))
        await cycle.observe(collection_run())
        cycle.begin([])
        cycle.begin([LOAD])
        cycle.job_ended(ended(LOAD))
    assert [log["event"] for log in logs] == ["first_cycle_skipped"]


def test_one_cycle_is_done_where_every_job_did_its_work() -> None:
    good = CycleResult((run(LOAD, JobOutcome.SUCCEEDED, "2 windows"), run(PRICES, JobOutcome.NOTHING_DUE)))
    assert good.done
    assert str(good).splitlines()[:2] == [
        "one cycle of 2 jobs: 1 nothing_due, 1 succeeded",
        "  collect:load_actual: 2 windows",
    ]
    assert not CycleResult((*good.runs, run("gap_analysis", JobOutcome.PARTIAL))).done
    assert not CycleResult(()).done
