"""What a resource looks like as JSON stands in a `schemas.py`; the front doors `app/cli` and `app/web` only write it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from scripts.linters.source import Module, Violation, run_linter

DOORS = re.compile(r"app/(cli|web)/.*")
WRITERS = {
    "app/cli/output.py": "writes resources for --json",
    "app/web/api/openapi.py": "writes the document of the API, which the framework makes",
    "app/web/pages/assets.py": "writes the texts of scripts as a script",
}
"""Modules of the front doors that may turn a resource into text, with the reason."""

ENCODERS = {"json", "orjson", "app.kit.json_text"}
MODELS = {"BaseModel", "Resource", "RootModel", "TypedDict"}


def shapes_in_front_doors(modules: Sequence[Module]) -> Iterator[Violation]:
    for module in modules:
        if DOORS.fullmatch(module.name):
            yield from _of_door(module)
        elif not module.name.endswith("schemas.py"):
            yield from _stray_resources(module)


def _of_door(module: Module) -> Iterator[Violation]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names) if module.name not in WRITERS and {alias.name for alias in names} & ENCODERS:
                yield Violation(module.name, node.lineno, "JSON is written by app.cli.output.print_json, of a Resource")
            case ast.ImportFrom(module=source) if module.name not in WRITERS and source in ENCODERS:
                yield Violation(module.name, node.lineno, "JSON is written by app.cli.output.print_json, of a Resource")
            case ast.ClassDef(name=name, bases=bases) if set(map(_name, bases)) & MODELS:
                yield Violation(
                    module.name, node.lineno, f"{name} is a shape; it belongs in the schemas.py of its domain"
                )
            case ast.Call(func=function, args=[content, *_]) if _name(function) == "JSONResponse":
                if not (isinstance(content, ast.Call) and _name(content.func) == "jsonable"):
                    yield Violation(module.name, node.lineno, "an answer is a Resource: JSONResponse(jsonable(…))")


def _stray_resources(module: Module) -> Iterator[Violation]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and "Resource" in map(_name, node.bases):
            yield Violation(module.name, node.lineno, f"{node.name} belongs in the schemas.py of its domain")


def _name(node: ast.expr) -> str:
    match node:
        case ast.Subscript(value=value):
            return _name(value)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


if __name__ == "__main__":
    raise SystemExit(run_linter(shapes_in_front_doors))
