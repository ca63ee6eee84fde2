"""`gridkeeper quality detect`: judge any CSV, without a database."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from app.cli.files.file_batch import each_file
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from app.cli.files.series_csv import SeriesTable
    from app.quality.assessment.row_windows import RowVerdicts
    from app.quality.models import SeriesKind
    from app.timeseries.rolling import Values

ALIASES = {"gen": "generation", "plateau": "nuclear", "imbalance_price": "imbalance", "hydro": "reservoir"}
ROWS_AT_ONCE = 65_536
"""RowNumbers whose numbers become text together."""


def detect_command(
    files: Annotated[list[Path], typer.Argument(help="CSV files: timestamp,value and columns of peers.")],
    kind: Annotated[
        str,
        typer.Option(
            help="load, price, generation, wind, solar, nuclear (any plateau), reservoir, flow or imbalance (prices)."
        ),
    ],
    peer: Annotated[
        list[str] | None,
        typer.Option(
            help="A series to compare with, as NAME=FILE: forecast…, measurement…, capacity…, opposite… or another place."
        ),
    ] = None,
    tz: Annotated[str, typer.Option("--tz", help="The clock of stamps without an offset, such as Europe/Paris.")] = "",
    output_dir: Annotated[Path | None, typer.Option("-o", "--output-dir", help="Folder for one result a file.")] = None,
) -> int:
    """Judge every value of CSV files: writes timestamp,flag,rule,score.

    The first two weeks are the reference of what follows: a deviation from what is usual is judged only after them.

    Example: gridkeeper quality detect load.csv --kind load --peer forecast=forecast.csv
    """
    return detect_files(files, kind, peer or [], output_dir, sys.stdout, sys.stderr, tz=tz)


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
    from app.cli.files.series_csv import read_series_file
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
