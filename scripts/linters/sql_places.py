"""SQL stands in repositories, modules of statements and the database package, so that one place answers for a table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from scripts.linters.source import Module, Violation, run_linter

STATEMENT = re.compile(
    r"\s*(select\s.+\sfrom\s|with\s+\w+.*\bas\b.*\(|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|lock\s+table\s)",
    re.IGNORECASE | re.DOTALL,
)
PLACES = re.compile(r"app/db/.*|app/.*/(repository|sql|queries|outbox|stored_units|binary_copy)\.py")
"""Modules that may hold statements."""


def misplaced_statements(modules: Sequence[Module]) -> Iterator[Violation]:
    for module in modules:
        if PLACES.fullmatch(module.name):
            continue
        documents = docstrings(module.tree)
        texts = (node for node in ast.walk(module.tree) if isinstance(node, ast.Constant) and id(node) not in documents)
        for node in texts:
            if isinstance(node.value, str) and STATEMENT.match(node.value):
                yield Violation(module.name, node.lineno, "SQL belongs in the domain's repository.py or sql.py")


def docstrings(tree: ast.Module) -> set[int]:
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


if __name__ == "__main__":
    raise SystemExit(run_linter(misplaced_statements))
