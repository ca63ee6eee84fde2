"""What the documents of a service say: the newest good state of each, and what changed. Pure but for `read_documents`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urljoin

from app.errors import ConfigurationError
from app.probes.config import ServiceConfig, is_url
from app.probes.interfaces.models import InterfaceChange
from app.probes.scanning.differences import OperationEvent, compare_scans
from app.probes.scanning.models import DocumentScan, Operation
from app.probes.scanning.scanner import InterfaceScanner
from app.probes.scanning.selection import PlannedProbe, choose_probes

MISSING_KEPT = timedelta(days=1)
"""How long a document of a folder that is gone counts as it was; then what it described is removed."""


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A document as it was last read in good order."""

    scan: DocumentScan
    read_at: datetime
    missing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class DocumentReading:
    """What a look at the documents of a service found."""

    scans: tuple[DocumentScan, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentsNow:
    """The documents that count now by their files, what changed, and what is wrong."""

    documents: Mapping[str, KeptDocument]
    changes: tuple[InterfaceChange, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def described(self) -> int:
        return sum(len(kept.scan.operations) for kept in self.documents.values())


class DocumentScans:
    """Scans the documents of one service again and again; what has not changed is not read."""

    def __init__(self) -> None:
        self._scanners: dict[tuple[str, str], InterfaceScanner] = {}

    def read(self, config: ServiceConfig, folder: Path, fetched: Mapping[str, Path | str]) -> DocumentReading:
        """What can be read, and what is wrong; `fetched` has for each URL its file, or why there is none."""
        scans, problems = [], []
        for name in config.documents:
            path = fetched.get(name, "it was not fetched yet") if is_url(name) else folder / name
            if isinstance(path, str):
                problems.append(f"{name}: {path}")
                continue
            scanner = self._scanners.setdefault(
                (name, config.root),
                InterfaceScanner(folder / config.root if config.root and not is_url(name) else None),
            )
            try:
                found = scanner.scan([str(path)])
            except ConfigurationError as error:
                problems.append(str(error))
                continue
            scans += [_of_url(scan, name) if is_url(name) else scan for scan in found]
        bad = [scan for scan in scans if scan.kind is None or not scan.complete]
        problems += [f"{scan.file}: {_reason(scan)}" for scan in bad]
        return DocumentReading(tuple(scan for scan in scans if scan not in bad), tuple(problems))


def _reason(scan: DocumentScan) -> str:
    return scan.defects[-1].reason if scan.defects else "it describes no interface"


def _of_url(scan: DocumentScan, url: str) -> DocumentScan:
    """A document that was fetched: its relative servers count from its address."""
    return replace(scan, file=url, operations=tuple(_on(operation, url) for operation in scan.operations))


def _on(operation: Operation, url: str) -> Operation:
    bases = tuple(urljoin(url, base) for base in operation.base_urls or ("/",))
    return replace(operation, base_urls=bases, place=replace(operation.place, file=url))


def documents_now(
    known: Mapping[str, KeptDocument], reading: DocumentReading, named: Sequence[str], now: datetime
) -> DocumentsNow:
    """The documents that count, where `known` counted before; of a service that was never read nothing changed.

    One that cannot be read, or is gone, counts as it was. `named` are the names of the service's documents.
    """
    documents: dict[str, KeptDocument] = {}
    changes: list[InterfaceChange] = []
    problems = list(reading.problems)
    for scan in reading.scans:
        before = known.get(scan.file)
        documents[scan.file] = KeptDocument(scan, now if before is None or before.scan != scan else before.read_at)
        if before is None and not known:
            continue
        old = before.scan if before is not None else DocumentScan(scan.file, scan.kind)
        changes += [_change(event, scan.file, now) for event in compare_scans(old, scan)]
    for file, kept in known.items():
        if file in documents or not any(_stands_for(name, file) for name in named):
            continue
        since = kept.missing_since or now
        if now - since >= MISSING_KEPT and file not in named and not any(text.startswith(file) for text in problems):
            gone = DocumentScan(file, kept.scan.kind)
            changes += [_change(event, file, now) for event in compare_scans(kept.scan, gone)]
            continue
        documents[file] = replace(kept, missing_since=since)
        if not any(text.startswith(file) for text in problems):
            problems.append(f"{file}: it is gone; what it described counts for a day")
    return DocumentsNow(documents, tuple(changes), tuple(problems))


def _stands_for(name: str, file: str) -> bool:
    """Whether a name of the configuration, as it was handed to the scanner, may stand for the file."""
    return name == file or file.startswith(f"{name.rstrip('/')}/") or fnmatchcase(file, name)


def _change(event: OperationEvent, file: str, now: datetime) -> InterfaceChange:
    operation = event.operation
    parts = tuple(change.text for change in event.changes)
    return InterfaceChange(
        now, event.kind.value, operation.method, operation.path, operation.operation_id, file, event.breaking, parts
    )


def names_of(config: ServiceConfig, folder: Path) -> tuple[str, ...]:
    """The documents of a service as the scanner names them."""
    return tuple(name if is_url(name) else str(folder / name) for name in config.documents)


def planned_probes(config: ServiceConfig, documents: Mapping[str, KeptDocument]) -> list[PlannedProbe]:
    return [
        probe
        for rules in config.rules()
        for kept in documents.values()
        for probe in choose_probes(kept.scan, rules).probed
    ]
