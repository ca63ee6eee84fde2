"""Stored values as CSV lines or Parquet, batch by batch, so that any length streams in bounded memory."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Protocol

import numpy as np

from app.market.areas import label
from app.market.series import SeriesKey
from app.market.text import instants, shortest
from app.market.time import Resolution, iso_microseconds
from app.timeseries.reads import ObservationBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

KEY_COLUMNS = (
    "item", "area", "in_area", "out_area", "direction", "psr_type", "business_type", "contract", "sequence",
    "flow_direction", "category", "unit_eic", "unit", "currency",
)  # fmt: skip
COLUMNS = ("delivery_start", "resolution", "value", "filled", *KEY_COLUMNS, "recorded_at")


class Writer(Protocol):
    """Writes batches in the order in which they come."""

    def write(self, batch: ObservationBatch) -> None: ...

    def close(self) -> None:
        """Complete what was written; the stream itself stays open."""
        ...


class CsvWriter:
    """CSV with a header: instants in UTC, `recorded_at` with microseconds, values in shortest decimal form."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._stream.write(",".join(COLUMNS) + "\n")

    def write(self, batch: ObservationBatch) -> None:
        key = _key_as_csv(batch.key)
        columns = zip(
            instants(batch.starts),
            _codes(batch.resolutions),
            shortest(batch.values),
            np.where(batch.filled, "1", "0").tolist(),
            _microsecond_instants(batch.recorded_at),
            strict=True,
        )
        self._stream.write(
            "".join(
                f"{start},{resolution},{value},{filled},{key},{recorded_at}\n"
                for start, resolution, value, filled, recorded_at in columns
            )
        )

    def close(self) -> None:
        self._stream.flush()


class ParquetWriter:
    """Parquet with typed instants; `filled` is a boolean, and the metadata of the schema say `as_of`."""

    def __init__(self, stream: IO[bytes], *, as_of: datetime | None = None) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        text, instant = pa.dictionary(pa.int32(), pa.string()), pa.timestamp("us", tz="UTC")
        types = {"delivery_start": instant, "value": pa.float64(), "filled": pa.bool_(), "recorded_at": instant}
        self._arrow = pa
        said = {"as_of": iso_microseconds(as_of)} if as_of else None
        self._schema = pa.schema([(name, types.get(name, text)) for name in COLUMNS], metadata=said)
        self._parquet = parquet.ParquetWriter(stream, self._schema, compression="zstd")

    def write(self, batch: ObservationBatch) -> None:
        self._parquet.write_table(self._arrow.table(self._arrays(batch), schema=self._schema))

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
            pa.array(batch.values),
            pa.array(batch.filled),
            *key,
            pa.array(batch.recorded_at).cast(self._schema.field("recorded_at").type),
        ]


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
