"""Reads series from CSV: a stamp, a value and further columns, with errors that name file, line and field."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from math import isfinite, isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.cli.files.text_column import TextColumn
from app.errors import ConfigurationError

STAMP_COLUMNS = ("timestamp", "delivery_start", "datetime", "time")
NEEDED = ("forecast", "measurement", "capacity", "opposite")
"""What the names of columns begin with that detectors understand."""
FIRST_YEAR, LAST_YEAR = 1900, 2199
UNIX = re.compile(r"\d{9,13}")
FRACTION = re.compile(r"(?<=:\d\d)[.,]\d+")
RUNNING_NUMBER = re.compile(r"(\d{1,7})(?:\.0*)?")
HOUR = 3_600
UNIX_OF_METRICS = re.compile(r"(\d{9,19})(?:\.\d*)?")
FIRST_MILLISECOND = 100_000_000_000
EUROPEAN = re.compile(r"(\d{2})[./](\d{2})[./](\d{4})[ T](\d{2}:\d{2}(?::\d{2})?)")
"""Day, month and year as the platform's own downloads write them."""
THOUSANDS = re.compile(r"(?<=\d)[.\s](?=\d)")
SEPARATORS = ",;\t"
BAD_STAMPS_BORNE = 0.05
"""Of all rows: more are no slips, the column holds something else."""
UNKNOWN = frozenset({"", "-", "nan", "null", "none", "na", "n/a", "n/e"})
"""What exporters write where no value is known, in lower case."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A row whose stamp cannot be read: its place among the rows, the stamp as written, and what is wrong with it."""

    place: int
    written: str
    reason: str


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
    left_out: Sequence[str] = ()
    """Columns of text, which are no peers."""
    unread: Sequence[Unread] = ()
    """Rows with a stamp that says nothing; they are in no other column."""

    @property
    def values(self) -> NDArray[np.float64]:
        return next(iter(self.columns.values()))

    @property
    def others(self) -> dict[str, NDArray[np.float64]]:
        return dict(list(self.columns.items())[1:])


