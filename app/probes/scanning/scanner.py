"""Scans documents for their operations; what has not changed since the last scan is not read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import ConfigurationError
from app.probes.scanning.finding import FoundDocument, find_documents
from app.probes.scanning.markdown import read_markdown
from app.probes.scanning.models import DocumentPlace, DocumentScan, ScanDefect
from app.probes.scanning.openapi import read_openapi
from app.probes.scanning.references import SourceFile
from app.probes.scanning.source_files import FileState, SourceFiles, locate_part


@dataclass(frozen=True, slots=True)
class _KeptScan:
    """What a document was found to hold, and the state of every file that this depends on."""

    scan: DocumentScan
    states: tuple[FileState, ...]

    @property
    def holds(self) -> bool:
        return all(state.holds for state in self.states)


class InterfaceScanner:
    """Keeps what it found: a later scan reads only what changed. Documents come from files; nothing is fetched."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._kept: dict[FoundDocument, _KeptScan] = {}

    def scan(self, names: Sequence[str]) -> tuple[DocumentScan, ...]:
        """Every document that the names stand for; ConfigurationError where one stands for nothing.

        What is found in a folder and describes no interface is left out where it is a text, or a part of another document.
        """
        files = SourceFiles()
        found = find_documents(names, self._root)
        self._kept = {document: self._scanned(document, files) for document in found}
        parts = {state.path for kept in self._kept.values() for state in kept.states[1:]}
        return tuple(
            kept.scan
            for document, kept in self._kept.items()
            if document.chosen or kept.scan.kind is not None or not (document.is_text or document.path in parts)
        )

    def _scanned(self, document: FoundDocument, files: SourceFiles) -> _KeptScan:
        kept = self._kept.get(document)
        return kept if kept is not None and kept.holds else _scan(document, files)


def _scan(document: FoundDocument, files: SourceFiles) -> _KeptScan:
    used = {document.path: None}
    try:
        file = _open(document, files)
    except ConfigurationError as error:
        broken = DocumentScan(
            document.name, defects=(ScanDefect(DocumentPlace(document.name), str(error)),), complete=False
        )
        return _KeptScan(broken, (files.state(document.path),))

    def open_part(source: SourceFile, reference: str) -> SourceFile:
        path = locate_part(source, reference, document.root)
        used[path] = None
        return file if path == file.path else files.open_part(path, document.root)

    scan = read_markdown(file) if file.is_markdown else read_openapi(file, open_part)
    return _KeptScan(scan, tuple(files.state(path) for path in used))


def _open(document: FoundDocument, files: SourceFiles) -> SourceFile:
    if not document.path.is_relative_to(document.root.path):
        raise ConfigurationError(f"{document.name} leads out of {document.root.name}; name it itself to scan it")
    return files.open_document(document.path, document.name)
