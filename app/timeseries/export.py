"""Stored values as CSV lines or Parquet, batch by batch, so that any length streams in bounded memory."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from app.market.areas import label
from app.market.series import SeriesKey
from app.market.text import instants, shortest
from app.market.time import Resolution, iso_microseconds
from app.timeseries.reads import ObservationBatch
from app.timeseries.shape import Shaped, column_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

KEY_COLUMNS = (
    "item", "area", "in_area", "out_area", "direction", "psr_type", "business_type", "contract", "sequence",
    "flow_direction", "category", "unit_eic", "unit", "currency",
)  # fmt: skip
COLUMNS = ("delivery_start", "resolution", "value", "filled", *KEY_COLUMNS, "recorded_at")

ORIGIN, SYNTHETIC = "origin", "SYNTHETIC"
"""The last column of what the sandbox made, and what it says: such a file must not be taken for one of real data."""


class Writer(Protocol):
    """Writes values in the order in which they come."""

    def write(self, shaped: Shaped) -> None: ...

    def close(self) -> None:
        """Complete what was written; the stream itself stays open."""
        ...


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
            _codes(batch.resolutions),
            known(batch.values),
            np.where(batch.filled, "1", "0").tolist(),
            _microsecond_instants(batch.recorded_at),
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


class ParquetWriter:
    """Parquet with typed instants; `filled` is a boolean, and the metadata of the schema say `as_of`."""

    def __init__(
        self,
        stream: IO[bytes],
        zone: ZoneInfo | None = None,
        *,
        coverage: bool = False,
        as_of: datetime | None = None,
        synthetic: bool = False,
    ) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        text, instant = pa.dictionary(pa.int32(), pa.string()), pa.timestamp("us", tz="UTC")
        local = pa.timestamp("us", tz=zone.key if zone else "UTC")
        types = {"delivery_start": local, "value": pa.float64(), "filled": pa.bool_(), "recorded_at": instant}
        fields = [(name, types.get(name, text)) for name in COLUMNS]
        self._arrow = pa
        said = {"as_of": iso_microseconds(as_of)} if as_of else None
        fields += [("coverage", pa.float64())] if coverage else []
        fields += [(ORIGIN, text)] if synthetic else []
        self._synthetic = synthetic
        self._schema = pa.schema(fields, metadata=said)
        self._parquet = parquet.ParquetWriter(stream, self._schema, compression="zstd")

    def write(self, shaped: Shaped) -> None:
        arrays = self._arrays(shaped.batch)
        if shaped.coverage is not None:
            arrays.append(self._arrow.array(shaped.coverage))
        if self._synthetic:
            rows = np.zeros(len(shaped.batch), dtype=np.int32)
            arrays.append(self._arrow.DictionaryArray.from_arrays(rows, [SYNTHETIC]))
        self._parquet.write_table(self._arrow.table(arrays, schema=self._schema))

    def close(self) -> None:
        self._parquet.close()

    def _arrays(self, batch: ObservationBatch) -> list[pa.Array]:
        pa, count = self._arrow, len(batch)
        names, codes = np.unique(batch.resolutions, return_inverse=True)
        first_row = np.zeros(count, dtype=np.int32)
        key = [pa.DictionaryArray.from_arrays(first_row, [value]) for value in _key_values(batch.key)]
        resolutions = [Resolution.from_id(int(name)).code for name in names]
        return [
            pa.array(batch.starts * 1_000_000).cast(self._schema.field("delivery_start").type),
            pa.DictionaryArray.from_arrays(codes.astype(np.int32), resolutions),
            pa.array(batch.values, from_pandas=True),
            pa.array(batch.filled),
            *key,
            pa.array(batch.recorded_at).cast(self._schema.field("recorded_at").type),
        ]


class WideTable:
    """One row for each start of delivery, one column for each series; held whole, because series come one by one."""

    def __init__(self, shown_under: Callable[[SeriesKey], Sequence[SeriesKey]]) -> None:
        self._shown_under = shown_under
        self._pieces: dict[SeriesKey, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}

    def write(self, shaped: Shaped) -> None:
        for key in self._shown_under(shaped.batch.key):
            self._pieces.setdefault(key, []).append((shaped.batch.starts, shaped.batch.values))

    def table(self) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
        """The starts, ascending, and the columns by name, NaN where a series has no value."""
        pieces = self._pieces
        names = column_names(list(pieces))
        starts = np.unique(
            np.concatenate([one for parts in pieces.values() for one, _ in parts] or [np.empty(0, np.int64)])
        )
        columns = {}
        for key, parts in pieces.items():
            column = np.full(len(starts), np.nan)
            for own, values in parts:
                column[np.searchsorted(starts, own)] = values
            columns[names[key]] = column
        return starts, columns


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


class WideParquetWriter(WideTable):
    """The table as Parquet."""

    def __init__(
        self,
        stream: IO[bytes],
        zone: ZoneInfo | None,
        shown_under: Callable[[SeriesKey], Sequence[SeriesKey]],
        *,
        as_of: datetime | None = None,
        synthetic: bool = False,
    ) -> None:
        super().__init__(shown_under)
        self._synthetic = synthetic
        self._stream = stream
        self._zone = zone
        self._as_of = as_of

    def close(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        starts, columns = self.table()
        instant = pa.timestamp("us", tz=self._zone.key if self._zone else "UTC")
        named = {"delivery_start": pa.array(starts * 1_000_000).cast(instant)}
        named |= {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
        named |= {ORIGIN: pa.array([SYNTHETIC] * len(starts), pa.string())} if self._synthetic else {}
        said = {"as_of": iso_microseconds(self._as_of)} if self._as_of else None
        parquet.write_table(pa.table(named).replace_schema_metadata(said), self._stream, compression="zstd")


def known(values: NDArray[np.float64]) -> list[str]:
    """Values as text, empty where there is none."""
    missing = np.isnan(values)
    if not missing.any():
        return shortest(values)
    texts = shortest(np.where(missing, 0.0, values))
    return ["" if lacks else text for text, lacks in zip(texts, missing.tolist(), strict=True)]


def local_instants(starts: NDArray[np.int64], zone: ZoneInfo | None) -> list[str]:
    """Instants in UTC, or in local time with its offset, which tells the two hours of an autumn night apart."""
    if zone is None:
        return instants(starts)
    return [datetime.fromtimestamp(start, zone).isoformat() for start in starts.tolist()]


def _key_values(key: SeriesKey) -> list[str]:
    return [label(key.area) if name == "area" else str(getattr(key, name)) for name in KEY_COLUMNS]


@lru_cache(maxsize=1024)
def _key_as_csv(key: SeriesKey) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(_key_values(key))
    return line.getvalue()


def _codes(resolutions: NDArray[np.int16]) -> list[str]:
    names, inverse = np.unique(resolutions, return_inverse=True)
    codes = [Resolution.from_id(int(name)).code for name in names]
    return [codes[index] for index in inverse.tolist()]


def _microsecond_instants(microseconds: NDArray[np.int64]) -> list[str]:
    """`recorded_at` repeats for a whole run, so each distinct instant is written out once."""
    distinct, inverse = np.unique(microseconds, return_inverse=True)
    texts = [f"{text}Z" for text in np.datetime_as_string(distinct.astype("datetime64[us]"), unit="us").tolist()]
    return [texts[index] for index in inverse.tolist()]
