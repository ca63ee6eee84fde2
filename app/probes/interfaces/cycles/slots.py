"""When the cycles of a service are due: a clock of its own that never drifts. Pure."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from hashlib import blake2b

FIRST_WITHIN = timedelta(seconds=30)
"""Of the start; the first cycles of several services are spread over it."""


def first_slot(name: str, now: datetime) -> datetime:
    """The first slot after a start, by the name of the service, so that services do not begin all at once."""
    part = int.from_bytes(blake2b(name.encode(), digest_size=4).digest()) / 2**32
    return now + FIRST_WITHIN * part


def following_slot(slot: datetime, interval: timedelta, now: datetime) -> datetime:
    """The first slot of the clock of `slot` that is later than now."""
    passed = max(0, math.floor((now - slot) / interval))
    return slot + interval * (passed + 1)


def due_slot(slot: datetime, interval: timedelta, now: datetime) -> tuple[datetime, datetime] | None:
    """The newest slot that is due and the one after it, where the next one is `slot`; None where nothing is due.

    Older ones that nobody used are not made up.
    """
    if slot > now:
        return None
    following = following_slot(slot, interval, now)
    return following - interval, following


def held_slot(slot: datetime, interval: timedelta, now: datetime) -> datetime:
    """The next slot, no further away than the interval, as after the clock was set back or the interval became shorter."""
    return min(slot, now + interval)
