"""What an answer says something about, so that the answer to an earlier question cannot take it back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.market.time import Interval, Resolution
from app.timeseries.blocks import Rows

_CALENDAR_SPARE = timedelta(days=3)
"""A month has up to 31 days, a year 366, and a local day 25 hours: a calendar unit may be longer than its nominal one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Units of some series (indexes into `Rows.keys`) about which the answer says something, under their lock.

    Without a resolution every unit that lies wholly within, else those of this resolution that start within.
    """

    lock: int
    series: tuple[int, ...]
    resolution: int | None
    start: datetime
    end: datetime


def spans_of(rows: Rows, locks: Sequence[int], answered: Interval | None) -> list[Span]:
    """A whole answer speaks of all units of its interval, for each series in it; beyond that, of the values it brings."""
    spans: list[Span] = []
    if answered is not None:
        by_lock: dict[int, list[int]] = {}
        for index, lock in enumerate(locks):
            by_lock.setdefault(lock, []).append(index)
        spans = [Span(lock, tuple(found), None, answered.start, answered.end) for lock, found in by_lock.items()]
    runs: dict[tuple[int, int, datetime, datetime], list[int]] = {}
    for series, resolution, first, last in _runs(rows, _beyond(rows, answered)):
        end = datetime.fromtimestamp(last, UTC) + timedelta(seconds=1)
        runs.setdefault((locks[series], resolution, datetime.fromtimestamp(first, UTC), end), []).append(series)
    return spans + [Span(lock, tuple(found), number, start, end) for (lock, number, start, end), found in runs.items()]


def _beyond(rows: Rows, answered: Interval | None) -> NDArray[np.intp]:
    """The values that do not lie wholly in the interval; of a calendar unit at its end that is assumed."""
    if answered is None:
        return np.arange(len(rows))
    lengths = np.zeros(int(rows.resolutions.max()) + 1, np.int64)
    for number in np.unique(rows.resolutions).tolist():
        resolution = Resolution.from_id(number)
        longest = resolution.nominal + (_CALENDAR_SPARE if resolution.is_calendar else timedelta())
        lengths[number] = int(longest.total_seconds())
    ends = rows.starts + lengths[rows.resolutions]
    beyond: NDArray[np.intp] = np.flatnonzero(
        (rows.starts < answered.start.timestamp()) | (ends > answered.end.timestamp())
    )
    return beyond


def _runs(rows: Rows, chosen: NDArray[np.intp]) -> Iterator[tuple[int, int, int, int]]:
    """Series, resolution, first and last start of values that follow each other without a gap."""
    if not len(chosen):
        return
    order = chosen[np.lexsort((rows.starts[chosen], rows.resolutions[chosen], rows.series[chosen]))]
    series, resolutions, starts = rows.series[order], rows.resolutions[order], rows.starts[order]
    steps = {number: Resolution.from_id(number) for number in np.unique(resolutions).tolist()}
    longest = np.array([0 if steps[n].is_calendar else steps[n].nominal.total_seconds() for n in resolutions.tolist()])
    breaks = (series[1:] != series[:-1]) | (resolutions[1:] != resolutions[:-1]) | (np.diff(starts) > longest[1:])
    firsts = np.append(0, np.flatnonzero(breaks) + 1)
    lasts = np.append(firsts[1:] - 1, len(order) - 1)
    yield from zip(
        series[firsts].tolist(),
        resolutions[firsts].tolist(),
        starts[firsts].tolist(),
        starts[lasts].tolist(),
        strict=True,
    )
