"""`gridkeeper detect`: how surprising each value of any metric is, without a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from app.cli.file_batch import each_file
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.cli.series_csv import SeriesTable
    from app.timeseries.rolling import Values

DAY = 86_400
METRIC = "metric"


def detect_command(files: Sequence[Path], kind: str, output_dir: Path | None, out: TextIO, err: TextIO) -> int:
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
    from app.cli.series_csv import read_series_file

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
