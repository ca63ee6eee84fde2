"""A job is declared once, beside its handler; everything else follows from the declaration."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from apscheduler.util import ref_to_obj

from app.scheduling import jobs
from app.scheduling.jobs.declaration import DECLARED, Jobs, daily, job
from app.scheduling.jobs.quality import NightlyQuality
from app.scheduling.models import JobOutcome, RunReport, Ticket
from app.scheduling.plan import ASKING, RULES, Plan
from app.wiring.catalog import CATALOG

EXAMPLE = Path(__file__).parents[3] / "config" / "examples" / "collection.yaml"


def test_the_function_that_stored_jobs_name_can_be_loaded() -> None:
    assert jobs.REFERENCE == "app.scheduling.jobs:run"
    assert ref_to_obj(jobs.REFERENCE) is jobs.run


def test_lines_of_the_plan_and_kinds_follow_from_the_declarations() -> None:
    assert list(RULES) == [
        *("near_real_time", "forecasts", "prices", "corrections", "gap_analysis", "backfill_analysis"),
        *("platform_health", "housekeeping", "metric_anomalies", "quality", "quality_repair"),
        *("report_quality", "report_daily", "report_weekly"),
    ]
    assert {"collect", "repoll", "gap_analysis", "backfill_analysis", "platform_health", "quality_repair"} == ASKING
    without = {job.name for job in Plan(("FR",), ("load_actual",), catalog=CATALOG).jobs() if not job.params}
    assert without == {
        *("housekeeping", "metric_anomalies", "quality", "quality_repair"),
        *("report_quality", "report_daily", "report_weekly"),
    }


@pytest.mark.parametrize("kind", DECLARED)
def test_a_handler_stands_in_the_module_that_declares_it_and_has_a_title(kind: str) -> None:
    declared = DECLARED[kind]
    assert declared.title
    assert import_module(declared.handler.__module__).__name__.startswith("app.scheduling.jobs.")


def test_the_example_of_the_plan_names_every_line() -> None:
    text = EXAMPLE.read_text()
    assert [name for name in RULES if f"  {name}:" not in text] == []


@pytest.mark.parametrize("taken", ["housekeeping", "near_real_time", "repoll"])
def test_a_kind_or_line_is_declared_once(taken: str) -> None:
    async def handler(_ticket: Ticket) -> RunReport:
        return RunReport(JobOutcome.SUCCEEDED)

    with pytest.raises(ValueError, match=f"{taken} is declared twice"):
        job(taken, daily("01:00"), title="again")(handler)


def test_only_what_has_an_object_has_a_handler() -> None:
    quality = NightlyQuality(None, None, timeout=1)  # type: ignore[arg-type]  # nothing runs
    assert Jobs(quality).handlers() == {"quality": quality.run, "quality_repair": quality.repair}
