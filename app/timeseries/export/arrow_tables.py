"""Stored values as Arrow tables, in Parquet or as an IPC stream."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import numpy as np

from app.market.time import Resolution, iso_microseconds
from app.timeseries.export.columns import COVERAGE, ORIGIN, SYNTHETIC, Look, key_value
from app.timeseries.export.wide_table import WideTable
from app.timeseries.shape import Shaped

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowTables:
    """Batches as Arrow tables: typed instants, `filled` a boolean, and metadata of the schema that say `as_of`."""

    def __init__(self, look: Look) -> None:
        import pyarrow as pa

        text, instant = pa.dictionary(pa.int32(), pa.string()), pa.timestamp("us", tz="UTC")
        local = pa.timestamp("us", tz=look.zone.key if look.zone else "UTC")
        types = {
            "delivery_start": local, "value": pa.float64(), "filled": pa.bool_(), "recorded_at": instant,
            COVERAGE: pa.float64(),
        }  # fmt: skip
        self._arrow = pa
        self.schema = pa.schema([(name, types.get(name, text)) for name in look.columns], metadata=_metadata(look))

    def table(self, shaped: Shaped) -> pa.Table:
        return self._arrow.table([self._array(name, shaped) for name in self.schema.names], schema=self.schema)

    def _array(self, name: str, shaped: Shaped) -> pa.Array:
        pa, batch = self._arrow, shaped.batch
        if name in {"delivery_start", "recorded_at"}:
            instants = batch.starts * 1_000_000 if name == "delivery_start" else batch.recorded_at
            return pa.array(instants).cast(self.schema.field(name).type)
        numbers = {"value": batch.values, "filled": batch.filled, COVERAGE: shaped.coverage}
        if name in numbers:
            return pa.array(numbers[name], from_pandas=True)
        if name == "resolution":
            distinct, codes = np.unique(batch.resolutions, return_inverse=True)
            texts = [Resolution.from_id(one).code for one in distinct.tolist()]
            return pa.DictionaryArray.from_arrays(codes.astype(np.int32), texts)
        text = SYNTHETIC if name == ORIGIN else key_value(batch.key, name)
        return pa.DictionaryArray.from_arrays(np.zeros(len(batch), dtype=np.int32), [text])


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

    def abandon(self) -> None:
        """Leave the file without its end, which the library would write when it forgets the writer."""
        self._parquet.is_open = False


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
