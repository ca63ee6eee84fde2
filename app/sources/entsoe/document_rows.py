"""Documents as rows of CSV or JSON: their values, or the intervals of notices of unavailability."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO
from unicodedata import category

if TYPE_CHECKING:
    from app.sources.entsoe.parsing.documents import (
        ExpandedCurve,
        MarketDocument,
        SeriesHeader,
        UnavailableInterval,
    )

OutputFormat = Literal["csv", "json"]

COLUMNS = (
    "file",
    "member",
    "delivery_start",
    "value",
    "filled",
    "resolution",
    "curve_type",
    "document_type",
    "process_type",
    "business_type",
    "psr_type",
    "in_domain",
    "out_domain",
    "contract",
    "sequence",
    "category",
    "unit_eic",
    "flow_direction",
    "unit",
    "currency",
    "time_series",
    "end",
    "nominal_mw",
    "unit_name",
    "reason",
    "doc_status",
    "revision",
    "measure",
)
OUTAGE_COLUMNS = (
    "file",
    "member",
    "start",
    "end",
    "available_mw",
    "nominal_mw",
    "unit_eic",
    "unit_name",
    "psr_type",
    "business_type",
    "reason",
    "in_domain",
    "out_domain",
    "document_type",
    "notice",
    "revision",
    "doc_status",
    "state",
)
_STATES = {"A05": "active", "A09": "cancelled", "A13": "withdrawn"}

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would compute."""

_BEFORE, _MEASURED = 2, 5
"""The columns before the measured ones, and where those end."""
_ROWS_AT_ONCE = 20_000


class DocumentWriter(Protocol):
    """Writes what it wants of each document."""

    def document(self, file: str, document: MarketDocument) -> None: ...

    def close(self) -> None: ...


class _RowWriter(Protocol):
    """Writes rows that share most of their columns."""

    def write(self, constants: Sequence[str], starts: list[str], values: list[str], filled: list[str]) -> None: ...


class _OutageCsv:
    """Intervals of unavailability as CSV below a header."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        out.write(",".join(OUTAGE_COLUMNS) + "\n")

    def document(self, file: str, document: MarketDocument) -> None:
        self._out.writelines(_quoted(row) + "\n" for row in _outage_rows(file, document))

    def close(self) -> None:
        """Nothing follows the last row."""


class _OutageJson:
    """Intervals of unavailability as one array of objects; powers are numbers, or null where the notice gives none."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._separator = "\n"
        out.write("[")

    def document(self, file: str, document: MarketDocument) -> None:
        for row in _outage_rows(file, document):
            named: dict[str, Any] = dict(zip(OUTAGE_COLUMNS, row, strict=True))
            named["available_mw"] = float(named["available_mw"]) if named["available_mw"] else None
            self._out.write(self._separator + json.dumps(named))
            self._separator = ",\n"

    def close(self) -> None:
        self._out.write("\n]\n")


class _ValueCsv:
    """Rows as CSV below a header."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        out.write(",".join(COLUMNS) + "\n")

    def document(self, file: str, document: MarketDocument) -> None:
        _write_rows(file, document, self)

    def write(self, constants: Sequence[str], starts: list[str], values: list[str], filled: list[str]) -> None:
        before = _quoted(constants[:_BEFORE]) + ","
        after = "," + _quoted(constants[_BEFORE:]) + "\n"
        rows = zip(starts, values, filled, strict=True)
        self._out.write("".join([f"{before}{start},{value},{fill}{after}" for start, value, fill in rows]))

    def close(self) -> None:
        """Nothing follows the last row."""


class _ValueJson:
    """Rows as one array of objects."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._separator = ""
        out.write("[")

    def document(self, file: str, document: MarketDocument) -> None:
        _write_rows(file, document, self)

    def write(self, constants: Sequence[str], starts: list[str], values: list[str], filled: list[str]) -> None:
        before = _members(COLUMNS[:_BEFORE], constants[:_BEFORE])
        after = _members(COLUMNS[_MEASURED:], constants[_BEFORE:])
        rows = [
            f'\n{{{before}, "delivery_start": "{start}", "value": {value}, "filled": {fill}, {after}}}'
            for start, value, fill in zip(starts, values, filled, strict=True)
        ]
        self._out.write(self._separator + ",".join(rows))
        self._separator = ","

    def close(self) -> None:
        self._out.write("\n]\n")


