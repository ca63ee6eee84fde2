"""The forms in which stored values are given out, and the writer of each."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import IO
from zoneinfo import ZoneInfo

from app.timeseries.export.arrow_tables import (
    ArrowTables,
    ArrowWriter,
    ParquetWriter,
    WideArrowWriter,
    WideParquetWriter,
)
from app.timeseries.export.columns import Writer
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
    form: ExportForm, stream: IO[bytes], query: SeriesQuery, zone: ZoneInfo | None, *, wide: bool, synthetic: bool
) -> Iterator[Writer]:
    """A writer onto the stream, which is complete at the end of the block and stays open."""
    if form in {ExportForm.PARQUET, ExportForm.ARROW}:
        writer = _binary_writer(form, stream, query, zone, wide=wide, synthetic=synthetic)
        yield writer
        writer.close()
        return
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
    try:
        writer = _text_writer(form, text, query, zone, wide=wide, synthetic=synthetic)
        yield writer
        writer.close()
    finally:
        text.detach()


def _binary_writer(
    form: ExportForm, stream: IO[bytes], query: SeriesQuery, zone: ZoneInfo | None, *, wide: bool, synthetic: bool
) -> Writer:
    if wide:
        shown = partial(shown_under, query=query)
        table = WideParquetWriter if form is ExportForm.PARQUET else WideArrowWriter
        return table(stream, zone, shown, as_of=query.as_of, synthetic=synthetic)
    rows = ParquetWriter if form is ExportForm.PARQUET else ArrowWriter
    coverage = query.resampling is not None
    return rows(stream, ArrowTables(zone, coverage=coverage, as_of=query.as_of, synthetic=synthetic))


def _text_writer(
    form: ExportForm, text: IO[str], query: SeriesQuery, zone: ZoneInfo | None, *, wide: bool, synthetic: bool
) -> Writer:
    shown = partial(shown_under, query=query)
    if form is ExportForm.CSV:
        if wide:
            return WideCsvWriter(text, zone, shown, synthetic=synthetic)
        return CsvWriter(text, zone, coverage=query.resampling is not None, synthetic=synthetic)
    lines = form is ExportForm.NDJSON
    if wide:
        return WideJsonWriter(text, zone, shown, lines=lines, as_of=query.as_of, synthetic=synthetic)
    return JsonWriter(text, zone, lines=lines, as_of=query.as_of, synthetic=synthetic)
