"""Who may be answered by a replica: who said so for this request or command, and how fresh it must be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from app.errors import ReplicaLost

T = TypeVar("T")


@dataclass(slots=True)
class AllowedReads:
    """The reads of one request or command.

    Each sees at least what the one before saw: `since` only grows, and from the primary no way leads back.
    """

    since: float = float("-inf")
    """What was committed before this moment, on the clock of the process, must be seen."""
    primary: bool = False


_current: ContextVar[AllowedReads | None] = ContextVar("gridkeeper_reading", default=None)


def current_reading() -> AllowedReads | None:
    """None where nobody allowed a replica: whoever works, and does not only show, reads what is so now."""
    return _current.get()


@contextmanager
def reading(found: AllowedReads) -> Iterator[None]:
    """Allow a replica for what is read in this block."""
    before = _current.set(found)
    try:
        yield
    finally:
        _current.reset(before)


async def read_twice(work: Callable[[], Awaitable[T]]) -> T:
    """Do work that only reads; once more on the primary where the replica was lost, or ended a read, in the middle."""
    try:
        return await work()
    except ReplicaLost:
        found = current_reading()
        if found is None:
            raise
        found.primary = True
        return await work()
