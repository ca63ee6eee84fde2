"""The plan: which jobs exist and when they are due, and what has to change in the store to match it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from app.entsoe.items import ITEMS
from app.market.calendar import AfterDelivery
from app.market.series import DataItem
from app.market.time import MARKET_ZONE
from app.scheduling.models import JobSpec, StoredJob
from app.scheduling.schedules import Daily, EveryMinutes, SlotSchedule, Weekly, Within, parse_schedule

UTC_ZONE = ZoneInfo("UTC")
NEAR_REAL_TIME, FORECASTS, PRICES, CORRECTIONS = "near_real_time", "forecasts", "prices", "corrections"
CAUTIOUS_CYCLE = 120
CLOCKS_APART = timedelta(minutes=1)
"""Clocks of two leaders may differ by so much without a job being moved."""


class JobType(StrEnum):
    """What a job does; a handler is bound to each."""

    COLLECT = "collect"
    REPOLL = "repoll"
    GAP_ANALYSIS = "gap_analysis"
    BACKFILL_ANALYSIS = "backfill_analysis"
    PLATFORM_HEALTH = "platform_health"
    HOUSEKEEPING = "housekeeping"
    METRIC_ANOMALIES = "metric_anomalies"
    QUALITY = "quality"
    QUALITY_REPAIR = "quality_repair"
    REPORT_QUALITY = "report_quality"
    REPORT_DAILY = "report_daily"
    REPORT_WEEKLY = "report_weekly"


REPORTS = frozenset({JobType.REPORT_QUALITY, JobType.REPORT_DAILY, JobType.REPORT_WEEKLY})
WITHOUT_SELECTION = REPORTS | {JobType.HOUSEKEEPING, JobType.METRIC_ANOMALIES, JobType.QUALITY, JobType.QUALITY_REPAIR}
"""What these do concerns everything that is stored."""
ASKING = frozenset(
    {
        JobType.COLLECT,
        JobType.REPOLL,
        JobType.GAP_ANALYSIS,
        JobType.BACKFILL_ANALYSIS,
        JobType.PLATFORM_HEALTH,
        JobType.QUALITY_REPAIR,
    }
)
"""These ask the platform, so they need a token."""


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line of the plan: when, and for which areas and items where it does not take the plan's."""

    schedule: SlotSchedule
    areas: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class LineRule:
    """What a line of the plan may say: its default schedule and the range of its minutes."""

    kind: JobType
    default: EveryMinutes | Daily | Weekly | Within
    least: int = 1
    most: int = 1440


def _every(minutes: int) -> EveryMinutes:
    return EveryMinutes(minutes)


def _daily(text: str) -> Daily:
    return Daily(time.fromisoformat(text), UTC_ZONE)


RULES: Mapping[str, LineRule] = MappingProxyType(
    {
        NEAR_REAL_TIME: LineRule(JobType.COLLECT, _every(30), 5, 120),
        FORECASTS: LineRule(JobType.COLLECT, _every(360), 60, 1440),
        PRICES: LineRule(JobType.COLLECT, Within(time(12, 45), 5, MARKET_ZONE), 1, 60),
        CORRECTIONS: LineRule(JobType.REPOLL, _every(10), 5, 240),
        "gap_analysis": LineRule(JobType.GAP_ANALYSIS, _every(240), 60, 1440),
        "backfill_analysis": LineRule(JobType.BACKFILL_ANALYSIS, _daily("02:00")),
        "platform_health": LineRule(JobType.PLATFORM_HEALTH, _every(2), 1, 60),
        "housekeeping": LineRule(JobType.HOUSEKEEPING, _daily("01:20")),
        "metric_anomalies": LineRule(JobType.METRIC_ANOMALIES, _every(60), 15, 1440),
        "quality": LineRule(JobType.QUALITY, _daily("05:00")),
        "quality_repair": LineRule(JobType.QUALITY_REPAIR, _every(60), 15, 1440),
        "report_quality": LineRule(JobType.REPORT_QUALITY, Daily(time(7), MARKET_ZONE)),
        "report_daily": LineRule(JobType.REPORT_DAILY, Daily(time(7), MARKET_ZONE)),
        "report_weekly": LineRule(JobType.REPORT_WEEKLY, Weekly(0, time(7), MARKET_ZONE)),
    }
)


RETIRED: Mapping[str, str] = MappingProxyType({f"repoll_{age}": f"repoll:{age}" for age in ("1h", "1d", "7d", "45d")})
"""Lines of earlier versions, each with its job. They are accepted and say nothing any more."""


