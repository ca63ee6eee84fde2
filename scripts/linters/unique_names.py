"""A public class, function or type alias has one definition in `app`, so that a name in a log or a trace has one place."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence

from scripts.linters.source import Module, Violation, run_linter

ALLOWED = {
    "escape": "each channel escapes for its own medium",
    "main": "the entry of a process",
    "read": "each channel reads its own entry of the file",
    "router": "each module of routes has one",
    "upgrade": "each migration has one",
    "downgrade": "each migration has one",
}
"""Names that several modules define by design, with the reason."""

COMMANDS = "app/cli/"
"""Functions there are named after commands, and two groups may have a command of one name."""


def duplicate_names(modules: Sequence[Module]) -> Iterator[Violation]:
    places: dict[str, list[tuple[Module, int]]] = defaultdict(list)
    for module in modules:
        for name, line in public_names(module):
            places[name].append((module, line))
    for name, found in sorted(places.items()):
        if len(found) > 1 and name not in ALLOWED:
            first = f"{found[0][0].name}:{found[0][1]}"
            for module, line in found[1:]:
                yield Violation(module.name, line, f"{name} is defined in {first} too; name what this one is")


def public_names(module: Module) -> Iterator[tuple[str, int]]:
    commands = module.name.startswith(COMMANDS)
    for node in module.tree.body:
        match node:
            case ast.ClassDef(name=name):
                pass
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not commands:
                pass
            case ast.Assign(targets=[ast.Name(id=name)]) if is_alias(name):
                pass
            case _:
                continue
        if not name.startswith("_"):
            yield name, node.lineno


def is_alias(name: str) -> bool:
    """Whether an assigned name is a type's: `Values`, not `LARGEST_FILE` or `log`."""
    return name[0].isupper() and not name.isupper()


if __name__ == "__main__":
    raise SystemExit(run_linter(duplicate_names))
