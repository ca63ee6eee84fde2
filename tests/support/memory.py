"""What an act takes of the memory that Python gives out."""

from __future__ import annotations

import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path


def peak_bytes(act: Callable[[], object]) -> int:
    """The most that is taken at a time."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def resident_bytes(process: int | str = "self") -> int:
    """What a process, this one without a number, has of the memory now, where /proc tells it."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()
