"""Deletes from a folder of packages what pruned.txt names: python prune.py SITE_PACKAGES."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

LIST = Path(__file__).with_name("pruned.txt")


def patterns() -> list[str]:
    """The patterns of the list."""
    lines = (line.strip() for line in LIST.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def pruned(packages: Path) -> Iterator[Path]:
    """Files and folders below the packages that the list names."""
    for pattern in patterns():
        yield from packages.glob(pattern)


def prune(packages: Path) -> int:
    """Deletes them; how many there were."""
    found = list(pruned(packages))
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return len(found)


if __name__ == "__main__":
    sys.stdout.write(f"{prune(Path(sys.argv[1]))} files and folders are left out\n")
