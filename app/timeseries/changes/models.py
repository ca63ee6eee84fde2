"""What a reader of changes is given: the changes, and the place in the log behind them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.market.series import SeriesKey

EVERY_SERIES = 2**31 - 1
CHANGE_KINDS = ("new", "revised", "vanished")


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A place in the log: a batch that is there, by its transaction and instant, and what of it was given.

    Within a batch changes are ordered by series, start and resolution; `resolution` 0 means all of the series. The
    instant shows that the batch is the one that was meant, also where a restored database has the same transaction.
    """

    xid: int
    recorded_at: datetime
    series: int = EVERY_SERIES
    start: datetime | None = None
    resolution: int = 0

    @property
    def whole(self) -> bool:
        """Whether all of the batch was given."""
        return self.series == EVERY_SERIES

    def begun(self, series: int, start: datetime, resolution: int) -> LogPlace:
        return replace(self, series=series, start=start, resolution=resolution)


@dataclass(frozen=True, slots=True)
class LoggedBatch:
    """A transaction that changed values: where they are."""

    place: LogPlace
    series: tuple[int, ...]
    first_start: datetime
    last_start: datetime
    rows: int
    replaces: bool


@dataclass(frozen=True, slots=True)
class BatchPart:
    """A series within a batch that is to be read; `after` is the last start and resolution that were given."""

    batch: LoggedBatch
    series: int
    after: tuple[datetime, int] | None = None


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """What is read for a page, the place behind it, and whether more of the known batches follows."""

    parts: tuple[BatchPart, ...]
    end: LogPlace | None
    more: bool


def plan_reading(
    batches: Collection[LoggedBatch], after: LogPlace | None, wanted: Collection[int] | None, rows: int
) -> ReadingPlan:
    """Parts of batches that hold about so many changes; `wanted` are series, None means all."""
    parts: list[BatchPart] = []
    end, expected = after, 0.0
    for batch in batches:
        begun = after if after is not None and after.xid == batch.place.xid else None
        each = batch.rows / max(1, len(batch.series))
        for series in batch.series:
            if begun is not None and (series < begun.series or (series == begun.series and begun.resolution == 0)):
                continue
            if wanted is not None and series not in wanted:
                continue
            if expected >= rows:
                return ReadingPlan(tuple(parts), end, more=True)
            resumed = begun is not None and series == begun.series and begun.start is not None
            parts.append(
                BatchPart(batch, series, (begun.start, begun.resolution) if resumed and begun and begun.start else None)
            )
            expected += each
            end = replace(batch.place, series=series)
        end = batch.place
    return ReadingPlan(tuple(parts), end, more=False)


@dataclass(frozen=True, slots=True, eq=False)
class ChangeColumns:
    """Changes in the order of the log, as columns of equal length; NaN where there is no value.

    `starts`: seconds since 1970; `recorded_at`: microseconds. `kinds`: index into CHANGE_KINDS.
    """

    series: NDArray[np.int32]
    starts: NDArray[np.int64]
    resolutions: NDArray[np.int16]
    kinds: NDArray[np.int8]
    values: NDArray[np.float64]
    previous: NDArray[np.float64]
    filled: NDArray[np.bool_]
    recorded_at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.series)

    def first(self, rows: int) -> ChangeColumns:
        return ChangeColumns(*(getattr(self, name)[:rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class ChangePage:
    """Changes, the series they are of, the place behind them, and whether more has been committed already."""

    changes: ChangeColumns
    series: Mapping[int, SeriesKey]
    place: LogPlace
    more: bool


_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def place_numbers(place: LogPlace) -> tuple[int, int, int, int, int]:
    """A place as numbers, as a cursor holds it."""
    start = 0 if place.start is None else (place.start - _EPOCH) // _MICROSECOND
    return place.xid, (place.recorded_at - _EPOCH) // _MICROSECOND, place.series, start, place.resolution


def place_of_numbers(numbers: tuple[Any, ...]) -> LogPlace:
    """ValueError where the numbers are no place."""
    xid, recorded_at, series, start, resolution = numbers
    if xid < 0 or not 0 <= series <= EVERY_SERIES or not 0 <= resolution < 2**15:
        raise ValueError("no cursor of changes")
    try:
        instant = _EPOCH + recorded_at * _MICROSECOND
        begun = _EPOCH + start * _MICROSECOND if resolution else None
    except OverflowError:
        raise ValueError("no cursor of changes") from None
    return LogPlace(xid, instant, series, begun, resolution)
