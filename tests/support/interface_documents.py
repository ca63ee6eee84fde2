"""Documents of interfaces for tests, read from text without files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.probes.scanning.models import DocumentScan, Operation
from app.probes.scanning.openapi import read_openapi
from app.probes.scanning.references import ReferenceRefused, SourceFile
from app.probes.scanning.syntax import parse_text

HEAD = "openapi: 3.0.3\ninfo: {title: T, version: '1'}\nservers: [{url: 'https://api.example'}]\n"


def source(text: str, name: str = "api.yaml") -> SourceFile:
    parsed = parse_text(text)
    problems = tuple(parsed.problems)
    return SourceFile(name, Path("/docs") / name, len(text), "", parsed.value, parsed.complete, problems, parsed.lines)


def scan(text: str, parts: Mapping[str, str] | None = None) -> DocumentScan:
    """The scan of a document whose references lead to these parts."""
    files = {name: source(content, name) for name, content in (parts or {}).items()}

    def open_part(_: SourceFile, reference: str) -> SourceFile:
        if reference not in files:
            raise ReferenceRefused("there is no such file")
        return files[reference]

    return read_openapi(source(text), open_part)


def operation(body: str, *, head: str = HEAD, path: str = "/a") -> Operation:
    """The one operation of a document with one path; `body` is what stands below it."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    [found] = scan(f"{head}paths:\n  {path}:\n{lines}\n").operations
    return found


def reasons(document: DocumentScan) -> list[str]:
    return [defect.reason for defect in document.defects]
