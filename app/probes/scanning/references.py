"""Follows references within and between documents: to their end, never in a circle, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from app.probes.scanning.models import DocumentPlace, ScanDefect
from app.probes.scanning.syntax import TextProblem, escape_pointer

MOST_DEFECTS = 200
"""Of one document; those beyond are counted."""
MOST_HOPS = 50
"""References that lead to references."""


MARKDOWN = (".md", ".markdown")


class ReferenceRefused(Exception):
    """What a reference leads to is not read; the message says why."""


class TooMuch(Exception):
    """A document asks for more work than any honest one does."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was read. `name` is what people see, `folder` what its references count from."""

    name: str
    path: Path
    size: int = 0
    text: str = ""
    value: Any = None
    complete: bool = True
    problems: tuple[TextProblem, ...] = ()
    lines: dict[tuple[int, str], int] = field(default_factory=dict)

    @property
    def is_markdown(self) -> bool:
        return self.path.suffix.lower() in MARKDOWN

    def line_of(self, mapping: Any, name: str) -> int:
        """The line of a name in a mapping; 0 where it is not known."""
        return self.lines.get((id(mapping), name), 0)


class Allowance:
    """Work that one document may cost, in values that are looked at."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooMuch


class DefectList:
    """The defects of one document, each once."""

    def __init__(self) -> None:
        self._found: dict[ScanDefect, None] = {}
        self._more = 0

    def add(self, place: DocumentPlace, reason: str) -> None:
        defect = ScanDefect(place, reason)
        if defect in self._found:
            return
        if len(self._found) < MOST_DEFECTS:
            self._found[defect] = None
        else:
            self._more += 1

    def add_problems(self, file: str, problems: tuple[TextProblem, ...]) -> None:
        """What is wrong in the text of a file."""
        for problem in problems:
            self.add(DocumentPlace(file, problem.pointer, problem.line), problem.reason)

    def listed(self, file: str) -> tuple[ScanDefect, ...]:
        more = (ScanDefect(DocumentPlace(file), f"and {self._more} more"),) if self._more else ()
        return (*self._found, *more)


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a document, and where it stands."""

    file: SourceFile
    pointer: str
    value: Any
    line: int = 0

    @property
    def place(self) -> DocumentPlace:
        return DocumentPlace(self.file.name, self.pointer, self.line)

    def at(self, name: str) -> Node | None:
        """What stands under a name; None where nothing does."""
        if not isinstance(self.value, dict) or self.value.get(name) is None:
            return None
        line = self.file.line_of(self.value, name)
        return Node(self.file, f"{self.pointer}/{escape_pointer(name)}", self.value[name], line)

    def mapping(self, name: str) -> Node | None:
        found = self.at(name)
        return found if found is not None and isinstance(found.value, dict) else None

    def text(self, name: str) -> str:
        """A text or a number as it is written; empty where there is none."""
        found = self.value.get(name) if isinstance(self.value, dict) else None
        return found if isinstance(found, str) else ""

    def flag(self, name: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(name) in (True, "true")

    def entries(self, name: str) -> Iterator[tuple[str, Node]]:
        """Names and values of an inner mapping."""
        inner = self.mapping(name)
        if inner is not None:
            for key in inner.value:
                entry = inner.at(key)
                if entry is not None:
                    yield key, entry

    def elements(self, name: str) -> list[Node]:
        """What stands in an inner list; nothing where it is no list."""
        found = self.at(name)
        if found is None or not isinstance(found.value, list):
            return []
        return [
            Node(self.file, f"{found.pointer}/{place}", value, found.line) for place, value in enumerate(found.value)
        ]


OpenPart = Callable[[SourceFile, str], SourceFile]
"""Opens the file that a reference in another one names; raises ReferenceRefused."""


class References:
    """The references of one document and of all files that it is made of."""

    def __init__(self, open_part: OpenPart, defects: DefectList, allowance: Allowance) -> None:
        self._open = open_part
        self._noted: set[str] = set()
        self._depth = 0
        self.defects = defects
        self.allowance = allowance
        self.complete = True
        """Whether every file that was opened could be read to its end."""

    def resolve(self, node: Node) -> Node | None:
        """The node that a reference leads to at last, or the node itself; None where it leads nowhere."""
        first = (reference_of(node.value) or "")[:200]
        at, seen = node, set[tuple[str, str]]()
        while (reference := reference_of(at.value)) is not None:
            self.allowance.spend()
            seen.add((str(at.file.path), at.pointer))
            try:
                at = self.target(at, reference)
            except ReferenceRefused as error:
                self.defects.add(node.place, f"$ref {first}: {error}")
                return None
            if (str(at.file.path), at.pointer) in seen or len(seen) > MOST_HOPS:
                self.defects.add(node.place, f"$ref {first}: this leads round in a circle")
                return None
        return at

    def target(self, node: Node, reference: str) -> Node:
        """What one reference leads to; ReferenceRefused where that is not to be had."""
        name, _, fragment = reference.partition("#")
        file = node.file if not name else self._opened(node.file, name)
        found = Node(file, "#", file.value)
        parts = unquote(fragment).split("/")
        if parts[0]:
            raise ReferenceRefused("only pointers such as #/components/parameters/id are followed, no anchors")
        for part in parts[1:]:
            found = self._step(found, part.replace("~1", "/").replace("~0", "~"))
        return found

    def _step(self, node: Node, part: str) -> Node:
        """What stands under a part of a pointer, where need be behind a reference."""
        step = _child(node, part)
        if step is None and reference_of(node.value) is not None and self._depth < MOST_HOPS:
            self._depth += 1
            resolved = self.resolve(node)
            self._depth -= 1
            step = _child(resolved, part) if resolved is not None else None
        if step is None:
            raise ReferenceRefused(f"there is no {part[:100]!r} in {node.pointer}")
        return step

    def _opened(self, source: SourceFile, name: str) -> SourceFile:
        file = self._open(source, name)
        if file.name not in self._noted:
            self._noted.add(file.name)
            self.defects.add_problems(file.name, file.problems)
            self.complete &= file.complete
        return file


def reference_of(value: Any) -> str | None:
    """What a reference object refers to."""
    reference = value.get("$ref") if isinstance(value, dict) else None
    return reference if isinstance(reference, str) else None


def _child(node: Node, part: str) -> Node | None:
    if isinstance(node.value, list) and part.isascii() and part.isdigit() and int(part[:9]) < len(node.value):
        return Node(node.file, f"{node.pointer}/{part}", node.value[int(part[:9])])
    if not isinstance(node.value, dict) or part not in node.value:
        return None
    line = node.file.line_of(node.value, part)
    return Node(node.file, f"{node.pointer}/{escape_pointer(part)}", node.value[part], line)
