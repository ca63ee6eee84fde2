"""Files that are edited while they are used: stat, read what changed, wait until it has come to rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from app.errors import ConfigurationError
from app.kit.files import LARGEST_FILE, read_bytes

POLL_SECONDS = 1.0
SETTLED_SECONDS = 0.3
"""An editor may empty a file before it writes it: what stays the same for so long is read."""
FRESH_SECONDS = 3.0
"""Two writes may carry the same time and size: files touched of late are compared by content."""
FULL_SECONDS = 10.0

T = TypeVar("T")
Signature = tuple[tuple[str, int, int, int], ...]


class WatchedFile(Generic[T]):
    """The content of a file, or of several, as it stands and as it was last used.

    `read` gives the content. With `files` it is called only when one of them looks changed, else at every poll.
    Without `longest` what never comes to rest is never used.
    """

    def __init__(
        self,
        read: Callable[[], T],
        *,
        files: Callable[[], Iterable[Path]] | None = None,
        longest: float = float("inf"),
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._read = read
        self._files = files
        self._longest = longest
        self._monotonic = monotonic
        self._wall = wall
        self._used: T | None = None
        self._seen: tuple[Signature, T] | None = None
        self._polled_at = self._still_since = self._moving_since = self._compared_at = monotonic()

    @property
    def used(self) -> T | None:
        """The content that was taken last."""
        return self._used

    @property
    def at_rest(self) -> bool:
        """Whether the content of the last poll has stayed the same long enough to be used."""
        at = self._polled_at
        return at - self._still_since >= SETTLED_SECONDS or at - self._moving_since >= self._longest

    @property
    def moved(self) -> bool:
        """Whether the last poll saw another content than the one in use."""
        return self._seen is not None and self._seen[1] != self._used

    def take(self) -> T:
        """The content as it is, whether at rest or not; changes count from here."""
        signature = self._signature()
        content = self._used = self._read()
        self._seen = (signature, content)
        self._still_since = self._moving_since = self._compared_at = self._monotonic()
        return content

    def use(self, content: T) -> None:
        """What is in use from now on, be it right or wrong."""
        self._used = content

    def poll(self) -> T:
        """The content as it stands; whatever `read` raises where it cannot be read."""
        now = self._polled_at = self._monotonic()
        signature = self._signature()
        if self._seen is not None and signature == self._seen[0] and not self._doubtful(signature, now):
            return self._seen[1]
        content = self._read()
        if self._seen is None or content != self._seen[1]:
            if not self.moved:
                self._moving_since = now
            self._still_since = now
        self._seen = (signature, content)
        self._compared_at = now
        return content

    def changed(self) -> T | None:
        """The content, taken, once it is another than the one in use and at rest; else None."""
        content = self.poll()
        if not self.moved or not self.at_rest:
            return None
        self._used = content
        return content

    def _doubtful(self, signature: Signature, now: float) -> bool:
        """Whether the content may differ though times and sizes do not."""
        if self._files is None:
            return True
        newest = max((entry[1] for entry in signature), default=0) / 1e9
        return abs(self._wall() - newest) < FRESH_SECONDS or now - self._compared_at >= FULL_SECONDS

    def _signature(self) -> Signature:
        """Name, time, number and size of each file; links are followed, because their targets are what changes."""
        found = []
        for file in self._files() if self._files is not None else ():
            try:
                about = file.stat()
            except OSError:
                continue  # it went between two polls
            found.append((str(file), about.st_mtime_ns, about.st_ino, about.st_size))
        return tuple(found)


def read_present(path: Path, *, most: int = LARGEST_FILE) -> bytes | None:
    """The content; None while there is no file: one that is being replaced is back in a moment."""
    try:
        present = path.exists()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
    return read_bytes(path, most=most) if present else None
