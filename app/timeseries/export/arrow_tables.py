"""Stored values as Arrow tables, in Parquet or as an IPC stream."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import numpy as np

from app.market.time import Resolution, iso_microseconds
from app.timeseries.export.columns import COLUMNS, ORIGIN, SYNTHETIC, Look, key_values
from app.timeseries.export.wide_table import WideTable
from app.timeseries.reads import ObservationBatch
from app.timeseries.shape import Shaped

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowTables:
    """Batches as Arrow tables: typed instants, `filled` a boolean, and metadata of the schema that say `as_of`."""

    def __init__(self, look: Look) -> None:
        import pyarrow as pa

        text, instant = pa.dictionary(pa.int32(), pa.string()), pa.timestamp("us", tz="UTC")
        local = pa.timestamp("us", tz=look.zone.key if look.zone else "UTC")
        types = {"delivery_start": local, "value": pa.float64(), "filled": pa.bool_(), "recorded_at": instant}
        fields = [(name, types.get(name, text)) for name in COLUMNS]
        self._arrow = pa
        fields += [("coverage", pa.float64())] if look.coverage else []
        fields += [(ORIGIN, text)] if look.synthetic else []
        self._synthetic = look.synthetic
        self.schema = pa.schema(fields, metadata=_metadata(look))

    def table(self, shaped: Shaped) -> pa.Table:
        arrays = self._arrays(shaped.batch)
        if shaped.coverage is not None:
            arrays.append(self._arrow.array(shaped.coverage))
        if self._synthetic:
            rows = np.zeros(len(shaped.batch), dtype=np.int32)
            arrays.append(self._arrow.DictionaryArray.from_arrays(rows, [SYNTHETIC]))
        return self._arrow.table(arrays, schema=self.schema)

    def _arrays(self, batch: ObservationBatch) -> list[pa.Array]:
        pa, count = self._arrow, len(batch)
        names, codes = np.unique(batch.resolutions, return_inverse=True)
        first_row = np.zeros(count, dtype=np.int32)
        key = [pa.DictionaryArray.from_arrays(first_row, [value]) for value in key_values(batch.key)]
        resolutions = [Resolution.from_id(int(name)).code for name in names]
        return [
            pa.array(batch.starts * 1_000_000).cast(self.schema.field("delivery_start").type),
            pa.DictionaryArray.from_arrays(codes.astype(np.int32), resolutions),
            pa.array(batch.values, from_pandas=True),
            pa.array(batch.filled),
            *key,
            pa.array(batch.recorded_at).cast(self.schema.field("recorded_at").type),
        ]


def _metadata(look: Look) -> dict[str, str] | None:
    return {"as_of": iso_microseconds(look.as_of)} if look.as_of else None


class ParquetWriter:
    """Parquet of such tables."""

    def __init__(self, stream: IO[bytes], look: Look) -> None:
        from pyarrow import parquet

        self._tables = ArrowTables(look)
        self._parquet = parquet.ParquetWriter(stream, self._tables.schema, compression="zstd")

    def write(self, shaped: Shaped) -> None:
        self._parquet.write_table(self._tables.table(shaped))

    def close(self) -> None:
        self._parquet.close()


class ArrowWriter:
    """An Arrow IPC stream of such tables."""

    def __init__(self, stream: IO[bytes], look: Look) -> None:
        import pyarrow as pa

        self._tables = ArrowTables(look)
        self._stream = pa.ipc.new_stream(stream, self._tables.schema)

    def write(self, shaped: Shaped) -> None:
        self._stream.write_table(self._tables.table(shaped))

    def close(self) -> None:
        self._stream.close()


class WideArrowTable(WideTable):
    """The table as one of Arrow."""

    def __init__(self, stream: IO[bytes], look: Look) -> None:
        super().__init__(look)
        self._stream = stream

    def arrow(self) -> pa.Table:
        import pyarrow as pa

        starts, columns = self.table()
        instant = pa.timestamp("us", tz=self.look.zone.key if self.look.zone else "UTC")
        named = {"delivery_start": pa.array(starts * 1_000_000).cast(instant)}
        named |= {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
        named |= {ORIGIN: pa.array([SYNTHETIC] * len(starts), pa.string())} if self.look.synthetic else {}
        return pa.table(named).replace_schema_metadata(_metadata(self.look))


class WideParquetWriter(WideArrowTable):
    """The table as Parquet."""

    def close(self) -> None:
        from pyarrow import parquet

        parquet.write_table(self.arrow(), self._stream, compression="zstd")


class WideArrowWriter(WideArrowTable):
    """The table as an Arrow IPC stream."""

    def close(self) -> None:
        import pyarrow as pa

        table = self.arrow()
        with pa.ipc.new_stream(self._stream, table.schema) as stream:
            stream.write_table(table)
