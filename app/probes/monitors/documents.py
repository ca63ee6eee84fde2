"""What the documents of services say, which of their operations are probed, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.probes.config import ServiceConfig
from app.probes.interfaces.documents import KeptDocument
from app.probes.scanning.models import ScanDefect
from app.probes.scanning.selection import choose_probes


@dataclass(frozen=True, slots=True)
class SkippedName:
    """An operation that is probed at no base URL, and why."""

    operation: str
    place: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document as it was last read in good order; what is skipped is None where the file has the service no more."""

    file: str
    version: str
    read_at: datetime
    missing_since: datetime | None
    complete: bool
    operations: int
    defects: Sequence[ScanDefect]
    skipped: Sequence[SkippedName] | None


def document_views(config: ServiceConfig | None, documents: Mapping[str, KeptDocument]) -> list[DocumentView]:
    """The documents of a service by their files, and what `config` leaves out of them."""
    return [
        DocumentView(
            file, kept.scan.version, kept.read_at, kept.missing_since, kept.scan.complete, len(kept.scan.operations),
            kept.scan.defects, None if config is None else _skipped(config, kept),
        )
        for file, kept in sorted(documents.items())
    ]  # fmt: skip


def _skipped(config: ServiceConfig, kept: KeptDocument) -> list[SkippedName]:
    """What is skipped for every base URL, with all reasons."""
    chosen = [choose_probes(kept.scan, rules) for rules in config.rules()]
    probed = {id(probe.operation) for selection in chosen for probe in selection.probed}
    found: dict[int, SkippedName] = {}
    for selection in chosen:
        for one in selection.skipped:
            if id(one.operation) not in probed:
                before = found.get(id(one.operation))
                reasons = dict.fromkeys([*(before.reasons if before else ()), *(said for _, said in one.reasons)])
                found[id(one.operation)] = SkippedName(one.operation.name, str(one.operation.place), tuple(reasons))
    return list(found.values())
