"""What this process uses of its machine, as the system tells; None where it does not."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")


def resident_bytes(proc: Path = _PROC) -> int | None:
    """The memory that the process holds."""
    fields = _text(proc / "self/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else None


def memory(proc: Path = _PROC, cgroup: Path = _CGROUP) -> tuple[int | None, int | None]:
    """Memory that is available, and all there is: of the control group with the least where it has less than the machine."""
    found = _numbers(proc / "meminfo", ":")
    if "MemAvailable" not in found or "MemTotal" not in found:
        return None, None
    available, total = found["MemAvailable"] * 1024, found["MemTotal"] * 1024
    for limit, used in _limits(proc, cgroup):
        if limit < found["MemTotal"] * 1024:
            available, total = min(available, max(limit - used, 0)), min(total, limit)
    return available, total


def _limits(proc: Path, cgroup: Path) -> Iterator[tuple[int, int]]:
    """Limit and use of each control group around the process that has a limit, of both versions of control groups."""
    groups = [line.split(":", 2)[1:] for line in _text(proc / "self/cgroup").splitlines() if line.count(":") >= 2]
    second = next((path for controllers, path in groups if not controllers), "/")
    first = next((path for controllers, path in groups if "memory" in controllers.split(",")), "/")
    for folder in _around(cgroup, second):
        yield from _limit(folder, "memory.max", "memory.current", "inactive_file")
    for folder in _around(cgroup / "memory", first):
        yield from _limit(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _around(root: Path, path: str) -> Iterator[Path]:
    """The group and those above it; a container sees its own as the root, whatever the machine calls it."""
    inner = root / path.strip("/")
    folders = (inner, *inner.parents) if inner.is_dir() and ".." not in inner.parts else (root,)
    yield from (folder for folder in folders if folder.is_relative_to(root))


def _limit(folder: Path, limit: str, used: str, cached: str) -> Iterator[tuple[int, int]]:
    most = _text(folder / limit).strip()
    if most.isdigit():
        # What the kernel keeps of files that nobody reads at present goes as soon as the room is needed.
        spare = _numbers(folder / "memory.stat", " ").get(cached, 0)
        yield int(most), int(_text(folder / used).strip() or 0) - spare


def _numbers(path: Path, separator: str) -> dict[str, int]:
    """The first number of each line, by what stands before the separator."""
    parts = (line.partition(separator) for line in _text(path).splitlines())
    return {name: int(rest.split()[0]) for name, _, rest in parts if rest.split()[:1] and rest.split()[0].isdigit()}


def disk(folder: Path) -> tuple[int, int]:
    """Bytes that are free on the disk of the folder, for others than the superuser, and all there are."""
    usage = shutil.disk_usage(folder)
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
