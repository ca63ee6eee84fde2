"""Rows of fixed-width columns in PostgreSQL's binary COPY format, as NumPy arrays.

The layout (PostgreSQL manual, COPY, "Binary Format"): a header of 19 bytes, for each row an int16 number of columns and
for each column an int32 length and its bytes in network order, an int16 -1 as the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import DatabaseUnavailable

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_EPOCH = 946_684_800
"""PostgreSQL counts from 2000-01-01T00:00Z; in seconds since 1970."""
_OFFSETS = {"timestamptz": _EPOCH * 1_000_000, "date": _EPOCH // 86_400}
_ROWS_AT_ONCE = 1024
"""About 60 kB, what a socket takes at once; portions of 2 MB cost a tenth of the speed (`bench_store`)."""

_TYPES = {"int2": ">i2", "int4": ">i4", "float8": ">f8", "bool": "?", "timestamptz": ">i8", "date": ">i4"}

CopyColumns = Mapping[str, NDArray[Any]]


def microseconds(instant: datetime) -> int:
    """The instant in microseconds since 1970."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


class RowFormat:
    """The binary form of rows with these columns; timestamptz counts microseconds and date days since 1970, no column is null."""

    def __init__(self, **columns: str) -> None:
        self.columns = columns
        fields: list[tuple[str, str]] = [(".columns", ">i2")]
        for name, kind in columns.items():
            fields += [(f".length of {name}", ">i4"), (name, _TYPES[kind])]
        self._dtype = np.dtype(fields)
        self._blank = np.zeros(1, self._dtype)
        self._blank[".columns"] = len(columns)
        for name in columns:
            self._blank[f".length of {name}"] = self._dtype[name].itemsize

    async def encode(self, columns: CopyColumns) -> AsyncIterator[bytes]:
        """The rows in portions, as the driver's `copy_to_table` reads them."""
        yield _HEADER
        number = len(next(iter(columns.values())))
        for begin in range(0, number, _ROWS_AT_ONCE):
            part = {name: column[begin : begin + _ROWS_AT_ONCE] for name, column in columns.items()}
            yield self._rows(part)
        yield _END

    def _rows(self, columns: CopyColumns) -> bytes:
        rows = np.repeat(self._blank, len(next(iter(columns.values()))))
        for name, kind in self.columns.items():
            rows[name] = columns[name] - _OFFSETS[kind] if kind in _OFFSETS else columns[name]
        return rows.tobytes()

    def decode(self, copied: bytes | memoryview) -> dict[str, NDArray[Any]]:
        """The columns of rows that `copy … to` wrote."""
        number, rest = divmod(len(copied) - len(_HEADER) - len(_END), self._dtype.itemsize)
        if number < 0 or rest:
            raise DatabaseUnavailable(
                f"COPY gave {len(copied)} bytes, which are no rows of {self._dtype.itemsize} bytes"
            )
        rows = np.frombuffer(copied, self._dtype, count=number, offset=len(_HEADER))
        return {name: _native(rows[name], _OFFSETS.get(kind)) for name, kind in self.columns.items()}


def _native(column: NDArray[Any], offset: int | None) -> NDArray[Any]:
    native = column.astype(column.dtype.newbyteorder("="))
    return native if offset is None else native + offset
