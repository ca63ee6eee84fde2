"""The first entry of a service in the file of interfaces, made from a document and tried once."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from app.errors import ConfigurationError
from app.kit.files import read_bytes
from app.kit.yaml.tree import ProblemReport
from app.probes.config import ServiceConfig, is_url, read_interfaces
from app.probes.interfaces.documents import DocumentScans, KeptDocument, planned_probes
from app.probes.interfaces.fetching import DocumentFetcher
from app.probes.interfaces.models import OperationKey
from app.probes.interfaces.requests import OperationProbe, operation_probes
from app.probes.interfaces.sending import ProbeSender
from app.probes.scanning.models import DocumentScan

_SERVICES = re.compile(r"^services:[ \t]*(\{[ \t]*\}|null|~)?[ \t]*(#.*)?$", re.MULTILINE)
_INDENTED = re.compile(r"( +)[^\s#]")
_NEVER = datetime.min.replace(tzinfo=UTC)
_NO_NAME = re.compile(r"[^\w .:/-]+")


@dataclass(frozen=True, slots=True)
class FirstEntry:
    """What is to be written, and what it would probe."""

    config: ServiceConfig
    text: str
    """The lines of the file, below `services`."""
    described: int
    probes: dict[OperationKey, OperationProbe]
    problems: tuple[str, ...]


async def make_entry(
    document: str, file: Path, sender: ProbeSender, data_dir: Path, *, name: str, base_url: str, every: str
) -> FirstEntry:
    """The entry for a document; ConfigurationError where the file has such a service, or there is no such document."""
    folder = file.parent
    written = document if is_url(document) else await asyncio.to_thread(_below, Path(document), folder)
    fetched = await DocumentFetcher(sender, data_dir).fetch([document]) if is_url(document) else {}
    # The folder of the file may be there only once it is written.
    source = document if is_url(document) else str(await asyncio.to_thread(Path(document).resolve))
    draft = ServiceConfig("draft", 0, (source,))
    reading = await asyncio.to_thread(DocumentScans().read, draft, folder, fetched)
    known = _present(file)
    chosen = name or _name_of(document, reading.scans)
    if chosen in known:
        raise ConfigurationError(f"{file} has a service {chosen!r} already; say --name, or change that one")
    text = _entry_text(chosen, written, base_url, every)
    report = ProblemReport(str(file))
    config = read_interfaces(f"services:\n{text}".encode(), report)
    if report.problems:
        raise ConfigurationError("; ".join(problem.message for problem in report.problems))
    service = config.services[chosen]
    kept = {scan.file: KeptDocument(scan, _NEVER) for scan in reading.scans}
    probes = operation_probes(service, planned_probes(service, kept))
    described = sum(len(scan.operations) for scan in reading.scans)
    return FirstEntry(service, text, described, probes, reading.problems if not reading.scans else ())


def write_entry(file: Path, entry: FirstEntry) -> None:
    """Add the entry to the file; everything else in it, comments too, stays as it is."""
    before = read_bytes(file).decode("utf-8-sig") if file.exists() else ""
    after = _added(before, entry.text)
    old, new = ProblemReport(str(file)), ProblemReport(str(file))
    known = read_interfaces(before.encode(), old).services if before else {}
    found = read_interfaces(after.encode(), new).services
    if set(found) != {*known, entry.config.name} or (before and len(new.problems) > len(old.problems)):
        raise ConfigurationError(f"{file} cannot be added to as it is; write this below its services:\n{entry.text}")
    file.parent.mkdir(parents=True, exist_ok=True)
    # Written in one step: a service that reads the file sees the old or the new one.
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(after, encoding="utf-8")
    partial.replace(file)


def _added(before: str, entry: str) -> str:
    """The text with the entry as the first of its services, as deep as those that stand there."""
    match = _SERVICES.search(before)
    if match is None:
        gap = "\n" if before and not before.endswith("\n") else ""
        return f"{before}{gap}services:\n{entry}"
    rest = before[match.end() :].removeprefix("\n")
    depth = next((found[1] for line in rest.splitlines() if (found := _INDENTED.match(line))), "  ")
    text = "".join(f"{depth}{line[2:]}" for line in entry.splitlines(keepends=True))
    return f"{before[: match.start()]}services:\n{text}{rest}"


def _below(document: Path, folder: Path) -> str:
    """The document as the file names it: from its own folder."""
    return os.path.relpath(document.resolve(), folder.resolve())


def _present(file: Path) -> set[str]:
    if not file.exists():
        return set()
    return set(read_interfaces(read_bytes(file), ProblemReport(str(file))).services)


def _name_of(document: str, scans: tuple[DocumentScan, ...]) -> str:
    title = next((scan.title for scan in scans if scan.title), "")
    usual = Path(document).stem
    if is_url(document):
        with suppress(ValueError):  # an address that cannot be read is told of where it is fetched
            usual = urlsplit(document).netloc
    return _NO_NAME.sub(" ", title).strip()[:100] or _NO_NAME.sub("-", usual)[:100] or "service"


def _entry_text(name: str, document: str, base_url: str, every: str) -> str:
    lines = [f"  {_quoted(name)}:", f"    documents: {_quoted(document)}"]
    lines += [f"    base_urls: {_quoted(base_url)}"] if base_url else []
    return "\n".join([*lines, f"    interval: {_quoted(every)}", ""])


def _quoted(text: str) -> str:
    """A text of YAML that means itself."""
    return "'" + text.replace("'", "''") + "'"
