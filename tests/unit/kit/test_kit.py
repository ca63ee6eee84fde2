"""The kit stays small and knows nothing but the language, its logger and YAML."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

KIT = Path(__file__).parents[3] / "app" / "kit"
ALLOWED = frozenset({"structlog", "yaml", "app.kit", "app.errors", "app.clock"})
MOST_LINES = 1_150


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def is_allowed(name: str) -> bool:
    parts = name.split(".")
    return parts[0] in sys.stdlib_module_names or parts[0] in ALLOWED or ".".join(parts[:2]) in ALLOWED


def test_it_imports_the_standard_library_the_logger_and_yaml() -> None:
    strangers = {
        f"{module.name}: {name}" for module in KIT.rglob("*.py") for name in imported(module) if not is_allowed(name)
    }
    assert strangers == set()


def test_it_does_not_become_a_dustbin() -> None:
    lines = sum(len(module.read_text(encoding="utf-8").splitlines()) for module in KIT.rglob("*.py"))
    assert lines <= MOST_LINES
