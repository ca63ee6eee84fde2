"""Reads the files of documents: bounded, parsed once, and never beyond the folder that references may reach."""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.errors import ConfigurationError
from app.kit.files import read_bytes
from app.probes.scanning.references import MARKDOWN, ReferenceRefused, SourceFile
from app.probes.scanning.syntax import decode_text, parse_text

LARGEST_DOCUMENT = 32_000_000
MOST_PART_BYTES = 64_000_000
"""Of all files that the documents of one scan refer to; they are held together."""
MOST_PARTS = 10_000
FRESH_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells whether a file may have changed: times, number and size, and a digest; without them it was not there.

    One that was written a moment before it was read may have been written again since, with the same times and size.
    """

    path: Path
    stat: tuple[int, int, int, int] | None = None
    digest: str = ""
    settled: bool = True

    @property
    def holds(self) -> bool:
        """Whether the file is as it was; its content is read only where times and size leave a doubt."""
        stat = stat_of(self.path)
        if stat is None or self.stat is None:
            return stat == self.stat
        if stat == self.stat and self.settled:
            return True
        try:
            return digest_of(read_bytes(self.path, most=LARGEST_DOCUMENT)) == self.digest
        except ConfigurationError:
            return False


@dataclass(frozen=True, slots=True)
class ReferenceRoot:
    """The folder that references may reach, and what people call it."""

    path: Path
    name: str

    def name_of(self, path: Path) -> str:
        return str(Path(self.name) / path.relative_to(self.path))


class SourceFiles:
    """The files of one scan. A part that several documents refer to is parsed once."""

    def __init__(self) -> None:
        self._parts: dict[Path, SourceFile] = {}
        self._states: dict[Path, FileState] = {}
        self._size = 0

    def open_document(self, path: Path, name: str) -> SourceFile:
        """A document by its real path; ConfigurationError where it cannot be read."""
        return self._parts.get(path) or self._read(path, name)

    def open_part(self, path: Path, root: ReferenceRoot) -> SourceFile:
        """A file that another one refers to; ReferenceRefused where it cannot be read."""
        part = self._parts.get(path)
        if part is None:
            if len(self._parts) >= MOST_PARTS or self._size >= MOST_PART_BYTES:
                raise ReferenceRefused("the documents refer to more files than are read at once")
            try:
                part = self._read(path, root.name_of(path))
            except ConfigurationError as error:
                raise ReferenceRefused(str(error)) from error
            self._size += part.size
            self._parts[path] = part
        return part

    def state(self, path: Path) -> FileState:
        """What the file was like when it was read or looked for."""
        return self._states.get(path, FileState(path))

    def _read(self, path: Path, name: str) -> SourceFile:
        self._states[path] = FileState(path)
        stat = stat_of(path)
        content = read_bytes(path, most=LARGEST_DOCUMENT)
        settled = stat is not None and time.time() - stat[1] / 1e9 > FRESH_SECONDS
        self._states[path] = FileState(path, stat, digest_of(content), settled)
        text, problem = decode_text(content)
        problems = (problem,) if problem else ()
        if path.suffix.lower() in MARKDOWN:
            return SourceFile(name, path, len(content), text, problems=problems)
        parsed = parse_text(text)
        return SourceFile(
            name, path, len(content), "", parsed.value, parsed.complete, (*problems, *parsed.problems), parsed.lines
        )


def locate_part(source: SourceFile, reference: str, root: ReferenceRoot) -> Path:
    """The real path of the file that a reference leads to; ReferenceRefused where it is not to be read."""
    try:
        target = urlsplit(reference)
        if target.scheme or target.netloc:
            raise ReferenceRefused("references to other hosts are not fetched; save the file beside the document")
        path = (source.path.parent / unquote(target.path)).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ReferenceRefused(f"this leads to no file: {error}") from error
    if not path.is_relative_to(root.path):
        raise ReferenceRefused(f"this leads out of {root.name}; give a wider --root to allow it")
    return path


def stat_of(path: Path) -> tuple[int, int, int, int] | None:
    """Times, number and size of a file; None where there is none."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ctime_ns, about.st_ino, about.st_size


def digest_of(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
