"""`gridkeeper parse`: expands platform documents to CSV or JSON without a database."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO
from unicodedata import category

from app.errors import MalformedDocument

if TYPE_CHECKING:
    from app.sources.entsoe.parsing.documents import (
        ExpandedCurve,
        MarketDocument,
        Rejection,
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

DATA, MISSING_FILE, NO_SERIES, MALFORMED = 0, 2, 3, 4
"""Exit codes; of several files the highest counts."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would compute."""

_BEFORE, _MEASURED = 2, 5
"""The columns before the measured ones, and where those end."""
_ROWS_AT_ONCE = 20_000


class _Writer(Protocol):
    """Writes what it wants of each document."""

    def document(self, file: str, document: MarketDocument) -> None: ...

    def close(self) -> None: ...


class _Rows(Protocol):
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


class _Csv:
    """Rows as CSV below a header."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        out.write(",".join(COLUMNS) + "\n")

    def document(self, file: str, document: MarketDocument) -> None:
        _print_rows(file, document, self)

    def write(self, constants: Sequence[str], starts: list[str], values: list[str], filled: list[str]) -> None:
        before = _quoted(constants[:_BEFORE]) + ","
        after = "," + _quoted(constants[_BEFORE:]) + "\n"
        rows = zip(starts, values, filled, strict=True)
        self._out.write("".join([f"{before}{start},{value},{fill}{after}" for start, value, fill in rows]))

    def close(self) -> None:
        """Nothing follows the last row."""


class _Json:
    """Rows as one array of objects."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._separator = ""
        out.write("[")

    def document(self, file: str, document: MarketDocument) -> None:
        _print_rows(file, document, self)

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


def _quoted(fields: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([_cell(field) for field in fields])
    return line.getvalue()


def _cell(text: str) -> str:
    """Text for a CSV cell: nothing that commands a terminal, nothing that a spreadsheet takes for a formula."""
    text = "\n".join(_printable(line, kept="\t\r") for line in text.split("\n"))
    return f"'{text}" if text.startswith(_FORMULA) and text != "-" else text


def _members(names: Sequence[str], values: Sequence[str]) -> str:
    return ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in zip(names, values, strict=True))


def parse_files(
    files: Sequence[Path], output_format: OutputFormat, out: TextIO, err: TextIO, *, outages: bool = False
) -> int:
    """Prints the rows of every file to `out` and what could not be taken to `err`; returns the exit code.

    A file named `-` is standard input. `outages` prints notices of unavailability only, a row for each interval.
    """
    writer: _Writer
    if outages:
        writer = _OutageCsv(out) if output_format == "csv" else _OutageJson(out)
    else:
        writer = _Csv(out) if output_format == "csv" else _Json(out)
    code = max((_parse_file(file, writer, err) for file in files), default=DATA)
    writer.close()
    return code


def _parse_file(file: Path, writer: _Writer, err: TextIO) -> int:
    from app.sources.entsoe.parsing.parser import read_documents

    # A name that is no UTF-8 must not stop the rows of the others.
    name = os.fsencode(file).decode("utf-8", "replace")
    shown = _printable(name)
    try:
        documents = read_documents(sys.stdin.buffer.read() if name == "-" else file.read_bytes())
    except OSError as error:
        err.write(f"{shown}: cannot be read: {error.strerror}; give the path of a document\n")
        return MISSING_FILE
    except MalformedDocument as error:
        err.write(f"{shown}: malformed: {_printable(str(error))}\n")
        return MALFORMED
    if not documents:
        err.write(f"{shown}: the zip archive is empty\n")
        return NO_SERIES
    err.writelines(
        f"{shown}: note: {_printable(note)}\n"
        for note in dict.fromkeys(note for document in documents for note in document.notes)
    )
    return max(_print_document(name, document, writer, err) for document in documents)


def _print_document(file: str, document: MarketDocument, writer: _Writer, err: TextIO) -> int:
    name = _printable(f"{file}!{document.member}" if document.member else file)
    writer.document(file, document)
    if document.malformed:
        err.write(f"{name}: malformed: {_printable(document.malformed)}\n")
        return MALFORMED
    err.writelines(f"{name}: {_sentence(rejection)}\n" for rejection in document.rejections)
    if document.acknowledgement is not None:
        answer = document.acknowledgement
        err.write(f"{name}: acknowledgement {_printable(answer.code)}: {_printable(answer.text)}\n")
        return DATA if answer.no_matching_data else NO_SERIES
    if not document.time_series:
        err.write(f"{name}: {_printable(document.root)} has no TimeSeries\n")
        return NO_SERIES
    if document.empty and document.rejections:
        err.write(f"{name}: nothing of the document could be taken\n")
        return NO_SERIES
    return DATA


def _print_rows(file: str, document: MarketDocument, writer: _Rows) -> None:
    """The values, and of notices in minutes the intervals, which would be as many values as minutes."""
    for curve in document.curves:
        _print_curve(file, document, curve, writer)
    for outage in document.outages:
        if not outage.expanded and outage.available is not None:
            _print_interval(file, document, outage, writer)


def _print_curve(file: str, document: MarketDocument, curve: ExpandedCurve, writer: _Rows) -> None:
    from app.market.text import instants, shortest

    constants = _constants(file, document, curve.header, curve.resolution_text, ("", "", "", ""))
    for rows in _slices(len(curve.starts)):
        filled = ["1" if repeated else "0" for repeated in curve.filled[rows].tolist()]
        writer.write(constants, instants(curve.starts[rows]), shortest(curve.values[rows]), filled)


def _print_interval(file: str, document: MarketDocument, outage: UnavailableInterval, writer: _Rows) -> None:
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


def _sentence(rejection: Rejection) -> str:
    text = f" {rejection.text!r}" if rejection.text else ""
    return _printable(f"rejected: TimeSeries {rejection.time_series}, {rejection.where}:{text} {rejection.reason}")


def _printable(text: str, *, kept: str = "") -> str:
    """Text of a document without what would command a terminal."""
    return "".join(
        character if character.isprintable() or category(character) == "Zs" or character in kept else "?"
        for character in text
    )
