"""What was promised of websites against what was: by website or group, and by month. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import reduce
from itertools import pairwise
from operator import add
from zoneinfo import ZoneInfo

from app.errors import ConfigurationError
from app.market.time import Interval, local_day, midnight
from app.probes.rollups.histogram import added
from app.probes.websites.availability import Availability, split_availability
from app.probes.websites.models import StatusWindow, Website, WindowKind

OBJECTIVE_LABEL = "objective"
"""A label that names what was promised of a website, in percent."""


class SlaSubject(StrEnum):
    """What a line of the report is about."""

    WEBSITE = "website"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class SlaLine:
    """A website or a group within a range, with what was planned left out, and as if nothing had been planned."""

    website_id: int | None
    name: str
    group: str
    month: str
    """As `2026-10`; empty where the report is not by month."""
    websites: int
    found: Availability
    unplanned: Availability
    objective: float
    """In percent; of a group that of its strictest website."""
    latencies: Mapping[int, int] = field(default_factory=dict[int, int])
    """How many good checks took how long, where it was asked for."""


@dataclass(frozen=True, slots=True)
class SlaRange:
    """The time of a report: from `start` up to `end`, cut where months of the zone begin if it is by month."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    by_month: bool = False

    def bounds(self) -> list[datetime]:
        if not self.by_month:
            return [self.start, max(self.start, self.end)]
        return [self.start, *_months(self.start, self.end, self.zone), max(self.start, self.end)]

    def month_of(self, start: datetime) -> str:
        return f"{local_day(start, self.zone):%Y-%m}" if self.by_month else ""


def _months(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Where months begin between two instants."""
    day = local_day(start, zone)
    year, month = day.year, day.month
    while True:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        begin = midnight(date(year, month, 1), zone)
        if begin >= end:
            return
        yield begin


def month_range(text: str, zone: ZoneInfo, *others: str | None) -> Interval:
    """The month that is written as `2026-10`; ConfigurationError where it is none, or where `others` are said too."""
    if any(others):
        raise ConfigurationError("--month stands in place of --from and --to; say one of them")
    try:
        day = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ConfigurationError(f"--month {text!r} is no month; write it as 2026-10") from None
    begin = midnight(day, zone)
    return Interval(begin, next(_months(begin, begin + timedelta(days=40), zone)))


def sla_lines(
    found: Iterable[tuple[Website, Sequence[StatusWindow]]],
    chosen: SlaRange,
    objective: float,
    subject: SlaSubject,
    latencies: Mapping[tuple[int, str], Mapping[int, int]] | None = None,
) -> list[SlaLine]:
    """The lines of the report, in the order of names and months; `latencies` are by website and month."""
    lines = [line for website, windows in found for line in _of_website(website, windows, chosen, objective)]
    if latencies is not None:
        lines = [replace(line, latencies=latencies.get((line.website_id or 0, line.month), {})) for line in lines]
    if subject is SlaSubject.GROUP:
        parts: dict[tuple[str, str], list[SlaLine]] = {}
        for line in lines:
            parts.setdefault((line.group, line.month), []).append(line)
        lines = [_together(group, month, part) for (group, month), part in parts.items()]
    return sorted(lines, key=lambda line: (line.group, line.name, line.website_id or 0, line.month))


def _of_website(
    website: Website, windows: Sequence[StatusWindow], chosen: SlaRange, objective: float
) -> Iterator[SlaLine]:
    bounds = [max(bound, website.created_at) for bound in chosen.bounds()]
    found = split_availability(windows, bounds)
    seen = [one for one in windows if one.kind is not WindowKind.MAINTENANCE]
    unplanned = found if len(seen) == len(windows) else split_availability(seen, bounds)
    labels = website.draft.labels
    for (begin, until), one, other in zip(pairwise(bounds), found, unplanned, strict=True):
        if until > begin:
            yield SlaLine(
                website.website_id, website.draft.name, labels.get("group", ""), chosen.month_of(begin), 1, one, other,
                promised(labels.get(OBJECTIVE_LABEL, ""), objective),
            )  # fmt: skip


def _together(group: str, month: str, lines: Sequence[SlaLine]) -> SlaLine:
    return SlaLine(
        None, group, group, month, len(lines), reduce(add, (line.found for line in lines)),
        reduce(add, (line.unplanned for line in lines)), max(line.objective for line in lines),
        reduce(added, (line.latencies for line in lines), dict[int, int]()),
    )  # fmt: skip


def promised(text: str, usual: float) -> float:
    """The objective that a label names; the usual one where it names none."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        return usual
    return value if 0 <= value <= 100 else usual
