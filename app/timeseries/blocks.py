"""Blocks made ready for the store: one set of rows, ordered, each market time unit once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.market.series import SeriesBlock, SeriesKey

_DAY = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Values of several series as columns, ordered by series, start and resolution, without duplicates.

    `series` is the index into `keys`; `received` counts the rows before duplicates were dropped.
    """

    keys: tuple[SeriesKey, ...]
    series: NDArray[np.int32]
    starts: NDArray[np.int64]
    resolutions: NDArray[np.int16]
    values: NDArray[np.float64]
    filled: NDArray[np.bool_]
    received: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def duplicates(self) -> int:
        return self.received - len(self)


def merge(blocks: Sequence[SeriesBlock]) -> Rows:
    """The rows of all blocks; of the rows with equal series, start and resolution the last in document order stays."""
    blocks = [block for block in blocks if len(block)]
    keys = tuple(sorted({block.key for block in blocks}))
    number = {key: index for index, key in enumerate(keys)}
    blocks.sort(key=lambda block: number[block.key])
    lengths = [len(block) for block in blocks]
    rows = Rows(
        keys,
        np.repeat(np.array([number[block.key] for block in blocks], np.int32), lengths),
        _joined([block.starts for block in blocks], np.int64),
        np.repeat(np.array([block.resolution.id for block in blocks], np.int16), lengths),
        _joined([block.values for block in blocks], np.float64),
        _joined([block.filled for block in blocks], np.bool_),
        sum(lengths),
    )
    return rows if _is_strictly_ordered(rows) else _ordered(rows)


def _joined(arrays: list[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(arrays).astype(kind, copy=False) if arrays else np.empty(0, kind)


def _is_strictly_ordered(rows: Rows) -> bool:
    """Whether each row stands after the one before; a platform document almost always is so written."""
    series, starts, resolutions = (np.diff(column) for column in (rows.series, rows.starts, rows.resolutions))
    later = (series > 0) | ((series == 0) & ((starts > 0) | ((starts == 0) & (resolutions > 0))))
    return bool(later.all())


def _ordered(rows: Rows) -> Rows:
    order = np.lexsort((rows.resolutions, rows.starts, rows.series))  # stable: equal rows keep the document's order
    last = np.append(_changes(rows.series[order], rows.starts[order], rows.resolutions[order]), True)
    kept = order[last]
    return Rows(
        rows.keys,
        rows.series[kept],
        rows.starts[kept],
        rows.resolutions[kept],
        rows.values[kept],
        rows.filled[kept],
        rows.received,
    )


def _changes(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a row differs from the row before, from the second row on."""
    changed: NDArray[np.bool_] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return changed


@dataclass(frozen=True, slots=True, eq=False)
class DayCounts:
    """How many rows there are of each series (index), UTC day (since 1970) and resolution."""

    series: NDArray[np.int32]
    days: NDArray[np.int64]
    resolutions: NDArray[np.int16]
    stored: NDArray[np.int64]

    def select(self, which: NDArray[np.bool_]) -> DayCounts:
        return DayCounts(self.series[which], self.days[which], self.resolutions[which], self.stored[which])


def count_by_day(rows: Rows) -> DayCounts:
    days = rows.starts // _DAY
    order = np.lexsort((rows.resolutions, days, rows.series))
    first = np.flatnonzero(np.append(True, _changes(rows.series[order], days[order], rows.resolutions[order])))
    numbers = np.diff(np.append(first, len(order)))
    rows_of_days = order[first]
    return DayCounts(rows.series[rows_of_days], days[rows_of_days], rows.resolutions[rows_of_days], numbers)
