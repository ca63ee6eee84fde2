"""Stored values as JSON: an object for each row, in one array or line by line."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import IO, TYPE_CHECKING

from app.market.series import SeriesKey
from app.market.time import iso_microseconds
from app.timeseries.export.columns import (
    KEY_COLUMNS,
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

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def __init__(self, stream: IO[str], look: Look = Look(), *, lines: bool = False) -> None:  # noqa: B008  it is frozen
        self._rows = JsonRows(stream, lines=lines, as_of=look.as_of)
        self._zone = look.zone
        self._last = _LAST if look.synthetic else ""

    def write(self, shaped: Shaped) -> None:
        key, last = _key_members(shaped.batch.key), self._last
        covered = "" if shaped.coverage is None else ',"coverage":'
        self._rows.add(
            [
                f'{{"delivery_start":"{start}","resolution":"{resolution}","value":{value or "null"},'
                f'"filled":{"true" if filled else "false"},{key},"recorded_at":"{recorded_at}"{covered}{share}{last}}}'
                for start, resolution, value, filled, recorded_at, share in text_columns(shaped, self._zone)
            ]
        )

    def close(self) -> None:
        self._rows.close()


class WideJsonWriter(WideTable):
    """A row for each start of delivery with a member for each series, null where it has no value."""

    def __init__(self, stream: IO[str], look: Look, *, lines: bool = False) -> None:
        super().__init__(look)
        self._rows = JsonRows(stream, lines=lines, as_of=look.as_of)

    def close(self) -> None:
        starts, columns = self.table()
        last = _LAST if self.look.synthetic else ""
        members = [
            [f",{json.dumps(name)}:{value or 'null'}" for value in known(values)] for name, values in columns.items()
        ]
        self._rows.add(
            [
                f'{{"delivery_start":"{start}"{"".join(values)}{last}}}'
                for start, *values in zip(local_instants(starts, self.look.zone), *members, strict=True)
            ]
        )
        self._rows.close()


@lru_cache(maxsize=1024)
def _key_members(key: SeriesKey) -> str:
    return json.dumps(dict(zip(KEY_COLUMNS, key_values(key), strict=True)), separators=(",", ":"))[1:-1]
