"""Stored values as JSON: an object for each row, in one array or line by line."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import IO, TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from app.market.series import SeriesKey
from app.market.time import iso_microseconds
from app.timeseries.export.columns import (
    KEY_COLUMNS,
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

    from numpy.typing import NDArray

_LAST = f',"{ORIGIN}":"{SYNTHETIC}"'


class JsonRows:
    """Rows in lines, or in the array `data` of one object, which says `as_of` too."""

    def __init__(self, stream: IO[str], *, lines: bool, as_of: datetime | None) -> None:
        self._stream = stream
        self._lines = lines
        self._first = True
        if not lines:
            known_at = json.dumps(iso_microseconds(as_of) if as_of else None)
            stream.write(f'{{"as_of":{known_at},"data":[')

    def add(self, rows: Sequence[str]) -> None:
        if not rows:
            return
        if self._lines:
            self._stream.write("\n".join(rows) + "\n")
            return
        self._stream.write(("\n" if self._first else ",\n") + ",\n".join(rows))
        self._first = False

    def close(self) -> None:
        if not self._lines:
            self._stream.write("\n]}\n")
        self._stream.flush()


class JsonWriter:
    """The columns of CSV as members; `filled` is a boolean, an unknown value null, `in_area` and the like texts."""

    def __init__(
        self,
        stream: IO[str],
        zone: ZoneInfo | None = None,
        *,
        lines: bool = False,
        as_of: datetime | None = None,
        synthetic: bool = False,
    ) -> None:
        self._rows = JsonRows(stream, lines=lines, as_of=as_of)
        self._zone = zone
        self._last = _LAST if synthetic else ""

    def write(self, shaped: Shaped) -> None:
        batch = shaped.batch
        key, last = _key_members(batch.key), self._last
        covered = shaped.coverage
        coverage = repeat("") if covered is None else [f',"coverage":{share:.4g}' for share in covered.tolist()]
        columns = zip(
            local_instants(batch.starts, self._zone),
            resolution_codes(batch.resolutions),
            _numbers(batch.values),
            np.where(batch.filled, "true", "false").tolist(),
            microsecond_instants(batch.recorded_at),
            coverage,
            strict=False,
        )
        self._rows.add(
            [
                f'{{"delivery_start":"{start}","resolution":"{resolution}","value":{value},"filled":{filled},{key},'
                f'"recorded_at":"{recorded_at}"{share}{last}}}'
                for start, resolution, value, filled, recorded_at, share in columns
            ]
        )

    def close(self) -> None:
        self._rows.close()


class WideJsonWriter(WideTable):
    """A row for each start of delivery with a member for each series, null where it has no value."""

    def __init__(
        self,
        stream: IO[str],
        zone: ZoneInfo | None,
        shown_under: Callable[[SeriesKey], Sequence[SeriesKey]],
        *,
        lines: bool = False,
        as_of: datetime | None = None,
        synthetic: bool = False,
    ) -> None:
        super().__init__(shown_under)
        self._rows = JsonRows(stream, lines=lines, as_of=as_of)
        self._zone = zone
        self._last = _LAST if synthetic else ""

    def close(self) -> None:
        starts, columns = self.table()
        members = [[f",{json.dumps(name)}:{value}" for value in _numbers(values)] for name, values in columns.items()]
        self._rows.add(
            [
                f'{{"delivery_start":"{start}"{"".join(values)}{self._last}}}'
                for start, *values in zip(local_instants(starts, self._zone), *members, strict=True)
            ]
        )
        self._rows.close()


def _numbers(values: NDArray[np.float64]) -> list[str]:
    return [text or "null" for text in known(values)]


@lru_cache(maxsize=1024)
def _key_members(key: SeriesKey) -> str:
    return json.dumps(dict(zip(KEY_COLUMNS, key_values(key), strict=True)), separators=(",", ":"))[1:-1]
