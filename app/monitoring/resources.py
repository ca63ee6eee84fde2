"""What this process uses of its machine, as the system tells; None where it does not."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")


def resident_bytes(proc: Path = _PROC) -> int | None:
    """The memory that the process holds."""
    fields = _text(proc / "self/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else None


def memory(proc: Path = _PROC, cgroup: Path = _CGROUP) -> tuple[int | None, int | None]:
    """Memory that is available, and all there is: of the container where it has less than the machine."""
    found = _numbers(proc / "meminfo", ":")
    available, total = found.get("MemAvailable"), found.get("MemTotal")
    if available is None or total is None:
        return None, None
    limit = _text(cgroup / "memory.max").strip()
    if not limit.isdigit() or int(limit) >= total * 1024:
        return available * 1024, total * 1024
    # What the kernel keeps of files that nobody reads at present goes as soon as the room is needed.
    cached = _numbers(cgroup / "memory.stat", " ").get("inactive_file", 0)
    used = int(_text(cgroup / "memory.current").strip() or 0) - cached
    return max(min(available * 1024, int(limit) - used), 0), int(limit)


def _numbers(path: Path, separator: str) -> dict[str, int]:
    """The first number of each line, by what stands before the separator."""
    parts = (line.partition(separator) for line in _text(path).splitlines())
    return {name: int(rest.split()[0]) for name, _, rest in parts if rest.split()[:1] and rest.split()[0].isdigit()}


def disk(folder: Path) -> tuple[int, int]:
    """Bytes that are free below the folder, or below the nearest one above it that exists, and all there are."""
    usage = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.is_dir()))
    return usage.free, usage.total


def descriptors(proc: Path = _PROC) -> tuple[int | None, int]:
    """Files and sockets that are open, and how many may be."""
    folder = proc / "self/fd"
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return (sum(1 for _ in folder.iterdir()) if folder.is_dir() else None), limit


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
