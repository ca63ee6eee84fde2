"""SQL stands in `repository.py`, `sql.py` and `queries.py` of its package, so that one place answers for a table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from scripts.linters.source import Module, Violation, run_linter

STATEMENT = re.compile(
    r"\s*(select\s.+\sfrom\s|with\s+\w+.*\bas\b.*\(|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|lock\s+table\s)",
    re.IGNORECASE | re.DOTALL,
)
PLACES = re.compile(r"app/db/.*|app/.*/(repository|sql|queries)\.py")
ALLOWED = {
    "app/alerting/rules/conditions.py": "what built-in conditions send through the runner of rules, as a file of rules would",
    "app/timeseries/stored_units.py": "a repository by the name of what it reads; with the SQL of the store it fills two modules",
}
"""Other modules that hold statements, with the reason."""


def misplaced_statements(modules: Sequence[Module]) -> Iterator[Violation]:
    for module in modules:
        if PLACES.fullmatch(module.name) or module.name in ALLOWED:
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
