"""What an analysis is about: the series of each request and the time in which each is expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.collection.models import CollectionRequest
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval
from app.timeseries.grid import Extent, life
from app.timeseries.repository import TimeSeriesRepository

ALTERNATING = frozenset({DataItem.IMBALANCE_VOLUME})
"""Items whose series that differ only in their flow direction complete each other: each unit has one of them."""


@dataclass(frozen=True, slots=True)
class ExpectedSeries:
    """What is examined as one: a series, or several that complete each other; `interval` is the expected part."""

    key: SeriesKey
    ids: tuple[int, ...]
    extent: Extent
    interval: Interval


@dataclass(frozen=True, slots=True)
class Question:
    """A request, the part of it in which the place exists, and its series."""

    request: CollectionRequest
    living: Interval
    lines: tuple[ExpectedSeries, ...]
    blank: tuple[Interval, ...]
    """Time in which no series is expected."""
    known: tuple[Extent, ...]
    """Of all series of the item and place, also of those that are not expected here."""


async def series_of(
    timeseries: TimeSeriesRepository, requests: Sequence[CollectionRequest]
) -> dict[tuple[str, str], list[tuple[int, SeriesKey]]]:
    """The known series of each item and place."""
    items, areas = ({one.item.value for one in requests}, {one.place.eic for one in requests})
    found: dict[tuple[str, str], list[tuple[int, SeriesKey]]] = {}
    for number, key in await timeseries.series(items=items, areas=areas):
        found.setdefault((key.item, key.area), []).append((number, key))
    return found


def pair_of(request: CollectionRequest) -> tuple[str, str]:
    return request.item.value, request.place.eic


def question_of(
    request: CollectionRequest, series: Sequence[tuple[int, SeriesKey]], extents: Mapping[int, Extent], now: datetime
) -> Question | None:
    """None where the place does not exist in the interval."""
    living = request.place.exists_during(request.interval)
    if living is None:
        return None
    bundles = _bundles(request.item, [(number, key) for number, key in series if number in extents])
    joint = {key: _joint([extents[number] for number in ids]) for key, ids in bundles.items()}
    lines: list[ExpectedSeries] = []
    blank = [living]
    for key, ids in bundles.items():
        others = [extent for other, extent in joint.items() if other != key]
        lived = life(joint[key], others, request.place.zone, now)
        blank = [part for one in blank for part in one.subtract(lived)]
        if interval := living.intersection(lived):
            lines.append(ExpectedSeries(key, ids, joint[key], interval))
    return Question(request, living, tuple(lines), tuple(blank), tuple(joint.values()))


def _bundles(item: DataItem, series: Sequence[tuple[int, SeriesKey]]) -> dict[SeriesKey, tuple[int, ...]]:
    """Series that complete each other: of another direction, or in the currency and unit before a change of them."""
    if len(series) == 1:
        return {key: (number,) for number, key in series}
    found: dict[SeriesKey, list[tuple[int, SeriesKey]]] = {}
    for number, key in series:
        joint = replace(key, currency="", unit="")
        if item in ALTERNATING:
            joint = replace(joint, flow_direction="")
        found.setdefault(joint, []).append((number, key))
    return {
        group[0][1] if len(group) == 1 else joint: tuple(number for number, _ in group)
        for joint, group in found.items()
    }


def _joint(extents: Sequence[Extent]) -> Extent:
    if len(extents) == 1:
        return extents[0]
    last = max(extents, key=lambda extent: extent.end)
    return replace(last, first=min(extent.first for extent in extents))