def read_series_file(path: Path, *, stamps_only: bool = False, of_metric: bool = False) -> SeriesTable:
    """The rows of a CSV file; ConfigurationError where it is none. With `stamps_only` it may hold anything beside them.

    One `of_metric` may call its first column anything, and its stamps may have fractions of a second, which are cut off,
    or be running numbers.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return _read(str(path), lines, stamps_only=stamps_only, of_metric=of_metric)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: byte {error.start} is no UTF-8; save the file as UTF-8 text") from error


def _read(file: str, lines: Iterator[str], *, stamps_only: bool, of_metric: bool) -> SeriesTable:
    title = next(lines, "")
    separator = max(SEPARATORS, key=title.count)
    rows = csv.reader(chain([title], lines), strict=True, delimiter=separator)
    try:
        first = next(rows, None)
        header = _header_of_metric(file, first) if of_metric else _header(file, first, stamps_only=stamps_only)
        names = [] if stamps_only else _value_columns(header)
        form = CellForm(_metric_stamp if of_metric else _stamp, _number if separator == "," else _number_with_comma)
        written, stamps, cells, offsets, unread = _rows(file, header, names, rows, form)
        if len(unread) > (0 if of_metric else BAD_STAMPS_BORNE * (len(written) + len(unread))):
            raise ConfigurationError(unread[0].reason)
    except csv.Error as error:
        raise ConfigurationError(f"{file}, line {rows.line_num}: {error}; expected comma-separated text") from error
    # The arrays are not copied: of a large file two of each would not fit.
    columns = {name: np.frombuffer(column, np.float64) if column else np.empty(0) for name, column in cells.items()}
    seconds = np.frombuffer(stamps, np.int64) if stamps else np.empty(0, np.int64)
    left_out = [name for name in names if name not in cells]
    return SeriesTable(file, written, seconds, columns, not any(offsets), left_out, unread)


def _header(file: str, row: list[str] | None, *, stamps_only: bool) -> list[str]:
    names = [name.strip() for name in row or []]
    if not any(names):
        raise ConfigurationError(f"{file}, line 1: the file is empty; expected the header timestamp,value")
    if names[0].lower() not in STAMP_COLUMNS or (len(names) < 2 and not stamps_only):
        raise ConfigurationError(
            f"{file}, line 1: the header is {','.join(names)!r}; expected timestamp,value and then any peers"
        )
    doubled = sorted({name for name in names if names.count(name) > 1 or not name})
    if doubled and not stamps_only:
        raise ConfigurationError(f"{file}, line 1: the column {doubled[0]!r} needs a name of its own")
    return names


def _header_of_metric(file: str, row: list[str] | None) -> list[str]:
    """Exporters call the stamp what they like, or nothing; only a file that begins with its data is refused."""
    first, *others = row or [""]
    try:
        _metric_stamp(first, file, "timestamp")
    except ConfigurationError:
        return _header(file, [STAMP_COLUMNS[0], *others] if others else row, stamps_only=False)
    raise ConfigurationError(f"{file}, line 1: {','.join(row or [])!r} is no header; begin with a line timestamp,value")


def _value_columns(header: list[str]) -> list[str]:
    """The names after the stamp, the one called `value` first."""
    return sorted(header[1:], key=lambda name: name != "value")


@dataclass(frozen=True, slots=True)
class CellForm:
    """How the cells of a file are read: stamps, and numbers."""

    stamp: Callable[[str, str, str], tuple[int, bool]]
    number: Callable[[str, str, str], float | None]


def _rows(
    file: str, header: list[str], names: list[str], rows: Iterator[list[str]], form: CellForm
) -> tuple[Sequence[str], array[int], dict[str, array[float]], set[bool], list[Unread]]:
    written = TextColumn()
    unread: list[Unread] = []
    stamps = array("q")
    cells = {name: array("d") for name in names}
    offsets: set[bool] = set()
    places = {name: header.index(name) for name in names}
    for row in rows:
        if not row:
            continue
        where = f"{file}, line {rows.line_num}"  # type: ignore[attr-defined]  # csv.reader has no public type
        if len(row) != len(header):
            raise ConfigurationError(f"{where}: {len(row)} fields instead of the header's {len(header)}")
        try:
            stamp = _as_before(form.stamp(row[0], where, header[0]), offsets, f"{where}, field {header[0]!r}")
        except ConfigurationError as error:
            unread.append(Unread(len(written) + len(unread), row[0], str(error)))
            continue
        written.append(row[0])
        stamps.append(stamp)
        texts = []
        for name, column in cells.items():
            number = form.number(row[places[name]], where, name)
            if number is None:
                _refuse_unless_text(
                    row[places[name]], where, name, column, needed=name == names[0] or name.startswith(NEEDED)
                )
                texts.append(name)
            else:
                column.append(number)
        for name in texts:
            del cells[name]
    return written, stamps, cells, offsets, unread


def _as_before(stamp: tuple[int, bool], offsets: set[bool], where: str) -> int:
    """The seconds of a stamp that carries an offset if those before it do, and else carries none."""
    seconds, offset = stamp
    if offsets and offset not in offsets:
        raise ConfigurationError(f"{where}: some stamps carry an offset, others do not")
    offsets.add(offset)
    return seconds


def _refuse_unless_text(
    cell: str, where: str, name: str, column: Sequence[float] | array[float], *, needed: bool
) -> None:
    """Columns beside the series may hold text, unless they say what they are: in those no number came before."""
    if needed or not all(map(isnan, column)):
        raise ConfigurationError(f"{where}, field {name!r}: {cell!r} is not a number; leave unknown values empty")


def _stamp(text: str, where: str, name: str) -> tuple[int, bool]:
    """Seconds since 1970, and whether the text carries an offset; a bare number counts seconds or milliseconds.

    Of a range from one instant to another the first counts.
    """
    if UNIX.fullmatch(text.strip()):
        number = int(text)
        return (number // 1_000 if number >= FIRST_MILLISECOND else number), True
    try:
        moment = datetime.fromisoformat(EUROPEAN.sub(r"\3-\2-\1T\4", _start_of(text)))
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


def _start_of(text: str) -> str:
    """The first instant of a range; ISO 8601 parts its ends by a slash, the platform's downloads by a dash."""
    first, _, last = text.strip().partition(" - ")
    if last or EUROPEAN.match(first):
        return first.strip()
    return first.partition("/")[0].strip()


def _metric_stamp(text: str, where: str, name: str) -> tuple[int, bool]:
    """As `_stamp`, and with fractions; a bare number may count microseconds or nanoseconds as well.

    Many collections of labelled series number their rows: nobody says how long a step is, an hour is the usual one.
    """
    if match := RUNNING_NUMBER.fullmatch(text.strip()):
        return HOUR * int(match[1]), True
    if match := UNIX_OF_METRICS.fullmatch(text.strip()):
        number = int(match[1])
        while number >= FIRST_MILLISECOND:
            number //= 1_000
        return number, True
    return _stamp(FRACTION.sub("", text), where, name)


def _number_with_comma(text: str, where: str, name: str) -> float | None:
    """Where cells are not parted by commas, a comma marks decimals, and points or spaces before it thousands."""
    whole, comma, decimals = text.partition(",")
    return _number(f"{THOUSANDS.sub('', whole)}.{decimals}" if comma else text, where, name)


def _number(text: str, where: str, name: str) -> float | None:
    """NaN where no value is known, None where the cell holds something else."""
    try:
        number = float(text)
    except ValueError:
        return nan if text.strip().lower() in UNKNOWN else None
    if not isfinite(number) and number == number:  # noqa: PLR0124  NaN is the one number that differs from itself
        raise ConfigurationError(f"{where}, field {name!r}: {text!r} is not finite; leave unknown values empty")
    return number
