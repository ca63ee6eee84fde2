"""Imports every module of the program and every library that it names: python check_imports.py.

Modules that a function imports when it runs count too: a package that lacks a part must fail here, not in a night.
"""

from __future__ import annotations

import ast
import importlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path

RUN_BY_ALEMBIC = "app.db.migrations.env"


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Every module of the program with its file."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name != RUN_BY_ALEMBIC:
            yield name, path


def libraries(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def check() -> int:
    """Imports all; how many modules those are."""
    import app

    root = Path(app.__path__[0])
    found = dict(modules(root))
    names = {*found, *(name for path in found.values() for name in libraries(path))} - {RUN_BY_ALEMBIC}
    for name in sorted(names):
        importlib.import_module(name)

    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"a": [1]}), io.BytesIO())
    return len(names)


if __name__ == "__main__":
    sys.stdout.write(f"{check()} modules can be imported\n")
