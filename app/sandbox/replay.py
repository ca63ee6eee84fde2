"""Answers from a folder of recordings, verbatim: `manifest.csv` says which request each file answered.

Columns that are read: `file`, `http_status`, `content_type`, `request` (path and query); others are ignored.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from app.errors import ConfigurationError
from app.sandbox.answers import SandboxResponse

MANIFEST = "manifest.csv"
_SUFFIXES = {".zip": "application/zip", ".html": "text/html", ".txt": "text/plain"}
_DECISIVE = {"documenttype", "processtype", "periodstart", "periodend", "timeinterval"}


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded answer; `query` holds the request's parameters, names in lower case."""

    path: Path
    status: int
    content_type: str
    query: Mapping[str, str]

    def answer(self) -> SandboxResponse:
        return SandboxResponse(self.status, self.content_type, self.path.read_bytes(), self.path.name)


class Replay:
    """Recorded answers: those of a folder by request, or one file for every request."""

    def __init__(self, source: Path) -> None:
        folder = source if source.is_dir() else source.parent
        self._recordings = _read_manifest(folder)
        self._only: Recording | None = None
        if not source.is_dir():
            self._only = self._recording_of(source)
        elif not self._recordings:
            raise ConfigurationError(f"sandbox replay: {source} has no {MANIFEST} that names recorded requests")

    def _recording_of(self, path: Path) -> Recording:
        if not path.is_file():
            raise ConfigurationError(f"sandbox replay: {path} is neither a folder nor a file")
        known = (one for one in self._recordings if one.path == path)
        return next(known, Recording(path, 200, _SUFFIXES.get(path.suffix, "text/xml"), {}))

    def find(self, parameters: Mapping[str, str]) -> SandboxResponse | None:
        """The recorded answer to the most similar request; None where document, areas or period differ."""
        if self._only:
            return self._only.answer()
        asked = {name.lower(): value for name, value in parameters.items() if name.lower() != "securitytoken"}
        scored = [(_likeness(asked, one.query), one) for one in self._recordings if _answers(asked, one.query)]
        return max(scored, key=lambda pair: pair[0])[1].answer() if scored else None


def _answers(asked: Mapping[str, str], recorded: Mapping[str, str]) -> bool:
    """Whether document, process, areas and period are the same; other parameters decide between several only."""
    names = {name for name in asked.keys() | recorded.keys() if name in _DECISIVE or "domain" in name}
    return bool(recorded) and all(asked.get(name) == recorded.get(name) for name in names)


def _likeness(asked: Mapping[str, str], recorded: Mapping[str, str]) -> int:
    """Equal parameters count for, contradicting and one-sided ones against a recording."""
    names = asked.keys() | recorded.keys()
    equal = sum(asked.get(name) == recorded.get(name) for name in names)
    contradicting = sum(asked[name] != recorded[name] for name in asked.keys() & recorded.keys())
    return 2 * equal - len(names) - 2 * contradicting


def _read_manifest(folder: Path) -> list[Recording]:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return []
    with manifest.open(newline="", encoding="utf-8") as file:
        return [_recording(folder, row) for row in csv.DictReader(file) if row.get("file")]


def _recording(folder: Path, row: Mapping[str, str]) -> Recording:
    query = dict(parse_qsl(urlsplit(row.get("request") or "").query))
    path = folder / row["file"]
    kind = row.get("content_type") or _SUFFIXES.get(path.suffix, "text/xml")
    lowered = {name.lower(): value for name, value in query.items()}
    return Recording(path, int(row.get("http_status") or 200), kind, lowered)
