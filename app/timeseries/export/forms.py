"""The forms in which stored values are given out, and the writer of each."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import IO
from zoneinfo import ZoneInfo

from app.timeseries.export.arrow_tables import ArrowWriter, ParquetWriter, WideArrowWriter, WideParquetWriter
from app.timeseries.export.columns import Look, Writer
from app.timeseries.export.csv_rows import CsvWriter, WideCsvWriter
from app.timeseries.export.json_rows import JsonWriter, WideJsonWriter
from app.timeseries.query import SeriesQuery, shown_under


class ExportForm(StrEnum):
    """How values are written."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"


class Shape(StrEnum):
    """A row for each value, or for each start of delivery with a column for each series."""

    LONG = "long"
    WIDE = "wide"


@contextmanager
def writing(
    form: ExportForm,
    stream: IO[bytes],
    query: SeriesQuery,
    zone: ZoneInfo | None,
    *,
    wide: bool,
    synthetic: bool,
    fields: tuple[str, ...] = (),
) -> Iterator[Writer]:
    """A writer onto the stream, which is complete at the end of the block and stays open."""
    shown = partial(shown_under, query=query)
    look = Look(zone, query.as_of, synthetic, query.resampling is not None, shown, fields)
    if form in _BINARY:
        writer = _BINARY[form][wide](stream, look)
        try:
            yield writer
        except BaseException:
            if isinstance(writer, ParquetWriter):
                writer.abandon()
            raise
        writer.close()
        return
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
    try:
        writer = _text_writer(form, text, look, wide=wide)
        yield writer
        writer.close()
    finally:
        text.detach()


_BINARY: Mapping[ExportForm, tuple[Callable[[IO[bytes], Look], Writer], Callable[[IO[bytes], Look], Writer]]] = {
    ExportForm.PARQUET: (ParquetWriter, WideParquetWriter),
    ExportForm.ARROW: (ArrowWriter, WideArrowWriter),
}
"""The writers of long and wide tables."""


def _text_writer(form: ExportForm, text: IO[str], look: Look, *, wide: bool) -> Writer:
    if form is ExportForm.CSV:
        return WideCsvWriter(text, look) if wide else CsvWriter(text, look)
    lines = form is ExportForm.NDJSON
    return WideJsonWriter(text, look, lines=lines) if wide else JsonWriter(text, look, lines=lines)
