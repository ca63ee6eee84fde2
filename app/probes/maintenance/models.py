"""Planned maintenance of websites: once, or again and again by a cron expression and a calendar. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile

from app.errors import ConfigurationError
from app.kit.durations import show_duration
from app.market.holidays import Calendar, DayType, country_holidays
from app.market.moments import EARLIEST, parse_zone
from app.market.moments import LATEST as LATEST_DAY
from app.market.slots import NEVER, OnDays, Slots, parse_cron

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=31)
TICK = timedelta(microseconds=1)
MEASURED_FROM = datetime(2026, 1, 1, tzinfo=UTC)
COMPARED = 500
"""Successive times of a plan that are looked at for one that begins before the one before has ended."""


@dataclass(frozen=True, slots=True)
class MaintenanceDraft:
    """What people plan: for one website, or for all that have the labels; from an instant, or by cron."""

    name: str
    duration: timedelta
    website_id: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """All of them have to be those of the website; without any and without a number it is for every website."""
    starts_at: datetime | None = None
    cron: str = ""
    zone: str = "UTC"
    days: DayType = DayType.ALL
    country: str = ""
    """Whose holidays count, as `DE` or `DE BY`."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class MaintenancePlan:
    plan_id: int
    draft: MaintenanceDraft
    author: str
    created_at: datetime
    planned_until: datetime
    """The times that begin before it are written down."""
    removed_at: datetime | None = None

    def covers(self, website_id: int, labels: Mapping[str, str]) -> bool:
        if self.draft.website_id is not None:
            return self.draft.website_id == website_id
        return all(labels.get(name) == value for name, value in self.draft.labels.items())

    def active(self, now: datetime) -> bool:
        if self.removed_at is not None:
            return False
        return any(start <= now < end for start, end in times_between(self, now - self.draft.duration, now + TICK))

    def over(self, now: datetime) -> bool:
        """Whether none of it is still to come."""
        return self.removed_at is not None or not (self.active(now) or self.next_start(now))

    def next_start(self, now: datetime) -> datetime | None:
        if self.removed_at is not None:
            return None
        return next((start for start, _ in times_between(self, now, NEVER)), None)


@dataclass(frozen=True, slots=True)
class MaintenanceTime:
    """One time of a plan."""

    plan_id: int
    start: datetime
    end: datetime


def checked_plan(draft: MaintenanceDraft) -> MaintenanceDraft:
    """The draft; ConfigurationError that names what is wrong with it."""
    if not SHORTEST <= draft.duration <= LONGEST:
        raise ConfigurationError(f"duration: a maintenance lasts {show_duration(SHORTEST)} to {show_duration(LONGEST)}")
    if (draft.starts_at is None) == (not draft.cron):
        raise ConfigurationError("starts_at: say when it begins, or by which cron expression, one of them")
    if draft.website_id is not None and draft.labels:
        raise ConfigurationError("labels: say one website or labels, not both")
    if not draft.cron:
        if draft.days is not DayType.ALL or draft.country:
            raise ConfigurationError("days: what happens once needs no calendar")
        if draft.starts_at is not None and not EARLIEST <= draft.starts_at.date() <= LATEST_DAY:
            raise ConfigurationError(f"starts_at: {draft.starts_at:%Y-%m-%d} lies outside {EARLIEST} to {LATEST_DAY}")
        return draft
    if next(_starts(_slots(draft), MEASURED_FROM), None) is None:
        raise ConfigurationError(f"days: {draft.cron!r} never comes on such days")
    for one, two in pairwise(islice(_starts(_slots(draft), MEASURED_FROM), COMPARED)):
        if two - one < draft.duration:
            raise ConfigurationError(
                f"cron: {draft.cron!r} begins again after {show_duration(two - one)}, before "
                f"{show_duration(draft.duration)} are over"
            )
    return draft


def times_between(plan: MaintenancePlan, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The times of a plan that begin from `start` up to `end`; of a cron expression none that began before it was made."""
    draft = plan.draft
    if draft.starts_at is not None:
        if start <= draft.starts_at < end:
            yield draft.starts_at, draft.starts_at + draft.duration
        return
    slots = _starts(_slots(draft), max(start, plan.created_at) - TICK)
    yield from ((slot, slot + draft.duration) for slot in takewhile(lambda slot: slot < end, slots))


def _slots(draft: MaintenanceDraft) -> Slots:
    zone = parse_zone(draft.zone, name="zone:")
    try:
        cron = parse_cron(draft.cron, zone)
    except ConfigurationError as error:
        raise ConfigurationError(f"cron: {error}") from None
    if draft.days is DayType.ALL:
        return cron
    country, _, part = draft.country.partition(" ")
    if country:
        try:
            country_holidays(country, part.strip())
        except ConfigurationError as error:
            raise ConfigurationError(f"country: {error}") from None
    elif draft.days is DayType.HOLIDAYS:
        raise ConfigurationError("country: holidays are those of a country, as DE")
    return OnDays(cron, Calendar(country=country, subdivision=part.strip()), draft.days, zone)


def _starts(slots: Slots, after: datetime) -> Iterator[datetime]:
    while (after := slots.next_slot(after)) != NEVER:
        yield after