def document_writer(output_format: OutputFormat, out: TextIO, *, outages: bool) -> DocumentWriter:
    """Writes the values of documents, or with `outages` the intervals of notices of unavailability only."""
    if outages:
        return _OutageCsv(out) if output_format == "csv" else _OutageJson(out)
    return _ValueCsv(out) if output_format == "csv" else _ValueJson(out)


def _quoted(fields: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([_cell(field) for field in fields])
    return line.getvalue()


def _cell(text: str) -> str:
    """Text for a CSV cell: nothing that commands a terminal, nothing that a spreadsheet takes for a formula."""
    text = "\n".join(harmless_text(line, kept="\t\r") for line in text.split("\n"))
    return f"'{text}" if text.startswith(_FORMULA) and text != "-" else text


def _members(names: Sequence[str], values: Sequence[str]) -> str:
    return ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in zip(names, values, strict=True))


def _write_rows(file: str, document: MarketDocument, writer: _RowWriter) -> None:
    """The values, and of notices in minutes the intervals, which would be as many values as minutes."""
    for curve in document.curves:
        _write_curve(file, document, curve, writer)
    for outage in document.outages:
        if not outage.expanded and outage.available is not None:
            _write_interval(file, document, outage, writer)


def _write_curve(file: str, document: MarketDocument, curve: ExpandedCurve, writer: _RowWriter) -> None:
    from app.market.text import instants, shortest

    constants = _constants(file, document, curve.header, curve.resolution_text, ("", "", "", ""))
    for rows in _slices(len(curve.starts)):
        filled = ["1" if repeated else "0" for repeated in curve.filled[rows].tolist()]
        writer.write(constants, instants(curve.starts[rows]), shortest(curve.values[rows]), filled)


def _write_interval(file: str, document: MarketDocument, outage: UnavailableInterval, writer: _RowWriter) -> None:
    from app.market.time import iso

    details = (iso(outage.end), outage.nominal, outage.unit_name, outage.reason)
    constants = _constants(file, document, outage.header, outage.resolution_text, details)
    writer.write(constants, [iso(outage.start)], [_available(outage)], ["0"])


def _available(outage: UnavailableInterval) -> str:
    import numpy as np

    from app.market.text import shortest

    return "" if outage.available is None else shortest(np.array([outage.available]))[0]


def _constants(
    file: str, document: MarketDocument, header: SeriesHeader, resolution: str, details: tuple[str, ...]
) -> tuple[str, ...]:
    """What all rows of a curve or interval share, in the order of the columns."""
    return (
        file,
        document.member,
        resolution,
        header.curve_type,
        document.document_type,
        document.process_type,
        header.business_type,
        header.psr_type,
        header.in_domain,
        header.out_domain,
        header.contract,
        header.sequence,
        header.category,
        header.unit_eic,
        header.flow_direction,
        header.unit,
        header.currency,
        header.time_series,
        *details,
        document.doc_status,
        document.revision,
        header.measure,
    )


def _outage_rows(file: str, document: MarketDocument) -> Iterator[tuple[str, ...]]:
    """The intervals of a notice; an available power of "" is one that the notice does not give."""
    from app.market.time import iso

    for outage in document.outages:
        header = outage.header
        yield (
            file,
            document.member,
            iso(outage.start),
            iso(outage.end),
            _available(outage),
            outage.nominal,
            header.unit_eic,
            outage.unit_name,
            header.psr_type,
            header.business_type,
            outage.reason,
            header.in_domain,
            header.out_domain,
            document.document_type,
            document.mrid,
            document.revision,
            document.doc_status,
            _STATES.get(document.doc_status, ""),
        )


def _slices(length: int) -> Iterator[slice]:
    return (slice(offset, offset + _ROWS_AT_ONCE) for offset in range(0, length, _ROWS_AT_ONCE))


def harmless_text(text: str, *, kept: str = "") -> str:
    """Text of a document without what would command a terminal."""
    return "".join(
        character if character.isprintable() or category(character) == "Zs" or character in kept else "?"
        for character in text
    )
