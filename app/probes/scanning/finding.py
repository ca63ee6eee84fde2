"""Finds the documents that names stand for: files, folders with all below them, and patterns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from itertools import islice
from pathlib import Path

from app.errors import ConfigurationError
from app.probes.scanning.references import MARKDOWN
from app.probes.scanning.source_files import ReferenceRoot

SUFFIXES = (".json", ".yaml", ".yml", *MARKDOWN)
MOST_FOUND = 20_000
PASSED_OVER = frozenset({"node_modules", "__pycache__"})


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A file that may be a document. `path` is the real one, `chosen` one that was named itself."""

    path: Path
    name: str
    root: ReferenceRoot
    chosen: bool

    @property
    def is_text(self) -> bool:
        return self.path.suffix.lower() in MARKDOWN


def find_documents(names: Sequence[str], root: Path | None = None) -> list[FoundDocument]:
    """The files of all names, each once, in their order; ConfigurationError where a name stands for nothing."""
    found: dict[Path, FoundDocument] = {}
    wide = ReferenceRoot(_real(root), str(root)) if root is not None else None
    for name in names:
        for document in _of_name(name, wide):
            found.setdefault(document.path, document)
        if len(found) > MOST_FOUND:
            raise ConfigurationError(f"{name} stands for more than {MOST_FOUND:,} files; name a smaller folder")
    return list(found.values())


def _of_name(name: str, root: ReferenceRoot | None) -> Iterator[FoundDocument]:
    if name.startswith(("http://", "https://")):
        raise ConfigurationError(f"{name}: documents are read from files; save it, as with curl -o openapi.json {name}")
    path = Path(name)
    if path.is_dir():
        own = root or ReferenceRoot(_real(path), name)
        yield from (_found(Path(file), own, chosen=False) for file in sorted(_below(name)))
    elif path.exists() or not has_magic(name):
        if not path.exists():
            raise ConfigurationError(f"{name}: there is no such file or folder")
        real = _real(path)
        yield _found(path, root or ReferenceRoot(real.parent, str(path.parent)), chosen=True)
    else:
        start = Path(*_before_pattern(name))
        own = root or ReferenceRoot(_real(start), str(start))
        listed = _matching(start, str(path.relative_to(start)))
        if not listed:
            raise ConfigurationError(f"{name}: no file matches")
        yield from (_found(file, own, chosen=False) for file in listed)


def _before_pattern(name: str) -> Iterator[str]:
    """The folders of a pattern before its first part that matches several."""
    for part in Path(name).parent.parts:
        if has_magic(part):
            return
        yield part


def _matching(start: Path, pattern: str) -> list[Path]:
    try:
        return sorted(path for path in islice(start.glob(pattern), MOST_FOUND + 1) if path.is_file())
    except ValueError as error:
        raise ConfigurationError(f"{pattern!r} is no pattern: {error}") from error


def _below(folder: str) -> Iterator[str]:
    found = 0
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in PASSED_OVER)
        for name in files:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                found += 1
                yield os.path.join(place, name)  # noqa: PTH118  as `os.walk` has them
        if found > MOST_FOUND:
            return


def _found(path: Path, root: ReferenceRoot, *, chosen: bool) -> FoundDocument:
    return FoundDocument(_real(path), str(path), root, chosen)


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
