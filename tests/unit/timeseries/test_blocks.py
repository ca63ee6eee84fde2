from __future__ import annotations

import numpy as np
import pytest

from app.errors import DatabaseUnavailable
from app.market.time import Resolution
from app.timeseries.binary_copy import RowFormat
from app.timeseries.blocks import count_by_day, merge
from tests.support.store_factory import block, key


def test_rows_in_order_stay_as_they_are() -> None:
    rows = merge([block([1, 2], key(psr_type="B02")), block([3], key(psr_type="B01")), block([])])
    assert [series.psr_type for series in rows.keys] == ["B01", "B02"]
    assert (rows.series.tolist(), rows.values.tolist(), rows.duplicates) == ([0, 1, 1], [3, 1, 2], 0)


def test_rows_out_of_order_are_ordered_and_the_last_of_equals_stays() -> None:
    quarter = block({0: 9}, resolution=Resolution.PT15M)
    rows = merge([block({2: 5, 0: 1}), block({0: 4, 1: 3}, filled=[0]), quarter])
    assert rows.values.tolist() == [9, 4, 3, 5]
    assert rows.filled.tolist() == [False, True, False, False]
    assert (rows.received, rows.duplicates) == (5, 1)


def test_no_blocks_are_no_rows() -> None:
    assert len(merge([])) == 0
    assert len(merge([block([])])) == 0


def test_counts_are_per_series_utc_day_and_resolution() -> None:
    rows = merge([block({23: 1, 24: 2, 25: 3}), block({24: 2}, resolution=Resolution.PT15M)])
    counts = count_by_day(rows)
    assert (counts.days - counts.days[0]).tolist() == [0, 1, 1]
    assert counts.resolutions.tolist() == [7, 5, 7]
    assert counts.stored.tolist() == [1, 1, 2]


async def test_what_is_encoded_is_decoded_again() -> None:
    rows = RowFormat(number="int4", at="timestamptz", day="date", small="int2", value="float8", flag="bool")
    count = 20_000
    columns = {
        "number": np.arange(count, dtype=np.int32) - 5,
        "at": np.arange(count, dtype=np.int64) * 10**9,
        "day": np.arange(count, dtype=np.int32) - 9000,
        "small": (np.arange(count) % 12).astype(np.int16),
        "value": np.arange(count) / 7,
        "flag": np.arange(count) % 2 == 0,
    }
    copied = b"".join([part async for part in rows.encode(columns)])
    decoded = rows.decode(copied)
    assert {name: column.tolist() for name, column in decoded.items()} == {
        name: column.tolist() for name, column in columns.items()
    }


def test_bytes_that_are_no_rows_are_refused() -> None:
    with pytest.raises(DatabaseUnavailable, match="7 bytes"):
        RowFormat(number="int4").decode(b"PGCOPY\n")
