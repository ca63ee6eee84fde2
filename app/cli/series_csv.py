"""Reads series from CSV: a stamp, a value and further columns, with errors that name file, line and field."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.errors import ConfigurationError

STAMP_COLUMNS = ("timestamp", "delivery_start", "datetime", "time")
FIRST_YEAR, LAST_YEAR = 1900, 2199
UNIX = re.compile(r"\d{9,13}")
FIRST_MILLISECOND = 100_000_000_000
UNKNOWN = frozenset({"", "-", "nan", "null", "none", "na", "n/a", "n/e"})
"""What exporters write where no value is known, in lower case."""


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """The rows of a file in their order: stamps as written and in seconds since 1970, and the columns of values.

    `local` stamps carry no offset; they count as if they were UTC. The first column of values is the series itself.
    """

    file: str
    written: Sequence[str]
    stamps: NDArray[np.int64]
    columns: Mapping[str, NDArray[np.float64]]
    local: bool

    @property
    def values(self) -> NDArray[np.float64]:
        return next(iter(self.columns.values()))

    @property
    def others(self) -> dict[str, NDArray[np.float64]]:
        return dict(list(self.columns.items())[1:])


def read_series(path: Path) -> SeriesTable:
    """The rows of a CSV file; ConfigurationError where it is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return _read(str(path), lines)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: byte {error.start} is no UTF-8; save the file as UTF-8 text") from error


def _read(file: str, lines: Iterator[str]) -> SeriesTable:
    rows = csv.reader(lines, strict=True)
    try:
        header = _header(file, next(rows, None))
        written, stamps, cells, offsets = _rows(file, header, rows)
    except csv.Error as error:
        raise ConfigurationError(f"{file}, line {rows.line_num}: {error}; expected comma-separated text") from error
    columns = {
        name: np.array(column, dtype=np.float64) for name, column in zip(_value_columns(header), cells, strict=True)
    }
    return SeriesTable(file, written, np.array(stamps, dtype=np.int64), columns, local=not any(offsets))


def _header(file: str, row: list[str] | None) -> list[str]:
    names = [name.strip() for name in row or []]
    if not any(names):
        raise ConfigurationError(f"{file}, line 1: the file is empty; expected the header timestamp,value")
    if names[0].lower() not in STAMP_COLUMNS or len(names) < 2:
        raise ConfigurationError(
            f"{file}, line 1: the header is {','.join(names)!r}; expected timestamp,value and then any peers"
        )
    doubled = sorted({name for name in names if names.count(name) > 1 or not name})
    if doubled:
        raise ConfigurationError(f"{file}, line 1: the column {doubled[0]!r} needs a name of its own")
    return names


def _value_columns(header: list[str]) -> list[str]:
    """The names after the stamp, the one called `value` first."""
    return sorted(header[1:], key=lambda name: name != "value")


def _rows(
    file: str, header: list[str], rows: Iterator[list[str]]
) -> tuple[list[str], list[int], list[list[float]], set[bool]]:
    written: list[str] = []
    stamps: list[int] = []
    cells: list[list[float]] = [[] for _ in header[1:]]
    offsets: set[bool] = set()
    places = [(header.index(name), name, column) for name, column in zip(_value_columns(header), cells, strict=True)]
    for row in rows:
        if not row:
            continue
        where = f"{file}, line {rows.line_num}"  # type: ignore[attr-defined]  # csv.reader has no public type
        if len(row) != len(header):
            raise ConfigurationError(f"{where}: {len(row)} fields instead of the header's {len(header)}")
        stamp, offset = _stamp(row[0], where, header[0])
        offsets.add(offset)
        if len(offsets) > 1:
            raise ConfigurationError(f"{where}, field {header[0]!r}: some stamps carry an offset, others do not")
        written.append(row[0])
        stamps.append(stamp)
        for place, name, column in places:
            column.append(_number(row[place], where, name))
    return written, stamps, cells, offsets


def _stamp(text: str, where: str, name: str) -> tuple[int, bool]:
    """Seconds since 1970, and whether the text carries an offset; a bare number counts seconds or milliseconds."""
    if UNIX.fullmatch(text.strip()):
        number = int(text)
        return (number // 1_000 if number >= FIRST_MILLISECOND else number), True
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigurationError(
            f"{where}, field {name!r}: {text!r} is no ISO 8601 stamp such as 2024-01-01T00:00:00Z"
        ) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ConfigurationError(f"{where}, field {name!r}: {text!r} lies outside {FIRST_YEAR} to {LAST_YEAR}")
    if moment.microsecond:
        raise ConfigurationError(f"{where}, field {name!r}: {text!r} has fractions of a second; write whole seconds")
    offset = moment.tzinfo is not None
    return int((moment if offset else moment.replace(tzinfo=UTC)).timestamp()), offset


def _number(text: str, where: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        if text.strip().lower() in UNKNOWN:
            return nan
        raise ConfigurationError(
            f"{where}, field {name!r}: {text!r} is not a number; leave unknown values empty"
        ) from None
    if not isfinite(number) and number == number:  # noqa: PLR0124  NaN is the one number that differs from itself
        raise ConfigurationError(f"{where}, field {name!r}: {text!r} is not finite; leave unknown values empty")
    return number
