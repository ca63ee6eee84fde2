"""How fast documents of interfaces are scanned: python -m tests.benchmarks.bench_scan.

Prints one JSON line for each figure, in seconds of the processor: a YAML document of 3 MB against the library's own loader
alone, the same again unchanged, a JSON document of 3 MB against `json.loads`, an alias bomb, and the nineteen real
documents where they are at hand.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from app.probes.scanning.scanner import InterfaceScanner

REAL = Path(__file__).parents[3] / "shared" / "probes" / "openapi"
OPERATIONS = 1_500
BEST_OF = 3


def document(operations: int) -> dict[str, object]:
    """Paths with parameters, answers and schemas that refer to each other, with the texts that such documents have."""
    text = "What this is good for, in a sentence or two as documents have them, with a few words more. " * 3
    schemas = {
        f"Thing{place}": {
            "type": "object",
            "description": text,
            "properties": {
                "id": {"type": "integer", "format": "int64", "description": text},
                "name": {"type": "string", "example": "a name"},
                "next": {"$ref": f"#/components/schemas/Thing{(place * 7 + 1) % operations}"},
            },
        }
        for place in range(operations)
    }
    paths = {
        f"/things/{place}/{{id}}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}, "example": 5}],
            "get": {
                "operationId": f"getThing{place}",
                "summary": text,
                "responses": {
                    "200": {
                        "description": text,
                        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/Thing{place}"}}},
                    }
                },
            },
        }
        for place in range(operations)
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Things", "version": "1"},
        "servers": [{"url": "https://api.example"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def bomb() -> str:
    lines = [f"a{place}: &a{place} [{', '.join([f'*a{place - 1}'] * 10)}]" for place in range(1, 60)]
    return "\n".join(
        ["openapi: 3.0.0", "a0: &a0 [x]", *lines, "paths: {/a: {get: {responses: {200: {content: {j: *a59}}}}}}"]
    )


def best_of(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(BEST_OF):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


def report(name: str, value: float, target: str, reference: float | None = None) -> None:
    ratio = round(value / reference, 3) if reference else None
    line = {
        "name": name,
        "value": round(value, 4),
        "unit": "s",
        "reference": reference,
        "ratio": ratio,
        "target": target,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def measure(folder: Path) -> None:
    content = document(OPERATIONS)
    files = {
        "yaml": (folder / "large.yaml", yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False)),
        "json": (folder / "large.json", json.dumps(content, indent=2)),
    }
    for path, text in files.values():
        path.write_text(text, encoding="utf-8")
    loaders: dict[str, Callable[[str], object]] = {
        "yaml": lambda text: yaml.load(text, Loader=yaml.CSafeLoader),
        "json": json.loads,
    }
    for kind, (path, text) in files.items():
        reference = best_of(lambda kind=kind, text=text: loaders[kind](text))  # type: ignore[misc]
        ours = best_of(lambda path=path: InterfaceScanner().scan([str(path)]))  # type: ignore[misc]
        report(f"scan_{kind}_{len(text) / 1e6:.1f}_MB", ours, "< 3", reference)
    hostile = folder / "bomb.yaml"
    hostile.write_text(bomb(), encoding="utf-8")
    report("scan_alias_bomb", best_of(lambda: InterfaceScanner().scan([str(hostile)])), "< 3")
    named = [str(REAL)] if REAL.is_dir() else [str(path) for path, _ in files.values()]
    scanner = InterfaceScanner()
    begun = time.process_time()
    found = scanner.scan(named)
    report(f"scan_{len(found)}_documents", time.process_time() - begun, "< 6")
    time.sleep(0.1)
    report(f"scan_{len(found)}_documents_again", best_of(lambda: scanner.scan(named)), "< 0.2")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        measure(Path(place))
