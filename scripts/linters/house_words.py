"""Names use the field's terms: words that only this house would understand are refused, each with the term to take."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from scripts.linters.source import Module, Violation, run_linter

TERMS = {
    "told": "notified",
    "untold": "not notified",
    "owed": "due",
    "owes": "due",
    "lay": "align",
    "laid": "aligned",
    "laying": "alignment",
    "tally": "counts or totals",
    "hearing": "check",
    "testimony": "result",
    "heed": "apply",
    "lack": "missing interval",
    "bordered": "guarded",
}
"""Refused part of a name → what the field says."""

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def house_words(modules: Sequence[Module]) -> Iterator[Violation]:
    for module in modules:
        for name, line in defined_names(module.tree):
            for part in _PARTS.findall(name):
                if part.lower() in TERMS:
                    yield Violation(module.name, line, f"{name}: the field says {TERMS[part.lower()]!r}, not {part!r}")


def defined_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node.lineno
            case ast.arg(arg=name):
                yield name, node.lineno
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, node.lineno


if __name__ == "__main__":
    raise SystemExit(run_linter(house_words))
