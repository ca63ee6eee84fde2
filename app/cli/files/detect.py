"""`gridkeeper detect`: how surprising each value of any metric is, without a database."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from app.cli.files.file_batch import each_file
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.cli.files.series_csv import SeriesTable
    from app.timeseries.rolling import Values

DAY = 86_400
METRIC = "metric"


def detect_command(
    files: Annotated[list[Path], typer.Argument(help="CSV files: a stamp and a value, by any name.")],
    kind: Annotated[str, typer.Option(help="metric; series of the market have `quality detect`.")] = "metric",
    output_dir: Annotated[Path | None, typer.Option("-o", "--output-dir", help="Folder for one result a file.")] = None,
) -> int:
    """Score how surprising each value of any metric is, by what came before it: writes timestamp,score.

    From 1.25 on a value deserves a look; docs/alerts.md says how the score comes about.

    Example: gridkeeper detect latency.csv --kind metric
    """
    return score_files(files, kind, output_dir, sys.stdout, sys.stderr)


def score_files(files: Sequence[Path], kind: str, output_dir: Path | None, out: TextIO, err: TextIO) -> int:
    """Score every value of CSV files: a stamp, a value, whatever they are called.

    Writes timestamp,score, one row for each of the file's in its order, to `out` or to a file of the same name in
    `output_dir`. Files that cannot be read are named in `err`; the others are scored all the same.
    """
    if kind.lower() != METRIC:
        raise ConfigurationError(
            f"--kind {kind!r} is no metric of a service; series of the market have `gridkeeper quality detect --kind {kind}`"
        )
    return each_file(files, output_dir, _scored, out, err)


def _scored(file: Path) -> Iterator[str]:
    from app.cli.files.series_csv import read_series_file

    table = read_series_file(file, of_metric=True)
    scores = metric_scores(table).tolist()
    rows = zip(table.written, scores, strict=True)
    return chain(("timestamp,score\n",), (f"{stamp},{score:.4f}\n" for stamp, score in rows))


def metric_scores(table: SeriesTable) -> Values:
    """A score for each row; judged in the order of time, whatever the order in the file."""
    import numpy as np

    from app.monitoring.anomalies.score import surprise

    order = np.argsort(table.stamps, kind="stable")
    steps = np.diff(table.stamps[order])
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else DAY
    scores = np.zeros(len(order))
    scores[order] = surprise(table.values[order], max(1, round(DAY / step)))
    return scores
