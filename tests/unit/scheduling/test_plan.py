"""The plan: jobs from lines, and the changes that bring the store to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from app.market.series import DataItem
from app.reporting.periods import ReportLength as PeriodKind
from app.reporting.periods import last_complete
from app.scheduling.jobs.declaration import DECLARED
from app.scheduling.models import JobSpec, StoredJob
from app.scheduling.plan import (
    RULES,
    Action,
    Plan,
    PlanLine,
    cautious,
    differences,
    group_of,
    plan_changes,
    spread_offset,
)
from app.scheduling.schedules import EveryMinutes, due_slots, parse_schedule
from app.wiring.catalog import CATALOG

NOW = datetime(2024, 3, 1, 12, 10, tzinfo=UTC)
SPEC = JobSpec("collect:load_actual", "collect", "every 30m", {"item": "load_actual"}, at_once=True)
STORED = StoredJob(SPEC.name, SPEC.kind, SPEC.schedule, SPEC.params, NOW + timedelta(minutes=20))


def changes(spec: JobSpec, *stored: StoredJob) -> list[tuple[Action, datetime | None]]:
    return [(one.action, one.next_run) for one in plan_changes([spec], stored, NOW)]


def test_every_item_belongs_to_one_line_by_how_it_is_published() -> None:
    groups = {item: group_of(item, CATALOG) for item in DataItem}
    assert groups[DataItem.LOAD_ACTUAL] == groups[DataItem.FLOW_PHYSICAL] == "near_real_time"
    assert groups[DataItem.PRICE_DAY_AHEAD] == "prices"
    assert groups[DataItem.LOAD_FORECAST_DAY_AHEAD] == groups[DataItem.GENERATION_PER_UNIT] == "forecasts"


def test_each_item_is_one_job_and_all_items_together_fit_into_tens_of_jobs() -> None:
    jobs = Plan(("FR",), tuple(DataItem), catalog=CATALOG).jobs()
    assert len(jobs) == len(DataItem) + len(RULES) - len(DECLARED["collect"].lines)
    assert len({job.name for job in jobs}) == len(jobs)
    for job in jobs:
        assert str(parse_schedule(job.schedule)) == job.schedule
        assert all(isinstance(value, str) for value in job.params.values())


def test_jobs_of_an_interval_are_spread_over_it() -> None:
    assert spread_offset(EveryMinutes(30), 3) == [EveryMinutes(30), EveryMinutes(30, 600), EveryMinutes(30, 1200)]
    daily = parse_schedule("daily 02:00 UTC")
    assert spread_offset(daily, 2) == [daily, daily]


def test_a_line_may_have_areas_and_items_of_its_own_and_may_be_switched_off() -> None:
    lines = {
        "near_real_time": PlanLine(EveryMinutes(90), areas=("NL",), items=("load_actual",)),
        "housekeeping": PlanLine(parse_schedule("daily 01:00 UTC"), enabled=False),
    }
    jobs = {job.name: job for job in Plan(("FR",), ("load_actual", "flow_physical"), lines, catalog=CATALOG).jobs()}
    assert jobs["collect:load_actual"].params == {"item": "load_actual", "areas": "NL"}
    assert jobs["collect:load_actual"].schedule == "every 90m"
    assert "collect:flow_physical" not in jobs
    assert "housekeeping" not in jobs
    assert jobs["gap_analysis"].params["areas"] == "FR"


def test_the_cautious_plan_has_a_long_cycle_and_no_backfill() -> None:
    names = {job.name: job.schedule for job in cautious(Plan(("FR",), ("load_actual",), catalog=CATALOG)).jobs()}
    assert names["collect:load_actual"] == "every 120m"
    assert not {"backfill_analysis", "quality_repair"} & names.keys()
    assert "gap_analysis" in names


def test_a_new_collection_job_is_due_at_once_and_another_at_its_next_slot() -> None:
    assert changes(SPEC) == [(Action.ADD, datetime(2024, 3, 1, 12, 0, tzinfo=UTC))]
    assert changes(replace(SPEC, at_once=False)) == [(Action.ADD, datetime(2024, 3, 1, 12, 30, tzinfo=UTC))]


def test_an_equal_job_is_not_touched() -> None:
    assert changes(SPEC, STORED) == []
    assert changes(SPEC, replace(STORED, paused=True)) == []
    assert changes(SPEC, replace(STORED, next_run=NOW - timedelta(days=3))) == []


def test_other_parameters_leave_the_next_run_alone() -> None:
    assert changes(SPEC, replace(STORED, params={"item": "flow_physical"})) == [(Action.CHANGE, None)]
    assert changes(SPEC, replace(STORED, kind="repoll")) == [(Action.CHANGE, None)]


def test_another_schedule_begins_at_its_next_slot_but_loses_no_overdue_run() -> None:
    hourly = replace(STORED, schedule="every 60m")
    assert changes(SPEC, hourly) == [(Action.RESCHEDULE, datetime(2024, 3, 1, 12, 30, tzinfo=UTC))]
    overdue = replace(hourly, next_run=NOW - timedelta(hours=5))
    assert changes(SPEC, overdue) == [(Action.RESCHEDULE, datetime(2024, 3, 1, 12, 0, tzinfo=UTC))]
    (change,) = plan_changes([SPEC], [hourly], NOW)
    assert str(change) == "reschedule collect:load_actual (schedule: every 60m -> every 30m)"


@pytest.mark.parametrize("next_run", [NOW + timedelta(hours=1), NOW + timedelta(days=2000), None])
def test_a_next_run_that_a_clock_left_in_the_future_begins_anew(next_run: datetime | None) -> None:
    far = replace(STORED, next_run=next_run)
    assert changes(SPEC, far) == [(Action.RESCHEDULE, NOW - timedelta(minutes=10))]
    waits = replace(SPEC, at_once=False)
    assert changes(waits, far) == [(Action.RESCHEDULE, NOW + timedelta(minutes=20))]
    assert changes(SPEC, replace(STORED, next_run=NOW - timedelta(days=1))) == []


def test_the_clocks_of_two_leaders_may_differ_a_little() -> None:
    just_before = NOW + timedelta(minutes=19, seconds=30)
    stored = replace(STORED, next_run=NOW + timedelta(minutes=50))
    assert plan_changes([SPEC], [stored], just_before) == []


def test_an_unreadable_job_of_the_plan_is_mended_and_keeps_its_next_run() -> None:
    broken = replace(STORED, kind="", schedule="", unreadable="garbage")
    assert changes(SPEC, broken) == [(Action.MEND, STORED.next_run)]
    assert changes(SPEC, replace(broken, next_run=None)) == [(Action.MEND, datetime(2024, 3, 1, 12, 30, tzinfo=UTC))]


def test_a_job_that_the_plan_has_no_more_goes_unless_another_version_may_know_it() -> None:
    def of(name: str, **other: str) -> StoredJob:
        return replace(STORED, name=name, **other)  # type: ignore[arg-type]  # text fields only

    stored = [STORED, of("gone"), of("newer", kind="dreaming"), of("broken", unreadable="garbage")]
    found = plan_changes([SPEC], stored, NOW)
    assert [(one.action, one.job.name) for one in found] == [(Action.REMOVE, "gone")]


def test_a_difference_names_the_field_its_old_and_its_new_value() -> None:
    stored = replace(STORED, schedule="every 60m", params={"item": "load_actual", "areas": "FR,NL", "age": "1d"})
    spec = replace(SPEC, params={"item": "load_actual", "areas": "NL,BE"})
    assert differences(stored, spec) == ("schedule: every 60m -> every 30m", "areas: +BE -FR", "age: 1d -> none")
    assert differences(
        replace(stored, schedule="every 30m", params={"areas": "FR,NL", "item": "load_actual"}),
        replace(spec, params={"item": "load_actual", "areas": "NL,FR"}),
    ) == ("areas: in another order",)
    (change,) = plan_changes([spec], [stored], NOW)
    assert str(change).startswith("reschedule collect:load_actual (schedule: every 60m -> every 30m; areas: +BE -FR")


@pytest.mark.parametrize(("line", "kind"), [("report_daily", PeriodKind.DAILY), ("report_weekly", PeriodKind.WEEKLY)])
@pytest.mark.parametrize("night", [date(2024, 3, 31), date(2024, 10, 27)])
def test_over_a_change_of_the_clocks_each_period_is_sent_once_at_seven(
    line: str, kind: PeriodKind, night: date
) -> None:
    start = datetime(night.year, night.month, night.day, tzinfo=UTC) - timedelta(days=21)
    slots = due_slots(RULES[line].default, start, start + timedelta(days=42))
    periods = [last_complete(kind, slot) for slot in slots]
    assert all(one == following.before for one, following in pairwise(periods))
    assert len(periods) == 42 // kind.days
    assert any(one.interval.duration % timedelta(days=1) for one in periods)
