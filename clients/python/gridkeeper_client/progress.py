"""How far a long read is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

SHOWN_AFTER = 2.0
EVERY = 0.25


@dataclass(frozen=True, slots=True)
class ReadProgress:
    """What has come of an answer, whose length nobody knows before its end."""

    received: int
    """Bytes of its body."""
    seconds: float
    done: bool = False


ProgressObserver = Callable[[ReadProgress], None]


def observer_of(progress: ProgressObserver | bool | None) -> ProgressObserver | None:
    """Whom to tell: a function, people at standard error (True, or None where some are there), or nobody."""
    if callable(progress):
        return progress
    watched = _somebody_watches() if progress is None else progress
    return ProgressLine(0.0 if progress else SHOWN_AFTER) if watched else None


def _somebody_watches() -> bool:
    # A notebook is no terminal, and shows standard error all the same.
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class ProgressLine:
    """One line of standard error that is written over; of short reads there is none."""

    def __init__(self, shown_after: float) -> None:
        self._shown_after = shown_after
        self._shown = False

    def __call__(self, progress: ReadProgress) -> None:
        if progress.seconds < self._shown_after and not self._shown:
            return
        self._shown = True
        rate = progress.received / max(progress.seconds, 0.001)
        end = "\n" if progress.done else ""
        sys.stderr.write(f"\r{progress.received / 1e6:.1f} MB in {progress.seconds:.0f} s, {rate / 1e6:.1f} MB/s {end}")
        sys.stderr.flush()


class Stopwatch:
    """Tells an observer of what arrives, a few times a second."""

    def __init__(self, observer: ProgressObserver | None) -> None:
        self._observer = observer
        self._began = self._told = time.monotonic()

    def arrived(self, received: int, *, done: bool = False) -> None:
        now = time.monotonic()
        if self._observer is not None and (done or now - self._told >= EVERY):
            self._told = now
            self._observer(ReadProgress(received, now - self._began, done))
