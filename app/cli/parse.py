"""`gridkeeper parse`: expands platform documents to CSV or JSON without a database."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from app.errors import MalformedDocument

if TYPE_CHECKING:
    from app.sources.entsoe.documents import Curve, Document, Rejection

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
)

DATA, MISSING_FILE, NO_SERIES, MALFORMED = 0, 2, 3, 4
"""Exit codes; of several files the highest counts."""

_BEFORE, _MEASURED = 2, 5
"""The columns before the measured ones, and where those end."""
_ROWS_AT_ONCE = 20_000


class _Csv:
    """Rows as CSV below a header."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        out.write(",".join(COLUMNS) + "\n")

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
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


def _members(names: Sequence[str], values: Sequence[str]) -> str:
    return ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in zip(names, values, strict=True))


def parse_files(files: Sequence[Path], output_format: OutputFormat, out: TextIO, err: TextIO) -> int:
    """Prints the rows of every file to `out` and what could not be taken to `err`; returns the exit code.

    A file named `-` is standard input.
    """
    writer = _Csv(out) if output_format == "csv" else _Json(out)
    code = max((_parse_file(file, writer, err) for file in files), default=DATA)
    writer.close()
    return code


def _parse_file(file: Path, writer: _Csv | _Json, err: TextIO) -> int:
    from app.sources.entsoe.parser import read_documents

    # A name that is no UTF-8 must not stop the rows of the others.
    name = os.fsencode(file).decode("utf-8", "replace")
    try:
        documents = read_documents(sys.stdin.buffer.read() if name == "-" else file.read_bytes())
    except OSError as error:
        err.write(f"{name}: cannot be read: {error.strerror}; give the path of a document\n")
        return MISSING_FILE
    except MalformedDocument as error:
        err.write(f"{name}: malformed: {_printable(str(error))}\n")
        return MALFORMED
    if not documents:
        err.write(f"{name}: the zip archive is empty\n")
        return NO_SERIES
    return max(_print_document(name, document, writer, err) for document in documents)


def _print_document(file: str, document: Document, writer: _Csv | _Json, err: TextIO) -> int:
    name = f"{file}!{_printable(document.member)}" if document.member else file
    for curve in document.curves:
        _print_curve(file, document, curve, writer)
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
    return DATA


def _print_curve(file: str, document: Document, curve: Curve, writer: _Csv | _Json) -> None:
    from app.market.text import instants, shortest

    header = curve.header
    constants = (
        file,
        document.member,
        curve.resolution_text,
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
    )
    for rows in _slices(len(curve.starts)):
        filled = ["1" if repeated else "0" for repeated in curve.filled[rows].tolist()]
        writer.write(constants, instants(curve.starts[rows]), shortest(curve.values[rows]), filled)


def _slices(length: int) -> Iterator[slice]:
    return (slice(offset, offset + _ROWS_AT_ONCE) for offset in range(0, length, _ROWS_AT_ONCE))


def _sentence(rejection: Rejection) -> str:
    text = f" {rejection.text!r}" if rejection.text else ""
    series = _printable(rejection.time_series)
    return f"rejected: TimeSeries {series}, {_printable(rejection.where)}:{text} {rejection.reason}"


def _printable(text: str) -> str:
    """Text of a document without what would command a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
