"""What is read at once stays small: the modules of a package itself, the lines of a module, more so where all is wired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from scripts.linters.source import Module, Violation, run_linter

MOST_MODULES = 15
"""Of a package itself, beside its `__init__`."""
MOST_LINES, MOST_WIRING_LINES = 400, 100
VERSIONS = "app/db/migrations/versions"
"""Migrations come one after the other for ever."""


def outgrown(modules: Sequence[Module]) -> Iterator[Violation]:
    packages: dict[str, list[Module]] = defaultdict(list)
    for module in modules:
        path = PurePosixPath(module.name)
        if path.name != "__init__.py":
            packages[str(path.parent)].append(module)
        most = MOST_WIRING_LINES if module.name.startswith("app/wiring/") else MOST_LINES
        if (lines := len(module.text.splitlines())) > most:
            yield Violation(module.name, lines, f"more than {most} lines; divide it by what it is about")
    for package, found in packages.items():
        if len(found) > MOST_MODULES and package != VERSIONS:
            message = f"{package} has {len(found)} modules of its own, at most {MOST_MODULES}; make packages of them"
            yield Violation(found[-1].name, 1, message)


if __name__ == "__main__":
    raise SystemExit(run_linter(outgrown))
