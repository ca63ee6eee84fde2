"""One row for each start of delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.market.series import SeriesKey
from app.timeseries.export.columns import Look
from app.timeseries.shape import Shaped, column_names

if TYPE_CHECKING:
    from numpy.typing import NDArray


class WideTable:
    """One row for each start of delivery, one column for each series; held whole, because series come one by one."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self._pieces: dict[SeriesKey, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}

    def write(self, shaped: Shaped) -> None:
        for key in self.look.shown_under(shaped.batch.key):
            self._pieces.setdefault(key, []).append((shaped.batch.starts, shaped.batch.values))

    def table(self) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
        """The starts, ascending, and the columns by name, NaN where a series has no value."""
        pieces = self._pieces
        names = column_names(list(pieces))
        starts = np.unique(
            np.concatenate([one for parts in pieces.values() for one, _ in parts] or [np.empty(0, np.int64)])
        )
        columns = {}
        for key, parts in pieces.items():
            column = np.full(len(starts), np.nan)
            for own, values in parts:
                column[np.searchsorted(starts, own)] = values
            columns[names[key]] = column
        return starts, columns
