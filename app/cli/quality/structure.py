"""`gridkeeper quality structure`: the stamps of any CSV against a grid, without a database."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from app.cli.exit_codes import OK, USAGE
from app.cli.options import AsJson
from app.cli.output import print_json
from app.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np

    from app.quality.detectors.structure import Structure

MOST_STAMPS = 50_000_000

_FIXED = re.compile(r"PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?|P(\d+)W|P(\d+)D|(\d+)\s*(s|min|h|d)", re.IGNORECASE)
_UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


def structure_command(
    file: Annotated[Path, typer.Argument(help="CSV file with a column of timestamps.")],
    start: Annotated[str, typer.Option(help="First expected stamp.")],
    end: Annotated[str, typer.Option(help="Last expected stamp, itself expected too.")],
    resolution: Annotated[str, typer.Option(help="Distance of the stamps: PT15M, PT60M, P1D …")],
    as_json: AsJson = False,
) -> int:
    """Report missing, duplicate, off-grid and unsorted stamps of a CSV file."""
    return structure_file(file, start, end, resolution, as_json=as_json, out=sys.stdout, err=sys.stderr)


def structure_file(
    file: Path, start: str, end: str, resolution: str, *, as_json: bool, out: TextIO, err: TextIO
) -> int:
    """Compare a file's stamps with the grid from `start` to `end`, both expected.

    Stamps without an offset count as UTC, and so do `start` and `end`.
    """
    from app.cli.files.series_csv import read_series_file
    from app.quality.detectors.structure import check_structure
    from app.quality.schemas import StructureResource

    try:
        expected = _grid(_moment(start, "--start"), _moment(end, "--end"), resolution)
        table = read_series_file(file, stamps_only=True)
    except ConfigurationError as error:
        err.write(f"gridkeeper: {error}\n")
        return USAGE
    found = check_structure(table.stamps, expected)
    example = table.written[0] if table.written else start
    if as_json:
        print_json(StructureResource.of(found, partial(_written_like, example)), indent=None, out=out)
    else:
        out.write(_as_text(found, example))
    return OK


def _moment(text: str, name: str) -> int:
    from app.cli.files.series_csv import FIRST_YEAR, LAST_YEAR

    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigurationError(f"{name} {text!r} is no instant: write it as 2024-01-01T00:00:00Z") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ConfigurationError(f"{name} {text!r} lies outside {FIRST_YEAR} to {LAST_YEAR}")
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _grid(start: int, end: int, resolution: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    import numpy as np

    if end < start:
        raise ConfigurationError("--end lies before --start; it is the last stamp expected")
    seconds = _seconds(resolution)
    if seconds is None:
        return _calendar_grid(start, end, resolution)
    if (end - start) // seconds >= MOST_STAMPS:
        raise ConfigurationError(f"--resolution {resolution} over this range expects more than {MOST_STAMPS} stamps")
    return np.arange(start, end + 1, seconds, dtype=np.int64)


def _seconds(resolution: str) -> int | None:
    """The length of a fixed step: PT15M, PT1H, P1D, 15min, 1h; None for other forms."""
    match = _FIXED.fullmatch(resolution.strip())
    if not match:
        return None
    hours, minutes, seconds, weeks, days = (int(match[group] or 0) for group in range(1, 6))
    short = int(match[6]) * _UNITS[match[7].lower()] if match[6] else 0
    length = hours * 3_600 + minutes * 60 + seconds + (7 * weeks + days) * 86_400 + short
    if not length:
        raise ConfigurationError(f"--resolution {resolution!r} has no length: write PT15M, PT60M, P1D")
    return length


def _calendar_grid(start: int, end: int, resolution: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    from zoneinfo import ZoneInfo

    from app.market.time import Interval, Resolution

    try:
        step = Resolution.parse(resolution)
    except ValueError as error:
        raise ConfigurationError(f"--resolution: {error}") from None
    first, last = (datetime.fromtimestamp(stamp, UTC) for stamp in (start, end))
    return step.starts(Interval(first, last + timedelta(seconds=1)), ZoneInfo("UTC"))


_FIGURES = ("n_expected", "n_missing", "n_duplicates", "n_offgrid", "n_outside", "n_unsorted")
_MOST_LINES = 20


def _as_text(found: Structure, example: str) -> str:
    lines = [f"{name.removeprefix('n_'):10s} {getattr(found, name)}" for name in _FIGURES]
    lines += [f"gap        {_written_like(example, stamp)} {count}" for stamp, count in found.gaps[:_MOST_LINES]]
    if len(found.gaps) > _MOST_LINES:
        lines.append(f"and {len(found.gaps) - _MOST_LINES} gaps more; --json lists all")
    return "\n".join(lines) + "\n"


def _written_like(example: str, stamp: int) -> str:
    """The stamp in the form of the file's own: its separator, and Z, an offset (then of UTC) or none."""
    text = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    separator = "T" if "T" in example else " "
    suffix = "Z" if example.rstrip().endswith("Z") else "+00:00" if re.search(r":\d\d.*[+-]\d\d", example) else ""
    return text.replace("T", separator) + suffix
