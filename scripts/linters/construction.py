"""Services, repositories and workers are built in `app/wiring` only, so that every front door gets the same ones.

A repository builds the readers that it hands out over a connection of its own: they stand in its module.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from scripts.linters.source import Module, Violation, run_linter

BUILT = re.compile(r"[A-Z]\w*(Service|Repository|Reader|Worker)")
WIRING = re.compile(r"app/(wiring/.*|container\.py)")


def stray_constructions(modules: Sequence[Module]) -> Iterator[Violation]:
    for module in modules:
        if WIRING.fullmatch(module.name):
            continue
        own = {node.name for node in module.tree.body if isinstance(node, ast.ClassDef)}
        for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and BUILT.fullmatch(call.func.id) and call.func.id not in own:
                yield Violation(module.name, call.lineno, f"{call.func.id} is built in app/wiring; ask for it there")


if __name__ == "__main__":
    raise SystemExit(run_linter(stray_constructions))
