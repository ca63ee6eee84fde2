"""Series that are published only while their plant runs: idle is not missing. Decided by evidence, once a series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from app.collection.gaps.expectation import Question
from app.market.series import SeriesKey
from app.market.time import Interval, Resolution
from app.timeseries.blocks import DayCounts
from app.timeseries.grid import DAY, Held, Units, complete_days, merged_counts, short_days
from app.timeseries.stored_units import StockReader

STORAGE = frozenset({"B10", "B25"})
"""Production types that stand still for hours every day: hydro pumped storage, energy storage."""
EVIDENCE = timedelta(days=28)
LEAST_DAYS = 3


async def running_only(reader: StockReader, questions: Sequence[Question]) -> frozenset[int]:
    """The first ids of the lines that are published only while they run.

    The last four weeks of a series decide, whatever the interval in question, so that every question gets one answer.
    """
    wanted: dict[int, Interval] = {}
    for question in questions:
        if storage := [line for line in question.lines if is_storage(line.key)]:
            end = max(line.extent.end for line in storage)
            wanted |= {number: Interval(end - EVIDENCE, end) for line in question.lines for number in line.ids}
    if not wanted:
        return frozenset()
    counts = await reader.counts(wanted)
    return frozenset(
        line.ids[0]
        for question in questions
        for line in question.lines
        if is_storage(line.key) and is_running_only(rows_of(counts, line.ids), rows_of(counts, others(question)))
    )


def is_storage(key: SeriesKey) -> bool:
    return key.psr_type in STORAGE


def others(question: Question) -> list[int]:
    """The series that show for which time the source has published the item."""
    return [number for line in question.lines if not is_storage(line.key) for number in line.ids]


def is_running_only(own: DayCounts, beside: DayCounts) -> bool:
    """Whether at least half of the days with values lack some although another series of the item is complete.

    A feed that breaks off has few such days: those at its ends.
    """
    own = merged_counts(own)
    published = np.unique(beside.days[complete_days(beside)])
    days = np.intersect1d(np.unique(own.days), published)
    lacking = np.intersect1d(own.days[short_days(own)], published)
    return len(lacking) >= LEAST_DAYS and 2 * len(lacking) >= len(days)


def without_idle(missing: Units, beside: DayCounts, days: Mapping[tuple[int, int], Held]) -> Units:
    """What is missing of a series that is published only while it runs: time for which no other series has a value."""
    published = np.isin(missing.starts // DAY, beside.days[complete_days(beside)])
    for number in np.unique(beside.series).tolist():
        held = [one for (series, _), one in days.items() if series == number]
        published |= _covered(missing.starts, held)
    kept = ~published
    return Units(missing.starts[kept], missing.ends[kept], missing.resolutions[kept])


def _covered(instants: NDArray[np.int64], held: Iterable[Held]) -> NDArray[np.bool_]:
    """The instants within a unit; the units of each day are ordered by start."""
    found = np.zeros(len(instants), np.bool_)
    for one in held:
        for number in np.unique(one.resolutions).tolist():
            starts = one.starts[one.resolutions == number]
            place = np.searchsorted(starts, instants, "right") - 1
            found |= (place >= 0) & (instants < starts[np.maximum(place, 0)] + Resolution.from_id(number).seconds)
    return found


def idle_seconds(
    expected: NDArray[np.int64], stored: NDArray[np.int64], beside: Sequence[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """The part of each portion in which the series was idle: another series of the item has values for it."""
    published = np.maximum.reduce([np.zeros_like(expected), *beside])
    return np.maximum(np.minimum(expected, published) - stored, 0)


def rows_of(counts: DayCounts, ids: Sequence[int]) -> DayCounts:
    """The rows of some series; they are ordered by series."""
    first, last = np.searchsorted(counts.series, ids), np.searchsorted(counts.series, ids, "right")
    rows = np.concatenate(
        [np.empty(0, np.int64), *(np.arange(one, other) for one, other in zip(first, last, strict=True))]
    )
    return DayCounts(counts.series[rows], counts.days[rows], counts.resolutions[rows], counts.stored[rows])
