"""What the linters share: the modules of a tree, parsed once, and what is wrong in them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Module:
    """One file; `name` is its path below the root, such as `app/market/time.py`."""

    name: str
    text: str
    tree: ast.Module


@dataclass(frozen=True, slots=True)
class Violation:
    """What breaks a rule, and where."""

    module: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.message}"


Linter = Callable[[Sequence[Module]], Iterator[Violation]]


def read_modules(root: Path) -> tuple[Module, ...]:
    """Every module below `app` of the root, in the order of their names."""
    files = sorted((root / "app").rglob("*.py"))
    return tuple(parse_module(file.relative_to(root).as_posix(), file.read_text(encoding="utf-8")) for file in files)


def parse_module(name: str, text: str) -> Module:
    return Module(name, text, ast.parse(text, name))


def run_linter(linter: Linter) -> int:
    """Print what the linter finds in this project; 1 where there is anything."""
    violations = list(linter(read_modules(Path(__file__).parents[2])))
    for violation in violations:
        sys.stdout.write(f"{violation}\n")
    return 1 if violations else 0
