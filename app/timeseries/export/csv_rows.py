"""Stored values as CSV, batch by batch, so that any length streams in bounded memory."""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from typing import IO, TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from app.market.series import SeriesKey
from app.timeseries.export.columns import (
    COLUMNS,
    ORIGIN,
    SYNTHETIC,
    key_values,
    known,
    local_instants,
    microsecond_instants,
    resolution_codes,
)
from app.timeseries.export.wide_table import WideTable
from app.timeseries.shape import Shaped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class CsvWriter:
    """CSV with a header: `recorded_at` with microseconds, values in shortest decimal form, empty where none is known.

    Deliveries start in UTC, or in local time with its offset where a zone is given.
    """

    def __init__(
        self, stream: IO[str], zone: ZoneInfo | None = None, *, coverage: bool = False, synthetic: bool = False
    ) -> None:
        self._stream = stream
        self._zone = zone
        self._last = f",{SYNTHETIC}" if synthetic else ""
        header = [*COLUMNS, *(["coverage"] if coverage else []), *([ORIGIN] if synthetic else [])]
        self._stream.write(",".join(header) + "\n")

    def write(self, shaped: Shaped) -> None:
        batch = shaped.batch
        key = _key_as_csv(batch.key)
        coverage = (
            [""] * len(batch) if shaped.coverage is None else [f",{share:.4g}" for share in shaped.coverage.tolist()]
        )
        columns = zip(
            local_instants(batch.starts, self._zone),
            resolution_codes(batch.resolutions),
            known(batch.values),
            np.where(batch.filled, "1", "0").tolist(),
            microsecond_instants(batch.recorded_at),
            coverage,
            strict=True,
        )
        self._stream.write(
            "".join(
                f"{start},{resolution},{value},{filled},{key},{recorded_at}{share}{self._last}\n"
                for start, resolution, value, filled, recorded_at, share in columns
            )
        )

    def close(self) -> None:
        self._stream.flush()


class WideCsvWriter(WideTable):
    """The table as CSV."""

    def __init__(
        self,
        stream: IO[str],
        zone: ZoneInfo | None,
        shown_under: Callable[[SeriesKey], Sequence[SeriesKey]],
        *,
        synthetic: bool = False,
    ) -> None:
        super().__init__(shown_under)
        self._stream = stream
        self._synthetic = synthetic
        self._zone = zone

    def close(self) -> None:
        starts, columns = self.table()
        lines = csv.writer(self._stream, lineterminator="\n")
        lines.writerow(["delivery_start", *columns, *([ORIGIN] if self._synthetic else [])])
        last = [[SYNTHETIC] * len(starts)] if self._synthetic else []
        lines.writerows(zip(local_instants(starts, self._zone), *map(known, columns.values()), *last, strict=True))
        self._stream.flush()


@lru_cache(maxsize=1024)
def _key_as_csv(key: SeriesKey) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(key_values(key))
    return line.getvalue()
