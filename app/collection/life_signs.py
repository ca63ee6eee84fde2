"""Whether a worker of this machine still lives: a file for each, locked as long as its process runs.

The kernel drops the lock with the process, whatever that died of. A worker of another machine or container has no file
here, and then nothing is known; neither the number of a process nor a lease tells as much. Names are those of one
database, which is named as processes reach it: where two reach it under different names, nothing is known either.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"gridkeeper-workers-{os.geteuid()}"


def _ours(folder: Path) -> bool:
    """Whether nobody else can have put files there."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _file(folder: Path, database: str, worker: str) -> Path:
    return folder / hashlib.sha256(f"{database}\n{worker}".encode()).hexdigest()[:24]


@contextmanager
def sign_of_life(database: str, worker: str) -> Iterator[None]:
    """Within the block the worker is seen to live; where no file can be had, its windows wait for their leases."""
    folder, lock = _folder(), None
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if _ours(folder):
            lock = os.open(_file(folder, database, worker), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        structlog.get_logger().debug("life_sign_failed", worker=worker, error=str(error))
        if lock is not None:
            os.close(lock)  # another's, which stays as it is
            lock = None
    try:
        yield
    finally:
        if lock is not None:
            _file(folder, database, worker).unlink(missing_ok=True)
            os.close(lock)


def lives_here(database: str, worker: str) -> bool | None:
    """Whether the worker runs on this machine; None where it has left no trace."""
    folder = _folder()
    if not folder.is_dir() or not _ours(folder) or not _file(folder, database, worker).exists():
        return None
    return not _abandoned(_file(folder, database, worker))


def dead_workers(database: str, names: Collection[str]) -> list[str]:
    """Those of the workers that have run on this machine and do so no longer."""
    folder = _folder()
    if not folder.is_dir() or not _ours(folder):
        return []
    return [name for name in names if _abandoned(_file(folder, database, name))]


def _abandoned(file: Path) -> bool:
    try:
        lock = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
