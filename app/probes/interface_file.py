"""The file of interfaces, read and checked with the documents that it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import ConfigurationError
from app.kit.files import read_bytes
from app.kit.suggest import did_you_mean
from app.kit.yaml.tree import Problem, ProblemReport
from app.probes.config import InterfacesConfig, ServiceConfig, is_url, read_interfaces
from app.probes.interfaces.suites.answers import sources_of
from app.probes.scanning.models import DocumentScan
from app.probes.scanning.scanner import InterfaceScanner
from app.probes.scanning.selection import PlannedProbe, ProbeSelection, choose_probes


@dataclass(frozen=True, slots=True)
class ScannedService:
    """A service with its documents, and what is chosen of each for each base URL."""

    config: ServiceConfig
    documents: tuple[DocumentScan, ...]
    selections: tuple[ProbeSelection, ...]

    @property
    def operations(self) -> int:
        return sum(len(document.operations) for document in self.documents)

    @property
    def probes(self) -> tuple[PlannedProbe, ...]:
        return tuple(probe for selection in self.selections for probe in selection.probed)

    @property
    def skipped(self) -> int:
        """Operations that are probed at none of the base URLs."""
        return self.operations - len({id(probe.operation) for probe in self.probes})

    @property
    def defects(self) -> int:
        return sum(len(document.defects) for document in self.documents)


@dataclass(frozen=True, slots=True)
class InterfacesCheck:
    file: str
    services: tuple[ScannedService, ...]
    problems: tuple[Problem, ...]


def check_interfaces(path: Path) -> InterfacesCheck:
    """Read a file of interfaces and scan its documents; ConfigurationError where there is no such file."""
    report = ProblemReport(str(path))
    config = read_interfaces(read_bytes(path), report)
    services = tuple(_scanned(service, path.parent, report) for service in config.services.values())
    return InterfacesCheck(str(path), services, tuple(report.problems))


def valid_interfaces(path: Path) -> InterfacesConfig:
    """The services of a file in which nothing is wrong; ConfigurationError says what is, or that it is not there."""
    report = ProblemReport(str(path))
    config = read_interfaces(read_bytes(path), report)
    if report.problems:
        raise ConfigurationError("\n".join(map(str, report.problems)))
    return config


def _scanned(service: ServiceConfig, folder: Path, report: ProblemReport) -> ScannedService:
    """The service with its documents, which count from the folder of the file."""
    scanner = InterfaceScanner(folder / service.root if service.root else None)
    where = f"services.{service.name}"
    documents: tuple[DocumentScan, ...] = ()
    try:
        # Those behind a URL are fetched by the service that probes them.
        files = [str(folder / name) for name in service.documents if not is_url(name)]
        documents = scanner.scan(files) if files else ()
    except ConfigurationError as error:
        report.add(service.line, f"{where}.documents", str(error))
    for document in documents:
        if document.kind is None or not document.complete:
            reason = document.defects[-1].reason if document.defects else "it describes no interface"
            report.add(service.line, f"{where}.documents", f"{document.file}: {reason}")
    selections = tuple(choose_probes(document, rules) for rules in service.rules() for document in documents)
    known = {name for document in documents for operation in document.operations for name in operation.names}
    probes = [probe for selection in selections for probe in selection.probed]
    asked = {name for probe in probes if probe.url is not None for name in probe.operation.names}
    for probe in probes:
        for source in sources_of(probe):
            if source.operation in known - asked:
                said = f"{probe.operation.name} takes a value from {source.operation}, which is not probed without one itself"
                report.add(service.line, where, said)
    for name in () if any(map(is_url, service.documents)) else _unknown(service, known):
        report.add(
            service.line,
            where,
            f"no document has an operation {name!r}{did_you_mean(name, known, otherwise='', most=1, cutoff=0.6)}",
        )
    return ScannedService(service, documents, selections)


def _unknown(service: ServiceConfig, known: set[str]) -> Iterator[str]:
    """Operations that the file names and no document has; nothing is known of documents that could not be read."""
    if known:
        yield from sorted(service.operations_named - known)
