"""How complete each item and area is over time, with the reason of what is missing: a map for people, down to hours."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from app.collection.gaps.classification import Reason
from app.collection.gaps.coverage import CoverageService
from app.collection.gaps.queries import KEPT_REASONS, KeptGaps, Reasons
from app.collection.gaps.windows import AskEvidence, Gap
from app.collection.models import CollectionRequest
from app.kit.language import gettext_noop
from app.market.areas import Place, find_place, label
from app.market.series import DataItem
from app.market.time import Interval
from app.timeseries.coverage import Granularity

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_NOTHING: Mapping[date, Reasons] = {}


class Fill(StrEnum):
    """What of a month, day or hour is there, and the worst reason of what is not."""

    NOTHING_EXPECTED = "nothing_expected"
    COMPLETE = "complete"
    NOT_DUE = "not_due"
    MISSING_AT_SOURCE = "missing_at_source"
    LATE = "late"
    OURS = "ours"
    UNKNOWN = "unknown"
    """Something is missing, and no analysis has kept why."""


FILL_TEXTS: Mapping[Fill, str] = {
    Fill.NOTHING_EXPECTED: gettext_noop("no series was expected to have values, and nobody asked for any"),
    Fill.COMPLETE: gettext_noop("nothing is missing"),
    Fill.NOT_DUE: gettext_noop("the deadline has not passed yet"),
    Fill.MISSING_AT_SOURCE: gettext_noop(
        "the source was asked often enough and did not have it; it is asked again, ever more seldom"
    ),
    Fill.LATE: gettext_noop(
        "the deadline has passed; the source was asked and did not have it yet, and is asked again soon"
    ),
    Fill.OURS: gettext_noop("nobody asked for it, or the last attempt failed: asking brings it"),
    Fill.UNKNOWN: gettext_noop("nobody has looked into the reason; the page of the hours does"),
}
"""For people."""

EVIDENCE_TEXTS: Mapping[AskEvidence, str] = {
    AskEvidence.NOT_DUE: gettext_noop("not due yet"),
    AskEvidence.NEVER_ASKED: gettext_noop("never asked for since it was due"),
    AskEvidence.NO_ANSWER: gettext_noop("asked for, and no answer could be used"),
    AskEvidence.EMPTY: gettext_noop("the source answered without it"),
    AskEvidence.NEVER_EXISTED: gettext_noop("the source answered each time that it never had any of this"),
}


_KEPT_FILLS = tuple(map(Fill, KEPT_REASONS))


def worst_fill(reasons: Reasons) -> Fill:
    """The worst reason of what is missing."""
    return next(fill for fill, found in zip(_KEPT_FILLS, reasons, strict=True) if found)


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A month or day: `percent` of what was due is there, None where nothing was; `reasons` are those of what is not."""

    begin: date
    percent: int | None
    reasons: Reasons | None

    @property
    def fill(self) -> Fill:
        if self.reasons is not None:
            return worst_fill(self.reasons)
        if self.percent is None:
            return Fill.NOTHING_EXPECTED
        return Fill.COMPLETE if self.percent == 100 else Fill.UNKNOWN


@dataclass(frozen=True, slots=True)
class HeatRow:
    """An item and place over time: percents as those of `HeatCell`, and why something is missing by the first day of each part."""

    item: DataItem
    place: Place
    begins: Sequence[date]
    percents: Sequence[int | None]
    reasons: Mapping[date, Reasons]

    @property
    def cells(self) -> list[HeatCell]:
        pairs = zip(self.begins, self.percents, strict=True)
        return [HeatCell(begin, percent, self.reasons.get(begin)) for begin, percent in pairs]

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.reasons and all(percent in {None, 100} for percent in self.percents)


class HeatMapService:
    """Reads the map; `now` is passed in by the caller."""

    def __init__(self, coverage: CoverageService, kept: KeptGaps) -> None:
        self._coverage = coverage
        self._kept = kept

    async def pairs(self, items: Collection[str] | None, areas: Collection[str] | None) -> list[tuple[DataItem, Place]]:
        """What has values or lacks some, by item and name of the area; areas are EICs, None means any."""
        found = sorted(await self._kept.pairs(items, areas), key=lambda pair: (pair[0], label(pair[1])))
        return [(DataItem(item), find_place(area)) for item, area in found]

    async def read(
        self, pairs: Sequence[tuple[DataItem, Place]], interval: Interval, now: datetime, step: Granularity
    ) -> list[HeatRow]:
        """A row for each pair, in order, with a cell for each month or day of UTC.

        The reasons are those of the gaps that are kept; nothing is looked for anew.
        """
        requests = [CollectionRequest(item, place, interval) for item, place in pairs]
        named = [(item.value, place.eic) for item, place in pairs]
        reasons = asyncio.create_task(self._kept.reasons(named, interval, step), name="reasons of gaps")
        try:  # a group of tasks would wrap the loss of the database, which whoever asked knows how to bear
            lines, missing = await self._coverage.lines(requests, now, step), await reasons
        finally:
            reasons.cancel()
            await asyncio.gather(reasons, return_exceptions=True)
        return [
            HeatRow(item, place, line.begins, line.percents(), missing.get(pair, _NOTHING))
            for (item, place), pair, line in zip(pairs, named, lines, strict=True)
        ]


# The hours of a month


@dataclass(frozen=True, slots=True)
class HourCell:
    """An hour of UTC: how it is filled, and how many series lack values in it."""

    fill: Fill
    lacking: int


def hours_of(days: Iterable[HeatCell], gaps: Sequence[Gap]) -> list[tuple[date, tuple[HourCell, ...]]]:
    """Each day with its hours, by the gaps of its month."""
    worst = {reason: rank for rank, reason in enumerate((*KEPT_REASONS, Reason.NOT_DUE))}
    lacking: dict[datetime, list[Gap]] = {}
    for gap in gaps:
        hour = gap.interval.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        while hour < gap.interval.end:
            lacking.setdefault(hour, []).append(gap)
            hour += HOUR
    found = []
    for day in days:
        first = datetime(day.begin.year, day.begin.month, day.begin.day, tzinfo=UTC)
        quiet = Fill.NOTHING_EXPECTED if day.percent is None else Fill.COMPLETE
        cells = []
        for number in range(24):
            here = lacking.get(first + number * HOUR, ())
            fill = Fill(min((gap.reason for gap in here), key=worst.__getitem__)) if here else quiet
            cells.append(HourCell(fill, len({gap.series_key for gap in here})))
        found.append((day.begin, tuple(cells)))
    return found


def month_of(first: date) -> Interval:
    """A month of UTC."""
    return months(first, first)


def months(first: date, last: date) -> Interval:
    """From the beginning of a month of UTC to the end of another."""
    begin, after = first.replace(day=1), (last.replace(day=28) + 4 * DAY).replace(day=1)
    return Interval(*(datetime(one.year, one.month, 1, tzinfo=UTC) for one in (begin, after)))
