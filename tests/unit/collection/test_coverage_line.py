from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from app.collection.gaps.coverage import CoverageLine, whole_percent
from app.collection.models import CollectionRequest
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval


def test_the_percents_of_a_line_are_those_of_its_cells() -> None:
    due = np.array([0, 1000, 1000, 1000, 1000, 86_400 * 31, 3], np.int64)
    there = np.array([0, 0, 1, 500, 999, 86_400 * 31, 3], np.int64)
    interval = Interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC))
    request = CollectionRequest(DataItem.LOAD_ACTUAL, find_place("FR"), interval)
    line = CoverageLine(request, tuple(date(2026, month, 1) for month in range(1, 8)), due, there, {})
    assert line.percents() == [whole_percent(cell.share) for cell in line.cells()]
    assert line.percents() == [None, 0, 1, 50, 99, 100, 100]
