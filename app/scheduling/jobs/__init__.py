"""The jobs, declared in the modules below, and the one function that the job store names.

It takes text and numbers only, and finds its receiver in its context. The imports stand in the order of the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.errors import SchedulerStateError
from app.scheduling.jobs import collection, gaps, maintenance, quality, reports  # noqa: F401  each declares its jobs
from app.scheduling.models import Params, Ticket

REFERENCE = "app.scheduling.jobs:run"
"""Stands in every stored job: renaming it orphans what other versions have stored."""

Receiver = Callable[[Ticket], None]
"""Takes a run from the scheduler's thread; it must return at once."""

_in_hand: ContextVar[tuple[Ticket, Receiver]] = ContextVar("_in_hand")


@contextmanager
def bind(ticket: Ticket, receiver: Receiver) -> Iterator[None]:
    """Within the block a stored job runs under this ticket, and the receiver takes it."""
    token = _in_hand.set((ticket, receiver))
    try:
        yield
    finally:
        _in_hand.reset(token)


def run(kind: str, params: Params) -> None:
    """Hand the run whose ticket is in hand to its receiver."""
    found = _in_hand.get(None)
    if found is None:
        raise SchedulerStateError(
            f"a job of kind {kind} with {dict(params)} ran outside the scheduler; use `gridkeeper jobs run`"
        )
    ticket, receiver = found
    receiver(ticket)