def retired_line(name: str) -> str:
    """What is said of a line of an earlier version."""
    return (
        f"jobs.{name} has no effect any more: the job `{CORRECTIONS}` asks for each value again by its own age and "
        "history; take the line out, and write `corrections: {enabled: false}` where nothing is to be asked for again"
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """Areas, items and one line a job; `notes` tell what of the file has no effect."""

    areas: tuple[str, ...]
    items: tuple[str, ...]
    lines: Mapping[str, PlanLine] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def line(self, name: str) -> PlanLine:
        return self.lines.get(name) or PlanLine(RULES[name].default)

    def jobs(self) -> tuple[JobSpec, ...]:
        """The jobs of all enabled lines; a collecting line is one job for each of its items."""
        found = [
            job
            for name, rule in RULES.items()
            if self.line(name).enabled
            for job in (self._collecting(name) if rule.kind is JobType.COLLECT else [self._single(name, rule)])
        ]
        return tuple(found)

    def _collecting(self, name: str) -> list[JobSpec]:
        line = self.line(name)
        items = [item for item in line.items or self.items if line.items or group_of(DataItem(item)) == name]
        areas = ",".join(line.areas or self.areas)
        schedules = spread_offset(line.schedule, len(items))
        return [
            JobSpec(f"collect:{item}", JobType.COLLECT, str(schedule), {"item": item, "areas": areas}, at_once=True)
            for item, schedule in zip(items, schedules, strict=True)
        ]

    def _single(self, name: str, rule: LineRule) -> JobSpec:
        line = self.line(name)
        params = {"areas": ",".join(line.areas or self.areas), "items": ",".join(line.items or self.items)}
        if rule.kind in WITHOUT_SELECTION:
            params = {}
        return JobSpec(name, rule.kind, str(line.schedule), params, at_once=rule.kind is JobType.PLATFORM_HEALTH)


def group_of(item: DataItem) -> str:
    """The line of the plan that collects an item: by how its values are published."""
    if item is DataItem.PRICE_DAY_AHEAD:
        return PRICES
    rule = ITEMS[item].publication
    if isinstance(rule, AfterDelivery) and rule.delay <= timedelta(hours=1):
        return NEAR_REAL_TIME
    return FORECASTS


def spread_offset(schedule: SlotSchedule, count: int) -> list[SlotSchedule]:
    """The schedule for each of so many jobs, moved so that an interval's jobs do not all begin at once."""
    if not isinstance(schedule, EveryMinutes):
        return [schedule] * count
    return [replace(schedule, offset=schedule.minutes * 60 * index // count) for index in range(count)]


def cautious(plan: Plan) -> Plan:
    """The plan for a first week: a long cycle and no backfill."""
    near = replace(plan.line(NEAR_REAL_TIME), schedule=EveryMinutes(CAUTIOUS_CYCLE))
    without = {name: replace(plan.line(name), enabled=False) for name in ("backfill_analysis", "quality_repair")}
    return replace(plan, lines={**plan.lines, NEAR_REAL_TIME: near, **without})


_KINDS = frozenset(kind.value for kind in JobType)


class Action(StrEnum):
    """What is done to a stored job."""

    ADD = "add"
    CHANGE = "change"
    RESCHEDULE = "reschedule"
    MEND = "mend"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """One difference between the plan and the store; `next_run` None leaves the job's next run as it is."""

    action: Action
    job: JobSpec
    next_run: datetime | None = None
    differences: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.action} {self.job.name} ({'; '.join(self.differences) or self.job.schedule})"


_LISTS = frozenset({"areas", "items"})


def differences(job: StoredJob, spec: JobSpec) -> tuple[str, ...]:
    """Each field that differs, with its old and its new value; of lists what comes and what goes."""
    old = {"kind": job.kind, "schedule": job.schedule, **job.params}
    new = {"kind": spec.kind, "schedule": spec.schedule, **spec.params}
    return tuple(
        f"{name}: {_moved(name, str(old.get(name, 'none')), str(new.get(name, 'none')))}"
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    )


def _moved(name: str, old: str, new: str) -> str:
    if name not in _LISTS:
        return f"{old} -> {new}"
    before, after = old.split(","), new.split(",")
    moved = [f"+{one}" for one in after if one not in before] + [f"-{one}" for one in before if one not in after]
    return " ".join(moved) or "in another order"


def plan_changes(wanted: Iterable[JobSpec], stored: Sequence[StoredJob], now: datetime) -> list[PlanDiff]:
    """What has to change in the store; what is equal is not touched, so that its next run stays.

    A stored job that the plan does not have is removed only if its kind is one of the plan's: one of another version
    of the program stays, and its runs fail visibly.
    """
    by_name = {job.name: job for job in stored}
    specs = {spec.name: spec for spec in wanted}
    changes = [change for spec in specs.values() if (change := _change(spec, by_name.get(spec.name), now))]
    gone = [job for job in stored if job.name not in specs and job.kind in _KINDS and not job.unreadable]
    return changes + [PlanDiff(Action.REMOVE, JobSpec(job.name, job.kind, job.schedule, job.params)) for job in gone]


def _change(spec: JobSpec, job: StoredJob | None, now: datetime) -> PlanDiff | None:
    schedule = parse_schedule(spec.schedule)
    if job is None:
        return PlanDiff(Action.ADD, spec, _first_slot(spec, schedule, now))
    if job.unreadable:
        return PlanDiff(Action.MEND, spec, job.next_run or schedule.next_slot(now))
    if job.schedule != spec.schedule:
        overdue = job.next_run is not None and job.next_run <= now
        # An overdue run is not lost to the new schedule: the last slot of it is due now.
        following = schedule.last_slot(now) if overdue else schedule.next_slot(now)
        return PlanDiff(Action.RESCHEDULE, spec, following, differences(job, spec))
    found = differences(job, spec)
    if job.next_run is None or job.next_run > schedule.next_slot(now + CLOCKS_APART):
        # The clock went back since: waiting for it to come here again may take an hour, or years. What ran has its ticket.
        told = f"next run: {_moment(job.next_run)} is no slot that follows now"
        return PlanDiff(Action.RESCHEDULE, spec, _first_slot(spec, schedule, now), (told, *found))
    return PlanDiff(Action.CHANGE, spec, differences=found) if found else None


def _first_slot(spec: JobSpec, schedule: SlotSchedule, now: datetime) -> datetime:
    return schedule.last_slot(now) if spec.at_once else schedule.next_slot(now)


def _moment(instant: datetime | None) -> str:
    return "none" if instant is None else f"{instant:%Y-%m-%d %H:%M}Z"
