"""`gridkeeper quality detect` and `gridkeeper quality structure`: judge any CSV, without a database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from app.cli.file_batch import DONE, WRONG, each_file
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import numpy as np

    from app.cli.series_csv import SeriesTable
    from app.quality.assessment.row_windows import RowVerdicts
    from app.quality.detectors.structure import Structure
    from app.quality.models import SeriesKind
    from app.timeseries.rolling import Values

ALIASES = {"gen": "generation", "plateau": "nuclear", "imbalance_price": "imbalance", "hydro": "reservoir"}
ROWS_AT_ONCE = 65_536
"""RowNumbers whose numbers become text together."""
MOST_STAMPS = 50_000_000

_FIXED = re.compile(r"PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?|P(\d+)W|P(\d+)D|(\d+)\s*(s|min|h|d)", re.IGNORECASE)
_UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


def detect_files(
    files: Sequence[Path],
    kind: str,
    peers: Sequence[str],
    output_dir: Path | None,
    out: TextIO,
    err: TextIO,
    *,
    tz: str = "",
) -> int:
    """Judge every value of CSV files `timestamp,value`; further columns and `NAME=FILE` are peers.

    `tz` names the clock of stamps without an offset.

    Writes timestamp,flag,rule,score, one row for each of the file's in its order, to `out` or to a file of the same
    name in `output_dir`. Files that cannot be read are named in `err`; the others are judged all the same.
    """
    known, zone = _kind(kind), _zone(tz)
    others = _peers(peers, zone)
    return each_file(files, output_dir, lambda file: _judged(file, known, others, err, zone), out, err)


def _zone(name: str) -> ZoneInfo | None:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, LookupError):
        raise ConfigurationError(f"--tz {name!r} is no time zone: write it as Europe/Paris or UTC") from None


def _read(file: Path, zone: ZoneInfo | None) -> SeriesTable:
    """The file with its stamps in UTC, where the clock of those without an offset is known."""
    from app.cli.series_csv import read_series_file
    from app.quality.detectors.dst import seconds_from_local

    table = read_series_file(file)
    if zone is None or not table.local:
        return table
    stamps, skipped = seconds_from_local(table.stamps, zone)
    if skipped.any():
        first = table.written[int(skipped.argmax())]
        raise ConfigurationError(f"{file}: {first!r} is an hour that clocks of {zone.key} skip; is --tz right?")
    return replace(table, stamps=stamps, local=False)


def _kind(text: str) -> SeriesKind:
    from app.quality.models import SeriesKind

    try:
        name = text.strip().lower()
        return SeriesKind(ALIASES.get(name, name))
    except ValueError:
        raise ConfigurationError(f"--kind {text!r} is unknown: one of {', '.join(SeriesKind)}") from None


def _peers(peers: Sequence[str], zone: ZoneInfo | None) -> dict[str, SeriesTable]:
    tables = {}
    for peer in peers:
        name, separator, file = peer.partition("=")
        if not (name and separator and file):
            raise ConfigurationError(f"--peer {peer!r} is not NAME=FILE, such as forecast=load_forecast.csv")
        tables[name] = _read(Path(file), zone)
    return tables


def _judged(
    file: Path, kind: SeriesKind, peers: dict[str, SeriesTable], err: TextIO, zone: ZoneInfo | None
) -> Iterator[str]:
    from app.quality.assessment.row_windows import judge_all_rows, judge_unclear_rows

    table = _read(file, zone)
    err.writelines(f"gridkeeper: {unread.reason}; the row is not judged\n" for unread in table.unread)
    if not len(table.stamps):
        err.write(f"gridkeeper: {file}: there is no row to judge\n")
    if table.left_out:
        err.write(f"note: {file}: columns of text are not used as peers: {', '.join(table.left_out)}\n")
    columns = table.others | {name: _aligned(peer, table, name) for name, peer in peers.items()}
    if not table.local:
        return _verdict(table, judge_all_rows(kind, table.stamps, table.values, columns, local=False))
    verdict, change = judge_unclear_rows(kind, table.stamps, table.values, columns)
    if change is not None:
        day = f"{datetime.fromtimestamp(change, UTC):%Y-%m-%d}"
        err.write(
            f"gridkeeper: {file}: stamps carry no offset, and habits move by an hour about {day}, when clocks change: "
            "the stamps are judged as UTC; --tz names another clock\n"
        )
    return _verdict(table, verdict)


def _aligned(peer: SeriesTable, table: SeriesTable, name: str) -> Values:
    """The peer's values at the table's stamps; a value of a coarser peer holds until its next one is due."""
    import numpy as np

    if len(peer.stamps) and len(table.stamps) and peer.local != table.local:
        raise ConfigurationError(f"--peer {name}: stamps of {peer.file} and {table.file} must both carry an offset")
    order = np.argsort(peer.stamps, kind="stable")
    stamps, values = peer.stamps[order], peer.values[order]
    aligned = np.full(len(table.stamps), np.nan)
    if len(stamps):
        step = max(1, int(np.median(np.diff(stamps)))) if len(stamps) > 1 else 1
        places = np.searchsorted(stamps, table.stamps, side="right") - 1
        found = (places >= 0) & (table.stamps - stamps[places] < step)
        aligned[found] = values[places[found]]
    return aligned


def _verdict(table: SeriesTable, verdict: RowVerdicts) -> Iterator[str]:
    """The result in pieces, one row for each of the file's; what has an unreadable stamp stands in its place."""
    from app.quality.models import EvidenceRule

    written, done = iter(table.written), 0
    yield "timestamp,flag,rule,score\n"
    for number, unread in enumerate(table.unread):
        yield from _lines(written, verdict, done, unread.place - number)
        yield f"{unread.written},1,{EvidenceRule.OFF_GRID},10.000\n"
        done = unread.place - number
    yield from _lines(written, verdict, done, len(table.stamps))


def _lines(written: Iterator[str], verdict: RowVerdicts, first: int, end: int) -> Iterator[str]:
    from app.quality.assessment.row_windows import RULES

    for begin in range(first, end, ROWS_AT_ONCE):
        rows = slice(begin, min(begin + ROWS_AT_ONCE, end))
        scores, codes = verdict.score[rows], verdict.codes[rows].tolist()
        judged = zip(
            islice(written, len(codes)), (scores >= 1).astype(int).tolist(), codes, scores.tolist(), strict=True
        )
        yield "".join(f"{stamp},{flag},{RULES[code]},{score:.3f}\n" for stamp, flag, code, score in judged)


def structure_file(
    file: Path, start: str, end: str, resolution: str, *, as_json: bool, out: TextIO, err: TextIO
) -> int:
    """Compare a file's stamps with the grid from `start` to `end`, both expected.

    Stamps without an offset count as UTC, and so do `start` and `end`.
    """
    from app.cli.output import print_json
    from app.cli.series_csv import read_series_file
    from app.quality.detectors.structure import check_structure
    from app.quality.schemas import StructureResource

    try:
        expected = _grid(_moment(start, "--start"), _moment(end, "--end"), resolution)
        table = read_series_file(file, stamps_only=True)
    except ConfigurationError as error:
        err.write(f"gridkeeper: {error}\n")
        return WRONG
    found = check_structure(table.stamps, expected)
    example = table.written[0] if table.written else start
    if as_json:
        print_json(StructureResource.of(found, partial(_written_like, example)), indent=None, out=out)
    else:
        out.write(_as_text(found, example))
    return DONE


def _moment(text: str, name: str) -> int:
    from app.cli.series_csv import FIRST_YEAR, LAST_YEAR

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
    from datetime import timedelta
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
