"""What a plan costs: the requests a day that its cycles and its questions for corrections take. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.collection.corrections import item_pace
from app.collection.gaps.question_schedule import DAY, PART_OF_AGE_STORED, PRICE_SLOTS, AskPace
from app.errors import ConfigurationError
from app.market.calendar import DaysBefore
from app.market.series import DataItem
from app.scheduling.due import ItemSelection
from app.scheduling.jobs.collection import CORRECTIONS, NEAR_REAL_TIME, PRICES
from app.scheduling.plan import Plan, group_of
from app.scheduling.schedules import EveryMinutes
from app.sources.catalog import Catalog

FRESH_DAYS, EVER_DAYS = 7, 20 * 366
UNTIL_PRICES_ARE_THERE = timedelta(minutes=15)
"""Results are out at 12:57 Brussels, a quarter of an hour after the search for them begins."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Requests a day: `cycles` ask for what appears, `corrections` for what is stored; missing values come on top."""

    pairs: int
    cycles: float
    corrections: float

    @property
    def total(self) -> float:
        return self.cycles + self.corrections


def cost_of(plan: Plan, now: datetime) -> Cost:
    """What the plan costs once everything is there: each item for each place or border of the areas."""
    pairs, cycles, corrections = 0, 0.0, 0.0
    again = plan.line(CORRECTIONS)
    for name in plan.items:
        item = DataItem(name)
        group = plan.line(group_of(item, plan.catalog))
        number = _places(group.areas or plan.areas, name, now, plan.catalog) if group.enabled else 0
        each_cycle, pace = _cycle(plan, item), item_pace(item, plan.catalog)
        pairs += number
        cycles += number * each_cycle
        if again.enabled and (not again.items or name in again.items):
            corrections += number * (
                max(0.0, _fresh(pace) - (0 if pace.slots else each_cycle))
                + _of_the_past(pace, plan.catalog.longest_window(item))
            )
    return Cost(pairs, cycles, corrections)


def _places(areas: tuple[str, ...], item: str, now: datetime, catalog: Catalog) -> int:
    try:
        return len(ItemSelection(areas, (item,)).select(1, now, catalog).requests)
    except ConfigurationError:
        return 0


def _cycle(plan: Plan, item: DataItem) -> float:
    """Questions a day of the item's collection; those for longer than a day ahead are left to corrections."""
    group = group_of(item, plan.catalog)
    schedule = plan.line(group).schedule
    if group == PRICES:
        return UNTIL_PRICES_ARE_THERE / timedelta(minutes=getattr(schedule, "minutes", 5))
    each = 1440 / schedule.minutes if isinstance(schedule, EveryMinutes) else 1.0
    return each if group == NEAR_REAL_TIME or isinstance(plan.catalog.publication(item), DaysBefore) else 0.0


def _fresh(pace: AskPace) -> float:
    """Questions a day for what is ahead and for the last week; each takes what it costs."""
    return len(PRICE_SLOTS) if pace.slots else DAY / pace.fresh * pace.costs


def _of_the_past(pace: AskPace, longest_window: timedelta) -> float:
    """Questions a day for older values: of each doubling of age one at a part of it, as many windows as it holds."""
    found, age = 0.0, FRESH_DAYS
    while age < EVER_DAYS:
        pause = max(age / PART_OF_AGE_STORED * pace.costs, pace.fresh / DAY)
        found += -(-age // longest_window.days) / pause
        age *= 2
    return found
