"""Digests of what operations take and give, so that two scans tell whether a contract changed.

A digest covers a schema and every schema that it refers to, and leaves out what only describes. Pure.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from app.probes.scanning.references import Allowance, Node, ReferenceRefused, References, TooMuch, reference_of

STEPS = 3_000_000
DEEPEST_VALUE = 60
UNKNOWN = "?"
"""The digest of what is too large to be compared: it equals nothing and differs from nothing."""
_DESCRIBING = frozenset(
    {"description", "summary", "title", "example", "examples", "externalDocs", "xml", "discriminator"}
)
_NAMING = frozenset(
    {"properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "content", "headers"}
)
"""Mappings whose names are the document's own."""


class Contracts:
    """The digests of one document; a schema that many operations share is looked at once."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._allowance = Allowance(STEPS)
        self._looked_at: dict[tuple[str, str], tuple[str, tuple[Node, ...]]] = {}

    def digest(self, node: Node) -> str:
        """The digest of a node with all that it refers to."""
        try:
            return self._digest(node)
        except TooMuch:
            self._references.defects.add(node.place, "this is too large to be compared with later scans")
            return UNKNOWN

    def _digest(self, node: Node) -> str:
        text, todo = self._text(node)
        found: dict[tuple[str, str], str] = {}
        waiting = list(todo)
        while waiting:
            self._allowance.spend(3)
            one = waiting.pop()
            key = (one.file.name, one.pointer)
            if key not in found:
                found[key], inner = self._text(one)
                waiting += inner
        whole = "\n".join([text, *(f"{pointer}={found[file, pointer]}" for file, pointer in sorted(found))])
        return blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def _text(self, node: Node) -> tuple[str, tuple[Node, ...]]:
        """The digest of a node alone, and what it refers to."""
        key = (node.file.name, node.pointer)
        if key not in self._looked_at:
            written: list[str] = []
            targets: list[Node] = []
            self._write(node, node.value, written, targets, names=False, depth=0)
            text = blake2b("".join(written).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
            self._looked_at[key] = (text, tuple(targets))
        return self._looked_at[key]

    def _write(
        self, node: Node, value: Any, written: list[str], targets: list[Node], *, names: bool, depth: int
    ) -> None:
        self._allowance.spend()
        if depth > DEEPEST_VALUE:
            written.append("…")
        elif isinstance(value, dict):
            reference = None if names else reference_of(value)
            if reference is not None:
                self._refer(node, reference, written, targets)
                return
            written.append("{")
            for name in sorted(value):
                if names or not (name in _DESCRIBING or name.startswith("x-")):
                    written.append(f"{name!r}:")
                    inner = not names and name in _NAMING
                    self._write(node, value[name], written, targets, names=inner, depth=depth + 1)
            written.append("}")
        elif isinstance(value, list):
            written.append("[")
            for inner_value in value:
                self._write(node, inner_value, written, targets, names=False, depth=depth + 1)
            written.append("]")
        else:
            written.append(f"{value!r},")

    def _refer(self, node: Node, reference: str, written: list[str], targets: list[Node]) -> None:
        written.append(f"@{reference},")
        try:
            targets.append(self._references.target(node, reference))
        except ReferenceRefused as error:
            self._references.defects.add(node.place, f"$ref {reference[:200]}: {error}")
