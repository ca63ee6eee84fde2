"""What the image leaves out of its packages: nothing that the program, or what it uses, imports."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).parents[3]
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+))?", re.MULTILINE)


def wanted() -> Iterator[tuple[str, str]]:
    """Name and version of what requirements/image.txt installs on this machine."""
    for pin in PIN.finditer((ROOT / "requirements" / "image.txt").read_text()):
        if pin["marker"] is None or Marker(pin["marker"]).evaluate():
            yield pin["name"], pin["version"]


def place(source: Path, target: Path) -> None:
    """The file at its new place, as a link where the disk allows it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docker" / "prune.py"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of requirements/image.txt as an installation has them, taken from this environment."""
    folder = tmp_path_factory.mktemp("image") / "site-packages"
    own = importlib.metadata.distribution("gridkeeper")
    place(
        Path(str(own.locate_file(f"gridkeeper-{own.version}.dist-info/METADATA"))),
        folder / "gridkeeper-0.dist-info/METADATA",
    )
    for name, version in wanted():
        found = importlib.metadata.distribution(name)
        assert found.version == version, f"{name}: make setup brings the environment up to date"
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                place(Path(str(found.locate_file(file))), folder / file)
    return folder


def module_names(path: Path, packages: Path) -> Iterator[str]:
    """The modules that a file or folder holds."""
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.suffix in {".py", ".so"}:
            parts = [*file.relative_to(packages).parent.parts, file.name.partition(".")[0]]
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST) -> Iterator[str]:
    """What a module imports by its full name, but for what it tries and can do without."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Try) and node.handlers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        yield from imported(node)


@pytest.mark.long
def test_with_everything_pruned_all_can_be_imported(packages: Path, script: dict[str, Any]) -> None:
    roots = list(script["pruned"](packages))
    gone = {name for path in roots for name in module_names(path, packages)}
    assert {"pyarrow._flight", "sqlalchemy.testing", "numpy.tests"} <= gone
    assert script["prune"](packages) > 20
    assert list(script["pruned"](packages)) == []

    # Without this environment, as the image has it: the list's folder and the program's own alone.
    code = (
        f"import sys, runpy; sys.path[:0] = [{str(ROOT)!r}, {str(packages)!r}]; "
        f"runpy.run_path({str(ROOT / 'docker' / 'check_imports.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\d{3,} modules can be imported$", done.stdout, re.MULTILINE)

    # Reading every file as a tree would take most of this test's time.
    leaves = {path.name.partition(".")[0] for path in roots if path.suffix not in {".c", ".h", ".pyx", ".pxd", ".pxi"}}
    line = re.compile(rf"^\s*(?:from|import)\s[^\n]*\b(?:{'|'.join(map(re.escape, sorted(leaves)))})\b", re.MULTILINE)
    users = [
        (str(file.relative_to(packages)), name)
        for file in packages.rglob("*.py")
        if line.search(text := file.read_text(encoding="utf-8", errors="replace"))
        for name in imported(ast.parse(text))
        if name in gone
    ]
    assert users == []


def test_the_image_is_made_with_the_list_that_is_tested() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "docker/prune.py /opt/gridkeeper/lib/python3*/site-packages" in text
    assert "/opt/gridkeeper/bin/python -I docker/check_imports.py" in text
    assert not re.search(r"rm -rf [^\n]*(pyarrow|numpy|sqlalchemy|bottleneck)", text)
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"!docker/pruned.txt", "!docker/prune.py", "!docker/check_imports.py"} <= set(kept)
