"""Stored values as CSV, batch by batch, so that a long range is written in bounded memory."""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from typing import IO

from app.market.series import SeriesKey
from app.timeseries.export.columns import (
    COLUMNS,
    ORIGIN,
    SYNTHETIC,
    Look,
    key_values,
    known,
    local_instants,
    text_columns,
)
from app.timeseries.export.wide_table import WideTable
from app.timeseries.shape import Shaped


class CsvWriter:
    """CSV with a header: `recorded_at` with microseconds, values in shortest decimal form, empty where none is known.

    Deliveries start in UTC, or in local time with its offset where a zone is given.
    """

    def __init__(self, stream: IO[str], look: Look = Look()) -> None:  # noqa: B008  it is frozen
        self._stream = stream
        self._zone = look.zone
        self._last = f",{SYNTHETIC}" if look.synthetic else ""
        header = [*COLUMNS, *(["coverage"] if look.coverage else []), *([ORIGIN] if look.synthetic else [])]
        self._stream.write(",".join(header) + "\n")

    def write(self, shaped: Shaped) -> None:
        key, comma = _key_as_csv(shaped.batch.key), "" if shaped.coverage is None else ","
        self._stream.write(
            "".join(
                f"{start},{resolution},{value},{filled:d},{key},{recorded_at}{comma}{share}{self._last}\n"
                for start, resolution, value, filled, recorded_at, share in text_columns(shaped, self._zone)
            )
        )

    def close(self) -> None:
        self._stream.flush()


class WideCsvWriter(WideTable):
    """The table as CSV."""

    def __init__(self, stream: IO[str], look: Look) -> None:
        super().__init__(look)
        self._stream = stream

    def close(self) -> None:
        starts, columns = self.table()
        lines = csv.writer(self._stream, lineterminator="\n")
        lines.writerow(["delivery_start", *columns, *([ORIGIN] if self.look.synthetic else [])])
        last = [[SYNTHETIC] * len(starts)] if self.look.synthetic else []
        lines.writerows(zip(local_instants(starts, self.look.zone), *map(known, columns.values()), *last, strict=True))
        self._stream.flush()


@lru_cache(maxsize=1024)
def _key_as_csv(key: SeriesKey) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(key_values(key))
    return line.getvalue()
