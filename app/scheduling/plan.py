"""The plan: which jobs exist and when they are due, and what has to change in the store to match it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from app.market.calendar import AfterDelivery
from app.market.series import DataItem
from app.scheduling.jobs.collection import COLLECT, CORRECTIONS, FORECASTS, NEAR_REAL_TIME, PRICES
from app.scheduling.jobs.declaration import DECLARED, JobDeclaration, JobLine
from app.scheduling.models import JobSpec, StoredJob
from app.scheduling.schedules import EveryMinutes, SlotSchedule, parse_schedule
from app.sources.catalog import Catalog

CAUTIOUS_CYCLE = 120
CLOCKS_APART = timedelta(minutes=1)
"""Clocks of two leaders may differ by so much without a job being moved."""


RULES: Mapping[str, JobLine] = MappingProxyType(
    {name: line for declared in DECLARED.values() for name, line in declared.lines.items()}
)
"""What each line of the plan may say."""
ASKING = frozenset(declared.kind for declared in DECLARED.values() if declared.asks_source)
"""These ask the platform, so they need a token."""


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line of the plan: when, and for which areas and items where it does not take the plan's."""

    schedule: SlotSchedule
    areas: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    enabled: bool = True


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
    """Areas, items and one line a job; `notes` tell what of the file has no effect.

    By `catalog`, what the source publishes when, the items are divided among the collecting lines.
    """

    areas: tuple[str, ...]
    items: tuple[str, ...]
    lines: Mapping[str, PlanLine] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    catalog: Catalog = field(kw_only=True, compare=False, repr=False)

    def line(self, name: str) -> PlanLine:
        return self.lines.get(name) or PlanLine(RULES[name].default)

    def jobs(self) -> tuple[JobSpec, ...]:
        """The jobs of all enabled lines; a collecting line is one job for each of its items."""
        return tuple(
            job
            for declared in DECLARED.values()
            for name in declared.lines
            if self.line(name).enabled
            for job in (self._collecting(name) if declared.kind == COLLECT else [self._single(name, declared)])
        )

    def _collecting(self, name: str) -> list[JobSpec]:
        line = self.line(name)
        items = [
            item for item in line.items or self.items if line.items or group_of(DataItem(item), self.catalog) == name
        ]
        areas = ",".join(line.areas or self.areas)
        schedules = spread_offset(line.schedule, len(items))
        return [
            JobSpec(f"{COLLECT}:{item}", COLLECT, str(schedule), {"item": item, "areas": areas}, at_once=True)
            for item, schedule in zip(items, schedules, strict=True)
        ]

    def _single(self, name: str, declared: JobDeclaration) -> JobSpec:
        line = self.line(name)
        params = {"areas": ",".join(line.areas or self.areas), "items": ",".join(line.items or self.items)}
        chosen = params if declared.selection else {}
        return JobSpec(name, declared.kind, str(line.schedule), chosen, at_once=declared.at_once)


def group_of(item: DataItem, catalog: Catalog) -> str:
    """The line of the plan that collects an item: by how its values are published."""
    if item is DataItem.PRICE_DAY_AHEAD:
        return PRICES
    rule = catalog.publication(item)
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
    gone = [job for job in stored if job.name not in specs and job.kind in DECLARED and not job.unreadable]
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
        reason = f"next run: {_moment(job.next_run)} is no slot that follows now"
        return PlanDiff(Action.RESCHEDULE, spec, _first_slot(spec, schedule, now), (reason, *found))
    return PlanDiff(Action.CHANGE, spec, differences=found) if found else None


def _first_slot(spec: JobSpec, schedule: SlotSchedule, now: datetime) -> datetime:
    return schedule.last_slot(now) if spec.at_once else schedule.next_slot(now)


def _moment(instant: datetime | None) -> str:
    return "none" if instant is None else f"{instant:%Y-%m-%d %H:%M}Z"
