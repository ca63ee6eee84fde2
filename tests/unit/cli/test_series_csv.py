"""Reading series: what is accepted, and errors that name file, line and field."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.cli.files.series_csv import SeriesTable, read_series_file
from app.errors import ConfigurationError


def read(tmp_path: Path, text: str | bytes) -> SeriesTable:
    path = tmp_path / "series.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_series_file(path)


def test_stamps_with_an_offset_are_instants(tmp_path: Path) -> None:
    table = read(tmp_path, "timestamp,value\n2024-01-01T00:00:00Z,1\n2024-01-01 02:00:00+01:00,2.5\n")

    assert table.stamps.tolist() == [1704067200, 1704070800]
    assert table.values.tolist() == [1.0, 2.5]
    assert not table.local


def test_stamps_without_an_offset_are_local(tmp_path: Path) -> None:
    table = read(tmp_path, "timestamp,value\n2024-01-01,1\n")

    assert table.local
    assert table.stamps.tolist() == [1704067200]


def test_unknown_values_have_many_spellings(tmp_path: Path) -> None:
    rows = "".join(f"2024-01-{day:02d},{text}\n" for day, text in enumerate(["", "NaN", "n/e", "-", "N/A", "null"], 1))

    assert np.isnan(read(tmp_path, f"timestamp,value\n{rows}").values).all()


def test_further_columns_are_peers(tmp_path: Path) -> None:
    table = read(tmp_path, "timestamp,forecast,value,zone2\n2024-01-01,1,2,3\n")

    assert table.values.tolist() == [2.0]
    assert {name: column.tolist() for name, column in table.others.items()} == {"forecast": [1.0], "zone2": [3.0]}


def test_a_byte_order_mark_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    assert len(read(tmp_path, b"\xef\xbb\xbftimestamp,value\r\n\r\n2024-01-01,1\r\n").stamps) == 1


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-31 00:00 - 2024-01-31 01:00",
        "31.01.2024 00:00 - 31.01.2024 01:00",
        "31/01/2024 00:00:00 - 31/01/2024 01:00:00",
        "2024-01-31T00:00/2024-01-31T01:00",
        "31.01.2024 00:00",
    ],
)
def test_of_a_range_the_first_instant_counts(tmp_path: Path, written: str) -> None:
    table = read(tmp_path, f"timestamp,value\n{written},1\n")
    assert (table.stamps.tolist(), table.local) == ([1706659200], True)


def test_semicolons_and_decimal_commas_are_read(tmp_path: Path) -> None:
    table = read(tmp_path, "timestamp;value;forecast\n2024-01-01;1.234,5;-0,25\n2024-01-02;7;n/e\n")
    assert table.values.tolist() == [1234.5, 7.0]
    assert table.others["forecast"][0] == -0.25


def test_a_bad_stamp_among_many_is_named_and_many_are_refused(tmp_path: Path) -> None:
    good = [f"2024-01-{day:02d},1" for day in range(1, 29)]
    table = read(tmp_path, "\n".join(["timestamp,value", *good[:5], "2024-13-01,1", *good[5:], ""]))
    [unread] = table.unread
    assert (unread.place, unread.written, len(table.stamps)) == (5, "2024-13-01", 28)
    assert "line 7, field 'timestamp': '2024-13-01'" in unread.reason

    with pytest.raises(ConfigurationError, match="line 2, field 'timestamp': 'x'"):
        read(tmp_path, "\n".join(["timestamp,value", "x,1", "y,1", *good, ""]))


def test_a_stamp_that_lacks_the_offset_of_the_others_is_named_alone(tmp_path: Path) -> None:
    good = [f"2024-01-{day:02d}T00:00Z,1" for day in range(1, 29)]
    table = read(tmp_path, "\n".join(["timestamp,value", *good[:9], "2024-01-10T12:00,1", *good[9:], ""]))

    [unread] = table.unread
    assert (unread.place, len(table.stamps), table.local) == (9, 28, False)
    assert "line 11, field 'timestamp': some stamps carry an offset, others do not" in unread.reason


@pytest.mark.parametrize("thousands", [".", " ", "\u00a0", "\u202f"])
def test_thousands_are_parted_by_points_or_spaces_before_a_decimal_comma(tmp_path: Path, thousands: str) -> None:
    table = read(tmp_path, f"timestamp;value\n2024-01-01;1{thousands}234{thousands}567,5\n")
    assert table.values.tolist() == [1_234_567.5]


def test_a_header_alone_is_an_empty_series(tmp_path: Path) -> None:
    assert not len(read(tmp_path, "timestamp,value\n").values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the file is empty"),
        ("a,b\n1,2\n", "line 1: the header is 'a,b'"),
        ("timestamp\n", "expected timestamp,value"),
        ("timestamp,value,value\n", "column 'value' needs a name of its own"),
        ("timestamp,value\nyesterday,1\n", "line 2, field 'timestamp': 'yesterday'"),
        ("timestamp,value\n2024-01-01,1\n2024-01-02,abc\n", "line 3, field 'value': 'abc' is not a number"),
        ("timestamp,value,forecast\n2024-01-01,1,abc\n", "line 2, field 'forecast'"),
        ("timestamp,value\n2024-01-01,inf\n", "is not finite"),
        ("timestamp,value\n2024-01-01\n", "line 2: 1 fields instead of the header's 2"),
        ("timestamp,value\n2024-01-01T00:00:00.5,1\n", "fractions of a second"),
        ("timestamp,value\n0001-01-01,1\n", "lies outside 1900 to 2199"),
        ("timestamp,value\n2024-01-01T00:00Z,1\n2024-01-01T01:00,1\n", "some stamps carry an offset"),
        ('timestamp,value\n"2024-01-01,1\n', "expected comma-separated text"),
        (b"timestamp,value\n\xff\xfe\n", "no UTF-8"),
    ],
)
def test_errors_name_file_line_and_field(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)

    assert message in str(caught.value)
    assert "series.csv" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.csv: No such file"):
        read_series_file(tmp_path / "nothing.csv")


@pytest.mark.parametrize("written", ["1704067200", "1704067200000"])
def test_bare_numbers_are_seconds_or_milliseconds_since_1970(tmp_path: Path, written: str) -> None:
    table = read(tmp_path, f"timestamp,value\n{written},1\n")
    assert (table.stamps.tolist(), table.local) == ([1704067200], False)
