"""Files that people edit, read within bounds: only what is a file, and no more of it than any of ours has."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from app.errors import ConfigurationError

LARGEST_FILE = 8_000_000
"""Bytes: room for more than 20,000 rules."""
_KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)  # fmt: skip


def read_bytes(path: Path, *, most: int = LARGEST_FILE) -> bytes:
    """The content of a regular file; ConfigurationError where it is none, cannot be read, or is too large.

    Nothing waits: a pipe in the place of a file would hold up its reader for good.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            content = b"" if not stat.S_ISREG(mode) else _read(descriptor, most + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "something else")
        raise ConfigurationError(f"{path} is {kind} and no file; put a file in its place")
    return _within(content, path, most)


def _read(descriptor: int, most: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(most)


def read_stream(path: Path, *, most: int = LARGEST_FILE) -> bytes:
    """The content of whatever a person named, a pipe or a terminal too; waits for its end."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
    return _within(content, path, most)


def _within(content: bytes, path: Path, most: int) -> bytes:
    if len(content) > most:
        raise ConfigurationError(f"{path} is larger than {most:,} bytes; split it into several files")
    return content


def says_something(content: bytes) -> bool:
    """Whether there is anything but blanks and comments."""
    lines = (line.strip() for line in content.lstrip(b"\xef\xbb\xbf").splitlines())
    return any(line and not line.startswith((b"#", b"---", b"...")) for line in lines)
