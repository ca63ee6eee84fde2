"""`gridkeeper parse`: expands platform documents to CSV or JSON without a database."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from app.cli.exit_codes import FAILED, MALFORMED, OK, USAGE
from app.errors import MalformedDocument
from app.sources.entsoe.document_rows import DocumentWriter, OutputFormat, document_writer, harmless_text

if TYPE_CHECKING:
    from app.sources.entsoe.parsing.documents import MarketDocument, Rejection


class ParseFormat(StrEnum):
    """How the rows are written."""

    CSV = "csv"
    JSON = "json"


def parse_command(
    files: Annotated[list[Path], typer.Argument(help="Platform documents, XML or zip; - is standard input.")],
    output_format: Annotated[ParseFormat, typer.Option("--format", "-f")] = ParseFormat.CSV,
    outages: Annotated[
        bool, typer.Option("--outages", help="Notices of unavailability only: a row for each interval, not each value.")
    ] = False,
) -> int:
    """Expand platform documents to values, without a database.

    A notice of unavailability in minutes is one row for each interval: `end` says when it ends, `nominal_mw` what the
    unit has. Where an answer holds final and intermediate values, the final ones are printed.

    Exit code: 0 data or "no matching data", 3 another acknowledgement, no time series or nothing that could be taken,
    4 malformed.
    """
    return parse_files(files, output_format.value, sys.stdout, sys.stderr, outages=outages)


def parse_files(
    files: Sequence[Path], output_format: OutputFormat, out: TextIO, err: TextIO, *, outages: bool = False
) -> int:
    """Prints the rows of every file to `out` and what could not be taken to `err`; returns the exit code,
    of several files the highest.

    A file named `-` is standard input. `outages` prints notices of unavailability only, a row for each interval.
    """
    writer = document_writer(output_format, out, outages=outages)
    code = max((_parse_file(file, writer, err) for file in files), default=OK)
    writer.close()
    return code


def _parse_file(file: Path, writer: DocumentWriter, err: TextIO) -> int:
    from app.sources.entsoe.parsing.parser import read_documents

    # A name that is no UTF-8 must not stop the rows of the others.
    name = os.fsencode(file).decode("utf-8", "replace")
    shown = harmless_text(name)
    try:
        documents = read_documents(sys.stdin.buffer.read() if name == "-" else file.read_bytes())
    except OSError as error:
        err.write(f"{shown}: cannot be read: {error.strerror}; give the path of a document\n")
        return USAGE
    except MalformedDocument as error:
        err.write(f"{shown}: malformed: {harmless_text(str(error))}\n")
        return MALFORMED
    if not documents:
        err.write(f"{shown}: the zip archive is empty\n")
        return FAILED
    err.writelines(
        f"{shown}: note: {harmless_text(note)}\n"
        for note in dict.fromkeys(note for document in documents for note in document.notes)
    )
    return max(_print_document(name, document, writer, err) for document in documents)


def _print_document(file: str, document: MarketDocument, writer: DocumentWriter, err: TextIO) -> int:
    name = harmless_text(f"{file}!{document.member}" if document.member else file)
    writer.document(file, document)
    if document.malformed:
        err.write(f"{name}: malformed: {harmless_text(document.malformed)}\n")
        return MALFORMED
    err.writelines(f"{name}: {_sentence(rejection)}\n" for rejection in document.rejections)
    if document.acknowledgement is not None:
        answer = document.acknowledgement
        err.write(f"{name}: acknowledgement {harmless_text(answer.code)}: {harmless_text(answer.text)}\n")
        return OK if answer.no_matching_data else FAILED
    if not document.time_series:
        err.write(f"{name}: {harmless_text(document.root)} has no TimeSeries\n")
        return FAILED
    if document.empty and document.rejections:
        err.write(f"{name}: nothing of the document could be taken\n")
        return FAILED
    return OK


def _sentence(rejection: Rejection) -> str:
    text = f" {rejection.text!r}" if rejection.text else ""
    return harmless_text(f"rejected: TimeSeries {rejection.time_series}, {rejection.where}:{text} {rejection.reason}")
